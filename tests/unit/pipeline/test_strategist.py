"""What the planner remembers: learnt from events, kept over a restart."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from picegate.core.chat import Ask, Message, Mode
from picegate.core.events import CLOUD, Finished, Planned, SketchPoint
from picegate.core.plan import CloudView, NodeView, Plan
from picegate.core.quality import Quality
from picegate.core.sketch import Point
from picegate.core.usage import LegEnd, LegKind, LegRecord, Tally, Tokens
from picegate.database import open_database
from picegate.pipeline.memory import Memory
from picegate.pipeline.strategist import Strategist
from picegate.planning.kinds import kind_of
from picegate.settings import PlannerSettings, ProgressiveSettings
from tests.unit.nodes.house import Hand

QUESTION = "What are the main causes of stress?"
NODE = NodeView("n", "n", "http://n/v1", "m", 8, 8)


def ask() -> Ask:
    return Ask("r", "pice", (Message("user", QUESTION),), {})


CLOCK = Hand()


def strategist(
    memory: dict[str, object] | None = None, threshold: float | None = None, **planner: object
) -> Strategist:
    return Strategist(ProgressiveSettings(), PlannerSettings.model_validate(planner), CLOCK, memory, threshold)


def planned(of: Strategist) -> Plan:
    return of.plan(ask(), CloudView(limit=16), [NODE])


def answered(
    of: Strategist, tokens: int, *, points: int = 3, depends: bool = False, reason: str = "stop", verified: bool = False
) -> None:
    """One progressive answer that went well. `verified`: the cloud wrote its passage a second time."""
    CLOCK.now += 1.0
    request, plan = ask(), planned(of)
    sketch = LegRecord(LegKind.SKETCH, "cloud", "m", 0.0, None, 0.2, 2.0, LegEnd.DONE, None, Tokens(100, 60))
    passage = LegRecord(LegKind.EXPAND, "n", "m", 1.0, 0, 1.1, 4.0, LegEnd.DONE, None, Tokens(100, tokens - 20))
    of.listen(request, Planned(plan))
    for number in range(points):
        of.listen(request, SketchPoint(Point(number, "notes", 60, depends)))
    legs = [
        sketch,
        *([passage] if points else []),
        *([replace(passage, kind=LegKind.VERIFY, where=CLOUD)] if verified else []),
    ]
    tally = Tally(legs, 20, tokens, 0.3, 4.0)
    of.listen(request, Finished(reason, tally))


def cloud_wrote(of: Strategist, tokens: Tokens, **fields: Any) -> None:
    """One whole answer of the cloud."""
    CLOCK.now += 1.0
    request = replace(ask(), **fields)
    of.listen(request, Planned(planned(of)))
    leg = LegRecord(LegKind.CLOUD, "cloud", "m", 0.0, None, 0.2, 9.0, LegEnd.DONE, None, tokens)
    of.listen(request, Finished("stop", Tally([leg], 20, tokens.completion, 0.3, 9.0)))


def scored(of: Strategist, *, reason: str = "stop") -> None:
    """Two passages side by side: a sound one of `good`, a weak one of `bad`."""
    request = ask()
    of.listen(request, Planned(planned(of)))
    legs = [
        LegRecord(LegKind.EXPAND, "n", model, 1.0, point, 1.1, 4.0, LegEnd.DONE, quality=Quality(confidence))
        for point, (model, confidence) in enumerate([("good", 0.9), ("bad", 0.2)])
    ]
    of.listen(request, Finished(reason, Tally(legs)))


TWO = [replace(NODE, id=model, name=model, model=model) for model in ("good", "bad")]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'memory.db'}")
    yield engine
    engine.dispose()


def test_passages_that_failed_are_counted_against_the_edge_until_they_are_forgotten() -> None:
    of = strategist()
    assert planned(of).numbers["edge_lost_s"] == 0.0
    failed = [LegRecord(LegKind.EXPAND, "n", "m", 1.0, k, 1.1, 9.0, LegEnd.FAILED) for k in range(20)]
    of.listen(ask(), Finished("stop", Tally(list(failed), 20, 300, 0.3, 9.0)))
    assert planned(of).numbers["edge_lost_s"] > 6.0
    assert planned(of).mode is Mode.CLOUD
    CLOCK.now += 600.0
    assert planned(of).numbers["edge_lost_s"] < 0.1


def test_answers_teach_the_forecast() -> None:
    of = strategist()
    for _ in range(40):
        answered(of, 900, depends=True)
    forecast = planned(of).forecast
    assert forecast is not None
    assert forecast.answer_tokens > 700
    assert forecast.chained > 0.5
    assert of.answers_seen == 40


@pytest.mark.parametrize("fields", [{"stop": ("\n",)}, {"needs": ("n",)}])
def test_answers_that_the_client_cut_or_asked_for_more_than_once_teach_no_length(fields: dict[str, Any]) -> None:
    of = strategist()
    for _ in range(40):
        cloud_wrote(of, Tokens(20, 2000), **fields)
    assert of.answers_seen == 0


def test_thinking_is_no_part_of_the_length() -> None:
    of = strategist()
    for _ in range(40):
        cloud_wrote(of, Tokens(20, 2300, reasoning=2000))
    forecast = planned(of).forecast
    assert forecast is not None
    assert 250 < forecast.answer_tokens < 400


def test_sketches_that_delegate_nothing_teach_it_too() -> None:
    of = strategist()
    for _ in range(60):
        answered(of, 300, points=0)
    forecast = planned(of).forecast
    assert forecast is not None
    assert forecast.delegable < 0.3


@pytest.mark.parametrize("reason", ["length", "cancelled", "error"])
def test_an_answer_that_was_cut_says_nothing_of_its_length(reason: str) -> None:
    of = strategist()
    answered(of, 20, reason=reason)
    assert of.answers_seen == 0


def test_a_flood_of_answers_is_learnt_from_in_part() -> None:
    of = strategist()
    answered(of, 300)
    CLOCK.now -= 1.0  # `answered` puts it forward: the next one ends in the same moment
    answered(of, 300)
    assert of.answers_seen == 1


def test_the_clouds_legs_teach_its_pace_but_not_the_time_in_the_queue() -> None:
    of = strategist()
    before = planned(of)
    for _ in range(30):
        CLOCK.now += 2.0
        record = LegRecord(LegKind.CLOUD, "cloud", "m", 20.0, None, 20.2, 40.2, LegEnd.DONE, None, Tokens(20, 201))
        of.saw_cloud(record, 1)  # 20 s in the queue, then 0.2 s to the first token, 100 ms a token
    after = planned(of)
    assert before.chosen is not None
    alone = next(option for option in after.options if option.mode is Mode.CLOUD)
    assert alone.first_s < 1.0
    assert alone.finish_s == pytest.approx(0.1 * alone.cloud_tokens, rel=0.2)


@pytest.mark.parametrize("reason", ["stop", "length", "cancelled", "error"])
def test_scored_passages_teach_who_is_good_at_what_however_the_answer_ended(reason: str) -> None:
    of = strategist(threshold=0.5)
    for _ in range(8):
        scored(of, reason=reason)
    plan = of.plan(ask(), CloudView(limit=16), TWO)
    assert list(plan.weak) == ["bad"]
    assert plan.stake_s > 0
    assert str(plan.numbers["less_trusted"]).startswith("bad by ")
    kind = kind_of(plan.forecast.features if plan.forecast else {})
    assert of.trust("bad", kind).hope < of.trust("good", kind).hope
    assert of.standings(TWO)["bad"].overall.loses


def test_a_fleet_of_one_model_is_planned_as_if_nothing_was_known_of_it() -> None:
    of = strategist(threshold=0.5)
    for _ in range(8):
        scored(of)
    plan = of.plan(ask(), CloudView(limit=16), TWO[1:])
    assert plan.weak == {}
    assert "less_trusted" not in plan.numbers


def test_where_nothing_is_scored_no_model_is_trusted_less_and_what_was_learnt_is_kept() -> None:
    of = strategist(threshold=0.5)
    for _ in range(8):
        scored(of)
    off = strategist(of.as_data())
    scored(off)
    assert off.plan(ask(), CloudView(limit=16), TWO).weak == {}
    assert off.as_data()["skill"] == of.as_data()["skill"]


def test_rewrites_are_learnt_as_repairs_and_do_not_make_passages_longer() -> None:
    once, twice = strategist(), strategist()
    for _ in range(30):
        answered(once, 300)
        answered(twice, 300, verified=True)
    plain, repaired = planned(once), planned(twice)
    assert plain.numbers["cloud_again_share"] == 0
    assert float(repaired.numbers["cloud_again_share"]) > 0.5
    assert [one.finish_s for one in repaired.options] == [one.finish_s for one in plain.options]
    assert planned(strategist(twice.as_data())).numbers == repaired.numbers


def test_what_requests_owe_is_gone_when_they_are() -> None:
    of = strategist()
    owed = of.arrive()
    owed.expect(100, 10_000)
    owed.wrote(40, in_cloud=True)
    owed.wrote(10**6, in_cloud=False)  # more than was expected
    assert (owed.cloud, owed.edge) == (60, 0)
    owed.close()
    assert owed.load.edge_tokens == 0


def test_a_restart_forgets_nothing(engine: Engine) -> None:
    of = strategist(threshold=0.5)
    for _ in range(20):
        answered(of, 900)
        scored(of)
    Memory(engine).write(of.as_data())
    Memory(engine).write(of.as_data())  # the second replaces the first
    again = strategist(Memory(engine).read(), 0.5)
    assert planned(again).forecast == planned(of).forecast
    assert again.plan(ask(), CloudView(limit=16), TWO).weak == of.plan(ask(), CloudView(limit=16), TWO).weak != {}


def test_a_memory_of_another_version_means_the_priors(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    of = strategist()
    for _ in range(20):
        answered(of, 900)
    parts = {name: part | {"version": 99} for name, part in of.as_data().items()}
    Memory(engine).write(parts)
    assert planned(strategist(Memory(engine).read())).forecast == planned(strategist()).forecast
    assert [record.message.split()[4] for record in caplog.records] == ["lengths", "skill", "levels", "repairs"]


@pytest.mark.parametrize("broken", ["not JSON", "[1]", '{"version": 1}'])
def test_a_part_that_cannot_be_read_is_dropped_alone_and_named(
    engine: Engine, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    of = strategist()
    for _ in range(20):
        answered(of, 900)
    Memory(engine).write(of.as_data())
    with engine.begin() as connection:
        connection.execute(text("UPDATE planner_memory SET data = :data WHERE name = 'levels'"), {"data": broken})
    again = strategist(Memory(engine).read())
    assert again.as_data() == of.as_data() | {"levels": strategist().as_data()["levels"]}
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "learnt of levels" in record.message


def test_a_gateway_that_has_learnt_nothing_yet_has_nothing_to_warn_of(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    Memory(engine).write(strategist().as_data())
    strategist(Memory(engine).read())
    strategist({})
    assert not caplog.records


def test_a_memory_that_cannot_be_read_stops_nobody(engine: Engine) -> None:
    memory = Memory(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE planner_memory"))
    assert memory.read() == {}
    memory.write({"lengths": {}})


@pytest.mark.parametrize("policy", ["auto", "cloud", "edge", "route", "sot", "pice-like"])
def test_every_policy_of_the_config_plans(policy: str) -> None:
    assert planned(strategist(policy=policy)).mode in Mode


def test_while_one_request_finds_out_how_fast_the_edge_is_others_stay_in_the_cloud() -> None:
    of = strategist()
    first = ask()
    new = [replace(NODE, proven=False)]
    tried = of.plan(first, CloudView(limit=16), new)
    of.listen(first, Planned(tried))
    assert of.plan(ask(), CloudView(limit=16), new).why.code == "edge_tried"
    of.listen(first, Finished("cancelled", Tally()))
    assert of.plan(ask(), CloudView(limit=16), new).mode is tried.mode is Mode.PROGRESSIVE
