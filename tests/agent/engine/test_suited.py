"""A further model's engine is set up for what can be had when it is loaded. Boxes are tables, engines fakes."""

from pathlib import Path
from typing import Any

import pytest

from edge_agent.box.box import Tegra
from edge_agent.engine.build import Build
from edge_agent.engine.fake import FakeEngine
from edge_agent.engine.options import EngineOptions
from edge_agent.engine.port import Job
from edge_agent.engine.suited import Setup, SuitedEngine
from edge_agent.engine.wishes import Wishes
from edge_agent.errors import ModelUnusable
from edge_agent.models.further import FurtherModel
from tests.agent.health.boxes import GIB, MIB, a_box, a_build, a_model, gpu

HELLO = Job(({"role": "user", "content": "Hello"},), max_tokens=2)
MODEL = FurtherModel(Path("b.gguf"), "b")


class Bench:
    """A suited engine and what it made of itself. `build` may be changed between two loads."""

    def __init__(self, build: Build, model: FurtherModel = MODEL, packing: str = "", **box: Any) -> None:
        self.build = build
        self.built: list[EngineOptions] = []
        setup = Setup(model, a_model(packing=packing), Wishes(slots=2), a_box(**box), lambda: self.build, Path("cache"))
        self.engine = SuitedEngine(setup, self._engine)

    def _engine(self, options: EngineOptions) -> FakeEngine:
        self.built.append(options)
        return FakeEngine(name=options.name, context_tokens=options.context_tokens, slots=options.slots)


def test_name_context_and_slots_are_known_before_it_is_suited() -> None:
    info = Bench(a_build()).engine.info
    assert (info.name, info.context_tokens, info.slots) == ("b", 4096, 2)


def test_what_it_takes_and_how_follows_from_what_can_be_had() -> None:
    bench = Bench(a_build())
    plenty = bench.engine.suit(9 * GIB)
    little = bench.engine.suit(5650 * MIB)
    assert [options.cache_type for options in bench.built[1:]] == ["f16", "q8_0"]
    assert 5 * GIB < little < 5650 * MIB < plenty < 9 * GIB
    assert bench.engine.suit(plenty) == plenty
    assert bench.built[-1].cache_type == "f16"
    assert bench.engine.suit(None) == plenty


def test_weights_are_repacked_only_where_that_leaves_room_for_the_work(tmp_path: Path) -> None:
    (tmp_path / "b.gguf").touch()
    bench = Bench(a_build(features=frozenset({"AVX2"})), FurtherModel(tmp_path / "b.gguf", "b"), packing="Q4_1")
    repacked = bench.engine.suit(12 * GIB)
    as_it_is = bench.engine.suit(repacked - 1)
    assert [options.repack is not None for options in bench.built[1:]] == [True, False]
    assert repacked - as_it_is == round(a_model().weights * 0.7)
    assert bench.engine.suit(repacked) == repacked


def test_what_cannot_be_had_is_refused_with_what_would_fit_and_leaves_all_as_it_was() -> None:
    bench = Bench(a_build())
    with pytest.raises(ModelUnusable, match="--slots 1"):
        bench.engine.suit(4600 * MIB + 400 * MIB)
    assert len(bench.built) == 1


def test_a_gpu_is_asked_each_time_how_much_room_it_has() -> None:
    bench = Bench(a_build(gpu(12 * GIB)))
    all_there = bench.engine.suit(9 * GIB)
    bench.build = a_build(gpu(3 * GIB))
    some_there = bench.engine.suit(9 * GIB)
    assert bench.built[1].gpu_layers == 33
    assert 0 < bench.built[2].gpu_layers < 33
    assert all_there < 1 * GIB < some_there  # of main memory


def test_on_a_jetson_the_gpus_share_is_main_memory() -> None:
    bench = Bench(a_build(gpu(1 * GIB)), tegra=Tegra("NVIDIA Jetson Orin Nano"))
    assert bench.engine.suit(9 * GIB) > 5 * GIB
    assert bench.built[1].gpu_layers == 33


async def test_it_answers_as_the_engine_that_was_built_last() -> None:
    bench = Bench(a_build())
    bench.engine.suit(9 * GIB)
    await bench.engine.load()
    await bench.engine.warm(HELLO.messages)
    async with bench.engine.generate(HELLO) as pieces:
        assert [piece async for piece in pieces][-1].finish_reason == "length"
    assert bench.engine.stats() is None
    await bench.engine.close()
