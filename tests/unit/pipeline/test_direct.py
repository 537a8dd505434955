"""A whole answer by an edge, as far as it needs no sockets."""

from types import SimpleNamespace
from typing import Any

import pytest

from picegate.core.chat import DataPolicy, Mode
from picegate.core.errors import NodeSlow
from picegate.core.plan import CloudView, Forecast, Option, Plan, Reason
from picegate.pipeline.direct import SURE_TOKENS, _hurry

PLAN = Plan(
    Mode.EDGE,
    Reason("cloud_busy", ""),
    forecast=Forecast(20, 300),
    chosen=Option(Mode.EDGE, 0, 0, 0.5, 14.0, 0.0, 300.0, 14.0),
)


def hurried(token_s: float, *, cloud_s: float = 5.0, policy: DataPolicy = DataPolicy.ANY) -> bool:
    """Whether an edge that writes at this speed is taken off after its first tokens."""
    decode_s = (SURE_TOKENS - 1) * token_s
    run: Any = SimpleNamespace(elapsed=lambda: 0.5 + decode_s, ask=SimpleNamespace(data_policy=policy))
    outside: Any = SimpleNamespace(
        cloud=SimpleNamespace(view=CloudView), strategist=SimpleNamespace(cloud_s=lambda cloud, tokens: cloud_s)
    )
    leg: Any = SimpleNamespace(written=SURE_TOKENS, decode_s=decode_s)
    try:
        _hurry(run, PLAN, outside, leg, "box")
    except NodeSlow:
        return True
    return False


@pytest.mark.parametrize(("token_s", "slow"), [(0.045, False), (0.08, False), (0.2, True), (1.2, True)])
def test_an_edge_that_is_far_later_than_planned_is_taken_off(token_s: float, slow: bool) -> None:
    assert hurried(token_s) is slow


def test_a_slow_edge_is_kept_where_the_cloud_would_not_be_sooner_by_far() -> None:
    assert not hurried(0.2, cloud_s=40.0)


def test_what_must_not_leave_the_edge_stays_there_however_slow_it_is() -> None:
    assert not hurried(1.2, policy=DataPolicy.EDGE_ONLY)
