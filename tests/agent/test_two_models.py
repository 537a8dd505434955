"""Two models at one agent, as clients and operators see them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx2
import pytest
from fastapi import FastAPI
from openai import APIStatusError, AsyncOpenAI, NotFoundError, OpenAI

from edge_agent.app import create_app
from edge_agent.engine.choose import choose
from edge_agent.engine.fake import FakeEngine
from edge_agent.engine.port import Engine
from edge_agent.errors import ModelUnusable
from edge_agent.protocol import DEADLINE_HEADER
from edge_agent.roster.served import Suit
from edge_agent.serve import engine_options, further_engines
from edge_agent.server import background
from edge_agent.settings import Settings, load
from tests.agent.conftest import wait_for
from tests.agent.health.boxes import write_gguf
from tests.agent.health.test_model_shape import LLAMA, TENSORS

QUESTION: Any = [{"role": "user", "content": "How do I sleep better?"}]
GIB = 2**30

ServeTwo = Callable[..., str]


class Slow(FakeEngine):
    """It is loaded once `enough` is set."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.enough = threading.Event()

    async def load(self) -> None:
        await anyio.to_thread.run_sync(self.enough.wait)


def fixed(need: int) -> Suit:
    return lambda _: need


@pytest.fixture
def start() -> Iterator[Callable[[FastAPI], str]]:
    with ExitStack() as running:
        yield lambda app: running.enter_context(background(app))


@pytest.fixture
def serve_two(start: Callable[[FastAPI], str]) -> ServeTwo:
    """Call it with the room beside the main model and engines with their needs: it serves them until the test ends."""

    def serve(room: int, *further: tuple[Engine, int], main: Engine | None = None, **settings: Any) -> str:
        suited = [(engine, fixed(need)) for engine, need in further]
        main = main or FakeEngine(name="main")
        return start(create_app(main, Settings(name="edge-1", **settings), suited, lambda: room))

    return serve


def sdk(url: str) -> OpenAI:
    return OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)


def states(url: str) -> dict[str, str]:
    return {model["id"]: model["status"]["value"] for model in httpx2.get(f"{url}/v1/models").json()["data"]}


def test_each_model_is_answered_by_its_own_engine(serve_two: ServeTwo) -> None:
    main, other = FakeEngine(name="main"), FakeEngine(name="org/other")
    with sdk(serve_two(9, (other, 5), main=main)) as client:
        for name in ("org/other", "main", "org/other"):
            reply = client.chat.completions.create(model=name, messages=QUESTION, max_tokens=3)
            assert reply.model == name
        stream = client.chat.completions.create(model="org/other", messages=QUESTION, max_tokens=3, stream=True)
        assert {chunk.model for chunk in stream} == {"org/other"}
    assert (main.started, other.started) == (1, 3)


def test_all_models_are_listed_the_main_one_first_with_their_state(serve_two: ServeTwo) -> None:
    url = serve_two(9, (FakeEngine(name="fits", context_tokens=99), 5), (FakeEngine(name="huge"), 10))
    with sdk(url) as client:
        assert [model.id for model in client.models.list()] == ["main", "fits", "huge"]
        assert client.models.retrieve("fits").model_dump()["context_length"] == 99
    wait_for(lambda: states(url) == {"main": "loaded", "fits": "loaded", "huge": "unloaded"})


