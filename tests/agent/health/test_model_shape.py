"""The reader of GGUF metadata: on files written here, and on the embedded model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_agent.errors import ModelUnusable
from edge_agent.models.metadata import read_metadata
from edge_agent.models.shape import Layer, read_shape
from tests.agent.health.boxes import write_gguf

LLAMA: dict[str, Any] = {
    "general.architecture": "llama",
    "general.name": "小さい",
    "llama.block_count": 2,
    "llama.embedding_length": 256,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "llama.context_length": 2048,
    "llama.rope.freq_base": 10000.0,
    "tokenizer.ggml.tokens": ["a", "b", "c"],
    "tokenizer.ggml.scores": [0.0, 1.0, 2.0],
    "tokenizer.ggml.add_bos_token": True,
}
TENSORS = {"token_embd.weight": 640, "blk.0.q.weight": 320, "blk.0.k.weight": 64, "blk.1.q.weight": 96, "norm": 10}


def test_values_of_every_kind_are_read_and_strings_in_arrays_are_counted(tmp_path: Path) -> None:
    metadata = read_metadata(write_gguf(tmp_path / "m.gguf", LLAMA, TENSORS))
    values = metadata.values
    assert (values["general.name"], values["llama.rope.freq_base"]) == ("小さい", 10000.0)
    assert values["tokenizer.ggml.add_bos_token"] is True
    assert values["tokenizer.ggml.scores"] == (0.0, 1.0, 2.0)
    assert (values["tokenizer.ggml.tokens"], metadata.lengths["tokenizer.ggml.tokens"]) == (None, 3)


def test_the_shape_tells_what_each_layer_weighs_and_keeps(tmp_path: Path) -> None:
    shape = read_shape(write_gguf(tmp_path / "m.gguf", LLAMA, TENSORS))
    assert shape.layers == (Layer(384, keys=128, values=128), Layer(96, keys=128, values=128))
    assert (shape.table, shape.head, shape.tied) == (640, 32, True)  # 10 bytes and padding
    assert (shape.head_sizes, shape.vocabulary, shape.trained_context, shape.certain) == ((64, 64), 3, 2048, True)


def test_layers_may_differ_and_head_sizes_may_be_told(tmp_path: Path) -> None:
    told = {"llama.attention.head_count_kv": [2, 0], "llama.attention.key_length": 80}
    shape = read_shape(write_gguf(tmp_path / "m.gguf", LLAMA | told, TENSORS | {"output.weight": 640}))
    assert [(layer.keys, layer.values) for layer in shape.layers] == [(160, 128), (0, 0)]
    assert (shape.head, shape.tied) == (672, False)


@pytest.mark.parametrize("key", ["attention.sliding_window", "ssm.state_size", "attention.kv_lora_rank"])
def test_a_memory_that_is_smaller_than_the_sum_is_not_certain(tmp_path: Path, key: str) -> None:
    assert not read_shape(write_gguf(tmp_path / "m.gguf", LLAMA | {f"llama.{key}": 512}, TENSORS)).certain


def test_a_model_in_parts_is_taken_together(tmp_path: Path) -> None:
    halves = dict(list(TENSORS.items())[:3]), dict(list(TENSORS.items())[3:])
    first, second = (
        write_gguf(tmp_path / f"m-0000{n}-of-00002.gguf", LLAMA | {"split.count": 2}, half)
        for n, half in enumerate(halves, 1)
    )
    whole, shape = read_shape(write_gguf(tmp_path / "m.gguf", LLAMA, TENSORS)), read_shape(first)
    assert replace(shape, file_bytes=whole.file_bytes) == whole
    assert shape.file_bytes == first.stat().st_size + second.stat().st_size
    assert not read_shape(first.rename(tmp_path / "alone.gguf")).certain


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"no such model file: .*m-00002-of-00002\.gguf"):
        read_shape(write_gguf(tmp_path / "m-00001-of-00002.gguf", LLAMA, TENSORS))


def test_a_file_that_tells_nothing_of_its_layers_is_read_but_not_certain(tmp_path: Path) -> None:
    shape = read_shape(write_gguf(tmp_path / "m.gguf", {"general.architecture": "odd"}, TENSORS))
    assert (shape.layers, shape.certain) == ((), False)


def test_a_file_cut_anywhere_before_its_last_tensor_is_corrupt(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", LLAMA, TENSORS)
    whole = path.read_bytes()
    for length in range(24, len(whole) - 32, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelUnusable, match=r"corrupt GGUF file .*m\.gguf"):
            read_shape(path)


@pytest.mark.parametrize("value", [b"\x63\0\0\0", b"\x09\0\0\0\x63\0\0\0", b"\x08\0\0\0" + b"\xff" * 8])
def test_metadata_that_make_no_sense_are_corrupt(tmp_path: Path, value: bytes) -> None:
    path = write_gguf(tmp_path / "m.gguf", {"key": "value"}, TENSORS)
    begin = 24 + 8 + len("key")
    path.write_bytes(path.read_bytes()[:begin] + value + bytes(100))
    with pytest.raises(ModelUnusable, match="corrupt GGUF file"):
        read_shape(path)


def test_the_embedded_model_is_what_it_is_known_to_be(embedded_model: Path) -> None:
    shape = read_shape(embedded_model)
    assert (shape.architecture, len(shape.layers), shape.vocabulary, shape.trained_context) == (
        "llama",
        30,
        49152,
        8192,
    )
    assert {(layer.keys, layer.values) for layer in shape.layers} == {(192, 192)}
    assert shape.tied
    assert shape.certain
    assert 0.97 * shape.file_bytes < shape.weights < shape.file_bytes
