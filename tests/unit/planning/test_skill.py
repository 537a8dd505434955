"""Who is good at what: beliefs from counts, what they do to a fleet's order, and what is kept of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.planning.kinds import Kind, Topic, kind_of, named
from picegate.planning.skill import HALF_LIFE_S, MOST_MODELS, PRIOR_MEAN, Skill
from picegate.planning.standing import standings

LIST, LIST_JA, CODE = Kind(Topic.LIST), Kind(Topic.LIST, japanese=True), Kind(Topic.CODE)
NOW = 1000.0


def wrote(skill: Skill, model: str, sound: int, weak: int, kind: Kind = LIST, now: float = NOW) -> None:
    for number in range(sound + weak):
        skill.judge(now, model, kind, sound=number < sound)


def test_a_question_has_one_kind_the_hardest_of_what_it_asks_for() -> None:
    assert kind_of({"typical": 1.0, "list": 1.0, "code": 1.0}) == CODE
    assert kind_of({"typical": 1.0, "list": 1.0, "kana": 1.0}) == LIST_JA
    assert kind_of({"typical": 1.0}) == Kind(Topic.OTHER)


@pytest.mark.parametrize("kind", [Kind(topic, japanese) for topic in Topic for japanese in (False, True)])
def test_a_kind_is_known_by_its_name(kind: Kind) -> None:
    assert named(str(kind)) == kind


@pytest.mark.parametrize("name", ["", "cooking", "code de", "ja"])
def test_what_names_no_kind_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"kind|Topic"):
        named(name)


def test_passages_move_the_mean_and_lessen_the_doubt() -> None:
    skill = Skill(NOW)
    before = skill.trust("m", LIST)
    assert before.mean == PRIOR_MEAN
    wrote(skill, "m", 20, 0)
    after = skill.trust("m", LIST)
    assert after.mean > before.mean
    assert after.doubt < before.doubt / 2
    wrote(skill, "m", 0, 40)
    assert skill.trust("m", LIST).mean == pytest.approx(20 / 60, abs=0.05)


def test_a_model_never_seen_is_hoped_to_be_the_best() -> None:
    skill = Skill(NOW)
    wrote(skill, "good", 250, 50)
    assert skill.trust("new", LIST).hope == 1.0
    assert list(skill.weak(["good", "new"], LIST)) == ["good"]


def test_a_kind_never_seen_is_taken_for_what_the_model_is_elsewhere_with_more_doubt() -> None:
    skill = Skill(NOW)
    wrote(skill, "m", 5, 60, LIST)
    seen, other = skill.trust("m", LIST), skill.trust("m", CODE)
    assert other.mean == pytest.approx(seen.mean, abs=0.1)
    assert other.doubt > seen.doubt


def test_a_kind_of_its_own_outweighs_the_rest() -> None:
    skill = Skill(NOW)
    wrote(skill, "m", 60, 0, LIST)
    wrote(skill, "m", 0, 12, CODE)
    assert skill.trust("m", CODE).mean < 0.45
    assert skill.trust("m", LIST).mean > 0.9


def test_other_topics_of_a_language_tell_more_than_the_other_language() -> None:
    skill = Skill(NOW)
    wrote(skill, "m", 60, 0, LIST)
    wrote(skill, "m", 0, 60, LIST_JA)
    assert skill.trust("m", CODE).mean > 0.7
    assert skill.trust("m", Kind(Topic.CODE, japanese=True)).mean < 0.3


def test_who_loses_contests_is_trusted_less_though_all_is_sound() -> None:
    skill = Skill(NOW)
    for model in ("winner", "loser"):
        wrote(skill, model, 40, 0)
    for _ in range(40):
        skill.contest(NOW, "winner", "loser", LIST, 1.0)
    assert skill.trust("winner", LIST).mean > skill.trust("loser", LIST).mean
    assert list(skill.weak(["winner", "loser"], LIST)) == ["loser"]


def test_contests_that_end_even_say_nothing() -> None:
    skill = Skill(NOW)
    for model in ("a", "b"):
        wrote(skill, model, 40, 0)
    for _ in range(40):
        skill.contest(NOW, "a", "b", LIST, 0.5)
    assert skill.weak(["a", "b"], LIST) == {}


def test_one_model_alone_is_feared_by_nobody() -> None:
    skill = Skill(NOW)
    wrote(skill, "bad", 0, 50)
    assert skill.weak(["bad"], LIST) == {}
    assert skill.weak([], LIST) == {}


def test_what_was_given_up_is_tried_again_in_time() -> None:
    skill = Skill(NOW)
    wrote(skill, "bad", 0, 30)
    for day in range(1, 31):
        wrote(skill, "good", 30, 0, now=NOW + day * 86_400.0)
    assert skill.trust("bad", LIST).hope == 1.0
    assert not skill.kinds("bad")


def test_half_a_count_is_left_after_its_half_life() -> None:
    skill = Skill(NOW)
    wrote(skill, "m", 30, 10)
    wrote(skill, "other", 1, 0, now=NOW + HALF_LIFE_S)
    assert skill.total("m").passages == pytest.approx(20.0)
    assert skill.total("m").sound == pytest.approx(15.0)


def test_a_model_that_turns_bad_after_thousands_of_passages_is_found_out_within_hundreds() -> None:
    skill = Skill(NOW)
    wrote(skill, "m", 5000, 0)
    wrote(skill, "m", 0, 300)
    assert skill.trust("m", LIST).mean < 0.45


def test_the_model_that_wrote_longest_ago_makes_room_for_a_new_one() -> None:
    skill = Skill(NOW)
    for number in range(MOST_MODELS):
        wrote(skill, f"m{number}", 1, 0)
    wrote(skill, "m0", 1, 0)
    wrote(skill, "new", 1, 0)
    assert skill.kinds("m0")
    assert skill.kinds("new")
    assert not skill.kinds("m1")


def test_a_name_without_end_is_kept_in_part() -> None:
    skill = Skill(NOW)
    wrote(skill, "x" * 10**6, 0, 9)
    assert skill.trust("x" * 10**6, LIST).mean < PRIOR_MEAN
    assert len(json.dumps(skill.as_data())) < 1000


def test_what_is_written_down_is_gone_on_from_at_any_later_time() -> None:
    skill = Skill(NOW)
    wrote(skill, "m", 5, 3, LIST_JA)
    wrote(skill, "other", 2, 9, CODE)
    skill.contest(NOW, "other", "m", CODE, 1.0)
    again = Skill.of(json.loads(json.dumps(skill.as_data())), 5.0)
    assert again.as_data() == skill.as_data()
    assert again.trust("m", LIST_JA) == skill.trust("m", LIST_JA)
    assert again.at == 5.0


BROKEN: list[object] = [
    None,
    {"m": {}},
    [["m"]],
    [["m", {"cooking": [1, 1, 0, 0]}]],
    [["m", {"list": [1, 1, 0]}]],
    [["m", {"list": [1, 2, 0, 0]}]],
    [["m", {"list": [1, -1, 0, 0]}]],
    [["m", {"list": ["x", 1, 0, 0]}]],
    [["m", {"list": [1, 1, float("inf"), 0]}]],
    [["m", []]],
    [[1, {}]],
]


@pytest.mark.parametrize("models", BROKEN)
def test_what_is_no_memory_of_skill_is_begun_anew(models: object) -> None:
    assert Skill.of({"version": 1, "models": models}, NOW).as_data() == Skill(NOW).as_data()


def test_another_versions_memory_is_begun_anew() -> None:
    skill = Skill(NOW)
    wrote(skill, "m", 5, 3)
    assert Skill.of(skill.as_data() | {"version": 99}, NOW).as_data() == Skill(NOW).as_data()


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from([LIST, LIST_JA, CODE]), st.booleans(), st.floats(0, 10**6)),
        max_size=60,
    )
)
def test_beliefs_are_probabilities_whatever_happened(happened: list[tuple[str, Kind, bool, float]]) -> None:
    skill = Skill(0.0)
    now = 0.0
    for model, kind, sound, later in happened:
        now += later
        skill.judge(now, model, kind, sound=sound)
    for model in "abcd":
        for kind in (LIST, LIST_JA, CODE):
            trust = skill.trust(model, kind)
            assert 0.0 <= trust.mean <= trust.hope <= 1.0
            assert 0.0 < trust.doubt <= 0.5
    weak = skill.weak("abcd", LIST)
    assert all(0.0 < value <= 1.0 for value in weak.values())
    assert len(weak) < 4
    assert Skill.of(skill.as_data(), now).as_data() == skill.as_data()


def test_only_who_is_clearly_and_surely_worse_keeps_losing() -> None:
    skill = Skill(NOW)
    wrote(skill, "good", 38, 2)
    wrote(skill, "fair", 34, 6)
    wrote(skill, "bad", 4, 36)
    wrote(skill, "new", 0, 2)
    found = standings(skill, ["good", "fair", "bad", "new", "unseen"])
    assert [model for model, standing in found.items() if standing.overall.loses] == ["bad"]
    assert (found["bad"].overall.passages, found["bad"].overall.sound, found["bad"].overall.won) == (40, 0.1, None)
    assert "unseen" not in found


def test_a_model_that_is_alone_loses_to_nobody_though_better_ones_were_here_once() -> None:
    skill = Skill(NOW)
    wrote(skill, "good", 40, 0)
    wrote(skill, "bad", 0, 40)
    assert not standings(skill, ["bad", "bad"])["bad"].overall.loses


def test_a_model_may_keep_losing_at_one_kind_only() -> None:
    skill = Skill(NOW)
    for model, sound in (("a", 30), ("b", 2)):
        wrote(skill, model, sound, 32 - sound, CODE)
        wrote(skill, model, 120, 2, LIST)
    found = standings(skill, ["a", "b"])
    assert found["b"].loses_at == ["code"]
    assert not found["b"].overall.loses
    assert found["a"].loses_at == []