def test_an_unknown_model_is_404_and_the_message_names_what_is_served(serve_two: ServeTwo) -> None:
    with sdk(serve_two(9, (FakeEngine(name="other"), 5))) as client:
        for ask in (
            lambda: client.chat.completions.create(model="gpt", messages=QUESTION),
            lambda: client.models.retrieve("gpt"),
        ):
            with pytest.raises(NotFoundError, match="serves 'main', 'other'") as refused:
                ask()
            assert (refused.value.code, refused.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_does_not_fit_is_503_with_need_room_and_retry_after(serve_two: ServeTwo, stream: bool) -> None:
    with sdk(serve_two(GIB, (FakeEngine(name="huge"), 2 * GIB))) as client:
        with pytest.raises(APIStatusError, match=r"2\.00 GiB.* 1\.00 GiB") as refused:
            client.chat.completions.create(model="huge", messages=QUESTION, stream=stream)
        assert (refused.value.status_code, refused.value.code) == (503, "model_does_not_fit")
        assert int(refused.value.response.headers["retry-after"]) >= 1
        assert client.chat.completions.create(model="main", messages=QUESTION, max_tokens=1).choices


def test_a_warm_call_may_name_a_model(serve_two: ServeTwo) -> None:
    url = serve_two(9, (FakeEngine(name="other"), 5))
    warmed = httpx2.post(f"{url}/node/v1/warm", json={"messages": QUESTION, "model": "other"}).json()
    cached = {}
    for name in ("main", "other"):
        body = {"model": name, "messages": [{"role": "user", "content": "How do I sleep better? Tonight."}]}
        usage = httpx2.post(f"{url}/v1/chat/completions", json=body).json()["usage"]
        cached[name] = usage["prompt_tokens_details"]["cached_tokens"]
    assert cached == {"main": 0, "other": warmed["tokens"]}
    unknown = httpx2.post(f"{url}/node/v1/warm", json={"messages": QUESTION, "model": "gpt"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")


def test_status_and_metrics_tell_of_every_model(serve_two: ServeTwo) -> None:
    url = serve_two(
        9, (FakeEngine(name="fits", slots=2, context_tokens=99, token_s=0.001), 5), (FakeEngine(name="huge"), 10)
    )
    wait_for(lambda: states(url)["fits"] == "loaded")
    with sdk(url) as client:
        client.chat.completions.create(model="fits", messages=QUESTION, max_tokens=20)
    status = httpx2.get(f"{url}/node/v1/status").json()
    assert [(m["name"], m["slots"], m["context_tokens"], m["status"]) for m in status["models"]] == [
        ("main", 1, 4096, "loaded"),
        ("fits", 2, 99, "loaded"),
        ("huge", 1, 4096, "unloaded"),
    ]
    page = httpx2.get(f"{url}/metrics").text
    for line in (
        'edge_agent_requests_total{model="fits",outcome="length"} 1.0',
        'edge_agent_tokens_total{kind="completion",model="fits"} 20.0',
        'edge_agent_model_loaded{model="fits"} 1.0',
        'edge_agent_model_loaded{model="huge"} 0.0',
        'edge_agent_slots_busy{model="main"} 0.0',
        'edge_agent_decode_tokens_per_second{model="fits",sequences="1"} ',
    ):
        assert line in page


def test_the_deadline_of_a_call_holds_for_the_load_as_well(serve_two: ServeTwo) -> None:
    slow = Slow("slow")
    url = serve_two(9, (slow, 5))
    body = {"model": "slow", "messages": QUESTION}
    late = httpx2.post(f"{url}/v1/chat/completions", json=body, headers={DEADLINE_HEADER: "20"})
    slow.enough.set()
    assert (late.status_code, late.json()["error"]["code"]) == (503, "deadline_exceeded")


def test_a_further_model_that_can_never_be_used_as_wished_is_refused_at_the_start(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "odd.gguf", LLAMA | {"llama.attention.key_length": 80}, TENSORS)
    settings = load(options={"engine": "prebuilt", "also": [str(file)], "cache_type": "q8_0"})
    with pytest.raises(ModelUnusable, match=r"odd\.gguf: cache_type = q8_0 needs heads of a multiple of 32"):
        further_engines(settings, "main")


@pytest.mark.model
@pytest.mark.parametrize("engine", ["llama", "prebuilt"])
async def test_a_real_model_is_served_under_two_names_at_once(
    start: Callable[[FastAPI], str], embedded_model: Path, engine: Any
) -> None:
    told = {"model": str(embedded_model), "model_name": "one", "also": [f"{embedded_model}=two"]}
    settings = load(options={**told, "engine": engine, "slots": 2, "ctx": 512, "threads": 1})
    main = choose(engine, await anyio.to_thread.run_sync(engine_options, settings))
    further = await anyio.to_thread.run_sync(further_engines, settings, "one")
    url = start(create_app(main, settings, further))
    texts: dict[str, str] = {}

    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:

        async def ask(name: str) -> None:
            question: Any = [{"role": "user", "content": "What is the capital of France?"}]
            stream = await client.chat.completions.create(
                model=name, messages=question, max_tokens=12, temperature=0, stream=True
            )
            texts[name] = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        async with anyio.create_task_group() as group:
            for name in ("one", "two"):
                group.start_soon(ask, name)
    assert texts["one"]
    assert texts["one"] == texts["two"]
    assert states(url) == {"one": "loaded", "two": "loaded"}
