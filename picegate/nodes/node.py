"""One edge node as the registry keeps it: who it is, what it does at this moment, what was learnt of it."""

from dataclasses import dataclass, field
from math import inf

from edge_agent.protocol import Load, Measured, Speed
from picegate.core.curve import DecodeRate, Rate, SpeedCurve
from picegate.core.plan import NodeKind, NodeModel, NodeState, NodeView, Pace
from picegate.core.ports import Observation
from picegate.nodes.breaker import Breaker, Circuit
from picegate.planning.latency import EDGE_GUESS, FEWEST_TOKENS, PaceModel

_NEWEST = 0.3  # weight of the newest measurement in the running averages
_FEW_LEGS = 5
_PACE_S = 10.0  # a pace is reckoned anew at least this often, since doubt grows with silence


@dataclass(slots=True, eq=False)
class Node:
    """Changed only by the registry and by the slots.

    Attributes:
        token_hash: of the node's own bearer; None for static nodes.
        lease_until: None for static nodes, which hold no lease.
        in_use: slots that this gateway uses; `lent` of them are given back when somebody wants one.
        others: slots that the agent says are busy beyond those.
        curve: the speed that the agent says it has; None where it says nothing.
    """

    id: str
    name: str
    url: str
    model: str
    slots: int
    kind: NodeKind
    breaker: Breaker
    context_tokens: int | None = None
    api_key: str | None = field(default=None, repr=False)
    models: tuple[NodeModel, ...] = ()
    token_hash: bytes | None = field(default=None, repr=False)
    lease_until: float | None = None
    draining: bool = False
    in_use: int = 0
    lent: int = 0
    others: int = 0
    tokens_per_s: float | None = None
    first_token_s: float | None = None
    _told_tokens_per_s: float | None = None
    _curve: SpeedCurve | None = None
    _curve_heard: float = 0.0
    _most_in_use: int = 0  # since the last heartbeat
    _legs: int = 0  # learnt from
    _model: PaceModel | None = None
    _pace: Pace | None = None
    _pace_until: float = -inf
    _view: NodeView | None = None
    _view_until: float = -inf

    def state(self, now: float) -> NodeState:
        if self.lease_until is not None and now >= self.lease_until:
            return NodeState.LOST
        if self.breaker.state(now) is Circuit.OPEN:
            return NodeState.LOST
        return NodeState.DRAINING if self.draining else NodeState.READY

    def free(self, now: float) -> int:
        """Slots that may be taken now; while the breaker is half open, one in all."""
        if self.breaker.state(now) is Circuit.HALF_OPEN:
            return 0 if self.in_use else 1
        return max(self.slots - self.in_use - self.others, 0)

    @property
    def speed(self) -> float | None:
        """Tokens per second of one sequence: as measured here, else as the agent says of its work, or its self-test."""
        if self.tokens_per_s is not None:
            return self.tokens_per_s
        if self._told_tokens_per_s is not None:
            return self._told_tokens_per_s
        return self._curve.one if self._curve is not None else None

    def pace(self, now: float) -> Pace | None:
        """Its speed: what it says of itself to begin with, then what its legs show; None where there is neither."""
        if now >= self._pace_until:
            if self._model is None:
                told = self._curve
                if told is None and self._told_tokens_per_s:
                    told = SpeedCurve(decode=(DecodeRate(self._told_tokens_per_s, 0.0, "work", sequences=1),))
                if told is None:
                    return None
                self._model = PaceModel(EDGE_GUESS, told, now)
            self._pace = self._model.pace(now)
            self._pace_until = now + _PACE_S
        return self._pace

    def view(self, now: float) -> NodeView:
        """As it is now; drawn anew only when something has changed, for a fleet of a thousand is looked at often."""
        if self._view is None or now >= self._view_until:
            self._view = self._drawn(now)
            opens_s = self.breaker.opens_again_s(now)
            ends = [self._pace_until if self._pace_until > now else inf, inf if opens_s is None else now + opens_s]
            if self.lease_until is not None and self.lease_until > now:
                ends.append(self.lease_until)
            self._view_until = min(ends)
        return self._view

    def _drawn(self, now: float) -> NodeView:
        return NodeView(
            id=self.id,
            name=self.name,
            url=self.url,
            model=self.model,
            slots=self.slots,
            free=self.free(now),
            kind=self.kind,
            state=self.state(now),
            context_tokens=self.context_tokens,
            tokens_per_s=self.speed,
            first_token_s=self.first_token_s,
            curve=self._curve and self._curve.later(now - self._curve_heard),
            pace=self.pace(now),
            api_key=self.api_key,
            models=self.models,
            lent=self.lent,
            proven=self._legs > 0,
        )

    def drain(self) -> None:
        """No new work from now on."""
        self._view = None
        self.draining = True

    def take(self, *, spare: bool = False) -> None:
        self._view = None
        self.in_use += 1
        self.lent += spare
        self._most_in_use = max(self._most_in_use, self.in_use)

    def give_back(self, *, spare: bool = False) -> None:
        self._view = None
        self.in_use -= 1
        self.lent -= spare

    def hear(self, load: Load) -> None:
        """What the agent says of itself.

        Its busy slots include ours, as they were when it looked. Slots that were ours at any time since its last
        word are therefore not taken for someone else's: a leg that just ended must not block its slot until the next.
        """
        self._view = None
        self.others = min(max(load.slots_busy - self._most_in_use, 0), self.slots)
        self._most_in_use = self.in_use
        if load.tokens_per_s:
            self._told_tokens_per_s = load.tokens_per_s

    def hear_speed(self, speed: Speed | None, now: float) -> None:
        """What the agent has measured of itself; None: nothing new."""
        if speed is None:
            return
        prefill = _rate(speed.prefill) if speed.prefill is not None else None
        decode = (DecodeRate(d.tokens_per_s, d.age_s, d.source, d.sequences) for d in speed.decode)
        self._curve, self._curve_heard = SpeedCurve(prefill, tuple(decode)), now
        self._view = None
        if (
            self._legs < _FEW_LEGS
        ):  # it measures itself after it has come; what it says then beats a guess and a leg or two
            self._model, self._pace_until = None, -inf

    def learn(self, seen: Observation, now: float) -> None:
        self._view = None
        probed = self.breaker.state(now) is Circuit.HALF_OPEN  # its view had no slots free but one
        if seen.ok is not None:
            self.breaker.record(seen.ok, now)
        if seen.ok is False:
            return
        if seen.tokens >= FEWEST_TOKENS and seen.decode_s > 0:
            self.tokens_per_s = _mean(self.tokens_per_s, (seen.tokens - 1) / seen.decode_s)
        if seen.first_token_s is not None:
            self.first_token_s = _mean(self.first_token_s, seen.first_token_s)
        self._legs += 1
        self.pace(now)  # begins the model with what the agent said
        self._model = self._model or PaceModel(EDGE_GUESS, None, now)
        batch: float = self.in_use + self.others
        if not probed:  # then the leg saw it so when it began
            batch = ((seen.batch or self.in_use) + batch) / 2
        self._model.learn(
            now,
            batch=batch,
            tokens=seen.tokens,
            decode_s=seen.decode_s,
            first_token_s=seen.first_token_s,
            prompt_tokens=seen.prompt_tokens,
        )
        self._pace_until = -inf


def _rate(told: Measured) -> Rate:
    return Rate(told.tokens_per_s, told.age_s, told.source)


def _mean(old: float | None, new: float) -> float:
    return new if old is None else old + _NEWEST * (new - old)
