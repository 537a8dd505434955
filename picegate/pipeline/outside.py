"""The outside world as the pipeline holds it: three ports, the planner's memory and the operator's limits."""

from dataclasses import dataclass
from typing import Literal

from picegate.core.ports import Cloud, Edge, Fleet
from picegate.pipeline.strategist import Strategist
from picegate.settings import ProgressiveSettings, QualitySettings

UNSCORED = QualitySettings(repair=False)


@dataclass(frozen=True, slots=True)
class Outside:
    """`guided`: how the cloud takes a grammar for its sketches, if it does. `quality`: without it nothing is scored."""

    cloud: Cloud
    edge: Edge
    fleet: Fleet
    strategist: Strategist
    limits: ProgressiveSettings
    guided: Literal["none", "llama.cpp", "vllm"] = "none"
    quality: QualitySettings = UNSCORED
