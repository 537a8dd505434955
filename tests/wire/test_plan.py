from picegate.core.chat import Mode
from picegate.core.plan import Plan, Reason
from picegate.wire.plan import plan_headers, plan_sentence


def test_a_reason_fits_into_a_header_whatever_it_says() -> None:
    plan = Plan(Mode.EDGE, Reason("odd", "日本語\r\nx-evil: 1\t\x7fend"))
    assert plan_headers(plan) == {"x-pice-mode": "edge", "x-pice-reason": "odd: ??? x-evil: 1 ?end"}


def test_the_sentence_names_level_and_points_only_where_there_are_some() -> None:
    plain = plan_sentence(Plan(Mode.CLOUD, Reason("forced", "the client asked for the cloud")))
    assert plain == (
        "This question would be answered in cloud mode. Reason: the client asked for the cloud. Nothing was run."
    )
    full = plan_sentence(Plan(Mode.PROGRESSIVE, Reason("a", "b"), level=2, max_points=4, notes=("c",)))
    assert "at level 2, with at most 4 delegated points" in full
    assert "Note: c." in full
