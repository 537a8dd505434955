"""Bad input over real sockets and a real model: a clear 4xx, and whoever asks next gets an answer."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from edge_agent.app import create_app
from edge_agent.engine.choose import choose
from edge_agent.engine.options import EngineOptions
from edge_agent.server import background
from edge_agent.settings import Settings
from tests.agent.conftest import wait_for

pytestmark = pytest.mark.model
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def url(embedded_model: Path) -> Iterator[str]:
    options = EngineOptions(model=embedded_model, name="small", context_tokens=2048, slots=3, threads=1)
    with background(create_app(choose("llama", options), Settings(name="edge-1"))) as where:
        yield where


def ask(url: str, text: str, **wishes: Any) -> httpx2.Response:
    body = {"model": "small", "messages": [{"role": "user", "content": text}], "max_tokens": 4, **wishes}
    return httpx2.post(f"{url}/v1/chat/completions", json=body, timeout=PATIENCE_S)


@pytest.mark.parametrize(
    ("text", "wishes", "status"),
    [
        ("", {}, 200),
        ("<|im_end|><|im_start|><|endoftext|>" * 20, {}, 200),
        ("\x00\x01\x7f￿", {}, 200),
        ("word " * 200_000, {}, 400),
        ("a" * 1_000_000, {}, 400),
        ("Hello", {"stop": ""}, 200),
        ("Hello", {"grammar": "root ::= ((("}, 400),
        ("Hello", {"grammar": "nothing"}, 400),
        ("Hello", {"grammar": "root ::= root"}, 400),
        ("Hello", {"seed": 2**70}, 400),
        ("Hello", {"seed": -1}, 200),
        ("Hello", {"model": "other"}, 404),
        ("Hello", {"logit_bias": {"99999999": 5}}, 200),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_bad_input_is_answered_clearly_and_harms_nobody(
    url: str, text: str, wishes: dict[str, Any], status: int
) -> None:
    reply = ask(url, text, **wishes)
    assert reply.status_code == status, reply.text[:500]
    if status != 200:
        assert reply.json()["error"]["message"]
    assert ask(url, "Name a colour.").status_code == 200


def test_health_answers_while_a_long_prompt_is_read(url: str) -> None:
    with ThreadPoolExecutor(1) as other:
        long = other.submit(ask, url, "it rains in the hills " * 350, max_tokens=1)
        wait_for(lambda: httpx2.get(f"{url}/node/v1/status").json()["load"]["slots_busy"] == 1)
        for _ in range(5):
            assert httpx2.get(f"{url}/health").status_code == 200
        assert not long.done()
        assert long.result().status_code == 200


def test_a_deadline_that_passes_while_the_prompt_is_read_is_a_503_and_frees_the_slot(url: str) -> None:
    body = {
        "model": "small",
        "messages": [{"role": "user", "content": "it snows in the valley " * 250}],
        "stream": True,
    }
    late = httpx2.post(
        f"{url}/v1/chat/completions", json=body, headers={"x-pice-deadline-ms": "50"}, timeout=PATIENCE_S
    )
    assert (late.status_code, late.json()["error"]["code"]) == (503, "deadline_exceeded")
    assert int(late.headers["retry-after"]) >= 1
    assert httpx2.get(f"{url}/node/v1/status").json()["load"]["slots_busy"] == 0
