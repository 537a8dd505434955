"""What failing edges cost an answer: learnt from its legs, forgotten with time, counted by the planner."""

import pytest

from picegate.core.usage import LegEnd, LegKind, LegRecord, Tally
from picegate.planning.losses import Losses, LossModel


def leg(end: LegEnd, took_s: float = 5.0, kind: LegKind = LegKind.EXPAND, **fields: object) -> LegRecord:
    started_s = float(fields.pop("started_s", 0.0))  # type: ignore[arg-type]
    record = LegRecord(kind, "edge", "small", started_s, **fields)  # type: ignore[arg-type]
    record.ended_s, record.end = started_s + took_s, end
    return record


def tally(*legs: LegRecord) -> Tally:
    made = Tally()
    made.legs.extend(legs)
    return made


def test_edges_that_never_fail_cost_nothing() -> None:
    model = LossModel()
    model.learn(0.0, tally(*(leg(LegEnd.DONE) for _ in range(20))))
    assert model.losses(0.0).delay_s(8) == 0.0


def test_a_share_of_failures_and_their_length_are_learnt() -> None:
    model = LossModel()
    for _ in range(10):
        model.learn(0.0, tally(leg(LegEnd.DONE), leg(LegEnd.DONE), leg(LegEnd.DONE), leg(LegEnd.FAILED, 8.0)))
    seen = model.losses(0.0)
    assert 0.2 < seen.share < 0.25
    assert seen.lost_s == pytest.approx(8.0)


def test_a_silent_try_that_another_took_over_from_has_lost_the_time_until_then() -> None:
    model = LossModel()
    silent = leg(LegEnd.CANCELLED, point=0)
    model.learn(0.0, tally(silent, leg(LegEnd.DONE, kind=LegKind.HEDGE, point=0, started_s=2.0)))
    assert model.losses(0.0).lost_s == pytest.approx(2.0)


def test_legs_that_a_leaving_client_has_stopped_say_nothing() -> None:
    model = LossModel()
    model.learn(0.0, tally(*(leg(LegEnd.CANCELLED, point=point) for point in range(5))))
    assert model.losses(0.0) == Losses()


def test_a_request_that_nodes_refuse_says_nothing_of_others() -> None:
    model = LossModel()
    model.learn(0.0, tally(*(leg(LegEnd.FAILED, error="edge_refused") for _ in range(5))))
    assert model.losses(0.0) == Losses()


def test_the_cloud_and_the_warm_up_are_not_looked_at() -> None:
    model = LossModel()
    rescue = LegRecord(LegKind.HEDGE, "cloud", "large", 0.0, ended_s=9.0, end=LegEnd.FAILED)
    model.learn(0.0, tally(rescue, leg(LegEnd.FAILED, kind=LegKind.WARM)))
    assert model.losses(0.0) == Losses()


def test_failures_are_forgotten_within_minutes() -> None:
    model = LossModel()
    model.learn(0.0, tally(*(leg(LegEnd.FAILED) for _ in range(100))))
    assert model.losses(0.0).share > 0.9
    assert model.losses(180.0).share < 0.4
    assert model.losses(600.0).share < 0.01


def test_passages_side_by_side_wait_for_the_one_that_fails_most_and_a_chain_for_every_failure() -> None:
    often = Losses(share=0.5, lost_s=4.0)
    assert often.delay_s(1) == pytest.approx(4.0 * (0.5 + 0.25))
    assert often.delay_s(4) == pytest.approx(4.0 * ((1 - 0.5**4) + (1 - 0.75**4)))
    assert often.delay_s(4, chained=1.0) == pytest.approx(4.0 * 4 * (0.5 + 0.25))
