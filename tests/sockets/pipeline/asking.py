"""How the tests of this folder ask: through the official SDK, with everything of a stream kept."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx2
from openai import AsyncOpenAI
from prometheus_client.parser import text_string_to_metric_families

from picegate.testbed.cluster import Cluster

QUESTION = "What helps against stress, and why does it help?"


@dataclass
class Heard:
    """A streamed answer as the client saw it."""

    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    usage: Any = None
    chunks: list[Any] = field(default_factory=list)
    headers: Any = None

    @property
    def pice(self) -> dict[str, Any]:
        shown: dict[str, Any] = self.usage.model_extra["pice"]
        return shown


def body(model: str = "pice-progressive", question: str = QUESTION, **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": question}], **fields}


async def hear(client: AsyncOpenAI, heard: Heard | None = None, **fields: Any) -> Heard:
    """Stream an answer to its end. `heard` fills as the chunks come, for those who look on."""
    heard = heard or Heard()
    fields = {**body(), "stream_options": {"include_usage": True}, **fields}
    raw = await client.chat.completions.with_raw_response.create(stream=True, **fields)
    heard.headers = raw.headers
    stream = raw.parse()
    async with stream:
        async for chunk in stream:
            heard.chunks.append(chunk)
            heard.usage = chunk.usage or heard.usage
            for choice in chunk.choices:
                heard.text += choice.delta.content or ""
                heard.reasoning += (choice.delta.model_extra or {}).get("reasoning_content") or ""
                heard.finish_reason = choice.finish_reason or heard.finish_reason
    return heard


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds. It looks again and again, since what it looks at lies on both sides of a socket."""
    with anyio.fail_after(10):
        while not condition():  # noqa: ASYNC110
            await anyio.sleep(0.005)


async def recorded(c: Cluster, heard: Heard) -> dict[str, Any]:
    """The answer's record, once the ledger has written it, which it does in a thread of its own."""
    async with httpx2.AsyncClient() as client:
        with anyio.fail_after(10):
            while True:
                reply = await client.get(f"{c.root}/admin/v1/requests/{heard.headers['x-request-id']}")
                if reply.status_code == httpx2.codes.OK:
                    found: dict[str, Any] = reply.json()
                    return found


async def node_states(c: Cluster) -> dict[str, str]:
    """Of every node, by its name."""
    async with httpx2.AsyncClient() as client:
        nodes = (await client.get(f"{c.root}/admin/v1/nodes")).json()["data"]
    return {node["name"]: node["state"] for node in nodes}


async def caught_up(c: Cluster) -> None:
    """Wait until the gateway has read the upstream calls that have ended, too, to their ends.

    An upstream has sent its last byte before the gateway reads it, and on a busy machine quite a while before.
    """
    async with httpx2.AsyncClient() as client:
        with anyio.fail_after(10):
            while await _under_way(client, c) > c.open_legs:
                pass


async def _under_way(client: httpx2.AsyncClient, c: Cluster) -> float:
    """Upstream calls, as the gateway counts them."""
    text = (await client.get(f"{c.root}/metrics")).text
    counted = {
        family.name: sum(sample.value for sample in family.samples) for family in text_string_to_metric_families(text)
    }
    return counted["picegate_cloud_calls"] + counted["picegate_node_slots"] - counted["picegate_node_free_slots"]
