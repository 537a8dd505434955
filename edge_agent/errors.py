"""Everything that can go wrong in an agent, as one tree. `api/errors.py` holds the table from here to OpenAI's errors.

AgentError
├── BadRequest             400, names the field
│   └── ContextTooLong     400 context_length_exceeded, names the limit
├── Unauthorized           401 invalid_api_key
├── NotFound               404
│   └── ModelNotFound      404 model_not_found
├── TooLarge               413
├── Overloaded             503 with retry-after: slots and queue are full
│   ├── Draining           503: this agent is on its way out
│   ├── ModelDoesNotFit    503 model_does_not_fit: too little memory to load it now
│   └── TooLate            503: the first token would not come, or has not come, by the caller's deadline
├── EngineFailed           500: the engine broke, or the stream ended without a finish
└── StartupError           the program ends with one line on stderr and `exit_status`
    ├── ModelUnusable      1: missing file, not a GGUF, refused by the engine
    ├── EngineMissing      1: no engine is installed
    ├── DownloadFailed     1
    ├── ConfigError        2: names the key and where it came from
    ├── CannotListen       2: port in use, unknown host
    └── EnrolmentRefused   3: the gateway does not take this agent
"""


class AgentError(Exception):
    """Root of the tree.

    Attributes:
        message: one sentence for the person who reads it.
        param: the request field it is about, or None.
    """

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class BadRequest(AgentError):
    pass


class ContextTooLong(BadRequest):
    """`prompt_tokens` do not fit into the `limit` of one sequence."""

    def __init__(self, *, limit: int, prompt_tokens: int) -> None:
        super().__init__(
            f"This model's maximum context length is {limit} tokens, but the messages came to {prompt_tokens} tokens "
            "and at least one must be left for the answer. Please shorten the messages.",
            param="messages",
        )
        self.limit = limit
        self.prompt_tokens = prompt_tokens


class Unauthorized(AgentError):
    pass


class NotFound(AgentError):
    pass


class ModelNotFound(NotFound):
    pass


class TooLarge(AgentError):
    pass


class Overloaded(AgentError):
    """`retry_after_s`: when it is worth trying again, seconds."""

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Draining(Overloaded):
    pass


class ModelDoesNotFit(Overloaded):
    pass


class TooLate(Overloaded):
    pass


class EngineFailed(AgentError):
    pass


class StartupError(AgentError):
    exit_status = 1


class ModelUnusable(StartupError):
    pass


def cannot_load(path: object) -> str:
    """What to say when llama.cpp refuses a file; its own reasons stand in its log."""
    return f"llama.cpp cannot load {path}: corrupt or unsupported, or too large for the memory (--verbose says more)"


class EngineMissing(StartupError):
    pass


class DownloadFailed(StartupError):
    pass


class ConfigError(StartupError):
    exit_status = 2


class CannotListen(StartupError):
    exit_status = 2


class EnrolmentRefused(StartupError):
    exit_status = 3
