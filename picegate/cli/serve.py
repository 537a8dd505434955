"""`picegate serve`: the gateway itself."""

import gc
import math
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Annotated

import typer
import uvicorn

from picegate.access.keys import KeyStore
from picegate.cli.options import MISUSED, ConfigOption, complain, complaints, settings_of
from picegate.cli.packets import Protocol
from picegate.database import open_database
from picegate.settings import Settings
from picegate.telemetry.logs import configure

BACKLOG = 2048
COLLECT_AFTER = 20_000  # objects
KEEP_ALIVE_S = 75  # longer than clients keep idle connections, so that no request meets a closing one


def serve(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Instead of server.host.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Instead of server.port; 0: any free one.")] = None,
) -> None:
    """Run the gateway."""
    from picegate.app import create_app

    settings = settings_of(config)
    configure(settings.logging)
    listener = _listen(host or settings.server.host, settings.server.port if port is None else port)
    with complaints():
        _mention_missing_keys(settings)
        app = create_app(settings)
    # What is there now stays: no collection needs to look at it again. And a request makes some hundred objects that
    # live as long as it does, so that collecting after every 700 (Python's own measure) is in vain mostly.
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    server = _Server(
        uvicorn.Config(
            app,
            http=Protocol,
            log_config=None,  # ours is configured already
            access_log=False,  # RequestLog writes better lines
            server_header=False,
            ws="none",
            proxy_headers=False,  # nothing here asks where a client is
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=math.ceil(settings.server.shutdown_s),
        )
    )
    # Uvicorn raises the signal that stopped it once more when it is done; an orderly stop is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """Says where it listens once it really does: scripts wait for the line, and port 0 is known only then."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            print(f"listening on http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        # `create_server` repeats the address in its message; a name that cannot be resolved has only its own.
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        complain(f"cannot listen on {host}:{port}: {reason}")
        raise typer.Exit(MISUSED) from error
    # Accepted connections inherit it. asyncio sets it only on sockets that name their protocol, which these do not; and
    # with Nagle's algorithm a small chunk would wait 40 ms for the reader's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _mention_missing_keys(settings: Settings) -> None:
    if not settings.access.require_key:
        return
    database = open_database(settings.storage.url)
    if all(key.revoked_at for key in KeyStore(database).list()):
        complain("requests need an API key and none exists yet; make one: picegate keys create NAME --config FILE")
    database.dispose()
