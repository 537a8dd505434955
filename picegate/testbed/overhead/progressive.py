"""What a progressive answer costs the gateway: its CPU time, with a scripted cloud and scripted edges around it."""

import json
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import anyio.to_thread

from picegate.testbed.calls import Call
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
BATCHES, BATCH = 11, 20  # answers; CPU time is counted in steps of 10 ms
# Prose about its notes, as a node writes it: one that seemed weak would be written once more, and that measured, too;
# and what was said before would be left out.
PASSAGES = {
    "walking": (
        "A walk of half an hour every day is enough to begin with. Walking lowers stress within weeks, because the "
        "body learns to settle sooner after each small alarm, and most people who keep it up soon worry less."
    ),
    "sleep": (
        "Go to bed at the same hour and leave the telephone in another room. Better sleep lowers stress within weeks, "
        "since a rested mind takes trouble for what it is and lets go of it by the evening."
    ),
    "friends": (
        "Call one of them on Sunday and have lunch with another on Wednesday. Friends lower stress within weeks: "
        "whoever tells a worry to somebody hears how small it sounds, and is not alone with it any more."
    ),
    "work": (
        "Write down three tasks in the morning and say no to the fourth. Such work lowers stress within weeks, for "
        "what is finished by five o'clock does not come along to dinner, and the list is short again tomorrow."
    ),
    "food": (
        "Cook something simple with beans, oats or fish and drink less coffee after noon. Good food lowers stress "
        "within weeks, as the sugar in the blood no longer jumps up and down between two meetings."
    ),
    "breathing": (
        "Breathe out twice as long as you breathe in, ten times before each meeting. Slow breathing lowers stress "
        "within weeks, because the pulse follows it and the shoulders come down without being asked."
    ),
}
SKETCH = "\n".join([OPENING, *(f">>{POINT_WORDS} {note} lowers stress within weeks" for note in PASSAGES), CLOSING])
MARK = b"stress"  # of a passage, once; the cloud's own text has it only with a capital


def measure(progress: Callable[[str], None], *, per_piece: int, candidates: int) -> list[float]:
    """Milliseconds of gateway CPU per answer of six points, streamed and one at a time, by batch.

    `per_piece`: words that the fakes send in one chunk. `candidates`: for one passage at most.

    Raises:
        LoadFailed: an answer is not whole.
        ProgramFailed: the gateway did not come up.
    """
    return anyio.run(_measure, progress, per_piece, candidates)


async def _measure(progress: Callable[[str], None], per_piece: int, candidates: int) -> list[float]:
    cloud = ScriptedCloud().on("sketch", Reply(*in_words(f"{SKETCH}\n", per_piece=per_piece)))

    def writes(call: Call) -> Reply:
        point = next((note for note in PASSAGES if f"{note} lowers" in call.last), None)
        return Reply(*in_words(PASSAGES[point], per_piece=per_piece) if point else "")

    edges = [ScriptedEdge(f"edge-{number}", writes, slots=POINTS) for number in (1, 2)]
    async with AsyncExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="picegate-bench-")))
        for upstream in (cloud, *edges):
            await stack.enter_async_context(upstream)
        nodes = "".join(
            f"[[nodes]]\nname = {json.dumps(edge.name)}\nurl = {json.dumps(edge.url)}\n"
            f"model = {json.dumps(edge.model)}\nslots = {edge.slots}\n"
            for edge in edges
        )
        more = f"{nodes}[quality]\ncandidates = {candidates}\n"
        url = f"sqlite:///{work}/ledger.db"
        program, target = await anyio.to_thread.run_sync(serve, work, cloud.url, url, more)
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
