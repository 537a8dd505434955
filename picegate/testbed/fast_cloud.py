"""`python -m picegate.testbed.fast_cloud`: a FAKE cloud that answers at once with ready-made frames, for benches.

What it sends is fixed, so that time spent here is the same whoever asks.
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import anyio
import anyio.lowlevel

from picegate.testbed.calls import Call
from picegate.testbed.frames import DONE, chunk, frame
from picegate.testbed.server import LoopServer

MODEL = "cloud-model"
CHUNKS = 200
FIRST_TEXT = 1  # the frame with the first text; the one before it brings the role
PAUSE_S = 0.005


class FastCloud:
    def __init__(self, chunks: int = CHUNKS) -> None:
        call = Call("", {}, {}, 0.0, number=0)
        opening = frame(chunk(call, MODEL, {"role": "assistant", "content": ""}))
        words = [frame(chunk(call, MODEL, {"content": f"word-{number} "})) for number in range(chunks)]
        usage = {"prompt_tokens": 12, "completion_tokens": chunks, "total_tokens": 12 + chunks}
        end = frame(chunk(call, MODEL, {}, "stop")) + frame({**chunk(call, MODEL, {}), "choices": [], "usage": usage})
        self._frames = [opening, *words, end + DONE]

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            raise NotImplementedError("only HTTP here")  # uvicorn then knows that there is no lifespan
        while (await receive()).get("more_body"):
            pass
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number, data in enumerate(self._frames):
            await send({"type": "http.response.body", "body": data, "more_body": True})
            await anyio.lowlevel.checkpoint()  # every frame is a write of its own, as a model's tokens are
            if number == FIRST_TEXT:
                await anyio.sleep(PAUSE_S)  # the first token is timed alone, not in the rush of the others
        await send({"type": "http.response.body", "body": b""})


async def main(chunks: int) -> None:
    server = LoopServer(FastCloud(chunks))
    await server.start()
    print(f"listening on {server.root}", flush=True)
    await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else CHUNKS)
