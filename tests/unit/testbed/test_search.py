"""The search for throughput at the objective, on systems whose latency is a formula."""

import math

import pytest

from picegate.testbed.bench.search import Search, Seen


def measure(search: Search, capacity: float) -> Search:
    """A system that does `capacity` a minute; latency grows as the load nears it and explodes beyond."""
    while (rate := search.next()) is not None:
        latency = 10 / (1 - rate / capacity) if rate < capacity else math.inf
        search.tell(Seen(rate, latency, min(rate, capacity)))
    return search


@pytest.mark.parametrize("start", [20.0, 60.0, 67.0, 100.0, 130.0])
def test_the_largest_load_that_meets_the_objective_is_found(start: float) -> None:
    search = measure(Search(start, objective_s=30.0, most=14), capacity=100.0)
    assert search.found().per_minute == pytest.approx(66.7, rel=0.03)  # 10 / (1 - x) = 30
    assert search.found().bounded


def test_a_search_ends_after_so_many_tries() -> None:
    search = measure(Search(1.0, objective_s=30.0, most=3), capacity=100.0)
    assert search.found().tried == 3
    assert not search.found().bounded


def test_what_never_meets_the_objective_has_no_throughput() -> None:
    search = Search(10.0, objective_s=5.0, most=4)
    while (rate := search.next()) is not None:
        search.tell(Seen(rate, math.inf, 0.0))
    assert search.found().per_minute == 0.0


def test_done_counts_and_not_what_was_offered() -> None:
    search = Search(50.0, objective_s=30.0, most=1)
    search.tell(Seen(50.0, 20.0, 40.0))
    assert search.found().per_minute == 40.0


def test_what_another_seed_came_to_is_looked_for_close_by() -> None:
    search = measure(Search(65.0, objective_s=30.0, most=4, known=True), capacity=100.0)
    assert [seen.per_minute for seen in search.seen] == pytest.approx([65.0, 68.9])
    assert search.found().bounded
    assert search.found().per_minute == pytest.approx(66.7, rel=0.01)


@pytest.mark.parametrize("start", [46.0, 95.0])
def test_a_seed_that_is_unlike_the_other_is_reached_in_few_tries(start: float) -> None:
    search = measure(Search(start, objective_s=30.0, most=4, known=True), capacity=100.0)
    assert search.found().bounded
    assert search.found().per_minute == pytest.approx(66.7, rel=0.08)
