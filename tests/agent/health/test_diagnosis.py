"""From facts to findings: what is said of which box."""

import re
from dataclasses import replace
from typing import Any

import pytest

from edge_agent.box.box import Box, Cores, Memory, Nvidia, Tegra, Zone
from edge_agent.engine.build import parse_system_info
from edge_agent.engine.fit import fit
from edge_agent.engine.wishes import Wishes
from edge_agent.health.diagnosis import diagnose
from edge_agent.health.findings import Facts, Finding, Severity
from edge_agent.health.report import as_text, is_healthy
from tests.agent.health.boxes import GIB, MIB, a_box, a_build, a_model, gpu

NANO = Tegra("NVIDIA Jetson Orin Nano", "R36.4.3", "25W", ((0, "15W"), (1, "25W"), (2, "MAXN_SUPER")))
AVX512 = frozenset({"avx2", "avx512f", "avx512_vnni"})


def well(box: Box | None = None, **changed: Any) -> Facts:
    """A box where nothing is wrong, but for what is changed."""
    box = box or a_box()
    wishes, build = changed.get("wishes", Wishes()), changed.get("build", a_build())
    found = fit(wishes, a_model(), box, build) if build else None
    return replace(Facts(wishes, box, build=build, model=a_model(), fit=found), **changed)


def found(facts: Facts, about: str) -> list[Finding]:
    return [finding for finding in diagnose(facts) if finding.about == about and finding.severity is not Severity.OK]


def only(facts: Facts, about: str) -> Finding:
    (finding,) = found(facts, about)
    assert finding.means
    assert finding.do
    return finding


def test_where_all_is_well_nothing_else_is_said() -> None:
    findings = diagnose(well())
    assert {finding.severity for finding in findings} == {Severity.OK}
    assert is_healthy(findings)


@pytest.mark.parametrize(
    ("facts", "about", "severity", "what"),
    [
        (well(build=None, build_fault="no engine is installed"), "engine", "fault", "no engine is installed"),
        (well(model=None, model_fault="corrupt GGUF file"), "model", "fault", "corrupt GGUF file"),
        (well(model=None, to_fetch=True), "model", "note", "not on this machine yet"),
        (well(wishes=Wishes(slots=1, context_tokens=16384)), "model", "warning", "was trained on 8192"),
        (well(fit=None, fit_fault="4 slots need too much"), "memory", "fault", "4 slots need too much"),
        (well(a_box(available=5800 * MIB)), "memory", "warning", "of 5.66 GiB"),
        (well(a_box(available=6 * GIB)), "memory", "note", "8 bits"),
        (well(a_box(tegra=NANO)), "gpu", "warning", "NVIDIA Jetson Orin Nano, but this llama.cpp is made without CUDA"),
        (well(a_box(nvidia=Nvidia(1, ("RTX 4060",)))), "gpu", "warning", "RTX 4060, but .* without CUDA"),
        (well(a_box(nvidia=Nvidia(1, ("RTX",))), wishes=Wishes(gpu_layers=0)), "gpu", "note", "without CUDA"),
        (well(a_box(nvidia=Nvidia(2))), "gpu", "warning", r"2 NVIDIA card\(s\), but no driver"),
        (well(wishes=Wishes(gpu_layers=9)), "gpu", "warning", "gpu_layers is 9, and there is no GPU"),
        (well(build=replace(a_build(), backends=("CUDA", "CPU"))), "gpu", "warning", "reaches no GPU"),
        (well(build=a_build(gpu(4 * GIB))), "gpu", "note", "17 of 33 layers"),
        (well(a_box(features=AVX512)), "processor", "note", "does not use AVX2, AVX512, AVX512_VNNI"),
        (well(wishes=Wishes(threads=5)), "cores", "warning", r"5 thread\(s\), but it may run on 4"),
        (well(Box(Cores(4, quota=1.5), None), wishes=Wishes(threads=2)), "cores", "warning", "the time of 1.5"),
        (well(a_box(cores=1)), "cores", "note", "one core"),
        (well(Box(Cores(4), Memory(16 * GIB, 12 * GIB, None, 4 * GIB, GIB))), "swap", "warning", "1.00 GiB of 4.00"),
        (well(a_box(zones=(Zone("cpu", 96.0, 99.0, 105.0),))), "heat", "note", "at 96 °C; from 99 °C"),
        (well(a_box(zones=(Zone("cpu", 99.0, 99.0, 105.0),))), "heat", "warning", "at 99 °C; from 99 °C"),
        (well(a_box(zones=(Zone("cpu", 100.0, 99.0, 105.0),))), "heat", "fault", "at 105 °C the box switches"),
        (well(gateway="http://gw", gateway_fault="refused"), "gateway", "fault", "http://gw: refused"),
    ],
)
def test_what_is_wrong_is_found_with_what_to_do(facts: Facts, about: str, severity: str, what: str) -> None:
    finding = only(facts, about)
    assert finding.severity == severity
    assert re.search(what, finding.what), finding.what


def test_a_power_mode_below_the_highest_names_the_number_to_set() -> None:
    box = a_box(tegra=NANO)
    assert only(well(box), "power").do == "sudo nvpmodel -m 2"
    assert not found(well(a_box(tegra=replace(NANO, power_mode="MAXN_SUPER"))), "power")
    assert not found(well(a_box(tegra=replace(NANO, power_modes=()))), "power")
    watts = replace(NANO, power_mode="7W", power_modes=((0, "15W"), (1, "7W")))
    assert only(well(a_box(tegra=watts)), "power").do == "sudo nvpmodel -m 0"


def test_a_jetson_whose_container_lacks_the_runtime_is_told_to_use_it() -> None:
    build = replace(a_build(), backends=("CUDA", "CPU"))
    hidden = replace(NANO, gpu_visible=False)
    assert "--runtime nvidia" in only(well(a_box(tegra=hidden), build=build), "gpu").do


def test_a_llama_cpp_made_for_another_processor_is_a_fault() -> None:
    build = a_build(features=frozenset({"AVX2", "AVX512"}))
    finding = only(well(a_box(features=frozenset({"avx2"})), build=build), "processor")
    assert (finding.severity, "uses AVX512, which" in finding.what) == (Severity.FAULT, True)


def test_the_prebuilt_wheel_is_told_from_a_compiled_one() -> None:
    facts = well(a_box(features=AVX512), build=a_build(engine="prebuilt"))
    assert "picegate[edge]" in only(facts, "processor").do


def test_the_worst_comes_first_and_every_finding_is_printed() -> None:
    facts = well(a_box(tegra=NANO, zones=(Zone("cpu", 104.0, 99.0, 105.0),)))
    findings = diagnose(facts)
    order = list(Severity)
    ranks = [order.index(finding.severity) for finding in findings]
    assert ranks == sorted(ranks, reverse=True)
    assert not is_healthy(findings)
    text = as_text(facts, findings)
    assert all(finding.what in text and finding.do in text for finding in findings)
    assert facts.fit is not None
    assert all(row in text for row in facts.fit.rows())


def test_ggmls_account_of_itself_is_understood() -> None:
    text = "CUDA : ARCHS = 870 | USE_GRAPHS = 1 | CPU : NEON = 1 | DOTPROD = 1 | SVE = 0 | REPACK = 1 | "
    assert parse_system_info(text) == (("CUDA", "CPU"), {"NEON", "DOTPROD", "REPACK"})
