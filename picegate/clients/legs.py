"""What every upstream leg has in common: its headers, the timeouts of its phases, the names of its failures."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import httpx2

from edge_agent.protocol import LEG_HEADER, LEVEL_HEADER, REQUEST_ID_HEADER
from picegate.core.errors import PiceError
from picegate.core.usage import LegKind


@dataclass(frozen=True, slots=True)
class Phases:
    """How long each phase of a call may take, seconds."""

    connect_s: float
    first_token_s: float  # from sending the request, the status line included
    between_tokens_s: float
    total_s: float


@dataclass(frozen=True, slots=True)
class Faults:
    """The names that failures of one upstream have in the error tree."""

    who: str
    unavailable: type[PiceError]
    timeout: type[PiceError]
    broken: type[PiceError]

    def timed_out(self, phase: str, limit_s: float) -> PiceError:
        return self.timeout(f"{self.who} took too long: {phase} (limit {limit_s:g} s)")


def leg_headers(kind: LegKind, request_id: str, api_key: str | None, level: int | None = None) -> dict[str, str]:
    headers = {
        "content-type": "application/json",
        "accept-encoding": "identity",  # a compressing proxy would hold tokens back
        "user-agent": "picegate",
        LEG_HEADER: kind.value,
        REQUEST_ID_HEADER: request_id,
    }
    if level is not None:
        headers[LEVEL_HEADER] = str(level)
    if api_key:
        headers["authorization"] = f"Bearer {api_key}"
    return headers


def http_client(*, connect_s: float, keep: int, keep_s: float, trust_env: bool) -> httpx2.AsyncClient:
    """A client whose only own timeout is that of connecting; `keep` idle connections stay open for `keep_s` seconds."""
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(None, connect=connect_s),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=keep, keepalive_expiry=keep_s),
        trust_env=trust_env,
    )


async def send(
    http: httpx2.AsyncClient,
    url: str,
    headers: Mapping[str, str],
    body: Mapping[str, Any],
    phases: Phases,
    faults: Faults,
    *,
    deadline: float,
    whole: bool = False,
) -> httpx2.Response:
    """The reply's status and headers, its body unread: the caller closes it.

    Args:
        deadline: of the whole call, on anyio's clock.
        whole: the reply comes in one piece, so that the first token's limit does not apply.
    """
    first_end = anyio.current_time() + (phases.total_s if whole else phases.first_token_s)
    try:
        with anyio.CancelScope(deadline=min(deadline, first_end)):
            request = http.build_request("POST", url, headers=dict(headers), content=json.dumps(body).encode())
            return await http.send(request, stream=True)
    except httpx2.ConnectTimeout as error:
        raise faults.timed_out("connect", phases.connect_s) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise faults.unavailable(f"{faults.who} cannot be reached: {str(error) or type(error).__name__}") from error
    if whole or deadline <= first_end:
        raise faults.timed_out("whole answer", phases.total_s)
    raise faults.timed_out("first token", phases.first_token_s)
