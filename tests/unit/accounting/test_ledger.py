"""The ledger: what it writes, what it answers, and that it is never in the way."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, text

from picegate.accounting.ledger import Ledger
from picegate.accounting.prices import Prices
from picegate.accounting.reader import Reader
from picegate.accounting.tables import weighings
from picegate.core.chat import Mode
from picegate.core.errors import ConfigError
from picegate.core.events import Finished, Planned, RawChunk, RawReply
from picegate.core.plan import Forecast, Option
from picegate.core.quality import Quality
from picegate.core.usage import PassageRecord, Stall, Tally
from picegate.database import open_database
from picegate.wire.plan import plan_body
from tests.unit.happenings import CLOUD, PROGRESSIVE, ask, cloud_tally, progressive_events, progressive_tally, tell

PRICES = Prices(input=2.0, cached_input=0.5, output=10.0, edge_output=0.1)
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Wall:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield engine
    engine.dispose()


def test_a_request_is_written_with_its_legs(engine: Engine) -> None:
    ledger = Ledger(engine, PRICES, now=Wall())
    tell(ledger.listen, ask(), progressive_events())
    ledger.close()
    found = ledger.find("req-1")
    assert found is not None
    assert found["at"] == NOON - timedelta(seconds=4)
    assert (found["mode"], found["level"], found["reason"], found["forced"]) == ("progressive", 2, "long_answer", False)
    assert (found["key_id"], found["finish_reason"], found["error"]) == ("key_1", "stop", None)
    assert (found["cloud_prompt_tokens"], found["cloud_cached_tokens"]) == (1000, 400)
    assert (found["cloud_completion_tokens"], found["edge_completion_tokens"]) == (100, 300)
    assert found["cost"] == pytest.approx(0.00243)
    assert found["cloud_only_cost"] == pytest.approx(0.0043)
    assert found["nodes"] == ["nano-1", "nano-2"]
    assert [leg["end"] for leg in found["legs"]] == ["done", "done", "failed", "done"]


def test_what_the_planner_expected_is_kept_beside_what_came(engine: Engine) -> None:
    ledger = Ledger(engine, PRICES, now=Wall())
    option = Option(Mode.PROGRESSIVE, 2, 4, 0.3, 5.0, 100.0, 260.0, 5.5)
    expected = replace(PROGRESSIVE, forecast=Forecast(500, 300, spread=0.4), chosen=option, numbers={"nodes_ready": 2})
    tell(ledger.listen, ask(), [Planned(expected), *progressive_events()[1:]])
    ledger.close()
    found = ledger.find("req-1")
    assert found is not None
    forecast = found["forecast"]
    assert forecast["answer_tokens_p10"] < forecast["answer_tokens_p50"] == 300 < forecast["answer_tokens_p90"]
    assert (forecast["finish_s"], found["total_s"]) == (5.0, 4.0)
    assert forecast["numbers"] == {"nodes_ready": 2}


ALONE = Option(Mode.CLOUD, 0, 0, 0.4, 9.2512, 417.4, 0.0, 12.3456)
SPLIT = Option(Mode.PROGRESSIVE, 2, 4, 0.3, 5.0, 100.0, 260.0, 5.5, again_cloud=3.0, again_edge=8.0)
EDGE = Option(Mode.EDGE, 0, 0, 0.2, 30.0, 0.0, 417.0, 35.0, out="later than the cloud alone")
WEIGHED = replace(
    PROGRESSIVE,
    forecast=Forecast(500, 300, spread=0.4, delegable=0.8, chained=0.1),
    options=(ALONE, SPLIT, EDGE),
    chosen=SPLIT,
)


@pytest.mark.parametrize("reads_json", [True, False])
def test_all_ways_that_were_weighed_are_kept_as_explain_shows_them(engine: Engine, reads_json: bool) -> None:
    ledger = Ledger(engine, PRICES)
    for bulk in ledger._bulk.values():
        bulk._reads_json = reads_json
    tell(ledger.listen, ask("before"), progressive_events())
    tell(ledger.listen, ask(), [Planned(WEIGHED), *progressive_events()[1:]])
    ledger.close()
    forecast = (ledger.find("req-1") or {})["forecast"]
    assert forecast["options"] == plan_body(WEIGHED)["options"]
    assert [option["chosen"] for option in forecast["options"]] == [False, True, False]
    assert (forecast["delegable"], forecast["chained"], forecast["hard"]) == (0.8, 0.1, 0.0)


def test_a_plan_made_by_a_rule_adds_no_options(engine: Engine) -> None:
    ledger = Ledger(engine, PRICES)
    tell(ledger.listen, ask(), [Planned(replace(WEIGHED, options=())), *progressive_events()[1:]])
    ledger.close()
    assert (ledger.find("req-1") or {})["forecast"]["options"] == []
    with engine.connect() as connection:
        assert not connection.scalar(select(func.count()).select_from(weighings))


def test_a_ledger_from_before_options_were_kept_is_read_and_gets_them(engine: Engine) -> None:
    ledger = Ledger(engine, PRICES)
    tell(ledger.listen, ask(), [Planned(WEIGHED), *progressive_events()[1:]])
    ledger.close()
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE weighings"))
    newer = Ledger(engine, PRICES)
    tell(newer.listen, ask("req-2"), [Planned(WEIGHED), *progressive_events()[1:]])
    newer.close()
    old, new = ((newer.find(name) or {})["forecast"] for name in ("req-1", "req-2"))
    assert (old["delegable"], old["options"], old["finish_s"]) == (None, [], 5.0)
    assert len(new["options"]) == 3


def test_a_plan_without_a_forecast_has_none_in_the_ledger(engine: Engine) -> None:
    ledger = Ledger(engine, PRICES, now=Wall())
    tell(ledger.listen, ask(), progressive_events())
    ledger.close()
    assert (ledger.find("req-1") or {})["forecast"] is None


def test_what_a_timeline_needs_is_kept(engine: Engine) -> None:
    made = progressive_tally()
    made.legs[0].waited_s, made.legs[1].waited_s = 0.25, 0.0
    made.legs[2].quality, made.legs[2].kept = Quality(0.3), False
    made.passages = [
        PassageRecord(
            1, 0, 60, 0.8, turn_s=0.9, done_s=3.0, writer="nano-1", attempts=1, candidates=2, why="it is hard"
        ),
        PassageRecord(3, 1, 40, 1.0),
    ]
    made.stalls = {1: Stall(1, 1, 0.3, 1.0, 0.3), 3: Stall(3, 2, 1.5, 3.0, 1.2)}
    ledger = Ledger(engine, PRICES)
    tell(ledger.listen, ask("another"), progressive_events())
    tell(ledger.listen, ask(), [Planned(PROGRESSIVE), Finished("cancelled", made)])
    ledger.close()
    found = ledger.find("req-1")
    assert found is not None
    assert [leg["waited_s"] for leg in found["legs"]] == [0.25, None, None, None]
    assert [leg["kept"] for leg in found["legs"]] == [None, None, False, None]
    one, two = found["passages"]
    stall = {"segment": 3, "times": 2, "total_s": 1.5, "from_s": 3.0, "longest_s": 1.2}
    assert (one["opened_s"], one["turn_s"], one["done_s"], one["writer"]) == (0.8, 0.9, 3.0, "nano-1")
    assert (one["candidates"], one["why"], one["stall"]["longest_s"]) == (2, "it is hard", 0.3)
    assert (two["segment"], two["turn_s"], two["done_s"], two["writer"], two["stall"]) == (3, None, None, "", stall)
    assert [found["stalls"][0], len(found["stalls"])] == [stall, 2]
    untouched = ledger.find("another")
    assert untouched is not None
    assert (untouched["passages"], untouched["stalls"]) == ([], [])


def test_a_database_that_is_older_than_timelines_needs_no_migration(engine: Engine) -> None:
    ledger = Ledger(engine, PRICES)
    tell(ledger.listen, ask(), progressive_events())
    ledger.close()
    with engine.begin() as connection:
        for table in ("passages", "waits", "stalls"):
            connection.execute(text(f"DROP TABLE {table}"))
    found = Reader(engine).find("req-1")
    assert found is not None
    assert (len(found["legs"]), found["passages"], found["stalls"]) == (4, [], [])


def test_text_is_not_kept_unless_a_setting_says_so(engine: Engine) -> None:
    ledger = Ledger(engine, PRICES)
    tell(ledger.listen, ask(), progressive_events())
    ledger.close()
    with engine.connect() as connection:
        rows = [*connection.execute(text("SELECT * FROM requests")), *connection.execute(text("SELECT * FROM legs"))]
    assert "secret question" not in str(rows)
    assert "passage" not in str(rows)


def test_text_is_kept_where_a_setting_says_so(engine: Engine) -> None:
    ledger = Ledger(engine, PRICES, store_text=True)
    tell(ledger.listen, ask(), progressive_events())
    ledger.close()
    found = ledger.find("req-1")
    assert found is not None
    assert found["prompt"] == [{"role": "user", "content": "a secret question"}]
    assert found["answer"] == "An opening. A passage. "


def test_kept_text_of_the_cloud_path_is_read_from_what_was_passed_on(engine: Engine) -> None:
    ledger = Ledger(engine, PRICES, store_text=True)
    chunks = [
        b'{"choices": [{"delta": {"role": "assistant", "content": "\xe6\x9d\xb1"}}]}',
        b'{"choices": [{"delta": {"content": null, "tool_calls": []}}]}',
        b'{"choices": []}',
        b"not even JSON",
        b'{"choices": [{"delta": {"content": "\xe4\xba\xac"}}]}',
    ]
    tell(ledger.listen, ask("a"), [Planned(CLOUD), *map(RawChunk, chunks), Finished("stop", cloud_tally())])
    whole = RawReply({"choices": [{"message": {"content": "Tokyo"}}]})
    tell(ledger.listen, ask("b"), [Planned(CLOUD), whole, Finished("stop", cloud_tally())])
    ledger.close()
    assert [request["answer"] for request in ledger.recent()] == ["Tokyo", "東京"]


def test_requests_under_way_at_once_do_not_mix_even_under_one_id(engine: Engine) -> None:
    ledger = Ledger(engine, PRICES)
    one, two = ask("same"), ask("same")
    ledger.listen(one, Planned(PROGRESSIVE))
    ledger.listen(two, Planned(CLOUD))
    ledger.listen(one, Finished("stop", cloud_tally()))
    ledger.listen(two, Finished("stop", cloud_tally()))
    ledger.close()
    assert [request["mode"] for request in ledger.recent()] == ["cloud", "progressive"]


def test_requests_that_are_written_together_keep_their_own_legs(engine: Engine) -> None:
    ledger = Ledger(engine, PRICES)
    for number in range(40):
        made = cloud_tally()
        made.legs[0].model = f"model-{number}"
        tell(ledger.listen, ask(f"req-{number}"), [Planned(CLOUD), Finished("stop", made)])
    ledger.close()
    assert ledger.lost == 0
    for number in range(40):
        found = ledger.find(f"req-{number}")
        assert found is not None
        assert [leg["model"] for leg in found["legs"]] == [f"model-{number}"]


def test_a_second_plan_replaces_the_first(engine: Engine) -> None:
    ledger = Ledger(engine, PRICES)
    tell(ledger.listen, ask(), [Planned(PROGRESSIVE), Planned(CLOUD), Finished("stop", cloud_tally())])
    ledger.close()
    assert [request["mode"] for request in ledger.recent()] == ["cloud"]


def test_a_request_that_failed_before_its_plan_is_recorded(engine: Engine) -> None:
    ledger = Ledger(engine, PRICES)
    ledger.listen(ask(), Finished("error", Tally(), "cloud_unavailable"))
    ledger.close()
    assert [(u.group, u.requests, u.errors) for u in ledger.summary()] == [("none", 1, 1)]


def test_totals_are_grouped_by_what_was_asked_for(engine: Engine) -> None:
    wall = Wall()
    ledger = Ledger(engine, PRICES, now=wall)
    tell(ledger.listen, ask("a", "key_1"), progressive_events())
    tell(ledger.listen, ask("b", "key_2"), progressive_events())
    wall.now += timedelta(days=1)
    tell(ledger.listen, ask("c", None), [Planned(CLOUD), Finished("stop", cloud_tally())])
    ledger.close()
    assert [(u.group, u.requests) for u in ledger.summary(by="mode")] == [("progressive", 2), ("cloud", 1)]
    assert [(u.group, u.requests) for u in ledger.summary(by="day")] == [("2026-03-01", 2), ("2026-03-02", 1)]
    assert sorted((u.group, u.requests) for u in ledger.summary(by="key")) == [("", 1), ("key_1", 1), ("key_2", 1)]
    assert [(u.group, u.requests) for u in ledger.summary(by="model")] == [("pice", 3)]
    assert [u.group for u in ledger.summary(by="mode", since=NOON + timedelta(hours=1))] == ["cloud"]
    progressive = ledger.summary()[0]
    assert (progressive.cloud_tokens, progressive.edge_tokens) == (2200, 600)
    assert progressive.saved == pytest.approx(2 * (0.0043 - 0.00243))
    assert progressive.mean_first_token_s == pytest.approx(0.3)


def test_a_time_in_any_zone_is_the_same_moment(engine: Engine) -> None:
    ledger = Ledger(engine, PRICES, now=Wall())
    tell(ledger.listen, ask(), progressive_events())
    ledger.close()
    tokyo = timezone(timedelta(hours=9))
    assert ledger.summary(since=datetime(2026, 3, 1, 20, 59, tzinfo=tokyo))
    assert not ledger.summary(since=datetime(2026, 3, 1, 21, 1, tzinfo=tokyo))


def test_nodes_are_shown_with_what_they_wrote_and_lost(engine: Engine) -> None:
    ledger = Ledger(engine, PRICES)
    tell(ledger.listen, ask(), progressive_events())
    ledger.close()
    nodes = {node.node: node for node in ledger.nodes()}
    assert (nodes["nano-1"].requests, nodes["nano-1"].legs, nodes["nano-1"].tokens) == (1, 2, 280)
    assert nodes["nano-1"].busy_s == pytest.approx(6.0)
    assert (nodes["nano-2"].legs, nodes["nano-2"].failed) == (1, 1)
    assert nodes["cloud"].tokens == 100


def test_another_process_reads_while_the_ledger_is_open(engine: Engine, tmp_path: Path) -> None:
    ledger = Ledger(engine, PRICES)
    other = open_database(f"sqlite:///{tmp_path / 'ledger.db'}")
    assert Reader(other).summary() == []
    tell(ledger.listen, ask(), progressive_events())
    ledger.close()
    assert len(Reader(other).recent()) == 1
    other.dispose()


def test_a_broken_database_is_counted_and_never_raised(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(engine, PRICES)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE legs"))
    tell(ledger.listen, ask(), progressive_events())
    ledger.close()
    assert ledger.lost == 1
    assert "could not record" in caplog.text


def test_what_ends_after_the_ledger_was_closed_is_counted(engine: Engine) -> None:
    ledger = Ledger(engine, PRICES)
    ledger.close()
    ledger.close()
    tell(ledger.listen, ask(), progressive_events())
    assert ledger.lost == 1


def test_a_request_nobody_knows_is_not_found(engine: Engine) -> None:
    assert Reader(engine).find("nothing") is None
    assert Reader(engine).recent() == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("no database", "not a database URL"),
        ("sqlite:////nowhere/at/all/p.db", "unable to open"),
        ("postgresql+nodriver://u:hidden@h/d", "nodriver"),
    ],
)
def test_a_database_that_cannot_be_opened_is_a_bad_setting(url: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_database(url)
    assert caught.value.message.startswith("storage.url: ")
    assert says in caught.value.message
    assert "hidden" not in caught.value.message


def test_a_read_only_file_is_a_bad_setting(tmp_path: Path) -> None:
    file = tmp_path / "not-a-database.db"
    file.write_bytes(b"these are not the pages of a database" * 100)
    with pytest.raises(ConfigError, match=r"storage\.url"):
        Reader(open_database(f"sqlite:///{file}"))


def test_a_database_in_memory_is_one_database() -> None:
    engine = open_database("sqlite://")
    ledger = Ledger(engine, PRICES)
    tell(ledger.listen, ask(), progressive_events())
    ledger.close()
    assert len(ledger.recent()) == 1
    engine.dispose()
