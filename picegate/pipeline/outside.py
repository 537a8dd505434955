"""The outside world as the pipeline holds it: three ports, the planner's memory and the operator's limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from picegate.assembly.scoring import Candidate, Question, score
from picegate.core.ports import Cloud, Edge, Fleet
from picegate.core.quality import Quality
from picegate.core.sketch import Point
from picegate.pipeline.strategist import Strategist
from picegate.settings import ProgressiveSettings, QualitySettings

UNSCORED = QualitySettings(repair=False, ensemble="never")


class Judge(Protocol):
    """How much a candidate for a passage is to be trusted."""

    def __call__(
        self, candidate: Candidate, point: Point, question: Question, others: Sequence[str] = (), /
    ) -> Quality: ...


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
    judge: Judge = score
