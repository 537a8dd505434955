"""A gateway's registry that does what a test tells it to, on a real socket."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from edge_agent.protocol import Register
from edge_agent.server import background

PATIENCE_S = 10.0


@dataclass
class ScriptedGateway:
    """Attributes are the script, and what was seen.

    Attributes:
        token: the enrolment token it takes.
        knows: False: every heartbeat is answered with 404.
        failing: so many registrations are answered with 503 first.
        calls: "register", "heartbeat", "drain", "leave" in order.
        cards: what agents said of themselves.
    """

    token: str = "enrol"
    lease_s: float = 5.0
    heartbeat_s: float = 0.05
    knows: bool = True
    failing: int = 0
    calls: list[str] = field(default_factory=list)
    cards: list[Register] = field(default_factory=list)
    beats: list[dict[str, Any]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, call: str, times: int = 1) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.calls.count(call) >= times, PATIENCE_S), (
                f"no {call}: {self.calls}"
            )

    @contextmanager
    def serving(self, port: int = 0) -> Iterator[str]:
        with background(self._app(), port=port) as url:
            yield url

    def _app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/nodes/v1/register", response_model=None)
        async def register(request: Request) -> Response:
            self._note("register")
            if self.failing > 0:
                self.failing -= 1
                return Response(status_code=503)
            if request.headers["authorization"] != f"Bearer {self.token}":
                error = {"message": "Unknown enrolment token.", "type": "x", "param": None, "code": "invalid_api_key"}
                return JSONResponse({"error": error}, status_code=401)
            self.cards.append(Register.model_validate_json(await request.body()))
            self.knows = True
            lease = {"lease_s": self.lease_s, "heartbeat_s": self.heartbeat_s}
            return JSONResponse({"node_id": f"n{len(self.cards)}", "token": f"t{len(self.cards)}", **lease})

        @app.post("/nodes/v1/nodes/{node_id}/heartbeat", response_model=None)
        async def heartbeat(node_id: str, request: Request) -> Response:
            assert request.headers["authorization"] == f"Bearer t{node_id[1:]}"
            self.beats.append(await request.json())
            self._note("heartbeat")
            if not self.knows:
                return Response(status_code=404)
            return JSONResponse({"lease_s": self.lease_s, "heartbeat_s": self.heartbeat_s})

        @app.post("/nodes/v1/nodes/{node_id}/drain", response_model=None)
        async def drain(node_id: str) -> Response:
            self._note("drain")
            return Response(status_code=204)

        @app.delete("/nodes/v1/nodes/{node_id}", response_model=None)
        async def leave(node_id: str) -> Response:
            self._note("leave")
            return Response(status_code=204)

        return app

    def _note(self, call: str) -> None:
        with self.changed:
            self.calls.append(call)
            self.changed.notify_all()
