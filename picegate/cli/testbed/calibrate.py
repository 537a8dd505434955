"""`picegate bench calibrate`."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from picegate.cli.options import FAILED, JsonOption, complaints
from picegate.testbed.bench.calibrate import AGREEMENT, agent_at, agree, measure


def run_calibrate(
    url: Annotated[
        str, typer.Argument(help="Root URL of a running agent, idle otherwise, such as http://jetson:8090.")
    ],
    slots: Annotated[int, typer.Option(min=1, max=256, help="Its slots.")] = 4,
    as_json: JsonOption = False,
) -> None:
    """Measure a running agent's step and prefill, and compare it with its emulation on one small load, in real time."""
    console = Console(highlight=False)
    with complaints():
        agent = agent_at(url)
        measured = asyncio.run(measure(agent, slots))
        profile = measured.profile(slots)
        compared = asyncio.run(agree(agent, profile))
    if as_json:
        print(
            json.dumps({"measured": asdict(measured), "agreement": asdict(compared), "holds": compared.holds}, indent=1)
        )
    else:
        for batch, step in measured.steps_ms.items():
            console.print(
                f"step with {batch} sequences: {step:.1f} ms, by the line {profile.step_s(batch, 0) * 1000:.1f}"
            )
        console.print(
            f"base_ms = {measured.base_ms:.2f}\nper_sequence_ms = {measured.per_sequence_ms:.2f}\n"
            f"prefill_tokens_per_s = {measured.prefill_tokens_per_s:.0f}  # emulated tokens"
        )
        names = ("mean latency, s", "worst latency, s", "tokens/s")
        for name, ours, emulated, difference in zip(
            names, compared.agent, compared.emulated, compared.differences, strict=True
        ):
            console.print(f"{name}: agent {ours:.3f}, emulated {emulated:.3f} ({difference:+.1%})")
        console.print(f"{'met   ' if compared.holds else 'MISSED'} all within {AGREEMENT:.0%}")
    if not compared.holds:
        raise typer.Exit(FAILED)
