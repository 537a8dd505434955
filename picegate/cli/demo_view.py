"""What the demo shows: the sketch, the answer coloured by its writers, who did what, and what it came to."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from picegate.testbed.asking import Told

CLOUD = "cloud"
STYLES = ("green", "magenta", "yellow", "blue", "bright_green", "bright_magenta", "bright_yellow", "bright_blue")
MILLION = 1_000_000

Prices = tuple[float, float, float, float]  # per million tokens: input, cached input, output, edge output


def style_of(writer: str, told: Told) -> str:
    """The cloud is always cyan; agents take their colours in the order of their first passage."""
    if writer == CLOUD:
        return "cyan"
    agents = list(dict.fromkeys(name for name, _ in told.parts if name not in (CLOUD, "")))
    return STYLES[agents.index(writer) % len(STYLES)] if writer in agents else "default"


def panels(told: Told) -> list[RenderableType]:
    """The sketch and the answer, each in a box; every change of writer is marked by name."""
    answer = Text()
    for writer, text in told.parts:
        lead = text[: len(text) - len(text.lstrip())]
        answer.append(lead)
        if writer:
            answer.append(f"[{writer}] ", style=f"bold dim {style_of(writer, told)}")
        answer.append(text[len(lead) :], style=style_of(writer, told))
    headers = [f"{name}: {told.headers[name]}" for name in ("x-pice-mode", "x-pice-reason") if name in told.headers]
    sketch = Text(told.sketch.strip() or "(the cloud delegated nothing)", style="cyan")
    return [
        Text("\n".join(headers), style="dim"),
        Panel(sketch, title="sketch: what the cloud delegates", title_align="left"),
        Panel(answer, title="answer", title_align="left"),
    ]


@contextmanager
def watching(console: Console) -> Iterator[Callable[[Told], None]]:
    """Draw the growing answer while it comes; nothing of it stays. Without a terminal nothing is drawn."""
    if not console.is_terminal:
        yield lambda _: None
        return
    with Live(console=console, transient=True, refresh_per_second=12) as live:
        yield lambda told: live.update(_Tail(panels(told)))


class _Tail:
    """The last lines that fit the screen: what is taller than the screen would flicker."""

    def __init__(self, parts: list[RenderableType]) -> None:
        self._parts = parts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(Group(*self._parts), options, pad=False)
        for line in lines[-(console.height - 2) :]:
            yield from line
            yield Text("\n", end="")


def show_legs(told: Told) -> Table:
    """One line per upstream call: who, for which point, how many tokens, when; where passages were scored, how well."""
    legs = told.pice.get("legs", ())
    scored = any("quality" in leg for leg in legs)
    table = _table("\nwho did what (tokens; seconds since the question)")
    columns = ("leg", "by", "point", "in", "cached", "out", "from", "first", "to", "end")
    for column in (*columns, "score", "kept") if scored else columns:
        table.add_column(column, justify="left" if column in ("leg", "by", "end", "kept") else "right", no_wrap=True)
    for leg in legs:
        table.add_row(
            leg["leg"],
            Text(leg["node"], style=style_of(leg["node"], told)),
            "" if leg["point"] is None else str(leg["point"] + 1),
            *(str(leg[name]) for name in ("prompt_tokens", "cached_tokens", "completion_tokens")),
            *("-" if leg[name] is None else f"{leg[name]:.2f}" for name in ("started_s", "first_token_s", "ended_s")),
            leg["end"],
            *(_verdict(leg) if scored else ()),
        )
    return table


def comparison(told: Told, alone: Told, prices: Prices) -> Table:
    """The progressive answer beside the cloud's own, asked in the same run."""
    table = _table("\nthe same question, twice")
    for column, justify in (("", "left"), ("picegate", "right"), ("cloud alone", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    pice, cost = told.pice, told.pice.get("cost", {})
    cloud, edge = pice.get("cloud_tokens", {}), pice.get("edge_tokens", {})
    own = alone.usage
    own_cost = _cost(own, prices)
    rows = [
        ("mode", pice.get("mode", "?"), "-"),
        ("agents that wrote", ", ".join(pice.get("nodes", ())) or "none", "-"),
        ("answer, tokens", told.usage.get("completion_tokens"), own.get("completion_tokens")),
        ("cloud tokens out", cloud.get("completion"), own.get("completion_tokens")),
        ("cloud tokens in (cached)", _tokens(cloud), _own_input(own)),
        ("edge tokens out", edge.get("completion"), 0),
        ("first token", _seconds(told.first_s), _seconds(alone.first_s)),
        ("total", _seconds(told.total_s), _seconds(alone.total_s)),
        ("cost, at assumed prices", _money(cost.get("total")), _money(own_cost)),
        ("this answer all from the cloud", _money(cost.get("cloud_only_estimate")), "-"),
        ("saved (estimate)", _money(cost.get("saved_estimate")), "-"),
    ]
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    return table


def explain_tokens(told: Told, alone: Told) -> str:
    """What the figures mean, said once."""
    share = told.pice.get("cloud_tokens", {}).get("completion", 0) / max(1, told.usage.get("completion_tokens", 0))
    cut = [name for name, reply in (("picegate's", told), ("the cloud's", alone)) if reply.finish_reason == "length"]
    said = f"\nThe cloud wrote {share:.0%} as many tokens as the answer has."
    if cut:
        said += f" {' and '.join(cut).capitalize()} answer was cut at the token limit."
    return said


def legend(models: Sequence[str], stand_in: str | None) -> str:
    """`models`: of the agents; `stand_in`: the model that plays the cloud, if one does."""
    who = f"The agents run {' and '.join(models)}"
    if stand_in is not None:
        who += f", and {stand_in} stands in for a cloud"
    return (
        f"{who}: tiny models, so expect slips in what they say. All processes share this machine's cores, so the "
        "seconds above show that the legs overlap, not what a cloud and Jetsons would need. Prices are assumed: "
        "`picegate demo --help`."
    )


def _verdict(leg: dict[str, Any]) -> tuple[str, str]:
    """Its passage's score, and whether readers got it."""
    if "quality" not in leg:
        return "", ""
    return f"{leg['quality']['confidence']:.2f}", {True: "yes", False: "no", None: ""}[leg["kept"]]


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))


def _cost(usage: dict[str, Any], prices: Prices) -> float | None:
    if not usage:
        return None
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    fresh = usage["prompt_tokens"] - cached
    return float(fresh * prices[0] + cached * prices[1] + usage["completion_tokens"] * prices[2]) / MILLION


def _tokens(tokens: dict[str, int]) -> str:
    return f"{tokens.get('prompt', '?')} ({tokens.get('cached', 0)})"


def _own_input(usage: dict[str, Any]) -> str:
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return f"{usage.get('prompt_tokens', '?')} ({cached})"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def _money(value: float | None) -> str:
    return "-" if value is None else f"{value:.6f} USD"
