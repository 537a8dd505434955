"""Request ids, body limits, CORS, keys: what every request passes."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import anyio.to_thread
import httpx2
import openai
import pytest

from picegate.core.events import TextDelta
from tests.contract.asking import MESSAGES, body, get, post
from tests.contract.house import door, progressive

ANSWER = progressive(TextDelta("Hi", 0))
LOCKED = {"require_key": True}
LIMIT = {"max_body_bytes": 1000}


async def test_everything_carries_a_request_id(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER) as at:
        replies = [
            await get(at.root, "/health"),
            await get(at.root, "/nowhere"),
            await post(at.root, body(stream=True)),
            await post(at.root, b"{"),
        ]
    ids = [reply.headers["x-request-id"] for reply in replies]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


async def test_a_sane_request_id_of_the_client_is_kept(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER) as at:
        reply = await post(at.root, body(), x_request_id="Trace_1.a-b")
    assert reply.headers["x-request-id"] == "Trace_1.a-b"
    assert reply.json()["id"] == "chatcmpl-Trace_1.a-b"


@pytest.mark.parametrize("theirs", ["with blank", "a" * 129, 'quo"te', "é"])
async def test_an_odd_request_id_is_replaced(tmp_path: Path, theirs: str) -> None:
    async with door(tmp_path, *ANSWER) as at, httpx2.AsyncClient() as client:
        reply = await client.get(at.root + "/health", headers=[(b"x-request-id", theirs.encode())])
    assert re.fullmatch("[0-9a-f]{32}", reply.headers["x-request-id"])


async def test_an_announced_body_over_the_limit_is_refused(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER, server=LIMIT) as at, at.client() as client:
        with pytest.raises(openai.APIStatusError) as caught:
            await client.chat.completions.create(model="pice", messages=[{"role": "user", "content": "x" * 3_000_000}])
    assert caught.value.status_code == 413
    assert caught.value.code == "request_too_large"
    assert caught.value.response.headers["x-request-id"]


async def test_an_announced_body_over_the_limit_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER, server=LIMIT) as at:
        with at.socket() as raw:
            raw.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: door\r\ncontent-length: 9000000000\r\n\r\n")
            reply = await anyio.to_thread.run_sync(raw.recv, 4096)
    assert reply.startswith(b"HTTP/1.1 413 ")


async def test_a_chunked_body_over_the_limit_is_refused(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b" " * 100

    async with door(tmp_path, *ANSWER, server=LIMIT) as at, httpx2.AsyncClient() as client:
        reply = await client.post(f"{at.root}/v1/chat/completions", content=pieces())
        node = await client.post(
            f"{at.root}/nodes/v1/register", content=pieces(), headers={"authorization": "Bearer whatever"}
        )
    assert (reply.status_code, node.status_code) == (413, 413)
    assert reply.json()["error"]["code"] == "request_too_large"
    assert at.script.asked == []


async def test_a_body_at_the_limit_is_taken(tmp_path: Path) -> None:
    content = json.dumps(body()).encode()
    padded = content + b" " * (1000 - len(content))
    async with door(tmp_path, *ANSWER, server=LIMIT) as at:
        assert (await post(at.root, padded)).status_code == 200
        assert (await post(at.root, padded + b" ")).status_code == 413


async def test_a_preflight_answers_with_the_configured_origin(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER, server={"cors_origins": ["https://chat.example"]}) as at:
        async with httpx2.AsyncClient() as client:
            preflight = await client.options(
                f"{at.root}/v1/chat/completions",
                headers={
                    "origin": "https://chat.example",
                    "access-control-request-method": "POST",
                    "access-control-request-headers": "authorization, content-type, x-stainless-os",
                },
            )
        reply = await post(at.root, body(), origin="https://chat.example")
        refused = await post(at.root, b"{", origin="https://chat.example")
        stranger = await post(at.root, body(), origin="https://evil.example")
    assert preflight.is_success
    assert preflight.headers["access-control-allow-origin"] == "https://chat.example"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "x-stainless-os" in preflight.headers["access-control-allow-headers"]
    assert preflight.headers["x-request-id"]
    assert reply.headers["access-control-allow-origin"] == "https://chat.example"
    assert "x-pice-mode" in reply.headers["access-control-expose-headers"]
    assert refused.headers["access-control-allow-origin"] == "https://chat.example"
    assert "access-control-allow-origin" not in stranger.headers


async def test_every_origin_may_be_allowed(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER, server={"cors_origins": ["*"]}) as at:
        reply = await post(at.root, body(), origin="https://any.example")
    assert reply.headers["access-control-allow-origin"] == "*"


async def test_a_key_opens_the_door(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER, access=LOCKED) as at:
        async with at.client() as client:
            assert (await client.chat.completions.create(model="pice", messages=MESSAGES)).choices
            assert (await client.models.list()).data
        assert (await post(at.root, body(), api_key=at.secret)).status_code == 200
        assert (await post(at.root, body(), x_api_key=at.secret)).status_code == 200
        assert at.script.asked[0].key_id == at.house.keys.list()[0].id


async def test_without_a_key_the_door_stays_shut(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER, access=LOCKED) as at:
        async with at.client(api_key="sk-wrong-one") as client:
            with pytest.raises(openai.AuthenticationError) as caught:
                await client.chat.completions.create(model="pice", messages=MESSAGES)
            with pytest.raises(openai.AuthenticationError):
                await client.models.list()
        for headers in (
            {},
            {"authorization": "Basic abc"},
            {"authorization": "Bearer"},
            {"authorization": "Bearer é"},
        ):
            async with httpx2.AsyncClient() as client_:
                raw = [(name.encode(), value.encode()) for name, value in headers.items()]
                reply = await client_.post(f"{at.root}/v1/chat/completions", json=body(), headers=raw)
            assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
            assert reply.headers["www-authenticate"] == "Bearer"
        assert at.script.asked == []
    assert caught.value.code == "invalid_api_key"
    assert "sk-wrong-one" not in str(caught.value)


async def test_a_revoked_key_closes_the_door(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER, access=LOCKED) as at:
        at.house.keys.revoke(at.house.keys.list()[0].id)
        assert (await post(at.root, body(), authorization=f"Bearer {at.secret}")).status_code == 401


async def test_a_key_has_its_rate(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER, access={**LOCKED, "requests_per_minute": 2}) as at, at.client() as client:
        for _ in range(2):
            await client.chat.completions.create(model="pice", messages=MESSAGES)
        with pytest.raises(openai.RateLimitError) as caught:
            await client.chat.completions.create(model="pice", messages=MESSAGES)
        await client.models.list()
    assert caught.value.code == "rate_limit_exceeded"
    assert 0 < int(caught.value.response.headers["retry-after"]) <= 30
    assert 0 < int(caught.value.response.headers["retry-after-ms"]) <= 30_000
