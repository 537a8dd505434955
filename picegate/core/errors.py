"""Everything that can go wrong, as one tree. `wire/errors.py` holds the one table from here to OpenAI's errors.

PiceError
├── BadRequest                 400, names the field
│   └── ContextTooLong         400 context_length_exceeded
├── Unauthorized               401 invalid_api_key
├── Forbidden                  403
├── NotFound                   404
│   └── ModelNotFound          404 model_not_found
├── TooLarge                   413
├── Busy                       429 with retry-after
│   ├── RateLimited            429: this key, or the cloud's own limit
│   └── Overloaded             429: the queue before the cloud is too long to be served in time
├── CloudError                 something between us and the cloud
│   ├── CloudRefused           the cloud's own 4xx about this request: goes to the client as it came
│   ├── CloudMisconfigured     the cloud refuses *our* key or model: the operator's to mend, 502
│   ├── CloudUnavailable       refused connection, 5xx: 503
│   ├── CloudTimeout           one of the phases took too long: 504
│   └── CloudBroken            the stream ended in the middle, or sent an error: 502
├── EdgeError                  something between us and one node; repaired, never shown unless all are gone
│   ├── NoNode                 no node fits or is free in time
│   ├── NodeUnavailable        cannot be reached, 4xx, 5xx
│   ├── NodeRefused            400, 413, 422: about what it was asked
│   ├── NodeTimeout
│   ├── NodeSlow               writes so slowly that somebody else takes over
│   └── NodeBroken             died in the middle, or sent nonsense
└── ConfigError                names the key and the file and line, or the environment variable
"""

from collections.abc import Mapping
from typing import Any


class PiceError(Exception):
    """Root of the tree.

    Attributes:
        message: one sentence for the person who reads it.
        code: OpenAI's machine-readable code, or None.
        param: the request field it is about, or None.
        cloud_spent: cloud tokens were paid before it happened, so that a client's retry would pay them again.
    """

    code: str | None = None

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.param = param
        self.cloud_spent = False


class BadRequest(PiceError):
    code = "invalid_value"


class ContextTooLong(BadRequest):
    code = "context_length_exceeded"


class Unauthorized(PiceError):
    code = "invalid_api_key"


class Forbidden(PiceError):
    code = "permission_denied"


class NotFound(PiceError):
    code = "not_found"


class ModelNotFound(NotFound):
    code = "model_not_found"


class TooLarge(PiceError):
    code = "request_too_large"


class Busy(PiceError):
    """`retry_after_s`: when it is worth trying again, seconds."""

    def __init__(self, message: str, *, retry_after_s: float = 1.0, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class RateLimited(Busy):
    code = "rate_limit_exceeded"


class Overloaded(Busy):
    code = "overloaded"


class CloudError(PiceError):
    """`is_outage`: the cloud is down rather than unwilling, so somebody else may answer in its place."""

    code = "cloud_error"
    is_outage = False


class CloudRefused(CloudError):
    """`status` and `body` are the cloud's own; the client gets them unchanged."""

    code = "cloud_refused"

    def __init__(self, message: str, *, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class CloudMisconfigured(CloudError):
    code = "cloud_misconfigured"


class CloudUnavailable(CloudError):
    code = "cloud_unavailable"
    is_outage = True


class CloudTimeout(CloudError):
    code = "cloud_timeout"
    is_outage = True


class CloudBroken(CloudError):
    code = "cloud_stream_broken"
    is_outage = True


class EdgeError(PiceError):
    code = "edge_error"


class NoNode(EdgeError):
    code = "no_edge_available"


class NodeUnavailable(EdgeError):
    code = "edge_unavailable"


class NodeRefused(EdgeError):
    """What it was asked is at fault (too long for its context, an unknown parameter); it may serve other requests."""

    code = "edge_refused"


class NodeSlow(EdgeError):
    """It writes, but somebody else would have the rest long before it."""

    code = "edge_slow"


class NodeTimeout(EdgeError):
    code = "edge_timeout"


class NodeBroken(EdgeError):
    code = "edge_stream_broken"


class ConfigError(PiceError):
    code = "bad_config"
