"""Minutes of traffic with second candidates, on virtual time: nodes fail, clients leave, and nothing leaks."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from picegate.assembly.scoring import Candidate
from picegate.core.chat import Ask, Message
from picegate.core.errors import NodeBroken
from picegate.core.events import Event, Finished, TextDelta
from picegate.core.plan import NodeView
from picegate.core.ports import Delta, EdgeCall
from picegate.core.quality import Quality
from picegate.core.usage import LegEnd, LegKind, Tally
from picegate.nodes.lifecycle import Registry
from picegate.pipeline.answer import Pipeline
from picegate.pipeline.outside import Outside
from picegate.pipeline.strategist import Strategist
from picegate.settings import FleetSettings, PlannerSettings, ProgressiveSettings, QualitySettings, StaticNodeSettings
from tests.unit.pipeline.virtual import LIST, STORY, Engine, JumpingLoop, Traffic, VirtualCloud, VirtualEdge, words

SLOTS = 4


class FaultyEdge(VirtualEdge):
    """Every so many legs one breaks off, and one never ends on its own."""

    def __init__(self, engines: dict[str, Engine], asked: dict[str, Traffic], dice: random.Random) -> None:
        super().__init__(engines, asked)
        self._chance = dice

    @asynccontextmanager
    async def stream(self, node: NodeView, call: EdgeCall) -> AsyncIterator[AsyncIterator[Delta]]:
        async with super().stream(node, call) as deltas:
            yield self._spoilt(deltas, self._chance.random())

    async def _spoilt(self, deltas: AsyncIterator[Delta], chance: float) -> AsyncIterator[Delta]:
        count = 0
        async for delta in deltas:
            yield delta
            count += 1
            if chance < 0.15 and count == 3:
                await anyio.sleep(0 if chance < 0.1 else 30.0)
                raise NodeBroken("broke off")


def judge(candidate: Candidate, *_: object) -> Quality:
    """Sound in three of four cases."""
    return Quality(random.Random(candidate.text).random() ** 0.5)


@dataclass
class Site:
    answers: list[str] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    fleet: tuple[NodeView, ...] = ()


def serve(seed: int, per_minute: float, *, ensemble: str, leaving: float = 0.2, requests: int = 60) -> Site:
    loop = JumpingLoop()
    try:
        return loop.run_until_complete(_serve(loop, random.Random(seed), per_minute, ensemble, leaving, requests))
    finally:
        loop.close()


async def _serve(
    loop: JumpingLoop, dice: random.Random, per_minute: float, ensemble: str, leaving: float, requests: int
) -> Site:
    asked: dict[str, Traffic] = {}
    site = Site()
    models = {"one": "m", "two": "n", "three": "n"}
    cloud = VirtualCloud(Engine(0.028, 0.0009, 3000, 0.04), 16, asked)
    edge = FaultyEdge({name: Engine(0.036, 0.003, 900, 0.005) for name in models}, asked, dice)
    static = [StaticNodeSettings(name=n, url="http://node:1/v1", model=m, slots=SLOTS) for n, m in models.items()]
    registry = Registry(FleetSettings(failures_to_open=1000), static, clock=loop.time)
    limits, quality = ProgressiveSettings(), QualitySettings.model_validate({"ensemble": ensemble, "candidates": 3})
    strategist = Strategist(limits, PlannerSettings(), loop.time, None, quality.threshold, quality.most_candidates)
    pipeline = Pipeline(Outside(cloud, edge, registry, strategist, limits, quality=quality, judge=judge), loop.time)

    async def one(number: int, of: Traffic) -> None:
        question = of.kind.format(words(dice, 2))
        payload: dict[str, Any] = {"messages": [{"role": "user", "content": question}]}
        ask = Ask(f"r{number}", "pice-progressive", (Message("user", question),), payload, stream=True)
        asked[ask.request_id] = of
        heard: list[Event] = []
        stays_s = dice.uniform(0.0, 8.0) if dice.random() < leaving else 1000.0
        with anyio.move_on_after(stays_s):
            async with pipeline.answer(ask) as run:
                async for event in run:
                    strategist.listen(ask, event)
                    heard.append(event)
        if heard and isinstance(heard[-1], Finished):
            site.answers.append("".join(event.text for event in heard if isinstance(event, TextDelta)))
            site.tallies.append(heard[-1].tally)
        else:
            assert stays_s < 1000.0

    async with anyio.create_task_group() as group:
        for number in range(requests):
            await anyio.sleep(dice.expovariate(per_minute / 60))
            group.start_soon(one, number, Traffic(dice.choice([LIST, LIST, STORY]), dice.randint(90, 400)))
    site.fleet = registry.view()
    return site


@pytest.mark.parametrize("ensemble", ["slack", "always"])
@pytest.mark.parametrize(("seed", "per_minute"), [(1, 20.0), (2, 60.0), (3, 240.0)])
def test_every_answer_ends_and_every_slot_comes_back(seed: int, per_minute: float, ensemble: str) -> None:
    site = serve(seed, per_minute, ensemble=ensemble)
    assert len(site.answers) >= 35
    assert [(node.free, node.lent) for node in site.fleet] == [(SLOTS, 0)] * 3
    for tally in site.tallies:
        assert all(leg.end is not LegEnd.OPEN and leg.ended_s is not None for leg in tally.legs)
        assert all(passage.writer for passage in tally.passages)


def test_second_candidates_are_written_while_the_fleet_is_idle_and_hardly_when_it_is_full() -> None:
    def share(per_minute: float) -> float:
        passages = [one for tally in serve(5, per_minute, ensemble="slack").tallies for one in tally.passages]
        return sum(one.candidates > 1 for one in passages) / len(passages)

    idle, full = share(6.0), share(400.0)
    assert idle > 0.4
    assert full < idle / 2


def test_under_middling_load_some_are_finished_and_some_are_stopped() -> None:
    tallies = serve(7, 60.0, ensemble="slack").tallies
    ends = [leg.end for tally in tallies for leg in tally.legs if leg.kind is LegKind.VERIFY]
    assert {LegEnd.DONE, LegEnd.CANCELLED} <= set(ends)
