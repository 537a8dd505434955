"""The planner's memory: what it is asked with, what it learns from, what it writes down.

It listens to every event of every request, is told of every leg, and makes the plans. To be used on the event loop's
thread only.
"""

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, TypeVar

from picegate.core.chat import Ask, Mode
from picegate.core.events import Event, Finished, Planned, SketchPoint
from picegate.core.plan import CloudView, NodeView, Pace, Plan
from picegate.core.ports import Clock
from picegate.core.sketch import Point
from picegate.core.usage import LegEnd, LegKind, LegRecord, Tally
from picegate.planning.choice import Rules
from picegate.planning.kinds import Kind, kind_of
from picegate.planning.latency import CLOUD_GUESS, PaceModel
from picegate.planning.length import LengthModel
from picegate.planning.levels import LevelModel
from picegate.planning.load import Owed
from picegate.planning.losses import LossModel
from picegate.planning.options import cloud_wait_s
from picegate.planning.planner import Experience, plan
from picegate.planning.policies import POLICIES
from picegate.planning.prices import Arrivals, Market, market
from picegate.planning.repairs import RepairModel, written
from picegate.planning.skill import Skill, Trust
from picegate.planning.standing import Standing, standings
from picegate.planning.survey import Survey
from picegate.planning.verdicts import contests, verdicts
from picegate.settings import PlannerSettings, ProgressiveSettings

log = logging.getLogger(__name__)

_PACE_S = 1.0  # a pace is reckoned anew this often
_LEARN_S = 0.02  # of more than 50 answers a second, the rest would teach nothing new and take time
_WHOLE = (LegKind.CLOUD, LegKind.EDGE)  # legs whose thinking counts as a part of the answer


class _Model(Protocol):
    def as_data(self) -> dict[str, Any]: ...


_M = TypeVar("_M", bound=_Model)


@dataclass(slots=True)
class _Open:
    """A request under way."""

    plan: Plan | None = None
    points: list[Point] = field(default_factory=list)


