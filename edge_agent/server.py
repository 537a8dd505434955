"""uvicorn, on a socket that is ours before anything slow begins."""

import socket
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import anyio
import uvicorn
from fastapi import FastAPI

from edge_agent.errors import CannotListen

# Longer than HTTP clients keep idle connections (httpx2: 5 s), so that it is never us who closes one just being used.
KEEP_ALIVE_S = 30


def bind(host: str, port: int) -> socket.socket:
    """A bound TCP socket; port 0 is a free one.

    Raises:
        CannotListen: port in use, unknown host, no permission.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror}") from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(2048)  # here already, so that a second program on the port finds out now
    except OSError as error:
        sock.close()
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return sock


def url_of(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Says when it is up, and leaves the signals to whoever runs it."""

    def __init__(self, app: FastAPI, *, grace_s: int | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=grace_s,
                timeout_keep_alive=KEEP_ALIVE_S,
                ws="none",
            )
        )
        self.up = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@contextmanager
def background(app: FastAPI, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve `app` on a thread with its own event loop. Yields the URL it listens on, without /v1."""
    sock = bind(host, port)
    ready = threading.Event()
    running: list[Server] = []

    async def run() -> None:
        server = Server(app, grace_s=1)
        running.append(server)
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve, [sock])
            await server.up.wait()
            ready.set()

    thread = threading.Thread(target=anyio.run, args=(run,), name="edge-agent", daemon=True)
    thread.start()
    while not ready.wait(0.05):
        if not thread.is_alive():
            raise CannotListen("the server did not start; its log says why")
    try:
        yield url_of(sock)
    finally:
        running[0].should_exit = True
        thread.join()
        sock.close()
