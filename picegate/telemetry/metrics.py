"""What Prometheus reads at /metrics."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from picegate.core.chat import Ask
from picegate.core.events import (
    CLOUD,
    Event,
    Finished,
    Planned,
    RawChunk,
    RawReply,
    SegmentDone,
    SketchPoint,
    TextDelta,
)
from picegate.core.plan import CloudView, NodeState, NodeView, Plan
from picegate.core.usage import Bill, Tally, Tokens
from picegate.planning.standing import Standing

FIRST_TOKEN_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 60.0)
TOTAL_S = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0)
PREDICTED = (0.25, 0.5, 0.67, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 4.0)
_Metric = TypeVar("_Metric", Counter, Gauge, Histogram)
CODE = re.compile(r"[a-z0-9_]{1,48}")


class Metrics:
    """Counts every event of every request, in a registry of its own, so that two gateways fit in one process.

    All listening happens on the event loop.
    """

    def __init__(
        self,
        bill: Callable[[Tally], Bill] | None = None,
        fleet: Callable[[], Iterable[NodeView]] | None = None,
        standings: Callable[[Iterable[NodeView]], Mapping[str, Standing]] | None = None,
        cloud: Callable[[], CloudView] | None = None,
    ) -> None:
        """`bill` puts prices on a tally; None: nothing is priced. At each scrape `fleet` is asked for the nodes,
        `standings` for how their models have done, and `cloud` for what is under way there.
        """
        self.registry = registry = CollectorRegistry()
        self._bill = bill
        self._children: dict[tuple[object, tuple[str, ...]], Any] = {}
        self._plans: dict[int, Plan] = {}  # of open requests, by the identity of their Ask

        self._requests = Counter(
            "picegate_requests",
            "Requests that ended, by mode, finish reason and error code (empty: none)",
            ("mode", "finish", "error"),
            registry=registry,
        )
        self._plans_made = Counter(
            "picegate_plans", "Plans made, by mode and reason", ("mode", "reason", "forced"), registry=registry
        )
        Gauge("picegate_open_requests", "Requests being answered", registry=registry).set_function(
            lambda: len(self._plans)
        )
        self._first_token = Histogram(
            "picegate_first_token_seconds",
            "Time to the reader's first text",
            ("mode",),
            buckets=FIRST_TOKEN_S,
            registry=registry,
        )
        self._total = Histogram(
            "picegate_request_seconds", "Time to the end of the answer", ("mode",), buckets=TOTAL_S, registry=registry
        )
        self._tokens = Counter(
            "picegate_tokens",
            "Tokens used upstream, by side (cloud, edge) and kind (prompt, of it cached, completion)",
            ("side", "kind"),
            registry=registry,
        )
        self._legs = Counter(
            "picegate_legs", "Upstream calls, by kind, place and end", ("kind", "where", "end"), registry=registry
        )
        self._deltas = Counter("picegate_deltas", "Pieces of answers sent on, by side", ("side",), registry=registry)
        self._points = Counter("picegate_sketch_points", "Delegation lines of sketches", registry=registry)
        self._passages = Counter(
            "picegate_passages",
            "Delegated passages that are whole, by writer (edge, cloud, notes: nobody could expand it)",
            ("writer",),
            registry=registry,
        )
        self._cost = Counter("picegate_cost", "What requests cost, by side", ("side", "currency"), registry=registry)
        self._cloud_only_cost = Counter(
            "picegate_cloud_only_cost",
            "What the cloud alone would have cost, estimated; less picegate_cost_total, this is what was saved",
            ("currency",),
            registry=registry,
        )
        self._forecasts = Counter(
            "picegate_forecast_answers",
            "Answers that ended by themselves, by quantile of their forecast length (p50, p90) and whether it held",
            ("quantile", "held"),
            registry=registry,
        )
        self._predicted = Histogram(
            "picegate_predicted_finish_ratio",
            "Real time to the end of an answer over the time predicted by its plan",
            ("mode",),
            buckets=PREDICTED,
            registry=registry,
        )
        self._prices = Gauge(
            "picegate_shadow_price_seconds",
            "Delay that one more token causes others, as the last plan saw it, by side",
            ("side",),
            registry=registry,
        )
        Info("picegate_build", "The running version", registry=registry).info({"version": version("picegate")})
        if fleet is not None:
            registry.register(_Fleet(fleet))
            if standings is not None:
                registry.register(_Models(fleet, standings))
        if cloud is not None:
            registry.register(_Cloud(cloud))
        # Looked up once: these are counted for every piece of every answer.
        self._cloud_deltas, self._edge_deltas = self._deltas.labels("cloud"), self._deltas.labels("edge")

    def listen(self, ask: Ask, event: Event) -> None:
        """Count one event. Call it on the event loop, for every event of every request."""
        match event:
            case TextDelta(writer=writer):
                (self._cloud_deltas if writer == CLOUD else self._edge_deltas).inc()
            case RawChunk() | RawReply():
                self._cloud_deltas.inc()
            case Planned(plan=plan):
                self._plans[id(ask)] = plan
                self._of(self._plans_made, plan.mode.value, plan.why.code, str(plan.forced).lower()).inc()
                for side in ("cloud", "edge"):
                    if (price := plan.numbers.get(f"{side}_price_ms")) is not None:
                        self._of(self._prices, side).set(float(price) / 1000)
            case SketchPoint():
                self._points.inc()
            case SegmentDone(point=int(), writer=writer, stood_in=stood_in):
                self._of(self._passages, "notes" if stood_in else "cloud" if writer == CLOUD else "edge").inc()
            case Finished():
                self._finish(self._plans.pop(id(ask), None), event)
            case _:
                pass

    def render(self) -> tuple[bytes, str]:
        """The exposition and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def _finish(self, plan: Plan | None, end: Finished) -> None:
        mode, tally = plan.mode.value if plan else "none", end.tally
        self._of(self._requests, mode, end.finish_reason, _code(end.error)).inc()
        self._of(self._total, mode).observe(tally.total_s)
        if tally.first_token_s is not None:
            self._of(self._first_token, mode).observe(tally.first_token_s)
        if plan is not None and end.finish_reason == "stop":
            self._calibrate(plan, tally)
        # Added up first: to count costs more than to add.
        ends: dict[tuple[str, str, str], int] = {}
        of_side: dict[str, list[Tokens]] = {}
        for leg in tally.legs:
            labels = leg.kind.value, leg.where, leg.end.value
            ends[labels] = ends.get(labels, 0) + 1
            of_side.setdefault("cloud" if leg.is_cloud else "edge", []).append(leg.tokens)
        for labels, count in ends.items():
            self._of(self._legs, *labels).inc(count)
        for side, tokens in of_side.items():
            _add(self._of(self._tokens, side, "prompt"), sum(of.prompt for of in tokens))
            _add(self._of(self._tokens, side, "cached"), sum(of.cached for of in tokens))
            _add(self._of(self._tokens, side, "completion"), sum(of.completion for of in tokens))
        if self._bill is not None:
            bill = self._bill(tally)
            _add(self._of(self._cost, "cloud", bill.currency), bill.cloud)
            _add(self._of(self._cost, "edge", bill.currency), bill.edge)
            _add(self._of(self._cloud_only_cost, bill.currency), bill.cloud_only)

    def _of(self, metric: _Metric, *labels: str) -> _Metric:
        """`metric.labels(*labels)`, looked up once: a request asks for a score of them."""
        key = (metric, labels)
        child: _Metric | None = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child

    def _calibrate(self, plan: Plan, tally: Tally) -> None:
        """How good the forecast was: with honest quantiles, p50 holds half of all answers and p90 nine in ten."""
        if plan.forecast is not None and tally.completion_tokens:
            for name, share in (("p50", 0.5), ("p90", 0.9)):
                held = tally.completion_tokens <= plan.forecast.quantile(share)
                self._of(self._forecasts, name, str(held).lower()).inc()
        if plan.chosen is not None and plan.chosen.finish_s > 0:
            self._of(self._predicted, plan.mode.value).observe(tally.total_s / plan.chosen.finish_s)


