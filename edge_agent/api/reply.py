"""The response object of a chat completion. It owns its decode: when the client hangs up, the slot is free at once."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from edge_agent.agent import Agent
from edge_agent.api.errors import as_body, as_response
from edge_agent.api.frames import DONE, Envelope, frame
from edge_agent.engine.port import Job, Piece, TokenLogprob
from edge_agent.errors import AgentError, EngineFailed
from edge_agent.roster.served import Served

log = logging.getLogger("edge_agent")

STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


class ChatReply(Response):
    """Waits for model and slot, decodes and sends, while it watches the connection: before the first byte, too.

    The status goes out with the first token, so that whatever fails before it is a status of its own.
    """

    def __init__(
        self, agent: Agent, model: Served, job: Job, envelope: Envelope, *, stream: bool, within_s: float
    ) -> None:
        super().__init__(media_type="text/event-stream", headers=STREAM_HEADERS)
        del self.headers["content-length"]
        self._agent = agent
        self._model = model
        self._job = job
        self._within_s = within_s
        self._envelope = envelope
        self._answer = self._stream if stream else self._whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        outcome = "cancelled"

        async def watch(hang_up: Callable[[], None]) -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            hang_up()

        async with anyio.create_task_group() as legs:
            legs.start_soon(watch, legs.cancel_scope.cancel)
            outcome = await self._guarded(scope, receive, send)
            legs.cancel_scope.cancel()
        self._agent.metrics.ended(self._model.name, outcome)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> str:
        """Send the answer, or the error in the form that is still possible. How it ended, for the metrics."""
        begun = False

        async def noting_send(message: dict[str, object]) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            async with self._agent.roster.work(self._model, self._job, self._within_s) as pieces:
                return await self._answer(pieces, scope, receive, noting_send)
        except AgentError as caught:
            error = caught
        except Exception:
            log.exception("a chat completion failed")
            error = EngineFailed("The engine failed.")
        if begun:
            await send({"type": "http.response.body", "body": frame(as_body(error)), "more_body": False})
        else:
            await as_response(error)(scope, receive, send)
        return type(error).__name__

    async def _stream(
        self, pieces: AsyncIterator[Piece], scope: Scope, receive: Receive, send: Callable[..., Awaitable[None]]
    ) -> str:
        envelope, reason = self._envelope, ""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send(_part(envelope.opening()))
        async for piece in pieces:
            if piece.text or piece.logprobs:
                await send(_part(envelope.text(piece)))
            if piece.finish_reason is not None and piece.counts is not None:
                reason = piece.finish_reason
                self._agent.metrics.counted(self._model.name, piece.counts)
                await send(_part(envelope.ending(reason)))
                if envelope.include_usage:
                    await send(_part(envelope.usage(piece.counts)))
        await send({"type": "http.response.body", "body": DONE, "more_body": False})
        return reason

    async def _whole(
        self, pieces: AsyncIterator[Piece], scope: Scope, receive: Receive, send: Callable[..., Awaitable[None]]
    ) -> str:
        text: list[str] = []
        logprobs: list[TokenLogprob] = []
        async for piece in pieces:
            text.append(piece.text)
            logprobs += piece.logprobs
            if piece.finish_reason is not None and piece.counts is not None:
                self._agent.metrics.counted(self._model.name, piece.counts)
                body = self._envelope.whole("".join(text), logprobs, piece.finish_reason, piece.counts)
                await JSONResponse(body)(scope, receive, send)
                return piece.finish_reason
        raise EngineFailed("The engine ended its answer without a finish.")


def _part(data: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": data, "more_body": True}
