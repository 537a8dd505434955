"""`python -m picegate.testbed.fast_cloud`: a FAKE cloud that answers at once with ready-made bytes, for benches.

What it sends is fixed, so that time spent here is the same whoever asks. It is a bare protocol and no ASGI app: the
cloud must never be what a bench of gateways measures.
"""

import asyncio
import json
import re
import sys
from typing import cast

import uvloop

from picegate.testbed.calls import Call
from picegate.testbed.frames import DONE, chunk, frame

MODEL = "cloud-model"
CHUNKS = 32
PROMPT_TOKENS = 12

_STREAM = re.compile(rb'"stream"\s*:\s*true')
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_BLANK = b"\r\n\r\n"
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: "


class Script:
    """The bytes of its two answers: `whole`, and `pieces` of a stream, each a write of its own as a token's are."""

    def __init__(self, chunks: int) -> None:
        call = Call("", {}, {}, 0.0, number=0)
        words = [f"word-{number} " for number in range(chunks)]
        usage = {
            "prompt_tokens": PROMPT_TOKENS,
            "completion_tokens": chunks,
            "total_tokens": PROMPT_TOKENS + chunks,
        }
        message = {"role": "assistant", "content": "".join(words), "refusal": None}
        body = json.dumps(
            {
                **chunk(call, MODEL, {}),
                "object": "chat.completion",
                "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
                "usage": usage,
            }
        ).encode()
        self.whole = _HEAD + b"application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
        opening = frame(chunk(call, MODEL, {"role": "assistant", "content": ""}))
        texts = [frame(chunk(call, MODEL, {"content": word})) for word in words]
        end = frame(chunk(call, MODEL, {}, "stop")) + frame({**chunk(call, MODEL, {}), "choices": [], "usage": usage})
        head = _HEAD + b"text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        self.pieces = [head + _chunked(opening), *map(_chunked, texts), _chunked(end + DONE) + b"0\r\n\r\n"]


class FastCloud(asyncio.Protocol):
    """One connection. It takes one request after the other, and looks at nothing of them but `stream`."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._read = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's are of no class of asyncio

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, blank, rest = self._read.partition(_BLANK)
        length = _LENGTH.search(head)
        if not blank or len(rest) < (int(length[1]) if length else 0):
            return
        self._read = b""
        if _STREAM.search(rest):
            self._send(0)
        elif self._transport is not None:
            self._transport.write(self._script.whole)

    def _send(self, number: int) -> None:
        if self._transport is None:
            return
        self._transport.write(self._script.pieces[number])
        if number + 1 < len(self._script.pieces):
            asyncio.get_running_loop().call_soon(self._send, number + 1)


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def serve(chunks: int) -> None:
    script = Script(chunks)
    server = await asyncio.get_running_loop().create_server(lambda: FastCloud(script), "127.0.0.1", 0)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else CHUNKS))
