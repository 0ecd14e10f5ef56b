"""Flax's files give what flax.serialization wrote, and lengths that lie are refused."""

import struct

import flax.serialization
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.weights.opening import open_weights
from tests.harmless import assert_refused

TREE = {
    "step": 1234567,
    "params": {
        "Dense_0": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": jnp.arange(3, dtype=jnp.bfloat16)},
        "blocks": [np.ones(2), np.zeros((0, 3), np.int8)],
        "long": np.arange(70_000.0),
        "none": None,
        "scale": 0.5,
        "flag": True,
        "text": "a" * 300,
        "negative": -1234,
        "bytes": b"a" * 70_000,
        **{f"more{k}": np.float32(k) for k in range(20)},
    },
    "opt_state": {"mu": {"kernel": np.ones((2, 3))}},
}


def test_what_flax_wrote(tmp_path):
    (tmp_path / "m").write_bytes(flax.serialization.to_bytes(TREE))
    (weights,) = open_weights(tmp_path / "m")
    assert weights.orientation == "in_out"
    found = {tensor.name: tensor for tensor in weights.tensors}
    expected = {
        "params.Dense_0.kernel": TREE["params"]["Dense_0"]["kernel"],
        "params.Dense_0.bias": np.asarray(TREE["params"]["Dense_0"]["bias"]),
        "params.blocks.0": np.ones(2),
        "params.blocks.1": np.zeros((0, 3), np.int8),
        "params.long": np.arange(70_000.0),
    }
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name].read(), array, strict=True)


def test_an_array_in_chunks_is_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(flax.serialization, "MAX_CHUNK_SIZE", 64)
    (tmp_path / "m").write_bytes(flax.serialization.to_bytes({"a": np.arange(20.0), "b": np.ones(2)}))
    (weights,) = open_weights(tmp_path / "m")
    listed = {tensor.name: tensor.unreadable for tensor in weights.tensors}
    assert list(listed) == ["a.chunks.0", "a.chunks.1", "a.chunks.2", "b"]
    assert "chunk of a larger array" in listed["a.chunks.0"]
    assert not listed["b"]


def extension(payload: bytes, length: int | None = None, code: int = 1) -> bytes:
    return b"\xc9" + struct.pack(">IB", len(payload) if length is None else length, code) + payload


def array(shape: bytes = b"\x92\x02\x03", dtype: bytes = b"\xa7float32", count: int = 24, length: int = 24) -> bytes:
    return b"\x93" + shape + dtype + b"\xc6" + struct.pack(">I", length) + bytes(count)


def tree(value: bytes, key: bytes = b"\xa1a") -> bytes:
    return b"\x81" + key + value


def test_the_files_of_these_tests_are_good(tmp_path):
    (tmp_path / "m").write_bytes(tree(extension(array())))
    ((tensor,),) = (weights.tensors for weights in open_weights(tmp_path / "m"))
    np.testing.assert_array_equal(tensor.read(), np.zeros((2, 3), np.float32), strict=True)


LIES = {
    "more bytes than the file": tree(extension(array(), 2**32 - 1)),
    "an end before the numbers": tree(extension(array(), 1)),
    "an end within the numbers": tree(extension(array(), 40)),
    "numbers beyond the end": tree(extension(array(length=2**32 - 1))),
    "a shape of more": tree(extension(array(b"\x92\x02\x04"))),
    "an overflow": tree(extension(array(b"\x92" + (b"\xcf" + b"\xff" * 8) * 2))),
    "negative sizes": tree(extension(array(b"\x92\xff\xfe"))),
    "a text for a size": tree(extension(array(b"\x92\xa1a\x03"))),
    "objects": tree(extension(array(dtype=b"\xa6object"))),
    "a structure": tree(extension(array(dtype=b"\xa7<f4,<f4"))),
    "no list": tree(extension(b"\x92" + array()[1:])),
    "a name twice": b"\x82" + (b"\xa1a" + extension(array())) * 2,
    "a number for a name": b"\x82\xa1a\xc0\x07\xc0",
    "a long name": b"\x82\xa1a\xc0\xda\x02\x00" + b"a" * 512 + b"\xc0",
    "a map of 2^32": b"\xdf\xff\xff\xff\xff\xa1a\xc0",
    "a list of 2^32": tree(b"\xdd\xff\xff\xff\xff" + b"\xc0" * 100),
    "a text of 2^32": tree(b"\xdb\xff\xff\xff\xffabc"),
    "deep maps": b"\x81\xa1a" * 10_000,
    "deep lists": tree(b"\x91" * 10_000),
    "a code that is none": tree(b"\xc1"),
    "cut": tree(extension(array()))[:-1],
}


@pytest.mark.parametrize("lie", LIES)
def test_files_that_lie_are_refused(lie, tmp_path):
    (tmp_path / "m").write_bytes(LIES[lie])
    assert_refused(tmp_path / "m", "not a readable Flax file")
