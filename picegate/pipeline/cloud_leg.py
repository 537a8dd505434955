"""One leg in the cloud, with its record."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

from picegate.core.events import CLOUD
from picegate.core.ports import CloudCall
from picegate.pipeline.outside import Outside
from picegate.pipeline.run import Leg, Run


def cloud_leg(run: Run, outside: Outside, call: CloudCall, point: int | None = None) -> AbstractContextManager[Leg]:
    """The record of `call`, kept while the block runs it."""
    return run.leg(call.kind, CLOUD, outside.cloud.view().model, _texts(call), point)


def _texts(call: CloudCall) -> Iterator[str]:
    for message in call.payload.get("messages", ()):
        content = message.get("content")
        if isinstance(content, str):
            yield content
        elif isinstance(content, list):
            yield "".join(part.get("text") or "" for part in content if isinstance(part, dict))
