"""What Prometheus may know of an agent. One registry per agent, so that several can live in one process."""

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from edge_agent.engine.port import Counts
from edge_agent.roster.served import Served


class Metrics:
    """Every series is one model's: `model` is its name."""

    def __init__(self, models: Sequence[Served]) -> None:
        self._registry = CollectorRegistry()
        self._requests = self._counter("edge_agent_requests_total", "Chat completions by how they ended.", "outcome")
        self._tokens = self._counter("edge_agent_tokens_total", "Tokens by kind.", "kind")
        self._busy = self._gauge("edge_agent_slots_busy", "Sequences being decoded.")
        self._queued = self._gauge("edge_agent_queued", "Requests waiting for a slot, or for the model to be loaded.")
        self._speed = self._gauge("edge_agent_tokens_per_second", "Decode speed of one sequence.")
        self._loaded = self._gauge("edge_agent_model_loaded", "1: in memory; 0: loaded when it is asked for.")
        for model in models:
            self._watch(model)
        self._registry.register(_Curves(models))
        self._registry.register(_Engines(models))

    def ended(self, model: str, outcome: str) -> None:
        """`outcome`: OpenAI's finish reason, "cancelled", or the class of the error."""
        self._requests.labels(model, outcome).inc()

    def counted(self, model: str, counts: Counts) -> None:
        self._tokens.labels(model, "prompt").inc(counts.prompt)
        self._tokens.labels(model, "cached").inc(counts.cached)
        self._tokens.labels(model, "completion").inc(counts.completion)

    def page(self) -> bytes:
        return generate_latest(self._registry)

    def _watch(self, model: Served) -> None:
        self._busy.labels(model.name).set_function(lambda: model.desk.load().slots_busy)
        self._queued.labels(model.name).set_function(lambda: model.desk.load().queued + model.waiting)
        self._speed.labels(model.name).set_function(lambda: model.desk.load().tokens_per_s or 0.0)
        self._loaded.labels(model.name).set_function(lambda: model.loaded)

    def _counter(self, name: str, text: str, by: str) -> Counter:
        return Counter(name, text, ["model", by], registry=self._registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, ["model"], registry=self._registry)


class _Curves(Collector):
    """The measured curves at the moment of the scrape; what was not measured yet is left out."""

    def __init__(self, models: Sequence[Served]) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        prefill = GaugeMetricFamily(
            "edge_agent_prefill_tokens_per_second", "Measured, of one prompt read alone.", labels=("model",)
        )
        decode = GaugeMetricFamily(
            "edge_agent_decode_tokens_per_second",
            "Measured, of all sequences together.",
            labels=("model", "sequences"),
        )
        for model in self._models:
            curve = model.desk.pace.curve()
            if curve.prefill is not None:
                prefill.add_metric((model.name,), curve.prefill.tokens_per_s)
            for count, rate in curve.decode:
                decode.add_metric((model.name, str(count)), rate.tokens_per_s)
        yield from (prefill, decode)


class _Engines(Collector):
    """What engines tell of their work at the moment of the scrape; those that tell nothing are left out."""

    def __init__(self, models: Sequence[Served]) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        held = GaugeMetricFamily("edge_agent_kv_tokens", "Tokens held, shared ones counted once.", labels=("model",))
        room = GaugeMetricFamily("edge_agent_kv_room_tokens", "Tokens that there is room for.", labels=("model",))
        waiting = GaugeMetricFamily("edge_agent_kv_waiting", "Requests that wait for room.", labels=("model",))
        evicted = CounterMetricFamily(
            "edge_agent_kv_evicted_tokens", "Tokens kept for later that had to make room.", labels=("model",)
        )
        steps = CounterMetricFamily("edge_agent_steps", "Decode steps.", labels=("model",))
        seconds = CounterMetricFamily("edge_agent_step_seconds", "Time in decode steps.", labels=("model",))
        python = CounterMetricFamily(
            "edge_agent_step_python_seconds", "Of it, outside the model's library.", labels=("model",)
        )
        for model in self._models:
            stats = model.desk.engine.stats()
            if stats is None:
                continue
            for family, value in (
                (held, stats.held),
                (room, stats.cells),
                (waiting, stats.waiting),
                (evicted, stats.evicted),
                (steps, stats.steps),
                (seconds, stats.step_s),
                (python, stats.python_s),
            ):
                family.add_metric((model.name,), value)
        yield from (held, room, waiting, evicted, steps, seconds, python)
