"""`picegate bench profiles`."""

from rich.table import Table

from picegate.cli.options import complaints
from picegate.cli.testbed.work import wide_console
from picegate.testbed.emulated.profile import known, load_profile


def profiles() -> None:
    """The profiles that clouds and edges can be emulated by, and where their figures come from."""
    console = wide_console()
    with complaints():
        loaded = [load_profile(name) for name in known()]
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("profile", "kind", "what", "step ms", "slots", "prefill tok/s", "tok/s at full batch", "rtt ms"):
        table.add_column(column, justify="left" if column in ("profile", "kind", "what") else "right")
    for profile in loaded:
        engine = profile.engine
        table.add_row(
            profile.name,
            profile.kind,
            profile.title,
            f"{engine.base_ms:g} + {engine.per_sequence_ms:g} b",
            str(engine.slots),
            f"{engine.prefill_tokens_per_s:g}",
            f"{engine.tokens_per_s:.0f}",
            f"{profile.link.rtt_ms:g}",
        )
    console.print(table)
    for profile in loaded:
        for figure, source in profile.sources.items():
            console.print(f"{profile.name}: {figure}: {source}")