class _Fleet(Collector):
    """The nodes as they are at the moment of the scrape, so that one that has left leaves no series behind."""

    def __init__(self, view: Callable[[], Iterable[NodeView]]) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        nodes = list(self._view())
        states = GaugeMetricFamily("picegate_nodes", "Edge nodes, by state", labels=("state",))
        for state in NodeState:
            states.add_metric((state.value,), sum(node.state is state for node in nodes))
        slots = GaugeMetricFamily("picegate_node_slots", "Sequences a ready node decodes at once", labels=("node",))
        free = GaugeMetricFamily("picegate_node_free_slots", "Slots of a ready node not in use by us", labels=("node",))
        # Summed by name: an agent that came back may stand here twice for a moment, and a series may not.
        ready = [node for node in nodes if node.usable]
        for name in dict.fromkeys(node.name for node in ready):
            slots.add_metric((name,), sum(node.slots for node in ready if node.name == name))
            free.add_metric((name,), sum(node.free for node in ready if node.name == name))
        yield from (states, slots, free)


class _Cloud(Collector):
    """The cloud as it is at the moment of the scrape."""

    def __init__(self, view: Callable[[], CloudView]) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        cloud = self._view()
        yield GaugeMetricFamily("picegate_cloud_up", "0 while the cloud fails, and is spared", value=cloud.up)
        yield GaugeMetricFamily("picegate_cloud_calls", "Calls to the cloud under way", value=cloud.in_flight)
        yield GaugeMetricFamily("picegate_cloud_call_limit", "So many may be under way at once", value=cloud.limit)
        yield GaugeMetricFamily("picegate_cloud_queued_calls", "Calls that wait for a place", value=cloud.queued)


class _Models(Collector):
    """How the models of the nodes that are there have done. At most as many series as `Skill` knows models."""

    def __init__(
        self,
        fleet: Callable[[], Iterable[NodeView]],
        standings: Callable[[Iterable[NodeView]], Mapping[str, Standing]],
    ) -> None:
        self._fleet = fleet
        self._standings = standings

    def collect(self) -> Iterator[Metric]:
        passages = GaugeMetricFamily(
            "picegate_model_passages", "Scored passages that count, old ones in part", labels=("model",)
        )
        sound = GaugeMetricFamily(
            "picegate_model_sound_ratio", "Share of them that needed no repair", labels=("model",)
        )
        won = GaugeMetricFamily(
            "picegate_model_win_ratio", "Share won of contests with other models for one point", labels=("model",)
        )
        losing = GaugeMetricFamily(
            "picegate_model_losing", "1 where another model of the fleet is clearly better", labels=("model",)
        )
        for model, standing in self._standings(self._fleet()).items():
            score = standing.overall
            passages.add_metric((model,), score.passages)
            losing.add_metric((model,), score.loses)
            if score.sound is not None:
                sound.add_metric((model,), score.sound)
            if score.won is not None:
                won.add_metric((model,), score.won)
        yield from (passages, sound, won, losing)


def _add(counter: Counter, amount: float) -> None:
    if amount:  # a counter takes a lock for nothing, too
        counter.inc(amount)


def _code(error: str | None) -> str:
    """An error as a label: only codes, since a series per sentence would be without end."""
    if error is None:
        return ""
    return error if CODE.fullmatch(error) else "other"
