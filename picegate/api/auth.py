"""Who is asking: API keys on the way in."""

import time

import anyio.to_thread
from starlette.requests import Request

from picegate.access.keys import Key
from picegate.api.deps import House
from picegate.core.errors import Forbidden, Unauthorized

_KEY_HEADERS = ("api-key", "x-api-key")  # Azure's and Anthropic's clients


def bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


class Guard:
    """Checks keys, unless the config says that none is required: then everyone may do everything."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def client(self, request: Request) -> Key | None:
        """The key of a caller of the API; None where no key is required.

        Raises:
            Unauthorized: no key, or one that is unknown or revoked.
        """
        if not self._house.settings.access.require_key:
            return None
        secret = bearer(request) or next(
            (request.headers[name] for name in _KEY_HEADERS if name in request.headers), None
        )
        if not secret:
            raise Unauthorized("You didn't provide an API key. Send it in the header 'Authorization: Bearer YOUR_KEY'.")
        # A thread for the query; most requests need none.
        key = self._house.keys.recall(secret) or await anyio.to_thread.run_sync(self._house.keys.check, secret)
        if key is None:
            raise Unauthorized("Incorrect API key provided.")
        return key

    async def spender(self, request: Request) -> Key | None:
        """As `client`, for a request that does work: it counts against the key's rate.

        Raises:
            RateLimited: the key has used up its rate.
        """
        key = await self.client(request)
        if key is not None:
            self._house.limiter.take(key.id, time.monotonic())
        return key

    async def admin(self, request: Request) -> None:
        """
        Raises:
            Unauthorized: as `client`.
            Forbidden: the key is not an admin's.
        """
        key = await self.client(request)
        if key is not None and not key.admin:
            raise Forbidden("This needs an admin key.")
