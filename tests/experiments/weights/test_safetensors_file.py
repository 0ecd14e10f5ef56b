"""Files of safetensors give what was saved, in every kind of number, and headers that lie are refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from experiments.errors import UserError
from experiments.weights.kinds import kind
from experiments.weights.opening import open_weights
from experiments.weights.safetensors_file import KINDS
from tests.harmless import assert_refused

ARRAYS = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.arange(3), "empty": np.zeros((0, 4))}


def written(path: Path, header: Any, numbers: bytes = bytes(48), length: int | None = None) -> Path:
    """A file with this header, which may be text already."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + numbers)
    return path


def entry(shape: list[Any], begin: int, end: int, title: Any = "F32") -> dict[str, Any]:
    return {"dtype": title, "shape": shape, "data_offsets": [begin, end]}


def test_what_the_library_saved(tmp_path):
    safetensors.numpy.save_file(ARRAYS, tmp_path / "m", metadata={"format": "np"})
    (weights,) = open_weights(tmp_path / "m")
    assert (weights.title, weights.orientation) == ("m", "out_in")
    assert [tensor.name for tensor in weights.tensors] == ["a", "b", "empty"]
    for tensor in weights.tensors:
        np.testing.assert_array_equal(tensor.read(), ARRAYS[tensor.name], strict=True)
        assert tensor.read().shape == tensor.shape


@pytest.mark.parametrize("title", KINDS)
def test_every_kind_of_number(title, tmp_path):
    numbers = np.array([[1, 2, 1], [2, 1, 2]]).astype(kind(KINDS[title]))
    path = written(tmp_path / "m", {"a": entry([2, 3], 0, numbers.nbytes, title)}, numbers.tobytes())
    ((tensor,),) = (weights.tensors for weights in open_weights(path))
    assert tensor.dtype == title
    np.testing.assert_array_equal(tensor.read(), numbers, strict=True)


def test_numbers_of_less_than_a_byte_are_listed(tmp_path):
    path = written(tmp_path / "m", {"a": entry([2, 3], 0, 3, "F4"), "b": entry([1], 3, 7)}, bytes(7))
    (weights,) = open_weights(path)
    assert [(tensor.name, tensor.shape, tensor.dtype) for tensor in weights.tensors] == [
        ("a", (2, 3), "F4"),
        ("b", (1,), "F32"),
    ]
    assert "NumPy has no type for F4" in weights.tensors[0].unreadable
    with pytest.raises(UserError, match="a cannot be read: NumPy has no type for F4"):
        weights.tensors[0].read()
    assert not weights.tensors[1].unreadable


HEADERS = {
    "more bytes than the file": {"a": entry([13], 0, 52)},
    "fewer bytes than the file": {"a": entry([11], 0, 44)},
    "a shape of other bytes": {"a": entry([2, 3], 0, 48)},
    "bytes backwards": {"a": entry([12], 48, 0)},
    "a hole": {"a": entry([6], 0, 24), "b": entry([5], 28, 48)},
    "overlap": {"a": entry([7], 0, 28), "b": entry([6], 24, 48)},
    "the same place": {"a": entry([12], 0, 48), "b": entry([12], 0, 48)},
    "sizes whose product overflows": {"a": entry([2**32, 2**32, 3], 0, 48)},
    "a size of 2^64": {"a": entry([2**64], 0, 48)},
    "negative sizes": {"a": entry([-3, -4], 0, 48)},
    "a fraction": {"a": entry([1.5, 8], 0, 48)},
    "truth for a size": {"a": entry([True, 12], 0, 48)},
    "a negative place": {"a": entry([12], -1, 47)},
    "an unknown type": {"a": entry([12], 0, 48, "F31")},
    "no type": {"a": entry([12], 0, 48, None)},
    "no shape": {"a": {"dtype": "F32", "data_offsets": [0, 48]}},
    "no place": {"a": {"dtype": "F32", "shape": [12]}},
    "a list": [entry([12], 0, 48)],
    "a name twice": b'{"a": %b, "a": %b}' % ((json.dumps(entry([12], 0, 48)).encode(),) * 2),
    "a key twice": b'{"a": {"dtype": "F32", "dtype": "I32", "shape": [12], "data_offsets": [0, 48]}}',
    "deep lists": b'{"a": ' + b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "cut": b'{"a": {"dtype": "F32"',
    "other bytes": b"{\xff\xfe\x00",
}


@pytest.mark.parametrize("lie", HEADERS)
def test_headers_that_lie_are_refused(lie, tmp_path):
    assert_refused(written(tmp_path / "m", HEADERS[lie]), "not a readable")


@pytest.mark.parametrize("length", [0, 5, 49, 2**32, 2**63, 2**64 - 1])
def test_lengths_of_headers_that_lie_are_refused(length, tmp_path):
    assert_refused(written(tmp_path / "m", {"a": entry([12], 0, 48)}, length=length), "not a readable safetensors file")


@pytest.mark.parametrize("end", [9, 30, -1])
def test_files_cut_short_are_refused(end, tmp_path):
    path = written(tmp_path / "m", {"a": entry([12], 0, 48)})
    path.write_bytes(path.read_bytes()[:end])
    assert_refused(path, "not a readable safetensors file")
