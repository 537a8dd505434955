"""What a model needs, by its file, and what the machine has, by /proc and /sys."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.models.fit import RESERVE_BYTES
from edge_agent.models.need import SCRATCH_BYTES, kv_bytes, need_bytes
from edge_agent.models.room import room

LLAMA_8B = {
    "general.architecture": "llama",
    "llama.block_count": 32,
    "llama.embedding_length": 4096,
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 8,
}
KIB = 1024


def test_the_kv_memory_of_a_token_follows_the_heads_of_keys_and_values() -> None:
    assert kv_bytes(LLAMA_8B) == 128 * KIB
    assert kv_bytes({**LLAMA_8B, "llama.attention.key_length": 256, "llama.attention.value_length": 256}) == 256 * KIB
    assert kv_bytes({**LLAMA_8B, "llama.attention.head_count_kv": (8, 0) * 16}) == 64 * KIB


def test_without_heads_of_their_own_for_keys_all_heads_have_them() -> None:
    shape = {key: value for key, value in LLAMA_8B.items() if not key.endswith("head_count_kv")}
    assert kv_bytes(shape) == 512 * KIB


def test_a_model_without_attention_needs_no_kv_memory() -> None:
    assert kv_bytes({"general.architecture": "mamba", "mamba.block_count": 24}) == 0


def gguf(entries: dict[str, int | str]) -> bytes:
    """A GGUF's header and metadata, with a vocabulary in front as a reader must step over it."""
    words = struct.pack("<IIQ", 9, 8, 2) + _text("a") + _text("b")
    data = struct.pack("<4sIQQ", b"GGUF", 3, 1, len(entries) + 1) + _text("tokenizer.ggml.tokens") + words
    for key, value in entries.items():
        packed = struct.pack("<II", 4, value) if isinstance(value, int) else struct.pack("<I", 8) + _text(value)
        data += _text(key) + packed
    return data


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def test_a_models_need_is_its_file_and_its_kv_memory(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(gguf(LLAMA_8B))
    assert need_bytes(file, cells=10) == file.stat().st_size + 10 * 128 * KIB + SCRATCH_BYTES


def test_a_model_in_parts_is_counted_whole(tmp_path: Path) -> None:
    for part in (1, 2):
        (tmp_path / f"big-0000{part}-of-00002.gguf").write_bytes(gguf({}))
    first = tmp_path / "big-00001-of-00002.gguf"
    assert need_bytes(first, cells=0) == 2 * first.stat().st_size + SCRATCH_BYTES


@given(cut=st.integers(0, 400), noise=st.binary(max_size=40), at=st.integers(0, 400))
def test_metadata_that_makes_no_sense_is_left_to_llama_cpp(
    tmp_path_factory: pytest.TempPathFactory, cut: int, noise: bytes, at: int
) -> None:
    whole = gguf(LLAMA_8B)
    file = tmp_path_factory.mktemp("noise") / "model.gguf"
    file.write_bytes((whole[:at] + noise + whole[at + len(noise) :])[: len(whole) - cut] or b"G")
    assert need_bytes(file, cells=1) >= SCRATCH_BYTES


def machine(root: Path, **files: str) -> Path:
    """Files of /proc and /sys; in their names __ stands for a slash."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MEMINFO = "MemTotal: 9000000 kB\nMemAvailable: 4000000 kB\nHugePages_Total: 0\n"
V1_ENDLESS = "9223372036854771712\n"


def test_room_is_what_is_available_less_mapped_weights_and_reserve(tmp_path: Path) -> None:
    machine(tmp_path, proc__meminfo=MEMINFO, proc__self__status="Name:\tagent\nRssFile:\t 1000000 kB\n")
    assert room(tmp_path) == 3_000_000 * KIB - RESERVE_BYTES


def test_room_is_unknown_where_there_is_no_meminfo(tmp_path: Path) -> None:
    assert room(tmp_path) is None


def test_the_tightest_cgroup_around_us_bounds_the_room(tmp_path: Path) -> None:
    machine(tmp_path, proc__meminfo=MEMINFO, proc__self__cgroup="0::/outer/inner\n")
    groups = tmp_path / "sys/fs/cgroup"
    stat = "file 500\nshmem 100\n"
    machine(groups / "outer/inner", **{"memory.max": "max", "memory.current": "900", "memory.stat": stat})
    machine(groups / "outer", **{"memory.max": "10000", "memory.current": "4000", "memory.stat": stat})
    assert room(tmp_path) == 10000 - 4000 + 400 - RESERVE_BYTES


def test_a_container_sees_its_own_cgroup_at_the_top(tmp_path: Path) -> None:
    machine(tmp_path, proc__meminfo=MEMINFO, proc__self__cgroup="5:memory:/docker/abc\n0::/\n")
    group = tmp_path / "sys/fs/cgroup/memory"
    machine(group, **{"memory.limit_in_bytes": "7000", "memory.usage_in_bytes": "6000"})
    assert room(tmp_path) == 1000 - RESERVE_BYTES
    machine(group, **{"memory.limit_in_bytes": V1_ENDLESS})
    assert room(tmp_path) == 4_000_000 * KIB - RESERVE_BYTES


@pytest.mark.model
def test_the_embedded_models_kv_memory_is_read_from_its_file(embedded_model: Path) -> None:
    per_token = need_bytes(embedded_model, cells=1) - need_bytes(embedded_model, cells=0)
    assert per_token == 2 * 2 * 30 * 3 * 64  # bytes; keys and values; layers, heads, width
