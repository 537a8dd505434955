"""The emulation over real sockets: one server by itself, then a whole trial on a clock that jumps."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest

from picegate.testbed.bench.offer import Load
from picegate.testbed.bench.policies import AUTO, CLOUD, EDGE, Policy
from picegate.testbed.bench.trial import run_trial
from picegate.testbed.bench.workload import workload
from picegate.testbed.emulated.author import Author
from picegate.testbed.emulated.clock import run_virtual
from picegate.testbed.emulated.faults import Faults
from picegate.testbed.emulated.profile import EngineProfile, LinkProfile, Profile, load_profile
from picegate.testbed.emulated.questions import Question, Questions
from picegate.testbed.emulated.server import EmulatedServer
from picegate.testbed.emulated.site import Site, edges_of

QUICK = EngineProfile(1.0, 0.1, 2, 100_000, 10_000, 2_000, block=1)
ASKED = Question("q", "generic", "How do I sleep?", cloud_words=40, edge_words=30)
SITE = Site(load_profile("headline-cloud"), load_profile("headline-orin"), edges=2)


def server(faults: Faults | None = None, engine: EngineProfile = QUICK) -> EmulatedServer:
    profile = Profile("quick", "quick", "edge", engine, LinkProfile(rtt_ms=1.0))
    return EmulatedServer("quick", profile, Author(Questions([ASKED]), is_cloud=False), faults=faults)


def body(stream: bool = True, **fields: object) -> dict[str, object]:
    return {"model": "m", "stream": stream, "messages": [{"role": "user", "content": ASKED.asked}], **fields}


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=10.0, trust_env=False) as client:
        yield client


async def streamed(http: httpx2.AsyncClient, url: str, **fields: object) -> list[str]:
    async with http.stream("POST", f"{url}/chat/completions", json=body(**fields)) as response:
        assert response.status_code == 200
        return [line.removeprefix("data: ") async for line in response.aiter_lines() if line]


async def test_a_stream_brings_its_text_its_usage_and_its_end(http: httpx2.AsyncClient) -> None:
    async with server() as edge:
        *frames, done = await streamed(http, edge.url)
        chunks = [json.loads(frame) for frame in frames]
        text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"])
        assert done == "[DONE]"
        assert len(text.split()) == ASKED.edge_words
        assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
        assert chunks[-1]["usage"]["completion_tokens"] == round(ASKED.edge_words * 1.35)


async def test_the_second_call_finds_the_prompt_of_the_first(http: httpx2.AsyncClient) -> None:
    async with server() as edge:
        replies = [(await http.post(f"{edge.url}/chat/completions", json=body(stream=False))).json() for _ in range(2)]
        cached = [reply["usage"]["prompt_tokens_details"]["cached_tokens"] for reply in replies]
        assert cached == [0, replies[0]["usage"]["prompt_tokens"] - 1]


async def test_models_warming_and_bad_requests_are_answered(http: httpx2.AsyncClient) -> None:
    async with server() as edge:
        assert (await http.get(f"{edge.url}/models")).json()["data"][0]["id"] == "quick"
        warmed = await http.post(f"{edge.root}/node/v1/warm", json={"messages": [{"role": "user", "content": "a b c"}]})
        assert warmed.json()["tokens"] == 8
        assert (await http.post(f"{edge.url}/chat/completions", content=b"nonsense")).status_code == 400
        assert (await http.post(f"{edge.url}/other", json=body())).status_code == 404
        assert (await http.get(f"{edge.root}/testbed/stats")).json()["legs"]["warm"]["prompt"] == 8


async def test_a_client_that_leaves_frees_its_slot(http: httpx2.AsyncClient) -> None:
    async with server(engine=EngineProfile(20.0, 1.0, 1, 100_000, 10_000, 2_000)) as edge:
        async with http.stream("POST", f"{edge.url}/chat/completions", json=body()) as response:
            await anext(response.aiter_lines())
        frames = await streamed(http, edge.url, max_tokens=2)
        assert frames[-1] == "[DONE]"
        assert edge.engine.work.cancelled == 1


async def test_injected_faults_are_seen(http: httpx2.AsyncClient) -> None:
    async with server(Faults(refuse=1.0)) as edge:
        assert (await http.post(f"{edge.url}/chat/completions", json=body())).status_code == 503
    async with server(Faults(die=1.0)) as edge:
        with pytest.raises(httpx2.HTTPError):
            await streamed(http, edge.url)
        assert edge.engine.work.cancelled == 1
    async with server(Faults(stall=1.0)) as edge:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await streamed(http, edge.url)
        assert edge.stats().stalled == 1
    async with server(Faults(mute=1.0)) as edge:
        heard: list[str] = []

        async def listen() -> None:
            async with http.stream("POST", f"{edge.url}/chat/completions", json=body()) as response:
                heard.extend([line async for line in response.aiter_lines()])

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await listen()
        assert heard == []
        assert edge.stats().muted == 1


async def test_one_edge_may_be_slower_than_the_others() -> None:
    async with edges_of(replace(SITE, straggler=3.0), [ASKED], seed=1) as edges:
        assert [edge.engine.slowness for edge in edges] == [3.0, 1.0]


def test_a_virtual_clock_jumps_and_everything_sees_it() -> None:
    async def sleeps() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        before = loop.time(), time.monotonic()
        await asyncio.sleep(3_600.0)
        return loop.time() - before[0], time.monotonic() - before[1]

    began = time.perf_counter()
    assert run_virtual(sleeps()) == (pytest.approx(3_600.0), pytest.approx(3_600.0))
    assert time.perf_counter() - began < 60.0


@pytest.mark.parametrize(
    ("policy", "mode", "edge_wrote"), [(CLOUD, "cloud", False), (EDGE, "edge", True), (AUTO, None, None)]
)
def test_a_trial_asks_through_the_real_gateway(policy: Policy, mode: str | None, edge_wrote: bool | None) -> None:
    made = run_trial(policy, SITE, workload("vicuna80"), Load(30.0, 20.0))
    figures = made.figures
    assert (figures.failed, figures.errors) == (0, {})
    assert 0 < figures.first_p50 < figures.latency_p50 <= figures.latency_p95
    assert figures.late_share == 0.0
    if mode is not None:
        assert set(figures.modes) == {mode}
        assert (figures.edge_tokens > 0) is edge_wrote
        assert (figures.cloud_tokens > 0) is not edge_wrote
    assert made.as_data()["emulated"] is True


def test_a_gateway_without_edges_still_answers() -> None:
    made = run_trial(AUTO, Site(SITE.cloud, SITE.edge, edges=0), workload("short-chat"), Load(30.0, 10.0))
    assert made.figures.failed == 0
    assert set(made.figures.modes) == {"cloud"}


def test_a_virtual_clock_moves_on_for_who_sleeps_next_to_nothing() -> None:
    async def sleeps() -> int:
        began, turns = time.monotonic(), 0
        while time.monotonic() - began < 1e-6 and turns < 10_000:
            await asyncio.sleep(1e-15)
            turns += 1
        return turns

    assert run_virtual(sleeps()) < 10_000
