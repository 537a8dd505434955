"""What must reach the cloud untouched does, and what the cloud says comes back as it came."""

import json
from typing import Any

import anyio
import httpx2
import pytest

from picegate.testbed.cloud import ScriptedCloud
from picegate.testbed.cluster import Cluster, cluster
from picegate.testbed.script import Piece, Reply
from tests.sockets.pipeline.asking import body, hear

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


async def posted(c: Cluster, **fields: Any) -> httpx2.Response:
    async with httpx2.AsyncClient() as http:
        return await http.post(f"{c.url}/chat/completions", json=body(**fields), timeout=20)


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [TOOL], "tool_choice": "auto", "parallel_tool_calls": False},
        {"response_format": {"type": "json_object"}},
        {"n": 2},
        {"logprobs": True, "top_logprobs": 3},
        {"prediction": {"type": "content", "content": "x"}},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, PICTURE]}]},
        {
            "messages": [
                {"role": "user", "content": "Weather?"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "c1", "type": "function", "function": {}}],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "12 degrees"},
            ]
        },
    ],
    ids=["tools", "json", "n", "logprobs", "prediction", "image", "tool results"],
)
async def test_what_cannot_be_split_reaches_the_cloud_untouched(fields: dict[str, Any]) -> None:
    async with cluster() as c:
        reply = await posted(c, **{"model": "pice", **fields}, custom_vendor_field={"deep": [1, None, "ü"]})
        assert reply.headers["x-pice-mode"] == "cloud"
        call = c.cloud.calls[0]
        assert call.leg == "cloud"
        assert call.body == {
            **body("pice", **fields),
            "model": "cloud-model",
            "custom_vendor_field": {"deep": [1, None, "ü"]},
        } | ({"stream": False} if "stream" in call.body else {})


async def test_chunks_of_the_cloud_come_through_with_fields_nobody_knows() -> None:
    pieces = (Piece("Hello", extra={"vendor": {"trace": 7}}), Piece(" there.", delta={"annotations": [1]}))
    async with cluster(ScriptedCloud(lambda _: Reply(*pieces))) as c:
        text = (await posted(c, model="pice-cloud", stream=True)).text
        chunks = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
        assert any(chunk.get("vendor") == {"trace": 7} for chunk in chunks)
        assert any(choice["delta"].get("annotations") == [1] for chunk in chunks for choice in chunk["choices"])
        assert {chunk["model"] for chunk in chunks} == {"cloud-model"}
        assert text.endswith("data: [DONE]\n\n")


async def test_tool_calls_keep_their_index() -> None:
    def part(index: int, arguments: str) -> Piece:
        return Piece(delta={"tool_calls": [{"index": index, "id": f"c{index}", "function": {"arguments": arguments}}]})

    cloud = ScriptedCloud(lambda _: Reply(part(0, "{}"), part(1, '{"a":'), part(1, "1}"), finish_reason="tool_calls"))
    async with cluster(cloud) as c:
        heard = await hear(c.client(), **body("pice", tools=[TOOL]))
        indices = [
            call.index for chunk in heard.chunks for choice in chunk.choices for call in choice.delta.tool_calls or ()
        ]
        assert indices == [0, 1, 1]
        assert heard.finish_reason == "tool_calls"


async def test_the_clouds_usage_comes_back_with_ours_beside_it() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 7,
        "total_tokens": 107,
        "prompt_tokens_details": {"cached_tokens": 64},
    }
    prices = {"price_input": 10.0, "price_cached_input": 1.0, "price_output": 20.0}
    async with cluster(ScriptedCloud(lambda _: Reply("Seven.", usage=usage)), cloud=prices) as c:
        for stream in (True, False):
            if stream:
                got = (await hear(c.client(), **body("pice-cloud"))).usage
            else:
                got = (await c.client().chat.completions.create(**body("pice-cloud"))).usage
            assert (got.prompt_tokens, got.completion_tokens, got.prompt_tokens_details.cached_tokens) == (100, 7, 64)
            cost = got.model_extra["pice"]["cost"]
            assert cost["total"] == pytest.approx((36 * 10 + 64 * 1 + 7 * 20) / 1e6)


async def test_no_usage_chunk_comes_where_none_was_asked_for() -> None:
    async with cluster() as c:
        for model in ("pice-cloud", "pice-progressive", "pice-edge"):
            text = (await posted(c, model=model, stream=True)).text
            assert '"choices": []' not in text
            assert '"choices":[]' not in text


async def test_a_progressive_answer_says_what_it_saved() -> None:
    prices = {"price_input": 1.0, "price_output": 10.0}
    async with cluster(cloud=prices) as c:
        pice = (await hear(c.client())).pice
        cost = pice["cost"]
        assert cost["total"] == pytest.approx(cost["cloud"] + cost["edge"])
        assert cost["saved_estimate"] == pytest.approx(cost["cloud_only_estimate"] - cost["total"])
        assert {leg["leg"] for leg in pice["legs"]} >= {"sketch", "expand"}


async def test_many_readers_at_once_each_get_their_own_answer() -> None:
    def cloud(call: Any) -> Reply:
        subject = call.last.split()[-1]
        return Reply(f"About {subject}.\n", f">>40 A fact about {subject}\n", f">>40 More on {subject}\n", "Done.")

    async with cluster(ScriptedCloud(cloud)) as c, anyio.create_task_group() as group:
        client = c.client()

        async def one(number: int) -> None:
            text = (await hear(client, **body(question=f"Tell me everything about subject-{number:02d}"))).text
            assert text.startswith(f"About subject-{number:02d}.")
            assert text.count(f"subject-{number:02d}") == 3, text
            assert sum(text.count(f"subject-{other:02d}") for other in range(12) if other != number) == 0

        for number in range(12):
            group.start_soon(one, number)
