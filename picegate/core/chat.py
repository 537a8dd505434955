"""The request in our own words: an `Ask`, its messages and what the client wished for.

The wire room turns a request body into an `Ask`; nothing below the front door ever looks at OpenAI's JSON again,
except the cloud legs, which send `Ask.payload` on as it came.
"""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from picegate.core.value import value


class Mode(StrEnum):
    """Who writes the answer."""

    CLOUD = "cloud"
    PROGRESSIVE = "progressive"
    EDGE = "edge"


class ServiceLevel(StrEnum):
    """What a request cares for most."""

    LATENCY = "latency"
    COST = "cost"
    QUALITY = "quality"


class DataPolicy(StrEnum):
    """Where the text of a request may travel."""

    ANY = "any"
    CLOUD_ONLY = "cloud_only"  # no edge device sees it
    EDGE_ONLY = "edge_only"  # it never leaves for the cloud


@value
class Message:
    """One turn of a conversation, reduced to its text."""

    role: str
    text: str

    def as_wire(self) -> dict[str, str]:
        return {"role": self.role, "content": self.text}


@value
class Sampling:
    """The sampling wishes that an edge can honour; None leaves the choice to the server asked."""

    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


@value
class PiceOptions:
    """The body's `pice` field. None: not said, so the planner and the config decide."""

    mode: Mode | None = None
    level: int | None = None  # 1..3
    ensemble: int | None = None  # candidates per point
    data_policy: DataPolicy | None = None
    service_level: ServiceLevel | None = None
    explain: bool = False


@value
class Ask:
    """One chat request.

    Attributes:
        request_id: travels to every upstream as `x-request-id`.
        model: the name the client asked for; replies carry it.
        messages: the conversation, text only (media parts are left out; see `needs`).
        needs: what only the cloud can give, each as the body's field name ("tools", "response_format", ...).
        payload: the body as it came, without `pice`; what cloud legs are built from.
        max_tokens: the bound on the whole answer, in tokens; None is unbounded.
        stop: stop strings over the whole answer.
        key_id: who asks, by the id of the API key; None where no key is required.
        key_level: the service level that the key stands for; None: the config's.
    """

    request_id: str
    model: str
    messages: tuple[Message, ...]
    payload: Mapping[str, Any] = field(repr=False)
    options: PiceOptions = PiceOptions()
    needs: tuple[str, ...] = ()
    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    service_tier: str | None = None
    stream: bool = False
    include_usage: bool = False
    data_policy: DataPolicy = DataPolicy.ANY
    key_id: str | None = None
    key_level: ServiceLevel | None = None

    @property
    def question(self) -> str:
        """The text of the last user turn; empty where there is none."""
        return next((m.text for m in reversed(self.messages) if m.role == "user"), "")
