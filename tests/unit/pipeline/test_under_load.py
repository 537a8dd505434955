"""What the planner is for, on virtual time: more answers a minute, sooner, and never worse than the cloud alone."""

import statistics

import pytest

from tests.unit.pipeline.virtual import ask_many


def test_at_light_load_half_of_the_answers_come_much_sooner_and_the_cloud_writes_much_less() -> None:
    alone, auto = ask_many(40, 4, policy="cloud"), ask_many(40, 4)
    assert auto.quantile(0.5) < 0.75 * alone.quantile(0.5)
    assert auto.quantile(0.95) < 1.1 * alone.quantile(0.95)
    assert auto.cloud_tokens < 0.7 * alone.cloud_tokens


@pytest.mark.parametrize("seed", [1, 2])
def test_four_edges_carry_what_would_drown_the_cloud_alone(seed: int) -> None:
    alone, auto = ask_many(125, 4, seed=seed, policy="cloud"), ask_many(125, 4, seed=seed)
    assert auto.quantile(0.95) < 30
    assert auto.quantile(0.95) < 0.7 * alone.quantile(0.95)


@pytest.mark.parametrize("nodes", [0, 4])
def test_with_no_edge_or_a_very_slow_one_nothing_is_worse_than_the_cloud_alone(nodes: int) -> None:
    alone = ask_many(55, nodes, policy="cloud", edge_s=0.4)
    auto = ask_many(55, nodes, edge_s=0.4)
    assert auto.quantile(0.95) <= 1.1 * alone.quantile(0.95)
    assert auto.quantile(0.5) <= 1.1 * alone.quantile(0.5)


def test_quality_first_traffic_stays_in_the_cloud_at_light_load() -> None:
    assert set(ask_many(30, 4, requests=80, service_level="quality").modes) == {"cloud"}


def test_plans_come_true() -> None:
    assert 0.8 < statistics.median(ask_many(100, 4).against_plan) < 1.3


def test_auto_beats_the_whole_sketch_first() -> None:
    auto, baseline = ask_many(90, 4), ask_many(90, 4, policy="pice-like")
    assert auto.quantile(0.95) < baseline.quantile(0.95)
    assert auto.quantile(0.5) < baseline.quantile(0.5)


def test_a_passage_that_a_node_writes_far_too_slowly_goes_on_in_the_cloud() -> None:
    seen = ask_many(60, 2, requests=1, edge_s=1.2)
    assert seen.modes == ["progressive"]
    assert seen.latencies[0] < 50  # its passages would take two minutes there
    assert "edge_slow" in seen.errors


def test_others_do_not_follow_the_first_onto_nodes_that_are_far_slower_than_they_say() -> None:
    alone = ask_many(55, 4, policy="cloud", edge_s=0.4, requests=100)
    auto = ask_many(55, 4, edge_s=0.4, requests=100)
    assert auto.quantile(0.98) <= 1.2 * alone.quantile(0.98)
