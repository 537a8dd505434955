"""A client that goes away stops its answer, whenever it goes."""

import socket
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from picegate.core.events import Planned, TextDelta
from tests.contract.asking import MESSAGES, body, send_request
from tests.contract.house import PROGRESSIVE_PLAN, Door, door


async def _left(at: Door) -> None:
    with anyio.fail_after(5):
        await at.script.left.wait()
    assert at.script.open == 0


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_gone_before_the_first_token_stops_the_answer(tmp_path: Path, stream: bool) -> None:
    async with door(tmp_path, Planned(PROGRESSIVE_PLAN), anyio.Event()) as at:
        with at.socket() as raw:
            send_request(raw, body(stream=stream))
            with anyio.fail_after(5):
                await at.script.entered.wait()
            assert at.script.open == 1
        await _left(at)


async def test_a_client_gone_in_the_middle_of_a_stream_stops_the_answer(tmp_path: Path) -> None:
    async with (
        door(tmp_path, Planned(PROGRESSIVE_PLAN), TextDelta("Once", 0), anyio.Event()) as at,
        at.client() as client,
    ):
        stream = await client.chat.completions.create(model="pice", messages=MESSAGES, stream=True)
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        assert at.script.open == 1
        await stream.close()
        await _left(at)


async def test_a_client_gone_in_the_middle_of_a_whole_reply_stops_the_answer(tmp_path: Path) -> None:
    async with (
        door(tmp_path, Planned(PROGRESSIVE_PLAN), TextDelta("Once", 0), anyio.Event()) as at,
        at.client() as client,
    ):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: client.chat.completions.create(model="pice", messages=MESSAGES))
            with anyio.fail_after(5):
                await at.script.entered.wait()
            tasks.cancel_scope.cancel()
        await _left(at)


async def test_a_client_gone_after_the_ping_began_stops_the_answer(tmp_path: Path) -> None:
    server = {"commit_s": 0.01, "ping_s": 0.01}
    async with door(tmp_path, Planned(PROGRESSIVE_PLAN), anyio.Event(), server=server) as at:
        with at.socket() as raw:
            send_request(raw, body(stream=True))
            await anyio.to_thread.run_sync(_read_until, raw, b": ping\n")
        await _left(at)


async def test_a_client_gone_before_its_body_was_here_leaves_no_trace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with door(tmp_path) as at:
        with at.socket() as raw:
            raw.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: door\r\n"
                b"content-length: 100\r\nexpect: 100-continue\r\n\r\n"
            )
            await anyio.to_thread.run_sync(_read_until, raw, b"100 Continue")
            raw.sendall(b"{")
        with at.socket() as raw:
            raw.sendall(b"GET /health/live HTTP/1.1\r\nhost: door\r\n\r\n")
            assert b"200 OK" in await anyio.to_thread.run_sync(_read_until, raw, b"ok")
    assert at.script.asked == []
    assert not caplog.records


def _read_until(raw: socket.socket, end: bytes) -> bytes:
    seen = b""
    while end not in seen:
        got = raw.recv(4096)
        assert got, seen
        seen += got
    return seen
