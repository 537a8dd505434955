"""A recorded sketch is replayed to a whole gateway, word for word; passages that no agent can write are refused."""

import anyio.to_thread
import httpx2
import pytest

from picegate.testbed.real import replay
from picegate.testbed.real.questions import Asked
from picegate.testbed.real.replay import replaying
from picegate.testbed.real.sketches import Sketch

SKETCH = Sketch(Asked("1", "How do I handle stress?"), ("Stress has", " many causes.\n", ">>60 Exercise: 30 min\n"))


def post(url: str, leg: str, question: str) -> httpx2.Response:
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": question}]}
    return httpx2.post(f"{url}/chat/completions", json=body, headers={"x-pice-leg": leg}, timeout=10.0)


async def test_sketches_are_replayed_word_for_word_and_nothing_else_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "FIRST_S", 0.0)

    def ask() -> tuple[str, list[int]]:
        with replaying([SKETCH]) as url:
            text = post(url, "sketch", SKETCH.asked.text).text
            return text, [post(url, "hedge", SKETCH.asked.text).status_code, post(url, "sketch", "What?").status_code]

    text, refused = await anyio.to_thread.run_sync(ask)
    for piece in ("Stress has", " many causes.\\n", ">>60 Exercise: 30 min\\n"):
        assert f'"content": "{piece}"' in text or f'"content":"{piece}"' in text
    assert refused == [400, 400]
