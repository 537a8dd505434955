"""The probes, on file trees of boxes that are not here."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge_agent.box.box import Cores, Memory, Nvidia, Zone
from edge_agent.box.probes import ask_the_box, memory, probe
from tests.agent.health.boxes import CONTAINER, CUDA_BOX, EVERYWHERE, JETSON, OLD_CONTAINER, build_tree


def silent(_: Sequence[str]) -> None:
    return None


def test_a_jetson_tells_its_release_power_mode_and_heat(tmp_path: Path) -> None:
    box = probe(build_tree(tmp_path, JETSON), silent)
    tegra = box.tegra
    assert tegra is not None
    assert (tegra.model, tegra.release) == ("NVIDIA Jetson Orin Nano Developer Kit", "R36.4.3")
    assert (tegra.power_mode, tegra.power_modes) == ("25W", ((0, "15W"), (1, "25W"), (2, "MAXN_SUPER")))
    assert (tegra.gpu_visible, tegra.clocks_held) == (True, False)
    assert box.zones == (Zone("cpu-thermal", 98.5, passive=99.0, critical=104.5),)  # the other one is asleep
    assert box.memory == Memory(7_800_000 * 1024, 6_000_000 * 1024, None, 3_900_000 * 1024, 900_000 * 1024)
    assert box.features == {"fp", "asimd", "asimddp"}


def test_a_power_mode_without_a_state_file_is_asked_for(tmp_path: Path) -> None:
    tree = {name: text for name, text in JETSON.items() if "status" not in name or "proc" in name}
    asked: list[tuple[str, ...]] = []

    def ask(command: Sequence[str]) -> str:
        asked.append(tuple(command))
        return "NV Power Mode: MAXN_SUPER\n2\n"

    tegra = probe(build_tree(tmp_path, tree), ask).tegra
    assert tegra is not None
    assert asked == [("nvpmodel", "-q")]
    assert tegra.power_mode == "MAXN_SUPER"


def test_a_jetson_in_a_container_without_nvidias_runtime_shows_no_gpu(tmp_path: Path) -> None:
    tree = {name: text for name, text in JETSON.items() if not name.startswith(("dev/", "etc/", "var/"))}
    tegra = probe(build_tree(tmp_path, tree), silent).tegra
    assert tegra is not None
    assert (tegra.gpu_visible, tegra.release, tegra.power_mode) == (False, None, None)


def test_a_cuda_box_tells_its_card_and_which_cores_are_physical(tmp_path: Path) -> None:
    box = probe(build_tree(tmp_path, CUDA_BOX), silent)
    assert box.nvidia == Nvidia(cards=1, names=("NVIDIA GeForce RTX 4060",))
    assert box.cores == Cores(allowed=4, physical=2)
    assert box.tegra is None
    assert "avx512f" in box.features


def test_a_card_without_a_driver_is_seen_on_the_bus(tmp_path: Path) -> None:
    tree = {name: text for name, text in CUDA_BOX.items() if "driver" not in name}
    assert probe(build_tree(tmp_path, tree), silent).nvidia == Nvidia(cards=1)


def test_a_containers_quota_and_limit_bind(tmp_path: Path) -> None:
    box = probe(build_tree(tmp_path, CONTAINER), silent)
    assert (box.cores.quota, box.cores.worth) == (1.5, 1)
    assert box.memory is not None
    assert box.memory.limit == 2 << 30
    assert box.memory.available == 1 << 30  # the pages of files count as free


def test_so_do_those_of_version_1_below_a_path_that_is_not_mounted(tmp_path: Path) -> None:
    box = probe(build_tree(tmp_path, OLD_CONTAINER), silent)
    assert box.cores.quota == 2.0
    assert box.memory is not None
    assert (box.memory.limit, box.memory.available) == (1 << 30, 768 << 20)


def test_of_nested_groups_the_narrowest_binds(tmp_path: Path) -> None:
    tree = CONTAINER | {
        "proc/self/cgroup": "0::/system.slice/agent.service\n",
        "sys/fs/cgroup/system.slice/memory.max": "1073741824",
        "sys/fs/cgroup/system.slice/agent.service/memory.max": "max",
        "sys/fs/cgroup/system.slice/agent.service/cpu.max": "max 100000",
    }
    box = probe(build_tree(tmp_path, tree), silent)
    assert box.memory is not None
    assert (box.cores.quota, box.memory.available) == (1.5, 1 << 30)


@pytest.mark.parametrize(("locked", "mapped"), [(0, 1_000_000), (900_000, 100_000), (2_000_000, 0)])
def test_mapped_files_are_available_but_not_spare_unless_they_are_locked(
    tmp_path: Path, locked: int, mapped: int
) -> None:
    status = f"Name:\tagent\nVmLck:\t {locked} kB\nRssFile:\t 1000000 kB\n"
    found = memory(build_tree(tmp_path, EVERYWHERE | {"proc/self/status": status}))
    assert found is not None
    assert (found.available, found.mapped) == (12_000_000 * 1024, mapped * 1024)
    assert found.spare == (12_000_000 - mapped) * 1024


def test_a_container_may_be_short_of_memory_on_a_box_that_is_not(tmp_path: Path) -> None:
    status = "RssFile:\t 524288 kB\n"
    found = memory(build_tree(tmp_path, CONTAINER | {"proc/self/status": status}))
    assert found is not None
    assert found.spare == 1 << 29


def test_a_limit_beyond_the_box_is_none(tmp_path: Path) -> None:
    tree = OLD_CONTAINER | {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"}
    box = probe(build_tree(tmp_path, tree), silent)
    assert box.memory is not None
    assert (box.memory.limit, box.memory.available) == (None, 12_000_000 * 1024)


def test_placeholders_of_the_firmware_are_no_trip_points(tmp_path: Path) -> None:
    zone = "sys/class/thermal/thermal_zone0/"
    tree = {zone + "type": "acpitz", zone + "temp": "40000", zone + "trip_point_0_type": "critical"}
    box = probe(build_tree(tmp_path, EVERYWHERE | tree | {zone + "trip_point_0_temp": "-274000"}), silent)
    assert box.zones == (Zone("acpitz", 40.0),)


def test_a_box_without_proc_still_has_cores(tmp_path: Path) -> None:
    box = probe(tmp_path, silent)
    assert memory(tmp_path) is None
    assert (box.memory, box.nvidia, box.tegra, box.zones) == (None, None, None, ())
    assert box.cores.worth >= 1


def test_this_box_can_be_probed() -> None:
    box = probe()
    assert 1 <= box.cores.worth <= (os.cpu_count() or 1)


def test_a_command_that_is_not_there_or_fails_gives_nothing() -> None:
    assert ask_the_box(("no-such-command",)) is None
    assert ask_the_box(("false",)) is None
    assert ask_the_box(("echo", "yes")) == "yes\n"
