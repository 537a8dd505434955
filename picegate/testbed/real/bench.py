"""An ensemble of two small models beside each of them alone, and beside itself without the ensemble.

What is compared: two agents with one processor thread and as many slots each, in every setting; both with the same
model, or one with each. They do not disturb one another on two cores, since the cloud is a recording (`sketches.py`).
What an ensemble costs an agent itself, which writes more at once, is measured.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from picegate.testbed.local import CloudAt, LocalModel, LocalPlan, local_system
from picegate.testbed.local_settings import ENSEMBLE, Sections, laid_over
from picegate.testbed.real.replay import replaying
from picegate.testbed.real.sketches import Sketch
from picegate.testbed.real.trial import Answer, ask

ENSEMBLE_ON, ENSEMBLE_OFF = "both, ensemble", "both, no ensemble"
MAX_WORDS = 60
LEARNING = 4  # questions that are asked before any is measured
PATIENCE_S = 300.0

Step = Callable[[str], None]
Seen = dict[str, dict[tuple[int, int], Answer]]  # by setting; then by question and run


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is asked: seeds are 1 to `runs`. Slots are those of each agent.

    Six: two agents then hold two candidates of each of five points, and as much is idle as an ensemble leaves others.
    """

    runs: int = 3
    slots: int = 6
    engine: str = "auto"


@dataclass(frozen=True, slots=True)
class System:
    """Agents, and the settings that are tried on them: their names, and whether the ensemble is on.

    `folder`: for its ledger, so that no system begins with what another one's gateway has learnt of a model.
    """

    folder: str
    agents: tuple[LocalModel, ...]
    settings: tuple[tuple[str, bool], ...]


def systems(small: LocalModel, half: LocalModel) -> tuple[System, ...]:
    return (
        System("small", (small, small), ((small.name, False),)),
        System("half", (half, half), ((half.name, False),)),
        System("both", (small, half), ((ENSEMBLE_OFF, False), (ENSEMBLE_ON, True))),
    )


def steps(tried: Sequence[System], sketches: int, runs: int) -> int:
    """How often `compare` calls `step`."""
    return sum(len(system.settings) * (LEARNING + sketches * runs) for system in tried)


def compare(tried: Sequence[System], sketches: Sequence[Sketch], folder: Path, scale: Scale, step: Step) -> Seen:
    """Ask every question in every setting. The first `LEARNING` are not measured: from them the gateway learns paces,
    and how far its models are to be trusted, as a gateway in use has done long since.

    Raises:
        ProgramFailed: a program did not come up, or broke. openai.OpenAIError: no answer.
    """
    seen: Seen = {}
    with replaying(sketches) as url:
        for system in tried:
            for name, answers in _on(system, sketches, folder, scale, url, step):
                seen.setdefault(name, {}).update(answers)
    return seen


def _on(
    system: System, sketches: Sequence[Sketch], folder: Path, scale: Scale, cloud: str, step: Step
) -> Iterator[tuple[str, dict[tuple[int, int], Answer]]]:
    from openai import OpenAI  # an extra

    shutil.rmtree(folder / system.folder, ignore_errors=True)  # what an earlier bench has learnt would count, too
    wished: Sections = {
        "progressive": {"max_point_words": MAX_WORDS},
        "quality": {"cloud": []},  # it only replays sketches
        # A recording does not break; where this machine is busy elsewhere, late figures are better than none.
        "cloud": {"retries": 0, "first_token_s": PATIENCE_S, "between_tokens_s": PATIENCE_S},
        "fleet": {"first_token_s": PATIENCE_S, "between_tokens_s": PATIENCE_S, "total_s": PATIENCE_S},
    }
    plan = LocalPlan(
        folder / system.folder,
        CloudAt(cloud, "recorded-sketches"),
        system.agents,
        slots=scale.slots,
        engine=scale.engine,
        sections=laid_over(ENSEMBLE, wished),
    )
    with (
        local_system(plan) as local,
        OpenAI(base_url=local.url, api_key="none", max_retries=0, timeout=600.0) as client,
    ):
        for number, sketch in enumerate(sketches[:LEARNING], start=1):
            for name, ensemble in system.settings:
                step(f"{name}: learning, question {number} of {LEARNING}")
                ask(client, sketch, seed=0, max_words=MAX_WORDS, ensemble=ensemble)
        measured = sketches[LEARNING:]
        for run in range(1, scale.runs + 1):
            # By turns first, so that what came before favours neither.
            for name, ensemble in system.settings if run % 2 else reversed(system.settings):
                for number, sketch in enumerate(measured):
                    step(f"{name}: run {run} of {scale.runs}, question {number + 1} of {len(measured)}")
                    answer = ask(client, sketch, seed=run, max_words=MAX_WORDS, ensemble=ensemble)
                    yield name, {(number, run): answer}
