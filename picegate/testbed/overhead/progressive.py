"""What a progressive answer costs the gateway: its CPU time, with a scripted cloud and scripted edges around it."""

import json
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import anyio.to_thread

from picegate.testbed.cloud import CLOSING, OPENING, ScriptedCloud
from picegate.testbed.edge import ScriptedEdge
from picegate.testbed.overhead import load
from picegate.testbed.overhead.figures import MS
from picegate.testbed.overhead.process import cpu_s
from picegate.testbed.overhead.sides import START_S, serve
from picegate.testbed.programs import Program
from picegate.testbed.script import Reply, in_words

POINTS = 6
POINT_WORDS = 40
PER_PIECE = 3  # words in a chunk, as the scripted fakes send them
BATCHES, BATCH = 5, 20  # answers; CPU time is counted in steps of 10 ms
_NOTES = ("walking", "sleep", "friends", "work", "food", "breathing")
SKETCH = "\n".join([OPENING, *(f">>{POINT_WORDS} {note} lowers stress within weeks" for note in _NOTES), CLOSING])
# Prose about the notes, as a node writes it: one that seemed weak would be written once more, and that measured, too.
PASSAGE = (
    "A little of it every day is enough to begin with. It lowers stress within weeks, because the body learns to "
    "settle sooner after each small alarm, and most people who keep it up sleep better and soon worry less."
)
MARK = b"stress"  # of a passage, once; the cloud's own text has it only with a capital


def measure(progress: Callable[[str], None], *, per_piece: int) -> list[float]:
    """Milliseconds of gateway CPU per answer of six points, streamed and one at a time, by batch.

    `per_piece`: words that the fakes send in one chunk.

    Raises:
        LoadFailed: an answer is not whole.
        ProgramFailed: the gateway did not come up.
    """
    return anyio.run(_measure, progress, per_piece)


async def _measure(progress: Callable[[str], None], per_piece: int) -> list[float]:
    cloud = ScriptedCloud().on("sketch", Reply(*in_words(f"{SKETCH}\n", per_piece=per_piece)))
    edges = [ScriptedEdge(f"edge-{number}", slots=POINTS) for number in (1, 2)]
    for edge in edges:
        edge.on("expand", Reply(*in_words(PASSAGE, per_piece=per_piece)))
    async with AsyncExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="picegate-bench-")))
        for upstream in (cloud, *edges):
            await stack.enter_async_context(upstream)
        nodes = "".join(
            f"[[nodes]]\nname = {json.dumps(edge.name)}\nurl = {json.dumps(edge.url)}\n"
            f"model = {json.dumps(edge.model)}\nslots = {edge.slots}\n"
            for edge in edges
        )
        url = f"sqlite:///{work}/ledger.db"
        program, target = await anyio.to_thread.run_sync(serve, work, cloud.url, url, nodes)
        stack.callback(program.end)
        asked = load.Target(target.name, target.url, "pice-progressive", target.key, MARK, words=POINTS)
        return await anyio.to_thread.run_sync(_batches, program, asked, progress)


def _batches(program: Program, target: load.Target, progress: Callable[[str], None]) -> list[float]:
    seen = []
    for number in range(BATCHES + 1):
        progress(f"progressive answers of {POINTS} points")
        before = cpu_s(program.pid)
        run = load.run(target, stream=True, connections=1, seconds=START_S, most=BATCH)
        if number:  # the first batch warms up
            seen.append((cpu_s(program.pid) - before) / len(run.total_s) * MS)
    return seen
