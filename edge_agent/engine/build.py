"""What the installed llama.cpp can do: which processor it was compiled for, and which GPUs it reaches.

As a program (`python -m edge_agent.engine.build llama`) it prints this as JSON: a library made for another processor
ends the process that asks it, so whoever wants to live lets another process ask.
"""

import ctypes
import json
import logging
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from edge_agent.engine.choose import EngineName
from edge_agent.errors import EngineMissing

GPU, INTEGRATED_GPU = 1, 2  # ggml_backend_dev_type


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU that llama.cpp reaches. `free` and `total`: its memory, bytes. `integrated`: that is main memory."""

    name: str
    description: str
    free: int
    total: int
    integrated: bool = False


@dataclass(frozen=True, slots=True)
class Build:
    """
    Attributes:
        engine: by which package it came.
        backends: what it was compiled for, such as CPU, CUDA.
        features: instruction sets that its CPU code uses, in ggml's words: AVX2, AVX512, DOTPROD, ...
        devices: the GPUs it reaches now.
    """

    engine: EngineName
    version: str
    backends: tuple[str, ...]
    features: frozenset[str]
    devices: tuple[Device, ...] = ()

    @property
    def offloads(self) -> bool:
        return bool(self.devices)


def look(engine: EngineName) -> Build:
    """Load the library and ask it. Where it has CUDA, this starts CUDA in this process.

    Raises:
        EngineMissing: the library is not installed or does not load.
    """
    try:
        return _prebuilt() if engine == "prebuilt" else _compiled()
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineMissing(f"the engine {engine!r} does not load: {error}") from error


def parse_system_info(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Backends and CPU features from `CPU : AVX = 1 | AVX2 = 1 | CUDA : ARCHS = 870 | ...`."""
    backends: list[str] = []
    features: set[str] = set()
    for entry in text.split("|"):
        owner, found, feature = entry.rpartition(" : ")
        if found:
            backends.append(owner.strip())
        name, _, value = feature.partition("=")
        if backends[-1:] == ["CPU"] and value.strip() not in ("", "0"):
            features.add(name.strip())
    return tuple(backends), frozenset(features)


def from_json(text: str) -> Build:
    """The opposite of what this program prints."""
    told = json.loads(text)
    devices = tuple(Device(**device) for device in told.pop("devices"))
    return Build(told["engine"], told["version"], tuple(told["backends"]), frozenset(told["features"]), devices)


def to_json(build: Build) -> dict[str, Any]:
    return {**asdict(build), "features": sorted(build.features)}


def _compiled() -> Build:
    import llama_cpp
    from llama_cpp._ggml import libggml

    logging.getLogger("llama-cpp-python").setLevel(logging.CRITICAL + 1)
    backends, features = parse_system_info(llama_cpp.llama_print_system_info().decode())
    devices = _devices(libggml) if llama_cpp.llama_supports_gpu_offload() else ()
    return Build("llama", llama_cpp.__version__, backends, features, devices)


def _devices(ggml: Any) -> tuple[Device, ...]:
    """llama-cpp-python does not declare these few functions of ggml-backend.h."""
    ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    ggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    ggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    for name in ("name", "description"):
        function = getattr(ggml, f"ggml_backend_dev_{name}")
        function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_char_p
    ggml.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    ggml.ggml_backend_dev_type.restype = ctypes.c_int
    size = ctypes.POINTER(ctypes.c_size_t)
    ggml.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, size, size]
    ggml.ggml_backend_dev_memory.restype = None
    found = []
    for index in range(ggml.ggml_backend_dev_count()):
        device = ggml.ggml_backend_dev_get(index)
        kind = ggml.ggml_backend_dev_type(device)
        if kind not in (GPU, INTEGRATED_GPU):
            continue
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        ggml.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
        name, description = ggml.ggml_backend_dev_name(device), ggml.ggml_backend_dev_description(device)
        found.append(Device(name.decode(), description.decode(), free.value, total.value, kind == INTEGRATED_GPU))
    return tuple(found)


def _prebuilt() -> Build:
    import xllamacpp

    backends, features = parse_system_info(xllamacpp.get_system_info())
    devices = tuple(
        Device(d["name"], d["description"], d["memory_free"], d["memory_total"], int(d["type"]) == INTEGRATED_GPU)
        for d in xllamacpp.get_device_info()
        if int(d["type"]) in (GPU, INTEGRATED_GPU)
    )
    return Build("prebuilt", version("xllamacpp"), backends, features, devices)


if __name__ == "__main__":
    try:
        print(json.dumps(to_json(look("prebuilt" if sys.argv[1:] == ["prebuilt"] else "llama"))))
    except EngineMissing as fault:
        sys.exit(fault.message)
