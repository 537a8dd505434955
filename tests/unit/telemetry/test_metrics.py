"""What Prometheus reads."""

from dataclasses import replace
from functools import partial

import pytest
from prometheus_client.parser import text_string_to_metric_families

from picegate.accounting.prices import Prices
from picegate.accounting.savings import bill
from picegate.core.events import Finished, Planned
from picegate.core.plan import CloudView, NodeState, NodeView
from picegate.core.usage import Tally
from picegate.planning.kinds import Kind, Topic
from picegate.planning.skill import Skill
from picegate.planning.standing import standings
from picegate.telemetry.metrics import Metrics
from tests.unit.happenings import CLOUD, ask, cloud_tally, progressive_events, tell

PRICES = Prices(input=2.0, cached_input=0.5, output=10.0, edge_output=0.1)


def scraped(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Samples as Prometheus would read them: (name, label values in order of label names) -> value."""
    text = metrics.render()[0].decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def node(name: str, state: NodeState = NodeState.READY, free: int = 1, id: str = "") -> NodeView:
    return NodeView(id or name, name, "http://n/v1", "m", slots=2, free=free, state=state)


def test_a_request_is_counted_from_its_events() -> None:
    metrics = Metrics(partial(bill, prices=PRICES))
    tell(metrics.listen, ask(), progressive_events())
    seen = scraped(metrics)
    assert seen["picegate_requests_total", "", "stop", "progressive"] == 1
    assert seen["picegate_plans_total", "false", "progressive", "long_answer"] == 1
    assert seen["picegate_tokens_total", "completion", "cloud"] == 100
    assert seen["picegate_tokens_total", "cached", "cloud"] == 400
    assert seen["picegate_tokens_total", "completion", "edge"] == 300
    assert seen["picegate_legs_total", "failed", "expand", "nano-2"] == 1
    assert seen["picegate_deltas_total", "cloud"] == 1
    assert seen["picegate_deltas_total", "edge"] == 1
    assert seen["picegate_sketch_points_total",] == 2
    assert seen["picegate_passages_total", "edge"] == 1
    assert seen["picegate_passages_total", "cloud"] == 1
    assert seen["picegate_first_token_seconds_sum", "progressive"] == pytest.approx(0.3)
    assert seen["picegate_request_seconds_count", "progressive"] == 1
    assert seen["picegate_cost_total", "USD", "cloud"] == pytest.approx(0.0024)
    assert seen["picegate_cloud_only_cost_total", "USD"] == pytest.approx(0.0043)


def test_open_requests_rise_with_a_plan_and_fall_with_the_end() -> None:
    metrics, one, two = Metrics(), ask("a"), ask("b")
    metrics.listen(one, Planned(CLOUD))
    metrics.listen(one, Planned(CLOUD))
    metrics.listen(two, Planned(CLOUD))
    assert scraped(metrics)["picegate_open_requests",] == 2
    metrics.listen(one, Finished("cancelled", cloud_tally()))
    assert scraped(metrics)["picegate_open_requests",] == 1


def test_an_error_is_a_label_only_where_it_is_a_code() -> None:
    metrics = Metrics()
    metrics.listen(ask(), Finished("error", Tally(), "cloud_timeout"))
    metrics.listen(ask(), Finished("error", Tally(), "a sentence, which would be a new series each time"))
    seen = scraped(metrics)
    assert seen["picegate_requests_total", "cloud_timeout", "error", "none"] == 1
    assert seen["picegate_requests_total", "other", "error", "none"] == 1


def test_nodes_are_as_the_fleet_is_at_the_scrape() -> None:
    fleet = [node("a"), node("b", NodeState.DRAINING), node("c", NodeState.LOST)]
    metrics = Metrics(fleet=lambda: fleet)
    seen = scraped(metrics)
    assert [seen["picegate_nodes", state] for state in ("ready", "draining", "lost")] == [1, 1, 1]
    assert seen["picegate_node_free_slots", "a"] == 1
    assert seen["picegate_node_slots", "a"] == 2
    fleet[:] = [node("b")]
    seen = scraped(metrics)
    assert ("picegate_node_slots", "a") not in seen
    assert seen["picegate_nodes", "ready"] == 1


def test_two_nodes_of_one_name_are_one_series() -> None:
    metrics = Metrics(fleet=lambda: [node("a", id="1"), node("a", id="2")])
    text = metrics.render()[0].decode()
    assert text.count("picegate_node_slots{") == 1
    assert scraped(metrics)["picegate_node_slots", "a"] == 4


def test_the_cloud_is_as_it_is_at_the_scrape() -> None:
    clouds = [CloudView(in_flight=3, queued=2, limit=3), CloudView(up=False, limit=3)]
    metrics = Metrics(cloud=lambda: clouds.pop(0))
    seen = scraped(metrics)
    names = [f"picegate_cloud_{name}" for name in ("up", "calls", "call_limit", "queued_calls")]
    assert [seen[name,] for name in names] == [1, 3, 3, 2]
    seen = scraped(metrics)
    assert [seen[name,] for name in names] == [0, 0, 3, 0]


def test_two_gateways_in_one_process_count_apart() -> None:
    one, two = Metrics(), Metrics()
    tell(one.listen, ask(), progressive_events())
    assert ("picegate_requests_total", "", "stop", "progressive") not in scraped(two)


def test_no_text_of_a_request_is_in_the_metrics() -> None:
    metrics = Metrics()
    tell(metrics.listen, ask(), progressive_events())
    text, kind = metrics.render()
    assert b"secret" not in text
    assert kind.startswith("text/plain")


def test_models_are_shown_as_they_stand_among_the_nodes_that_are_there() -> None:
    skill = Skill()
    for number in range(40):
        skill.judge(0.0, "m", Kind(Topic.LIST), sound=number < 4)
        skill.judge(0.0, "other", Kind(Topic.LIST), sound=True)
    skill.contest(0.0, "other", "m", Kind(Topic.LIST), 1.0)
    fleet = [node("a"), replace(node("b"), model="other"), replace(node("c"), model="new")]
    metrics = Metrics(fleet=lambda: fleet, standings=lambda nodes: standings(skill, (one.model for one in nodes)))
    seen = scraped(metrics)
    assert (seen["picegate_model_passages", "m"], seen["picegate_model_sound_ratio", "m"]) == (40, 0.1)
    assert (seen["picegate_model_win_ratio", "m"], seen["picegate_model_win_ratio", "other"]) == (0, 1)
    assert (seen["picegate_model_losing", "m"], seen["picegate_model_losing", "other"]) == (1, 0)
    assert ("picegate_model_passages", "new") not in seen
    fleet[:] = fleet[:1]
    assert scraped(metrics)["picegate_model_losing", "m"] == 0  # to whom?
    assert ("picegate_model_passages", "other") not in scraped(metrics)