class Strategist:
    def __init__(
        self,
        limits: ProgressiveSettings,
        planner: PlannerSettings,
        clock: Clock,
        memory: Mapping[str, Any] | None = None,
        threshold: float | None = None,
        candidates: int = 1,
    ) -> None:
        """`memory`: what an earlier one wrote down; parts of it that are not understood are begun anew, and logged.

        `threshold`: passages of less confidence are weak. None: none is scored, and no model is trusted less than
        another. `candidates`: that may be written for one passage.
        """
        memory = memory or {}
        self._clock = clock
        self._lengths = _restored("lengths", memory, LengthModel.of)
        self._skill = _restored("skill", memory, partial(Skill.of, now=clock()))
        self._threshold = threshold
        self._experience = Experience(
            levels=_restored("levels", memory, LevelModel.of),
            repairs=_restored("repairs", memory, RepairModel.of),
            skill=self._skill if threshold is not None else None,
        )
        self._cloud = PaceModel(CLOUD_GUESS, now=clock())
        self._pace = self._cloud.pace(clock())
        self._pace_at = clock()
        self._arrivals = Arrivals()
        self._losses = LossModel()
        self._learnt_at = -math.inf
        self._open: dict[int, _Open] = {}  # by the identity of the Ask: two requests may carry the same id
        self._trying: set[int] = set()  # of these, those that were planned with untried nodes
        self._policy = POLICIES[planner.policy]
        self._rules = Rules(
            enabled=limits.enabled,
            level=limits.level,
            min_answer_tokens=limits.min_answer_tokens,
            max_points=limits.max_points,
            service_level=planner.service_level,
            objective_s=planner.objective_s,
            fixed_level=planner.fixed_level,
            pipelining=planner.pipelining,
            warm=planner.warm and limits.warm,
            hedging=planner.hedging,
            resizing=planner.resizing,
            edge_alone=planner.edge_alone,
            candidates=candidates,
        )

    def plan(self, ask: Ask, cloud: CloudView, fleet: Sequence[NodeView]) -> Plan:
        """How `ask` would be answered at this moment. Raises what `planning.planner.plan` raises."""
        now = self._clock()
        self._experience.arrivals_per_s = self._arrivals.per_s(now)
        self._experience.losses = self._losses.losses(now)
        self._experience.trying = bool(self._trying)
        forecast, pace = self._lengths.forecast(ask), self._pace_now(now)
        return plan(ask, forecast, cloud, fleet, self._rules, self._experience, self._policy, pace)

    def arrive(self) -> Owed:
        """A request has come. What it will owe is closed by whoever runs it."""
        self._arrivals.come(self._clock())
        return Owed(self._experience.load)

    def market(self, cloud: CloudView, seen: Survey) -> Market:
        """What a token costs others at this moment, on either side."""
        now = self._clock()
        return market(cloud, self._pace_now(now), seen, self._experience.load, self._arrivals.per_s(now))

    def cloud_token_s(self, cloud: CloudView) -> float:
        """Seconds between two tokens of a call that the cloud writes now."""
        return self._pace_now(self._clock()).token_s(cloud.in_flight)

    def cloud_s(self, cloud: CloudView, tokens: float) -> float:
        """Seconds that a call of so many tokens takes from now on, its wait for a place included."""
        pace = self._pace_now(self._clock())
        return cloud_wait_s(cloud, pace, tokens) + pace.first_s + tokens * pace.token_s(cloud.in_flight + 1)

    def saw_cloud(self, record: LegRecord, in_flight: float) -> None:
        """A leg in the cloud has ended well."""
        if record.first_token_s is None or record.ended_s is None:
            return
        self._cloud.learn(
            self._clock(),
            batch=in_flight,
            tokens=record.tokens.completion,
            decode_s=record.ended_s - record.first_token_s,
            first_token_s=record.first_token_s - record.started_s,
            prompt_tokens=max(record.tokens.prompt - record.tokens.cached, 0),
        )

    def listen(self, ask: Ask, event: Event) -> None:
        """Learn from one event; call it for every event of every request."""
        match event:
            case Planned(plan=plan):
                self._open.setdefault(id(ask), _Open()).plan = plan
                if plan.chosen is not None and plan.chosen.tries:
                    self._trying.add(id(ask))
            case SketchPoint(point=point):
                self._open.setdefault(id(ask), _Open()).points.append(point)
            case Finished():
                of = self._open.pop(id(ask), None)
                self._trying.discard(id(ask))
                if event.tally.edge_legs:
                    self._losses.learn(self._clock(), event.tally)
                if of is None or of.plan is None:
                    return
                self._judge(of.plan, event.tally)
                if event.finish_reason == "stop" and not ask.stop and "n" not in ask.needs:  # it ended by itself
                    self._learn(of, of.plan, event.tally)
            case _:
                pass

    def as_data(self) -> dict[str, Any]:
        """What was learnt, as JSON can hold it."""
        learnt = self._experience
        return {
            "lengths": self._lengths.as_data(),
            "levels": learnt.levels.as_data(),
            "repairs": learnt.repairs.as_data(),
            "skill": self._skill.as_data(),
        }

    def trust(self, model: str, kind: Kind) -> Trust:
        """That a passage of this model about a question of this kind (`kinds.kind_of`) will stand as it is."""
        return self._skill.trust(model, kind)

    def standings(self, fleet: Iterable[NodeView]) -> dict[str, Standing]:
        """How the fleet's models have done, those that were judged, by name."""
        return standings(self._skill, (node.model for node in fleet))

    @property
    def answers_seen(self) -> int:
        return self._lengths.seen

    def _judge(self, plan: Plan, tally: Tally) -> None:
        """Passages that are whole say who wrote them well, also where the answer was not finished."""
        if plan.forecast is None or self._threshold is None:
            return
        now, kind = self._clock(), kind_of(plan.forecast.features)
        for model, sound in verdicts(tally.legs, self._threshold):
            self._skill.judge(now, model, kind, sound=sound)
        for model, rival, share in contests(tally.legs, self._threshold):
            self._skill.contest(now, model, rival, kind, share)

    def _learn(self, of: _Open, plan: Plan, tally: Tally) -> None:
        now = self._clock()
        if plan.forecast is None or now - self._learnt_at < _LEARN_S:
            return
        self._learnt_at = now
        tokens = tally.completion_tokens - sum(leg.tokens.reasoning for leg in tally.legs if leg.kind in _WHOLE)
        self._lengths.learn(plan.forecast, tokens)
        sketch = next((leg for leg in tally.legs if leg.kind is LegKind.SKETCH and leg.end is LegEnd.DONE), None)
        if plan.mode is not Mode.PROGRESSIVE or sketch is None:
            return
        words = sum(point.words for point in of.points)
        chained = sum(point.words for point in of.points if point.depends) / words if words else None
        self._lengths.learn_sketch(plan.forecast, delegated=bool(of.points), chained=chained)
        if of.points:
            seen, passages = replace(plan.forecast, answer_tokens=tokens, spread=0.0), written(tally)
            self._experience.levels.learn(
                plan.level,
                self._experience.levels.split(plan.level, seen, self._rules.max_points),
                cloud_tokens=sketch.tokens.completion - sketch.tokens.reasoning,
                edge_tokens=passages.passages,
            )
            if not plan.points_in_cloud:
                self._experience.repairs.learn(plan.service, passages)

    def _pace_now(self, now: float) -> Pace:
        if now - self._pace_at >= _PACE_S:
            self._pace, self._pace_at = self._cloud.pace(now), now
        return self._pace


def _restored(name: str, memory: Mapping[str, Any], of: Callable[[Mapping[str, Any] | None], _M]) -> _M:
    """The model that goes on from what `memory` has under `name`. `of` gives a new one for what it cannot read."""
    data, new = memory.get(name), of(None)
    known = new.as_data()
    if data is None or data == known:
        return new
    model = of(data) if isinstance(data, Mapping) else new
    if model.as_data() == known:
        log.warning("what was learnt of %s is another version's or broken, so that begins anew", name)
    return model
