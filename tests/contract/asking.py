"""Ways of asking: bodies, and raw HTTP where the SDK would hide what matters."""

import json
import socket
from typing import Any

import httpx2

MESSAGES = [{"role": "user", "content": "How can I handle stress?"}]


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "pice", "messages": MESSAGES, **fields}


async def post(root: str, content: Any, path: str = "/v1/chat/completions", **headers: str) -> httpx2.Response:
    """One request with a JSON body (or bytes, sent as they are). Header names are written with underscores."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx2.AsyncClient(timeout=10) as client:
        return await client.post(root + path, content=data, headers={"content-type": "application/json", **named})


async def get(root: str, path: str, **headers: str) -> httpx2.Response:
    async with httpx2.AsyncClient(timeout=10) as client:
        return await client.get(root + path, headers={n.replace("_", "-"): v for n, v in headers.items()})


def frames(content: bytes) -> list[Any]:
    """The data of every event of a stream, parsed; `[DONE]` as it is."""
    found = []
    for event in content.decode().split("\n\n"):
        data = [line[6:] for line in event.split("\n") if line.startswith("data: ")]
        if data:
            found.append("[DONE]" if data == ["[DONE]"] else json.loads(data[0]))
    return found


def send_request(raw: socket.socket, content: dict[str, Any]) -> None:
    data = json.dumps(content).encode()
    raw.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: door\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n" % len(data) + data
    )
