"""`edge-agent bench`: the agent's own self-test, longer and several times over."""

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio

from edge_agent.bench.bars import Spread
from edge_agent.engine import trial
from edge_agent.engine.pace import sizes
from edge_agent.engine.port import Engine, ModelInfo
from edge_agent.errors import ModelUnusable

ANSWER_TOKENS = 64

Tick = Callable[[str], None]


@dataclass(slots=True)
class Samples:
    """What was measured so far, tokens/s. `decode`: of all sequences together, by their number."""

    info: ModelInfo
    prefill: list[float] = field(default_factory=list)
    decode: dict[int, list[float]] = field(default_factory=dict)
    interrupted: bool = False

    def data(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "model": self.info.name,
            "engine": self.info.engine,
            "slots": self.info.slots,
            "context_tokens": self.info.context_tokens,
            "interrupted": self.interrupted,
            "prefill": _spread(self.prefill) if self.prefill else None,
            "decode": [{"sequences": count, **_spread(rates)} for count, rates in sorted(self.decode.items())],
        }


async def measure(engine: Engine, repeats: int, tick: Tick, *, clock: trial.Clock = time.monotonic) -> Samples:
    """Load the engine, measure it `repeats` times, close it. SIGINT ends it early, with what it has.

    `tick` is told what is being done.

    Raises:
        ModelUnusable: the engine refuses the model, or fails.
    """
    with anyio.open_signal_receiver(signal.SIGINT) as signals:
        tick("loading the model")
        await engine.load()
        samples = Samples(engine.info)
        try:
            async with anyio.create_task_group() as group:

                async def heed() -> None:
                    async for _ in signals:
                        samples.interrupted = True
                        group.cancel_scope.cancel()

                group.start_soon(heed)
                await _rounds(engine, repeats, samples, tick, clock)
                group.cancel_scope.cancel()
        except ExceptionGroup as failed:
            raise ModelUnusable(f"the engine failed: {_innermost(failed)}") from failed
        finally:
            with anyio.CancelScope(shield=True):
                await engine.close()
    return samples


async def _rounds(engine: Engine, repeats: int, samples: Samples, tick: Tick, clock: trial.Clock) -> None:
    tick("warming up")
    await trial.warm_up(engine)
    for number in range(1, repeats + 1):
        tick(f"round {number} of {repeats}: prefill")
        rate = await trial.prefill(engine, random.Random(), clock)  # noqa: S311 (no secret)
        if rate is not None:
            samples.prefill.append(rate)
        for count in sizes(engine.info.slots):
            tick(f"round {number} of {repeats}: {count} at once")
            rate = await trial.decode(engine, count, clock, ANSWER_TOKENS)
            if rate is not None:
                samples.decode.setdefault(count, []).append(rate)


def _spread(rates: list[float]) -> dict[str, float | int]:
    """In tokens/s."""
    spread = Spread.of(rates)
    return {"median": spread.median, "low": spread.low, "high": spread.high, "samples": len(rates)}


def _innermost(failed: Exception) -> Exception:
    """The first fault in a group of groups."""
    while isinstance(failed, ExceptionGroup):
        failed = failed.exceptions[0]
    return failed
