"""Real HTTP servers on the running event loop: a free port, no signal handlers, a prompt end even with open streams."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

GRACE_S = 2.0  # a request handler has this long to notice that its client was cut off

Connection = Any  # one of uvicorn's HTTP protocols; they share no base class


class LoopServer:
    """Serves one ASGI app from `start` to `stop`.

    Uvicorn's own main loop is left out: it polls, so that its end takes tenths of a second.
    """

    def __init__(self, app: Any, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = uvicorn.Server(
            uvicorn.Config(app, http="httptools", ws="none", log_config=None, access_log=False)
        )
        self._address = (host, port)
        self.listening = False

    @property
    def root(self) -> str:
        """`http://host:port`; the port is known once the server has started."""
        host, port = self._address
        if not port:
            raise RuntimeError("the server has not started, so its port is not known")
        return f"http://{host}:{port}"

    async def start(self) -> None:
        """Bind, start the app's lifespan, listen.

        Raises:
            OSError: the port is taken.
            RuntimeError: the app's own start-up failed; the log holds its traceback.
        """
        own = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Accepted connections inherit it. asyncio sets it only on sockets that name their protocol, and a stream
            # with Nagle's algorithm waits 40 ms for the reader's delayed acknowledgement of every other small chunk.
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            own.bind(self._address)
            await self._startup(own)
        except BaseException:
            own.close()
            raise
        self._address = own.getsockname()
        self.listening = True

    async def _startup(self, own: socket.socket) -> None:
        config = self._server.config
        config.load()
        self._server.lifespan = config.lifespan_class(config)
        try:
            await self._server.startup(sockets=[own])
        except SystemExit:
            raise RuntimeError("the app failed while it started") from None

    def kill(self) -> None:
        """Stop listening and cut every open connection, as a box does that loses its power. The app itself lives on."""
        if not self.listening:
            return
        self.listening = False
        for listener in self._server.servers:
            listener.close()
        for connection in self._connections():
            connection.transport.abort()

    def connection(self, client: tuple[str, int] | None) -> asyncio.Transport | None:
        """The transport of the connection from this address; None once it is gone."""
        for connection in self._connections():
            if tuple(connection.client or ()) == tuple(client or ()):
                transport: asyncio.Transport = connection.transport
                return transport
        return None

    async def stop(self) -> None:
        """Cut what is open, wait for the handlers, end the app's lifespan."""
        if not self._server.started:
            return
        self.kill()
        handlers = set(self._server.server_state.tasks)
        if handlers:
            _, late = await asyncio.wait(handlers, timeout=GRACE_S)
            for handler in late:
                handler.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._server.lifespan.shutdown()

    def _connections(self) -> list[Connection]:
        return list(self._server.server_state.connections)


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI app on a free port of the loopback; gives its root URL, without a slash at the end."""
    server = LoopServer(app)
    try:
        await server.start()
        yield server.root
    finally:
        await server.stop()
