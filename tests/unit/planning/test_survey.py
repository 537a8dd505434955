"""What a fleet comes to."""

from dataclasses import replace

from picegate.core.plan import NodeState
from picegate.planning.latency import EDGE_GUESS
from picegate.planning.survey import survey
from tests.unit.planning.fleet import BAD, FAST, FEARED, GOOD, SLOW, by, view


def test_a_survey_counts_what_can_be_used() -> None:
    fleet = [
        view("a", slots=4, free=1),
        view("b", SLOW, slots=2, free=2),
        replace(view("gone"), state=NodeState.LOST),
        view("small", context=100),
    ]
    seen = survey(fleet, 200)
    assert (seen.ready, seen.fitting, seen.slots, seen.free) == (3, 2, 6, 3)
    assert [node.name for node in seen.shortlist] == ["a", "b"]
    assert seen.tokens_per_s == 4 / FAST.token_s(4) + 2 / SLOW.token_s(2)
    assert survey([], 0).pace == EDGE_GUESS


def test_fear_is_asked_for_among_the_models_that_fit_where_there_is_more_than_one() -> None:
    asked: list[frozenset[str]] = []

    def fears(models: frozenset[str]) -> dict[str, float]:
        asked.append(models)
        return FEARED

    assert survey([GOOD, BAD, by("small", view("c", context=100))], 200, fears).weak == FEARED
    assert asked == [{"good", "bad"}]
    assert survey([GOOD, by("small", view("c", context=100))], 200, fears).weak == {}
    assert len(asked) == 1


def test_many_fast_nodes_that_are_feared_do_not_hide_a_trusted_one() -> None:
    crowd = [by("bad", view(f"fast {number}")) for number in range(40)]
    seen = survey([*crowd, by("good", view("slow", SLOW))], 0, lambda _: FEARED, 60.0)
    assert seen.shortlist[0].name == "slow"


def test_while_nodes_are_tried_only_those_make_promises_that_have_shown_how_fast_they_are() -> None:
    fleet = [replace(view("said"), proven=False), view("shown", SLOW), replace(view("new", None), proven=False)]
    assert [node.name for node in survey(fleet, 0).shortlist] == ["said", "new", "shown"]
    tried = survey(fleet, 0, trying=True)
    assert [node.name for node in tried.shortlist] == ["shown"]
    assert (tried.fitting, tried.proven) == (3, 1)
