"""GGUF files give what the package `gguf` wrote, and headers that lie are refused."""

from pathlib import Path

import numpy as np
import pytest

from experiments.errors import UserError
from experiments.weights.opening import open_weights
from tests.harmless import assert_refused

RNG = np.random.default_rng(0)
KINDS = (np.float32, np.float16, np.float64, np.int8, np.int16, np.int32, np.int64)


def test_what_the_package_wrote(tmp_path):
    gguf = pytest.importorskip("gguf", reason="needs the package gguf, which writes the files")
    arrays = {f"{np.dtype(kind)}": RNG.normal(size=(3, 5)).astype(kind) for kind in KINDS}
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_string("general.name", "a name")
    writer.add_array("tokenizer.ggml.tokens", ["<s>", "a", "bc"])
    writer.add_array("tokenizer.ggml.scores", [0.5, 1.5])
    writer.add_bool("flag", True)
    writer.add_custom_alignment(64)
    for name, array in arrays.items():
        writer.add_tensor(name, array)
    halves = np.arange(8, dtype=np.uint16).reshape(2, 4)
    writer.add_tensor("bf16", halves.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
    packed = gguf.quants.quantize(RNG.normal(size=(2, 32)).astype(np.float32), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("packed", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    (weights,) = open_weights(tmp_path / "m.gguf")
    assert weights.orientation == "out_in"
    found = {tensor.name: tensor for tensor in weights.tensors}
    assert list(found) == [*arrays, "bf16", "packed"]
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name].read(), array, strict=True)
    np.testing.assert_array_equal(found["bf16"].read().view(np.uint16), halves)
    assert (found["packed"].shape, found["packed"].dtype) == ((2, 32), "Q8_0")
    with pytest.raises(UserError, match="packed cannot be read: its numbers are quantised"):
        found["packed"].read()


def u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def text(value: bytes, length: int | None = None) -> bytes:
    return u64(len(value) if length is None else length) + value


def tensor(name=b"a", sizes=(4, 2), type_=0, offset=0, axes: int | None = None) -> bytes:
    return text(name) + u32(len(sizes) if axes is None else axes) + b"".join(map(u64, sizes)) + u32(type_) + u64(offset)


def written(
    path: Path, *tensors: bytes, values: tuple[bytes, ...] = (), counts=None, version=3, tail=bytes(64)
) -> Path:
    count = (len(tensors), len(values)) if counts is None else counts
    header = b"GGUF" + u32(version) + b"".join(map(u64, count)) + b"".join(values) + b"".join(tensors)
    path.write_bytes(header + bytes(-len(header) % 32) + tail)
    return path


def test_the_files_of_these_tests_are_good(tmp_path):
    numbers = np.arange(8, dtype=np.float32)
    path = written(tmp_path / "m", tensor(), values=(text(b"k") + u32(4) + u32(7),), tail=numbers.tobytes())
    ((found,),) = (weights.tensors for weights in open_weights(path))
    np.testing.assert_array_equal(found.read(), numbers.reshape(2, 4), strict=True)


TENSORS = {
    "beyond the file": [tensor(sizes=(17,))],
    "a place beyond": [tensor(offset=64)],
    "a place of 2^63": [tensor(offset=2**63)],
    "an overflow": [tensor(sizes=(2**32, 2**32))],
    "2^64": [tensor(sizes=(2**63, 2))],
    "overlap": [tensor(), tensor(b"b", offset=16)],
    "a name twice": [tensor(), tensor(offset=32)],
    "many axes": [tensor(axes=2**32 - 1)],
    "70 axes": [tensor(sizes=(1,) * 70)],
    "a long name": [tensor(b"a" * 501)],
    "other bytes in a name": [tensor(b"\xff")],
}


@pytest.mark.parametrize("lie", TENSORS)
def test_tensors_that_lie_are_refused(lie, tmp_path):
    assert_refused(written(tmp_path / "m", *TENSORS[lie]), "not a readable GGUF file")


NUMBERS, TEXTS, LISTS = u32(9) + u32(4), u32(9) + u32(8), u32(9) + u32(9)
VALUES = {
    "a long key": text(b"", 2**63) + u32(4) + u32(1),
    "a long text": text(b"k") + u32(8) + text(b"abc", 2**62),
    "many numbers": text(b"k") + NUMBERS + u64(2**62),
    "many texts": text(b"k") + TEXTS + u64(2**62),
    "many lists of nothing": text(b"k") + LISTS + u64(2**62) + (u32(4) + u64(0)) * 5,
    "deep lists": text(b"k") + u32(9) + (u32(9) + u64(1)) * 1000,
    "an unknown type": text(b"k") + u32(77),
    "no alignment": text(b"general.alignment") + u32(4) + u32(0),
    "a text for alignment": text(b"general.alignment") + u32(8) + text(b"32"),
}


@pytest.mark.parametrize("lie", VALUES)
def test_settings_that_lie_are_refused(lie, tmp_path):
    assert_refused(written(tmp_path / "m", tensor(), values=(VALUES[lie],)), "not a readable GGUF file")


@pytest.mark.parametrize("counts", [(2**63, 0), (1, 2**63), (2**64 - 1, 2**64 - 1)])
def test_counts_that_lie_are_refused(counts, tmp_path):
    assert_refused(written(tmp_path / "m", tensor(), counts=counts), "not a readable GGUF file")


@pytest.mark.parametrize("version", [0, 1, 4, 2**24 * 3])
def test_other_versions_and_orders_of_bytes_are_refused(version, tmp_path):
    assert_refused(written(tmp_path / "m", tensor(), version=version), "version")


@pytest.mark.parametrize("end", [4, 7, 20, 40, -33])
def test_files_cut_short_are_refused(end, tmp_path):
    path = written(tmp_path / "m", tensor())
    path.write_bytes(path.read_bytes()[:end])
    assert_refused(path, "not a readable GGUF file")
