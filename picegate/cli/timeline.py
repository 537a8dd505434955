"""A request's record as a chart: who waited, read and wrote when, what became of it, and what the reader saw of it."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from rich.text import Text

from picegate.cli.columns import Columns, Row, fit
from picegate.cli.demo_view import CLOUD, STYLES
from picegate.cli.lane import Lane, Marks
from picegate.cli.outcome import legend, outcome

Record = Mapping[str, Any]  # as GET /admin/v1/requests/{id} gives it

KINDS = {
    "cloud": "whole answer",
    "edge": "whole answer",
    "warm": "warm-up",
    "expand": "passage",
    "verify": "repair",
    "ensemble": "candidate",
}


def timeline(
    record: Record,
    width: int,
    marks: Marks | None = None,
    *,
    question: str = "",
    texts: Mapping[int, str] | None = None,
) -> list[Text]:
    """The chart, none of whose lines is wider than `width` cells.

    Args:
        texts: the passages' texts by segment, where they are known: the ledger keeps none.
    """
    marks = marks or Marks()
    chart = _Chart(record, marks, texts or {})
    rows = list(chart.rows())
    ends = [leg["ended_s"] or 0.0 for leg in record["legs"]]
    columns = Columns([row for row in rows if isinstance(row, Row)], width, max(record["total_s"], 1e-3, *ends), marks)
    drawn = [columns.line(row) if isinstance(row, Row) else columns.aside(row) for row in rows]
    seen = "".join(line.plain for line in drawn)
    lines = [*_head(record, width, marks, question), columns.head(), *drawn]
    lines += [Text(), *outcome(record, width), *legend(seen, width, marks)]
    for line in lines:
        line.truncate(width)
    return lines


def _head(record: Record, width: int, marks: Marks, question: str) -> list[Text]:
    mode = record["mode"] + (f" {record['level']}" if record["level"] else "")
    said = [mode, record["reason"], record["request_id"], record["model"], _when(record["at"])]
    line = Text(marks.joint.join(part for part in said if part), "dim")
    line.stylize("not dim bold", 0, len(mode))
    asked = " ".join((question or _stored_question(record)).split())
    return [*([Text(fit(asked, width, marks).rstrip(), "bold")] if asked else []), line]


class _Chart:
    def __init__(self, record: Record, marks: Marks, texts: Mapping[int, str]) -> None:
        self._record = record
        self._marks = marks
        self._texts = texts
        agents = dict.fromkeys(leg["where"] for leg in record["legs"] if leg["where"] != CLOUD)
        self._styles = {name: STYLES[number % len(STYLES)] for number, name in enumerate(agents)} | {CLOUD: "cyan"}

    def rows(self) -> Iterator[Row | str]:
        """A `str` is said beside the chart.

        First the legs that belong to no passage, then the passages in reading order with their legs as these began.
        """
        legs = sorted(self._record["legs"], key=lambda leg: (_asked_s(leg), leg["started_s"]))
        for leg in sorted((leg for leg in legs if leg["point"] is None), key=lambda leg: bool(leg["kind"] == "warm")):
            yield self._leg(leg, _kind(leg), partial(self._paint_leg, leg, _asked_s(leg)))
        passages = {passage["point"]: passage for passage in self._record["passages"]}
        for point in [*passages, *sorted({leg["point"] for leg in legs} - {None, *passages})]:
            yield from self._passage(point, passages.get(point), [leg for leg in legs if leg["point"] == point])
        if passages or self._record["stalls"]:
            yield Row("reader", "", self._paint_reader)

    def _passage(self, point: int, passage: Record | None, legs: Sequence[Record]) -> Iterator[Row | str]:
        best = _best(legs)
        for at, leg in enumerate(legs):
            from_s = min(passage["opened_s"], _asked_s(leg)) if passage and not at else _asked_s(leg)
            turn_s = passage["turn_s"] if passage and leg is best else None
            stood_in = bool(passage and passage["stood_in"] and leg is legs[-1])
            title = self._title(passage) if passage else _kind(leg)
            yield self._leg(
                leg,
                self._marks.below + _kind(leg) if at else title,
                partial(self._paint_leg, leg, from_s, turn_s=turn_s),
                "" if at else str(point + 1),
                self._note(leg, legs[:at], stood_in=stood_in, chosen=len(legs) > 1),
                bad=stood_in,
            )
        if passage and not legs:
            note = "notes stand in" if passage["stood_in"] else ""
            yield Row("", self._title(passage), partial(self._paint_wait, passage), str(point + 1), note=note, bad=True)
        if passage and passage["candidates"] > 1:
            why = f": {passage['why']}" if passage["why"] else ""
            yield f"{self._marks.below}{passage['candidates']} candidates{why}"

    def _leg(
        self, leg: Record, what: str, paint: partial[None], number: str = "", note: str = "", *, bad: bool = False
    ) -> Row:
        written = leg["completion_tokens"]
        return Row(
            leg["where"],
            what,
            paint,
            number,
            self._styles[leg["where"]],
            f"{written} tok" if written else "",
            note or self._note(leg),
            bad=bad or leg["end"] == "failed",
            faint=leg["kept"] is False,
        )

    def _title(self, passage: Record) -> str:
        return " ".join(self._texts.get(passage["segment"], "").split()) or f"{passage['words']} words"

    def _note(
        self, leg: Record, earlier: Sequence[Record] = (), *, stood_in: bool = False, chosen: bool = False
    ) -> str:
        """What became of it: its score, the one that a repair was to improve, and whether it was kept."""
        said = []
        if leg["quality"] is not None:
            score = f"{leg['quality']['confidence']:.2f}"
            scored = [one["quality"]["confidence"] for one in earlier if one["quality"] is not None]
            said.append(f"{max(scored):.2f}{self._marks.becomes}{score}" if scored and _is_repair(leg) else score)
        if leg["end"] == "failed":
            said.append(f"{self._marks.failed} {leg['error']}")
        elif leg["end"] == "cancelled":
            said.append("stopped")
        elif leg["kept"] is False:
            said.append("lost")
        elif leg["kept"] and chosen:
            said.append(self._marks.kept)
        return " ".join([*said, "notes stand in"] if stood_in else said)

    def _paint_leg(self, leg: Record, from_s: float, lane: Lane, *, turn_s: float | None = None) -> None:
        marks, style, first_s = self._marks, self._styles[leg["where"]], leg["first_token_s"]
        end_s = self._record["total_s"] if leg["ended_s"] is None else leg["ended_s"]
        if from_s < leg["started_s"]:
            lane.fill(from_s, leg["started_s"], marks.waits, "dim")
        lane.fill(leg["started_s"], end_s if first_s is None else first_s, marks.reads, f"dim {style}")
        if first_s is not None:
            lost = leg["kept"] is False
            lane.fill(first_s, end_s, marks.lost if lost else marks.writes, f"dim {style}" if lost else f"bold {style}")
        if leg["end"] == "failed":
            lane.mark(end_s, marks.failed, "bold red")
        elif leg["end"] == "cancelled":
            lane.mark(end_s, marks.stopped, f"dim {style}")
        if turn_s is not None:
            lane.mark(turn_s, marks.turn, "bold", beside=first_s)
        if first_s is not None:
            lane.mark(first_s, marks.first, style)

    def _paint_wait(self, passage: Record, lane: Lane) -> None:
        end_s = self._record["total_s"] if passage["done_s"] is None else passage["done_s"]
        lane.fill(passage["opened_s"], end_s, self._marks.waits, "dim")

    def _paint_reader(self, lane: Lane) -> None:
        """What went out when: the cloud's text and the passages in their writers' colours, and where it stood still."""
        record, marks, first_s, total_s = (
            self._record,
            self._marks,
            self._record["first_token_s"],
            self._record["total_s"],
        )
        lane.fill(0.0, total_s if first_s is None else first_s, marks.waits, "dim")
        if first_s is None:
            return
        whole = next((self._styles[leg["where"]] for leg in record["legs"] if leg["kind"] == "edge"), "cyan")
        lane.fill(first_s, total_s, marks.writes, whole)
        read = [passage for passage in record["passages"] if passage["turn_s"] is not None]
        for passage in read:
            done_s = total_s if passage["done_s"] is None else passage["done_s"]
            style = self._styles.get(passage["writer"], "dim")
            lane.fill(max(passage["turn_s"], first_s), done_s, marks.writes, style)
        for stall in record["stalls"]:
            lane.fill(stall["from_s"], stall["from_s"] + stall["longest_s"], marks.waits, "bold red")
        lane.mark(first_s, marks.first, whole)
        for passage in read:
            lane.write(passage["turn_s"], str(passage["point"] + 1), "bold", avoid="0123456789" + marks.first)


def _kind(leg: Record) -> str:
    return str(KINDS.get(leg["kind"], leg["kind"]))


def _is_repair(leg: Record) -> bool:
    return bool(leg["kind"] == "verify")


def _asked_s(leg: Record) -> float:
    """When it began to wait, or to run where it did not wait."""
    return float(leg["started_s"]) - float(leg["waited_s"] or 0.0)


def _best(legs: Sequence[Record]) -> Record | None:
    """Whose text the reader came to: the last leg that was not put aside."""
    wrote = [leg for leg in legs if leg["first_token_s"] is not None and leg["kept"] is not False]
    done = [leg for leg in wrote if leg["end"] == "done"] or wrote or legs
    return done[-1] if done else None


def _when(at: object) -> str:
    """To the second; an ISO 8601 time, which the ledger gives in UTC."""
    return f"{str(at)[:19].replace('T', ' ')} UTC"


def _stored_question(record: Record) -> str:
    """The last message, where the ledger keeps text."""
    content = record["prompt"][-1].get("content") if record.get("prompt") else None
    return content if isinstance(content, str) else ""
