"""The contract between an agent and the gateway: the only file that both sides share.

An agent announces itself with `Register` (bearer: the enrolment token) and gets a node token and a lease. Every
`heartbeat_s` it renews the lease with a `Heartbeat` (bearer: the node token); a gateway that has forgotten it answers
404 and the agent registers again. `Drain` takes it out of service while it finishes what it has; `DELETE` says goodbye.
Data flows the other way over plain OpenAI chat completions at `Register.url`, with the gateway presenting
`Register.api_key` as its bearer.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

PROTOCOL_VERSION = 1

# On the gateway.
REGISTER_PATH = "/nodes/v1/register"  # POST Register -> Registered
HEARTBEAT_PATH = "/nodes/v1/nodes/{node_id}/heartbeat"  # POST Heartbeat -> Lease
DRAIN_PATH = "/nodes/v1/nodes/{node_id}/drain"  # POST -> 204
NODE_PATH = "/nodes/v1/nodes/{node_id}"  # DELETE -> 204

# On the agent.
CHAT_PATH = "/v1/chat/completions"  # OpenAI's
MODELS_PATH = "/v1/models"  # OpenAI's
WARM_PATH = "/node/v1/warm"  # POST Warm -> Warmed
STATUS_PATH = "/node/v1/status"  # GET -> Status

# Headers on every call of the gateway to any upstream.
LEG_HEADER = "x-pice-leg"
LEVEL_HEADER = "x-pice-level"
REQUEST_ID_HEADER = "x-request-id"
# On calls of an agent: the first token must come within so many milliseconds, else a 503 is wanted, and soon.
DEADLINE_HEADER = "x-pice-deadline-ms"

# Body field of a chat completion: the last message is the assistant's own unfinished text; go on from its end.
# vLLM's name for it; llama-server and Ollama do so unasked.
CONTINUE_FIELD = "continue_final_message"

Seconds = Annotated[float, Field(gt=0)]


class Shape(BaseModel):
    """Fields of a newer peer are ignored, so that either side can be updated first."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Load(Shape):
    """What an agent is doing at this moment."""

    slots_busy: int = Field(0, ge=0)
    queued: int = Field(0, ge=0)
    tokens_per_s: float | None = Field(None, ge=0, description="decode speed of one sequence, measured on real work")
    prefill_tokens_per_s: float | None = Field(None, ge=0)


class Measured(Shape):
    """A rate that the agent has measured itself."""

    tokens_per_s: float = Field(gt=0, allow_inf_nan=False)
    age_s: float = Field(0, ge=0, allow_inf_nan=False, description="since it was measured last")
    source: str = Field("", max_length=32, description="self_test or work: measured for its own sake, or on answers")


class DecodeSpeed(Measured):
    """`tokens_per_s` is that of all sequences TOGETHER."""

    sequences: int = Field(ge=1, le=1024, description="decoded at the same time")


class Speed(Shape):
    """What is known of an agent's speed, as far as it was measured yet."""

    prefill: Measured | None = Field(None, description="of one prompt that is read alone")
    decode: tuple[DecodeSpeed, ...] = Field((), max_length=16, description="by rising number of sequences")

    @field_validator("decode")
    @classmethod
    def _rises(cls, decode: tuple[DecodeSpeed, ...]) -> tuple[DecodeSpeed, ...]:
        counts = [speed.sequences for speed in decode]
        if counts != sorted(set(counts)):
            raise ValueError("each number of sequences once, by rising number")
        return decode


class ModelCard(Shape):
    """One model of an agent; chat completions and `Warm` ask for it by its name."""

    name: str = Field(min_length=1)
    context_tokens: int = Field(ge=1, description="prompt + answer of one sequence")
    slots: int = Field(ge=1, le=1024)


class Register(Shape):
    protocol: int = PROTOCOL_VERSION
    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    url: str = Field(description="base URL of the agent's OpenAI API as the gateway can reach it, ending in /v1")
    api_key: str | None = Field(None, description="what the gateway must present to the agent")
    model: str = Field(min_length=1)
    slots: int = Field(ge=1, le=1024)
    context_tokens: int = Field(ge=1, description="prompt + answer of one sequence")
    engine: str = ""
    version: str = ""
    load: Load = Load()
    speed: Speed | None = None
    models: tuple[ModelCard, ...] = Field((), description="all that it serves, the main one above first")


class Lease(Shape):
    lease_s: Seconds
    heartbeat_s: Seconds


class Registered(Lease):
    node_id: str
    token: str = Field(description="bearer of this node's own calls from now on")


class Heartbeat(Shape):
    load: Load = Load()
    speed: Speed | None = Field(None, description="none: nothing new is said of it")


class WarmMessage(Shape):
    role: str
    content: str


class Warm(Shape):
    """Prefill these messages and keep them. The last one may be cut short: only its beginning is known yet."""

    messages: tuple[WarmMessage, ...] = Field(min_length=1)
    model: str | None = Field(None, description="None: the main one; one that is not loaded is loaded for it")


class Warmed(Shape):
    tokens: int = Field(ge=0, description="tokens of the prompt that are held now")
    cached: int = Field(0, ge=0, description="of them, those that were held already")


class ModelStatus(ModelCard):
    status: str = Field(description="loaded, loading or unloaded; an unloaded one is loaded when it is asked for")
    load: Load = Load()


class Status(Shape):
    name: str
    model: str
    engine: str
    slots: int
    context_tokens: int
    draining: bool
    registered: bool
    load: Load
    speed: Speed | None = None
    uptime_s: float
    models: tuple[ModelStatus, ...] = ()
