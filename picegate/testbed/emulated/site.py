"""What stands there: one emulated cloud and a number of emulated edges, started and ended together."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from picegate.testbed.emulated.author import Author, Skill
from picegate.testbed.emulated.faults import NO_FAULTS, Faults
from picegate.testbed.emulated.profile import Profile
from picegate.testbed.emulated.quality import QualityModel
from picegate.testbed.emulated.questions import Question, Questions
from picegate.testbed.emulated.server import EmulatedServer


@dataclass(frozen=True, slots=True)
class Site:
    """Attributes:
    edges: 0 is a cloud alone.
    straggler: the first edge takes so many times as long as the others.
    tokens_per_chunk: of a streamed chunk, from the second on.
    sketch_scale: the cloud's sketches are so many times as long as assumed.
    quality: of the edges' passages; None: nobody looks at it, and there is one model.
    """

    cloud: Profile
    edge: Profile
    edges: int
    cloud_faults: Faults = NO_FAULTS
    edge_faults: Faults = NO_FAULTS
    tokens_per_chunk: int = 6
    sketch_scale: float = 1.0
    quality: QualityModel | None = None
    straggler: float = 1.0

    @property
    def full_edges(self) -> float:
        """What the edges decode, in edges of full speed."""
        if not self.edges:
            return 0.0
        return (self.edges - 1 + 1 / self.straggler) / self.edge_faults.slowness

    def sharing(self, shares_prefixes: bool) -> "Site":
        """The same with edges that share prefixes, or that read every prompt whole."""
        engine = replace(self.edge.engine, shares_prefixes=shares_prefixes)
        return replace(self, edge=replace(self.edge, engine=engine))

    def model_of(self, number: int) -> Profile:
        """An edge's profile: as fast as all, under its model's own name where they differ in quality."""
        if self.quality is None:
            return self.edge
        return replace(self.edge, name=f"{self.edge.name}-{number % len(self.quality.sound) + 1}")

    def skill_of(self, number: int) -> Skill | None:
        return None if self.quality is None else Skill(self.quality, number)


@asynccontextmanager
async def cloud_of(site: Site, questions: Iterable[Question], seed: int) -> AsyncIterator[EmulatedServer]:
    """The site's cloud on the running loop."""
    author = Author(Questions(questions), is_cloud=True, sketch_scale=site.sketch_scale)
    async with EmulatedServer(
        "cloud", site.cloud, author, faults=site.cloud_faults, tokens_per_chunk=site.tokens_per_chunk, seed=seed
    ) as cloud:
        yield cloud


@asynccontextmanager
async def edges_of(site: Site, questions: Iterable[Question], seed: int) -> AsyncIterator[list[EmulatedServer]]:
    """The site's edges on the running loop."""
    asked = Questions(questions)
    slow = replace(site.edge_faults, slowness=site.edge_faults.slowness * site.straggler)
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                EmulatedServer(
                    name,
                    site.model_of(number),
                    Author(asked, is_cloud=False, skill=site.skill_of(number)),
                    faults=slow if number == 0 else site.edge_faults,
                    tokens_per_chunk=site.tokens_per_chunk,
                    seed=seed,
                )
            )
            for number in range(site.edges)
            for name in [f"edge-{number + 1}"]
        ]
