"""Bad input over real sockets and a real model: a clear 4xx, and whoever asks next gets an answer."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
    data = json.dumps(body, ensure_ascii=False).encode()  # which writes NaN, too
    return httpx2.post(f"{url}/v1/chat/completions", content=data, timeout=PATIENCE_S)


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
        ("Hello", {"grammar": 'root ::= "a" [^\x00-\U0010ffff]'}, 400),
        ("Hello", {"grammar": "root ::= " + "(" * 100_000}, 400),
        ("Hello", {"grammar": "root ::= [a-z] !<[7]> | [0-9]"}, 400),
        ("Hello", {"grammar": 'root ::= "<a>" [<>("] # <not a token>'}, 200),
        ("Hello", {"grammar": 'root ::= "a"{1,100000}'}, 200),
        ("Hello", {"grammar": 'root ::= ("a"?)*'}, 200),
        ("Hello", {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "spoon"}}}}, 400),
        ("Hello", {"logit_bias": {"81": 1e30}}, 400),
        ("Hello", {"logit_bias": {"81": float("nan")}}, 400),
        ("Hello", {"temperature": 1e-30}, 200),
        ("Hello", {"temperature": 2, "top_k": 0, "top_p": 0, "min_p": 1}, 200),
        ("Hello", {"repeat_penalty": 1e-30}, 400),
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


def test_a_prompt_that_comes_again_is_seen_in_usage_and_metrics(url: str) -> None:
    def cached() -> float:
        page = httpx2.get(f"{url}/metrics").text
        return float(page.split('edge_agent_tokens_total{kind="cached",model="small"} ')[1].split()[0])

    ask(url, "How tall is a house?")
    before = cached()
    usage = ask(url, "How tall is a house?").json()["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == usage["prompt_tokens"] - 1
    assert cached() - before == usage["prompt_tokens"] - 1
    page = httpx2.get(f"{url}/metrics").text
    told = dict(line.rsplit(" ", 1) for line in page.splitlines() if line.startswith("edge_agent_kv_"))
    assert 0 < float(told['edge_agent_kv_tokens{model="small"}']) <= 6144
    assert float(told['edge_agent_kv_room_tokens{model="small"}']) == 6144


def test_the_mean_logprob_of_an_answer_is_told_where_it_is_asked_for(url: str) -> None:
    plain = ask(url, "Name a river.", temperature=0).json()
    assert "mean_logprob" not in plain["usage"]
    asked = ask(url, "Name a river.", temperature=0, mean_logprob=True, logprobs=True).json()
    entries = asked["choices"][0]["logprobs"]["content"]
    assert asked["usage"]["mean_logprob"] == pytest.approx(sum(e["logprob"] for e in entries) / len(entries))


odd_texts = st.text(max_size=60) | st.sampled_from(["<|im_start|>", "\u200b" * 9, "\ud7ff\ue000", "🌱" * 20, "\n" * 50])
odd_wishes = st.fixed_dictionaries(
    {},
    optional={
        "stop": st.one_of(odd_texts, st.lists(odd_texts, max_size=4)),
        "seed": st.integers(-(2**65), 2**65),
        "temperature": st.floats(-1, 3, width=32),
        "top_p": st.floats(-0.5, 1.5, width=32),
        "top_k": st.integers(-2, 2**31),
        "min_p": st.floats(0, 1, width=32),
        "frequency_penalty": st.floats(-3, 3, width=32),
        "repeat_penalty": st.floats(0, 12, width=32),
        "logit_bias": st.dictionaries(st.integers(-5, 2**31).map(str), st.floats(-200, 200), max_size=3),
        "logprobs": st.booleans(),
        "top_logprobs": st.integers(-1, 25),
        "max_tokens": st.integers(-1, 3),
        "priority": st.integers(-(2**40), 2**40),
        "ignore_eos": st.booleans(),
        "mean_logprob": st.booleans(),
        "continue_final_message": st.booleans(),
    },
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=odd_texts, wishes=odd_wishes)
def test_whatever_is_asked_is_answered_or_refused_by_the_name_of_a_field(
    url: str, text: str, wishes: dict[str, Any]
) -> None:
    reply = ask(url, text, **wishes)
    assert reply.status_code in (200, 400), reply.text[:500]
    if reply.status_code == 400:
        assert reply.json()["error"]["param"]
    assert httpx2.get(f"{url}/health").status_code == 200
