"""The automatic choices, on a table of boxes. Pure: nothing here looks at this machine."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.box.box import Box, Cores, Memory, Tegra
from edge_agent.engine.build import Build
from edge_agent.engine.fit import Fit, fit
from edge_agent.engine.need import gpu_bytes, host_bytes, token_bytes
from edge_agent.engine.wishes import Wishes
from edge_agent.errors import ModelUnusable
from tests.agent.health.boxes import GIB, MIB, a_box, a_build, a_model, gpu

NANO = Tegra("NVIDIA Jetson Orin Nano")
SLOTS_2 = Wishes(slots=2)  # of the model of 4.5 GiB: 1 GiB of memory in f16


def chosen(found: Fit) -> dict[str, Any]:
    return {
        "layers": found.placement.gpu_layers.value,
        "threads": found.threads.value,
        "cache": found.placement.cache_type.value,
        "ubatch": found.ubatch_size.value,
        "situation": found.situation,
    }


@pytest.mark.parametrize(
    ("wishes", "box", "build", "expected"),
    [
        pytest.param(
            Wishes(), a_box(), a_build(), {"layers": 0, "threads": 4, "cache": "f16", "ubatch": 128}, id="processor"
        ),
        pytest.param(Wishes(), a_box(), a_build(engine="prebuilt"), {"ubatch": 256}, id="prebuilt"),
        pytest.param(SLOTS_2, a_box(available=5650 * MIB), a_build(), {"cache": "q8_0"}, id="f16 too much"),
        pytest.param(Wishes(), Box(Cores(4), None), a_build(), {"layers": 0, "cache": "f16"}, id="memory not told"),
        pytest.param(
            Wishes(),
            a_box(available=14 * GIB, cores=6, tegra=NANO),
            a_build(gpu(13 * GIB)),
            {"situation": "unified memory", "layers": 33, "threads": 4, "ubatch": 512, "cache": "f16"},
            id="jetson with room",
        ),
        pytest.param(
            SLOTS_2,
            a_box(available=6 * GIB, cores=6, tegra=NANO),
            a_build(gpu(1 * GIB)),  # what CUDA calls free there, is not
            {"situation": "unified memory", "layers": 33, "cache": "q8_0"},
            id="jetson with little room",
        ),
        pytest.param(
            Wishes(), a_box(), a_build(gpu(14 * GIB, integrated=True)), {"situation": "unified memory"}, id="integrated"
        ),
        pytest.param(
            Wishes(gpu_layers=0),
            a_box(tegra=NANO),
            a_build(gpu(13 * GIB)),
            {"layers": 0, "threads": 4, "ubatch": 128},
            id="jetson whose GPU is left alone",
        ),
        pytest.param(
            Wishes(),
            a_box(cores=16),
            a_build(gpu(20 * GIB)),
            {"situation": "gpu", "layers": 33, "threads": 4, "ubatch": 512, "cache": "f16"},
            id="large GPU",
        ),
        pytest.param(
            Wishes(), a_box(cores=16), a_build(gpu(6500 * MIB)), {"layers": 33, "cache": "q8_0"}, id="GPU, if in 8 bits"
        ),
        pytest.param(
            Wishes(), a_box(cores=16), a_build(gpu(4 * GIB)), {"layers": 17, "threads": 16, "cache": "f16"}, id="half"
        ),
        pytest.param(
            Wishes(),
            a_box(cores=16),
            a_build(gpu(2 * GIB), gpu(2 * GIB)),
            {"situation": "gpu", "layers": 14},
            id="two small GPUs",
        ),
        pytest.param(
            Wishes(), a_box(), a_build(gpu(600 * MIB)), {"layers": 0, "threads": 4, "ubatch": 128}, id="full GPU"
        ),
        pytest.param(Wishes(gpu_layers=10), a_box(), a_build(gpu(20 * GIB)), {"layers": 10}, id="as set"),
        pytest.param(Wishes(gpu_layers="all"), a_box(), a_build(gpu(20 * GIB)), {"layers": 33}, id="all"),
        pytest.param(Wishes(gpu_layers="all"), a_box(), a_build(), {"layers": 0}, id="all of none"),
        pytest.param(
            Wishes(threads=9, ubatch_size=64, cache_type="q4_0"),
            a_box(),
            a_build(),
            {"threads": 9, "ubatch": 64, "cache": "q4_0"},
            id="wishes win",
        ),
    ],
)
def test_a_box_gets_what_suits_it(wishes: Wishes, box: Box, build: Build, expected: dict[str, Any]) -> None:
    found = chosen(fit(wishes, a_model(), box, build))
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("cores", "threads", "why"),
    [
        (Cores(8), 8, "one per core"),
        (Cores(8, physical=4), 4, "one per physical core, of 8"),
        (Cores(8, physical=4, quota=2.5), 2, "time of 2.5 cores"),
        (Cores(8, quota=0.5), 1, "time of 0.5 cores"),
        (Cores(2, physical=2, quota=16.0), 2, "one per core"),
    ],
)
def test_threads_get_a_core_each(cores: Cores, threads: int, why: str) -> None:
    found = fit(Wishes(), a_model(), Box(cores, None), a_build()).threads
    assert found.value == threads
    assert why in found.why


def test_every_choice_says_why_and_the_log_line_holds_them_all() -> None:
    found = fit(Wishes(threads=3), a_model(), a_box(), a_build())
    assert found.rows()[1] == "threads 3 (as set)"
    assert "cache_type f16 (the usual: 2.00 GiB for 4 x 4096 tokens)" in found.rows()
    assert all(row in found.line() for row in found.rows())
    assert "\n" not in found.line()


def test_what_cannot_fit_is_refused_with_what_would() -> None:
    with pytest.raises(ModelUnusable) as refused:
        fit(Wishes(), a_model(), a_box(available=5 * GIB), a_build())
    assert (
        "need 5.56 GiB (weights 4.50 GiB), but 5.00 GiB are available: --slots 1 or --ctx 1792" in refused.value.message
    )


def test_weights_that_do_not_fit_alone_ask_for_another_model() -> None:
    with pytest.raises(ModelUnusable, match="smaller model"):
        fit(Wishes(), a_model(), a_box(available=4 * GIB), a_build())


@given(available=st.integers(4700, 7000), slots=st.integers(1, 16), context=st.sampled_from([512, 2048, 4096, 8192]))
def test_what_a_refusal_proposes_is_not_refused(available: int, slots: int, context: int) -> None:
    box, wishes = a_box(available=available * MIB), Wishes(slots=slots, context_tokens=context)
    try:
        fit(wishes, a_model(), box, a_build())
    except ModelUnusable as refused:
        for proposal in re.findall(r"(--[a-z0-9 -]+?\d+)(?= or | would)", refused.message):
            given_ = {name: int(value) for name, value in re.findall(r"--(slots|ctx|kv-tokens) (\d+)", proposal)}
            smaller = Wishes(
                slots=given_.get("slots", slots),
                context_tokens=given_.get("ctx", context),
                kv_tokens=given_.get("kv-tokens"),
            )
            assert smaller != wishes
            fit(smaller, a_model(), box, a_build())


def test_a_budget_of_tokens_takes_the_place_of_slots_times_context() -> None:
    wishes = Wishes(slots=16, kv_tokens=8192)
    found = fit(wishes, a_model(), a_box(), a_build())
    assert "cache_type f16 (the usual: 1.00 GiB for 8192 tokens of 16 slots)" in found.rows()
    assert found.options(Path(__file__), "m", wishes, cache=Path("c"), verbose=False).kv_tokens == 8192
    with pytest.raises(ModelUnusable, match="compiled engine"):
        fit(wishes, a_model(), a_box(), a_build(engine="prebuilt"))


def test_weights_with_slow_kernels_are_repacked_where_few_threads_compute_and_memory_allows() -> None:
    slow = replace(a_model(), packing="Q4_1")
    x86 = a_build(features=frozenset({"AVX2"}))
    assert fit(Wishes(threads=2), slow, a_box(), x86).repack.value == "on"
    for model, build, wishes, why in (
        (a_model(), x86, Wishes(threads=2), "as fast as others"),
        (slow, a_build(features=frozenset({"DOTPROD"})), Wishes(threads=2), "as fast as others"),
        (slow, x86, Wishes(threads=16), "bandwidth"),
        (slow, x86, Wishes(threads=2, repack="off"), "as set"),
    ):
        choice = fit(wishes, model, a_box(), build).repack
        assert choice.value == "off"
        assert why in choice.why
    tight = fit(Wishes(threads=2), slow, a_box(available=7 * GIB), x86).repack
    assert tight.value == "off"
    assert "takes" in tight.why
    assert fit(Wishes(threads=16, repack="on"), a_model(), a_box(), x86).repack.value == "on"


@given(free=st.integers(0, 10_000), slots=st.integers(1, 8))
def test_layers_chosen_for_a_gpu_fit_into_it(free: int, slots: int) -> None:
    model, wishes = a_model(), Wishes(slots=slots)
    found = fit(wishes, model, a_box(), a_build(gpu(free * MIB))).placement
    assert gpu_bytes(model, found.gpu_layers.value, found.cache_type.value, slots * 4096) <= free * MIB


@given(layers=st.integers(-1, 40))
def test_gpu_and_main_memory_share_the_model_without_loss(layers: int) -> None:
    model = a_model()
    both = gpu_bytes(model, layers, "f16", 1000) + host_bytes(model, layers, "f16", 1000)
    assert both == model.weights + 1000 * token_bytes(model, "f16")


def test_more_layers_than_the_gpu_holds_are_refused_by_the_settings_name() -> None:
    with pytest.raises(ModelUnusable, match=r"gpu_layers = all needs .* are free: leave gpu_layers at auto"):
        fit(Wishes(gpu_layers="all"), a_model(), a_box(), a_build(gpu(4 * GIB)))


def test_a_quantised_memory_needs_heads_of_a_multiple_of_32() -> None:
    model = a_model(head_sizes=(80, 80))
    with pytest.raises(ModelUnusable, match=r"cache_type = q8_0 needs heads .* 80 and 80: use f16"):
        fit(Wishes(cache_type="q8_0"), model, a_box(), a_build())
    tight = fit(SLOTS_2, model, a_box(available=5650 * MIB), a_build()).placement
    assert (tight.cache_type.value, tight.tight) == ("f16", True)


def test_without_flash_attention_the_memory_is_not_quantised() -> None:
    wishes = Wishes(slots=2, flash_attn="off")
    assert fit(wishes, a_model(), a_box(available=5650 * MIB), a_build()).placement.cache_type.value == "f16"


def test_an_upper_bound_refuses_nobody() -> None:
    found = fit(Wishes(), a_model(certain=False), Box(Cores(4), Memory(8 * GIB, 5 * GIB)), a_build()).placement
    assert (found.cache_type.value, found.tight) == ("f16", True)


def test_a_model_whose_layers_are_not_told_goes_whole_to_the_gpu() -> None:
    model = a_model(layers=0, certain=False)
    assert fit(Wishes(), model, a_box(), a_build(gpu(8 * GIB))).placement.gpu_layers.value == -1
