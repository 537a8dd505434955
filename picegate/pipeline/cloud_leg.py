"""One leg in the cloud, with its record."""

from collections.abc import Iterator
from contextlib import contextmanager

from picegate.core.events import CLOUD
from picegate.core.ports import CloudCall
from picegate.core.usage import LegEnd
from picegate.pipeline.outside import Outside
from picegate.pipeline.run import Leg, Run


@contextmanager
def cloud_leg(
    run: Run, outside: Outside, call: CloudCall, point: int | None = None, *, streamed: bool = True
) -> Iterator[Leg]:
    """The record of `call`, kept while the block runs it as `leg.sent(call)`.

    What a streamed leg that ends well shows of the cloud is learnt; one that comes whole does not show when it began.
    """
    with run.leg(call.kind, CLOUD, outside.cloud.view().model, _texts(call), point) as leg:
        yield leg
    if streamed and leg.record.end is LegEnd.DONE:
        after = outside.cloud.view()
        at_end = after.in_flight if after.queued or after.in_flight == after.limit else after.in_flight + 1
        outside.strategist.saw_cloud(leg.record, (leg.placed_batch + at_end) / 2)


def _texts(call: CloudCall) -> Iterator[str]:
    for message in call.payload.get("messages", ()):
        content = message.get("content")
        if isinstance(content, str):
            yield content
        elif isinstance(content, list):
            yield "".join(part.get("text") or "" for part in content if isinstance(part, dict))
