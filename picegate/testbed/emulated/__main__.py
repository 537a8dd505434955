"""`python -m picegate.testbed.emulated SPEC.json`: emulated upstreams in a process of their own, until it is ended.

Says `listening on URL` for each server, the edges' once they are registered at the gateway.
"""

import asyncio
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from picegate.testbed.emulated.fleet import Enrolment, enrolled
from picegate.testbed.emulated.questions import Question
from picegate.testbed.emulated.site import Site, cloud_of, edges_of


@dataclass(frozen=True, slots=True)
class Spec:
    """`enrolment`: where the edges register; None for the cloud."""

    role: Literal["cloud", "edges"]
    site: Site
    questions: tuple[Question, ...]
    seed: int
    enrolment: Enrolment | None = None

    def as_json(self) -> bytes:
        return TypeAdapter(Spec).dump_json(self)


async def serve(spec: Spec) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    if spec.role == "cloud":
        async with cloud_of(spec.site, spec.questions, spec.seed) as cloud:
            print(f"listening on {cloud.root}", flush=True)
            await over.wait()
        return
    if spec.enrolment is None:
        raise ValueError("edges need a gateway to register at")
    async with edges_of(spec.site, spec.questions, spec.seed) as edges, enrolled(edges, spec.enrolment):
        for edge in edges:
            print(f"listening on {edge.root}", flush=True)
        await over.wait()


if __name__ == "__main__":
    asyncio.run(serve(TypeAdapter(Spec).validate_json(Path(sys.argv[1]).read_bytes())))
