"""The edge nodes of tests and benches: fakes that repeat the notes they were given and sign with their name."""

from collections.abc import MutableMapping
from typing import Any

from edge_agent.protocol import CONTINUE_FIELD, STATUS_PATH, WARM_PATH
from picegate.testbed.calls import Call
from picegate.testbed.script import Answer, Reply, Script, in_words
from picegate.testbed.upstream import Receive, ScriptedUpstream, Send, reply_json

_NOTES_LABELS = ("Notes:", "メモ:")  # how expansion prompts mark what a passage is to be made of


class ScriptedEdge(ScriptedUpstream):
    """A FAKE edge node. Unscripted, its passage holds the notes it was given and its own name in brackets.

    Attributes:
        warmed: bodies of the warm calls it got.
    """

    def __init__(
        self,
        name: str = "edge-1",
        script: Script | None = None,
        *,
        slots: int = 4,
        model: str = "edge-model",
        api_key: str | None = None,
        context_tokens: int | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(model=model, script=script, api_key=api_key, port=port)
        self.name = name
        self.slots = slots
        self.context_tokens = context_tokens
        self.warmed: list[dict[str, Any]] = []

    def default(self, call: Call) -> Answer:
        if call.body.get(CONTINUE_FIELD) or (call.messages and call.messages[-1].get("role") == "assistant"):
            return Reply(*in_words(f" and so it went on, [{self.name}]."))
        lines = [line.strip() for line in call.last.splitlines() if line.strip()]
        labelled = [line.partition(":")[2].strip() for line in lines if line.startswith(_NOTES_LABELS)]
        subject = (labelled or lines or ["nothing"])[-1]
        return Reply(*in_words(f"{subject}, says [{self.name}]."))

    async def route(
        self, scope: MutableMapping[str, Any], headers: dict[str, str], body: Any, receive: Receive, send: Send
    ) -> None:
        if scope["path"] == WARM_PATH and scope["method"] == "POST":
            self.warmed.append(body)
            self._tell()
            await reply_json(send, {"tokens": 1, "cached": 0})
        elif scope["path"] == STATUS_PATH and scope["method"] == "GET":
            await reply_json(send, self._status())
        else:
            await super().route(scope, headers, body, receive, send)

    def _status(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "model": self.model,
            "engine": "scripted",
            "slots": self.slots,
            "context_tokens": self.context_tokens or 4096,
            "draining": False,
            "registered": False,
            "load": {"slots_busy": self.open_legs, "queued": 0},
            "uptime_s": 0.0,
        }
