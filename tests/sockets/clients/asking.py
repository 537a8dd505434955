"""How the tests of the cloud client ask it, and the frames that clouds answer with."""

from typing import Any

from picegate.clients.cloud import CloudClient
from picegate.core.ports import CloudCall, Delta
from picegate.core.usage import LegKind
from picegate.settings import CloudSettings
from picegate.testbed.cloud import ScriptedCloud
from picegate.testbed.script import Answer

CALL = CloudCall(LegKind.CLOUD, "req-1", {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]})
FINISH = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
TOKEN = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"


def client(url: str, **settings: Any) -> CloudClient:
    return CloudClient(
        CloudSettings.model_validate(
            {"base_url": url, "model": "big", "api_key": "sk-secret", "connect_s": 1, "retries": 0, **settings}
        ),
        backoff_s=0.001,
    )


async def read(cloud: CloudClient, call: CloudCall = CALL) -> list[Delta]:
    async with cloud.stream(call) as deltas:
        return [delta async for delta in deltas]


async def relayed(cloud: CloudClient, call: CloudCall = CALL) -> list[bytes]:
    async with cloud.relay(call) as payloads:
        return [payload async for payload in payloads]


def script(cloud: ScriptedCloud, *answers: Answer) -> None:
    cloud.on("cloud", *answers)
