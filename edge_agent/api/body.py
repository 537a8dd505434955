"""The body of a chat completion, as clients send it, and the job that it asks for."""

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from edge_agent.engine.port import Job
from edge_agent.errors import BadRequest, TooLarge
from edge_agent.protocol import CONTINUE_FIELD, Warm

ANY_OBJECT = {"type": "object"}
Role = Literal["system", "developer", "user", "assistant", "tool", "function"]


class Wire(BaseModel):
    """Unknown fields are accepted, and not looked at."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Part(Wire):
    type: str
    text: str | None = None


class Message(Wire):
    role: Role
    content: str | tuple[Part, ...] | None = None
    name: str | None = None

    def as_wire(self, where: str) -> dict[str, str]:
        """What the chat template sees: text alone, and the roles that templates know."""
        role = "system" if self.role == "developer" else self.role
        if isinstance(self.content, tuple):
            for number, part in enumerate(self.content):
                if part.type != "text":
                    raise BadRequest(f"This model reads text, not {part.type}.", param=f"{where}.content[{number}]")
        text = "".join(p.text or "" for p in self.content) if isinstance(self.content, tuple) else self.content or ""
        return {"role": role, "content": text}


class StreamOptions(Wire):
    include_usage: bool = False


class SchemaSpec(Wire):
    schema_: dict[str, Any] | None = Field(None, alias="schema")


class ResponseFormat(Wire):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaSpec | None = None


class ChatBody(Wire):
    model: str
    messages: tuple[Message, ...] = Field(min_length=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    n: int | None = None
    stop: str | tuple[str, ...] | None = None
    seed: int | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    top_k: int | None = Field(None, ge=0)
    min_p: float | None = Field(None, ge=0, le=1)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    repeat_penalty: float | None = Field(None, ge=0.1, le=10)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    logit_bias: dict[int, Annotated[float, Field(ge=-100, le=100)]] | None = None
    grammar: str | None = Field(None, min_length=1)
    response_format: ResponseFormat | None = None
    tools: tuple[Any, ...] | None = None
    ignore_eos: bool | None = None
    continue_final_message: bool | None = None
    mean_logprob: bool = False
    priority: int | None = Field(None, ge=-(2**31), lt=2**31)

    @property
    def include_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    def check(self) -> None:
        """Raises BadRequest for what this agent cannot do, instead of quietly doing something else."""
        if self.n not in (None, 1):
            raise BadRequest("This agent writes one choice: n must be 1.", param="n")
        if self.tools:
            raise BadRequest("This agent does not call tools.", param="tools")
        if self.stream_options is not None and not self.stream:
            raise BadRequest("stream_options needs stream: true.", param="stream_options")
        if self.top_logprobs is not None and not self.logprobs:
            raise BadRequest("top_logprobs needs logprobs: true.", param="top_logprobs")
        if self.continue_final_message and self.messages[-1].role != "assistant":
            raise BadRequest("To be continued, the last message must be the assistant's.", param=CONTINUE_FIELD)
        if self.grammar and self._schema() is not None:
            raise BadRequest("grammar and response_format exclude each other.", param="grammar")
        if self.ignore_eos and (self.grammar or self._schema() is not None):
            # Where a grammar is at its end no other token is allowed; llama.cpp aborts when it gets one all the same.
            raise BadRequest("ignore_eos and grammar or response_format exclude each other.", param="ignore_eos")

    def job(self, urgency: int = 0) -> Job:
        """`urgency`: the priority of a body that names none."""
        stop = (self.stop,) if isinstance(self.stop, str) else self.stop or ()
        last = self.messages[-1].role == "assistant"
        return Job(
            messages=tuple(m.as_wire(f"messages[{number}]") for number, m in enumerate(self.messages)),
            max_tokens=self.max_completion_tokens or self.max_tokens,
            stop=tuple(text for text in stop if text),
            seed=self.seed,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            repeat_penalty=self.repeat_penalty,
            top_logprobs=(self.top_logprobs or 0) if self.logprobs else None,
            grammar=self.grammar,
            json_schema=self._schema(),
            logit_bias=self.logit_bias or {},
            ignore_eos=bool(self.ignore_eos),
            continue_final=last if self.continue_final_message is None else self.continue_final_message,
            mean_logprob=self.mean_logprob,
            priority=urgency if self.priority is None else self.priority,
        )

    def _schema(self) -> dict[str, Any] | None:
        wanted = self.response_format
        if wanted is None or wanted.type == "text":
            return None
        if wanted.type == "json_object" or wanted.json_schema is None:
            return ANY_OBJECT
        return wanted.json_schema.schema_ or ANY_OBJECT


Shape = TypeVar("Shape", bound=BaseModel)


async def read_chat(request: Request, limit: int) -> ChatBody:
    return _parsed(ChatBody, await _read(request, limit))


async def read_warm(request: Request, limit: int) -> Warm:
    return _parsed(Warm, await _read(request, limit))


async def _read(request: Request, limit: int) -> Any:
    """The body's JSON. Raises TooLarge beyond `limit` bytes, BadRequest for what is no JSON."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise TooLarge(f"The body is larger than {limit} bytes.")
    try:
        value = json.loads(data)
        if b"\\u" in data:  # an escaped half of a surrogate pair is JSON, but no text
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The body is not valid JSON: {error}") from error


def _parsed(shape: type[Shape], value: Any) -> Shape:
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = _path(first["loc"])
        raise BadRequest(f"{where or 'body'}: {first['msg']}", param=where or None) from error


def _path(loc: tuple[int | str, ...]) -> str:
    """As OpenAI writes it: messages[0].role. Names of union branches, which pydantic puts in between, are left out."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part.isidentifier() and part not in ("str", "int"):
            path += f".{part}" if path else part
    return path
