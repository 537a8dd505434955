"""What every upstream leg has in common: its headers, the timeouts of its phases, the names of its failures."""

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from edge_agent.protocol import LEG_HEADER, LEVEL_HEADER, REQUEST_ID_HEADER
from picegate.core.errors import PiceError
from picegate.core.usage import LegKind
from picegate.core.value import value
from picegate.wire.upstream import dump


@value
class Phases:
    """How long each phase of a call may take, seconds."""

    connect_s: float
    first_token_s: float  # from sending the request, the status line included
    between_tokens_s: float
    total_s: float


@value
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


class Http:
    """A pool of connections whose only own timeout is that of connecting; idle ones stay open for `keep_s` seconds.

    The session is made with the first call: it belongs to the loop that runs it.
    """

    def __init__(self, *, connect_s: float, keep_s: float, proxy: str | None = None) -> None:
        self._timeout = aiohttp.ClientTimeout(total=None, connect=connect_s)
        self._keep_s = keep_s
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, headers: Mapping[str, str], content: bytes) -> aiohttp.ClientResponse:
        """The reply's status and headers, its body unread: whoever calls closes it. Redirections are not followed.

        Raises:
            aiohttp.ClientError, OSError: it could not be had.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # Without limits: how many calls may be open is decided by gates and slots.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=self._keep_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
            )
        return await self._session.post(
            _parsed(url), data=aiohttp.BytesPayload(content), headers=headers, allow_redirects=False, proxy=self._proxy
        )

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for `url` (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY)."""
    at = urlsplit(url)
    if not at.hostname or proxy_bypass(at.hostname):
        return None
    proxies = getproxies()
    return proxies.get(at.scheme) or proxies.get("all")


@lru_cache(maxsize=1024)
def _parsed(url: str) -> URL:
    return URL(url)


async def send(
    http: Http,
    url: str,
    headers: Mapping[str, str],
    body: Mapping[str, Any],
    phases: Phases,
    faults: Faults,
    *,
    deadline: float | None,
) -> aiohttp.ClientResponse:
    """The reply's status and headers, its body unread: the caller closes it.

    `deadline`: of the whole call, on the loop's clock; the first token has a limit of its own. None: the reply comes in
    one piece, and the caller has an eye on the clock.
    """
    try:
        if deadline is None:
            return await http.post(url, headers, dump(body))
        first_end = asyncio.get_running_loop().time() + phases.first_token_s
        async with asyncio.timeout_at(min(deadline, first_end)):
            return await http.post(url, headers, dump(body))
    except aiohttp.ServerTimeoutError as error:
        raise faults.timed_out("connect", phases.connect_s) from error
    except TimeoutError as error:
        if deadline is None or deadline <= first_end:
            raise faults.timed_out("whole answer", phases.total_s) from error
        raise faults.timed_out("first token", phases.first_token_s) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise faults.unavailable(f"{faults.who} cannot be reached: {str(error) or type(error).__name__}") from error
