"""What Prometheus may know of an agent. One registry per agent, so that several can live in one process."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from edge_agent.desk import Desk
from edge_agent.engine.port import Counts


class Metrics:
    def __init__(self, desk: Desk) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "edge_agent_requests_total", "Chat completions by how they ended.", ["outcome"], registry=self._registry
        )
        self._tokens = Counter("edge_agent_tokens_total", "Tokens by kind.", ["kind"], registry=self._registry)
        busy = Gauge("edge_agent_slots_busy", "Sequences being decoded.", registry=self._registry)
        busy.set_function(lambda: desk.load().slots_busy)
        queued = Gauge("edge_agent_queued", "Requests waiting for a slot.", registry=self._registry)
        queued.set_function(lambda: desk.load().queued)
        speed = Gauge("edge_agent_tokens_per_second", "Decode speed of one sequence.", registry=self._registry)
        speed.set_function(lambda: desk.load().tokens_per_s or 0.0)
        self._registry.register(_Curve(desk))

    def ended(self, outcome: str) -> None:
        """`outcome`: OpenAI's finish reason, "cancelled", or the class of the error."""
        self._requests.labels(outcome).inc()

    def counted(self, counts: Counts) -> None:
        self._tokens.labels("prompt").inc(counts.prompt)
        self._tokens.labels("cached").inc(counts.cached)
        self._tokens.labels("completion").inc(counts.completion)

    def page(self) -> bytes:
        return generate_latest(self._registry)


class _Curve(Collector):
    """The measured curve at the moment of the scrape; what was not measured yet is left out."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def collect(self) -> Iterator[Metric]:
        curve = self._desk.pace.curve()
        prefill = GaugeMetricFamily("edge_agent_prefill_tokens_per_second", "Measured, of one prompt read alone.")
        if curve.prefill is not None:
            prefill.add_metric((), curve.prefill.tokens_per_s)
        decode = GaugeMetricFamily(
            "edge_agent_decode_tokens_per_second", "Measured, of all sequences together.", labels=("sequences",)
        )
        for count, rate in curve.decode:
            decode.add_metric((str(count),), rate.tokens_per_s)
        yield from (prefill, decode)
