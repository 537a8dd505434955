"""A running gateway, as the commands that ask it something see it."""

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
import typer

from picegate.cli.options import FAILED, complain
from picegate.wire.sse import SseDecoder

CONNECT_S = 5.0
NOT_FOUND = 404
REFUSED = (401, 403)
SILENCE_S = 300.0  # the gateway has timeouts of its own; this one is for a gateway that hangs


class Gateway:
    """Every method ends the program with a clear line where the gateway is not there or refuses."""

    def __init__(self, url: str, key: str | None) -> None:
        base = url.rstrip("/").removesuffix("/v1")
        self._url = base
        self._client = httpx2.Client(
            base_url=base,
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(SILENCE_S, connect=CONNECT_S),
        )

    def get(self, path: str) -> Any:
        with self._reached():
            return self._answer(self._client.get(path))

    def find(self, path: str, *, needs: str) -> Any | None:
        """As `get`, None where there is nothing at `path`. `needs`: said where the key does not open it."""
        with self._reached():
            response = self._client.get(path)
        if response.status_code == NOT_FOUND:
            return None
        if response.status_code in REFUSED:
            complain(f"the gateway at {self._url} answered {response.status_code}: {needs}")
            raise typer.Exit(FAILED)
        return self._answer(response)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        with self._reached():
            return self._answer(self._client.post(path, json=body))

    def stream(
        self, path: str, body: dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> Generator[dict[str, Any]]:
        """The chunks of a streamed answer."""
        with self._reached(), self._client.stream("POST", path, json=body, headers=headers) as response:
            if response.is_error:
                response.read()
                self._answer(response)
            events = SseDecoder()
            for data in response.iter_bytes():
                for payload in events.feed(data):
                    if payload == b"[DONE]":
                        return
                    chunk = json.loads(payload)
                    if "error" in chunk:
                        complain(_message(chunk))
                        raise typer.Exit(FAILED)
                    yield chunk

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            complain(f"no gateway answers at {self._url}: {error or type(error).__name__}")
            raise typer.Exit(FAILED) from error

    def _answer(self, response: httpx2.Response) -> Any:
        try:
            body = response.json()
        except ValueError:
            body = None
        if response.is_error or body is None:
            complain(f"the gateway at {self._url} answered {response.status_code}: {_message(body)}")
            raise typer.Exit(FAILED)
        return body


def _message(body: Any) -> str:
    """The sentence of an OpenAI error body."""
    error = body.get("error") if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return message if isinstance(message, str) else "not a reply of picegate"
