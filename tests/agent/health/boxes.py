"""File trees of boxes that we do not have, and models that nobody trained."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_agent.box.box import Box, Cores, Memory
from edge_agent.engine.build import Build, Device
from edge_agent.models.shape import Layer, ModelShape

MIB, GIB = 1 << 20, 1 << 30

EVERYWHERE = {
    "proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable: 12000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
    "proc/self/status": "Name:\tpython\nCpus_allowed_list:\t0-3\n",
    "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu avx2 avx512f\n\nprocessor\t: 1\nflags\t\t: fpu\n",
}

JETSON = EVERYWHERE | {
    "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
    "proc/self/status": "Cpus_allowed_list:\t0-5\n",
    "proc/meminfo": "MemTotal: 7800000 kB\nMemAvailable: 6000000 kB\nSwapTotal: 3900000 kB\nSwapFree: 3000000 kB\n",
    "proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd asimddp\n",
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n",
    "etc/nvpmodel.conf": "< PARAM TYPE=FILE NAME=CPU_ONLINE >\n< POWER_MODEL ID=0 NAME=15W >\nCPU_ONLINE CORE_0 1\n"
    "< POWER_MODEL ID=1 NAME=25W >\n< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n< PM_CONFIG DEFAULT=1 >\n",
    "var/lib/nvpmodel/status": "pmode:0001",
    "dev/nvgpu": "",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_min_freq": "729600",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq": "1728000",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "sys/class/thermal/thermal_zone0/temp": "98500",
    "sys/class/thermal/thermal_zone0/trip_point_0_type": "active",
    "sys/class/thermal/thermal_zone0/trip_point_0_temp": "51000",
    "sys/class/thermal/thermal_zone0/trip_point_1_type": "passive",
    "sys/class/thermal/thermal_zone0/trip_point_1_temp": "99000",
    "sys/class/thermal/thermal_zone0/trip_point_2_type": "critical",
    "sys/class/thermal/thermal_zone0/trip_point_2_temp": "104500",
    "sys/class/thermal/thermal_zone1/type": "cv0-thermal",
}

CUDA_BOX = EVERYWHERE | {
    **{f"sys/devices/system/cpu/cpu{n}/topology/thread_siblings_list": f"{n % 2},{n % 2 + 2}" for n in range(4)},
    "sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de",
    "sys/bus/pci/devices/0000:01:00.0/class": "0x030000",
    "sys/bus/pci/devices/0000:01:00.1/vendor": "0x10de",
    "sys/bus/pci/devices/0000:01:00.1/class": "0x040300",
    "proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t NVIDIA GeForce RTX 4060\nIRQ: 71\n",
}

CONTAINER = EVERYWHERE | {
    "proc/self/cgroup": "0::/\n",
    "sys/fs/cgroup/cpu.max": "150000 100000\n",
    "sys/fs/cgroup/memory.max": "2147483648\n",
    "sys/fs/cgroup/memory.current": "1610612736\n",
    "sys/fs/cgroup/memory.stat": "anon 1073741824\ninactive_file 536870912\nactive_file 0\n",
}

OLD_CONTAINER = EVERYWHERE | {
    "proc/self/cgroup": "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n0::/docker/abc\n",
    "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000",
    "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": "536870912",
    "sys/fs/cgroup/memory/memory.stat": "cache 1\ntotal_inactive_file 268435456\n",
}


def build_tree(root: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def a_box(available: int = 12 * GIB, cores: int = 4, **more: Any) -> Box:
    return Box(Cores(cores), Memory(16 * GIB, available), **more)


def a_build(*devices: Device, engine: Any = "llama", features: frozenset[str] = frozenset()) -> Build:
    return Build(engine, "1.0", ("CUDA", "CPU") if devices else ("CPU",), features, devices)


def gpu(free: int, *, integrated: bool = False) -> Device:
    return Device("CUDA0", "NVIDIA something", free, 24 * GIB, integrated)


def a_model(layers: int = 32, weights: int = 128 * MIB, kept: int = 1024, **more: Any) -> ModelShape:
    """By default one of 8 billion parameters at 4 bits: 4.5 GiB, and 4 KiB x 32 for each token of its memory in f16."""
    shape: dict[str, Any] = {
        "architecture": "llama",
        "file_bytes": layers * weights + 512 * MIB,
        "layers": (Layer(weights, kept, kept),) * layers,
        "table": 256 * MIB,
        "head": 256 * MIB,
        "tied": False,
        "head_sizes": (128, 128),
        "width": 4096,
        "heads": 32,
        "vocabulary": 128_000,
        "trained_context": 8192,
    }
    return ModelShape(**{**shape, **more})


def write_gguf(path: Path, metadata: Mapping[str, Any], tensors: Mapping[str, int]) -> Path:
    """A file with sizes of tensors, whose data is zeros. Of Python's types: int, float, bool, str and lists of them."""
    text = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        text += _string(key) + _typed(value)
    offset = 0
    for name, size in tensors.items():
        text += _string(name) + struct.pack("<IQIQ", 1, size, 0, offset)
        offset += -(-size // 32) * 32
    text += bytes(-len(text) % 32)
    path.write_bytes(text + bytes(offset))
    return path


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _typed(value: Any) -> bytes:
    if isinstance(value, list):
        kind = _typed(value[0])[:4]
        return struct.pack("<I", 9) + kind + struct.pack("<Q", len(value)) + b"".join(_typed(v)[4:] for v in value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _string(value)
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    return struct.pack("<If", 6, value) if isinstance(value, float) else struct.pack("<II", 4, value)
