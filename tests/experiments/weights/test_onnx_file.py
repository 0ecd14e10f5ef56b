"""Initialisers of ONNX models give what the package `onnx` wrote; models that lie, or point elsewhere, are refused."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.weights.opening import open_weights
from tests.harmless import assert_refused

onnx = pytest.importorskip("onnx", reason="needs the package onnx, of the extra models")

KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)


def model(*initialisers: Any, nodes: tuple[Any, ...] = ()) -> Any:
    graph = onnx.helper.make_graph(list(nodes), "g", [], [], list(initialisers))
    return onnx.helper.make_model(graph)


def saved(path: Path, *initialisers: Any, nodes: tuple[Any, ...] = ()) -> Path:
    path.write_bytes(model(*initialisers, nodes=nodes).SerializeToString())
    return path


def raw(name: str = "a", dims: tuple[int, ...] = (2, 3), content: bytes = KERNEL.tobytes(), kind: str = "FLOAT") -> Any:
    tensor = onnx.TensorProto(name=name, dims=dims, raw_data=content)
    tensor.data_type = onnx.TensorProto.DataType.Value(kind)
    return tensor


def external(**entries: str) -> Any:
    tensor = onnx.TensorProto(name="a", dims=(2, 3), data_type=onnx.TensorProto.FLOAT)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


@pytest.mark.parametrize("kind", ["FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "INT64", "UINT8", "BOOL", "FLOAT8E4M3FN"])
def test_what_the_package_wrote(kind, tmp_path):
    number = onnx.TensorProto.DataType.Value(kind)
    expected = KERNEL.astype(onnx.helper.tensor_dtype_to_np_dtype(number))
    by_value = onnx.helper.make_tensor("a", number, (2, 3), expected.ravel())
    path = saved(tmp_path / "m", by_value, raw("b", content=expected.tobytes(), kind=kind))
    (weights,) = open_weights(path)
    assert [(tensor.name, tensor.shape, tensor.dtype) for tensor in weights.tensors] == [
        ("a", (2, 3), kind),
        ("b", (2, 3), kind),
    ]
    for tensor in weights.tensors:
        np.testing.assert_array_equal(tensor.read(), expected, strict=True)


@pytest.mark.parametrize(
    ("operation", "attributes", "orientation"),
    [
        ("Gemm", {"transB": 1}, "out_in"),
        ("Gemm", {"transB": 0}, "in_out"),
        ("Gemm", {}, "in_out"),
        ("MatMul", {}, "in_out"),
    ],
)
def test_orientation_is_that_of_the_products(operation, attributes, orientation, tmp_path):
    node = onnx.helper.make_node(operation, ["x", "a"], ["y"], **attributes)
    (weights,) = open_weights(saved(tmp_path / "m", raw(), nodes=(node,)))
    assert weights.orientation == orientation


def test_numbers_beside_the_model(tmp_path):
    (tmp_path / "numbers").write_bytes(bytes(8) + KERNEL.tobytes())
    path = saved(tmp_path / "m", external(location="numbers", offset="8", length="24"))
    ((tensor,),) = (weights.tensors for weights in open_weights(path))
    np.testing.assert_array_equal(tensor.read(), KERNEL, strict=True)


PLACES = {
    "above": {"location": "../numbers"},
    "from the root": {"location": "/etc/passwd"},
    "a link": {"location": "link"},
    "nowhere": {"location": "other"},
    "no name": {},
    "a folder": {"location": "folder"},
    "beyond the file": {"location": "numbers", "offset": "4"},
    "a negative place": {"location": "numbers", "offset": "-4"},
    "no number": {"location": "numbers", "offset": "a"},
    "more bytes": {"location": "numbers", "length": "48"},
}


@pytest.mark.parametrize("place", PLACES)
def test_places_elsewhere_are_refused(place, tmp_path):
    folder = tmp_path / "model"
    (folder / "folder").mkdir(parents=True)
    for path in (tmp_path, folder):
        (path / "numbers").write_bytes(KERNEL.tobytes())
    os.symlink(tmp_path / "numbers", folder / "link")
    assert_refused(saved(folder / "m", external(**PLACES[place])), "not a readable ONNX model|link out of")


LIES = {
    "fewer numbers": [raw(dims=(2, 4))],
    "more numbers": [raw(dims=(2, 2))],
    "an overflow": [raw(dims=(2**40, 2**40))],
    "a negative size": [raw(dims=(-1, 3))],
    "two negative sizes": [raw(dims=(-2, -3))],
    "a name twice": [raw(), raw()],
    "no kind": [onnx.TensorProto(name="a", dims=(2, 3), raw_data=KERNEL.tobytes())],
}


@pytest.mark.parametrize("lie", LIES)
def test_initialisers_that_lie_are_refused(lie, tmp_path):
    assert_refused(saved(tmp_path / "m", *LIES[lie]), "not a readable ONNX model")


@pytest.mark.parametrize("end", [3, 20, -10])
def test_models_cut_short_are_refused(end, tmp_path):
    path = saved(tmp_path / "m", raw())
    path.write_bytes(path.read_bytes()[:end])
    assert_refused(path, "not a readable ONNX model")


def test_deep_graphs_are_refused(tmp_path):
    """Graphs within attributes of nodes of graphs, 5000 deep: graph = 7, node = 1, attribute = 5, graph = 6."""
    content = b""
    for _ in range(5000):
        for field in (6, 5, 1):
            content = bytes([field << 3 | 2]) + varint(len(content)) + content
    (tmp_path / "m").write_bytes(b"\x08\x08\x3a" + varint(len(content)) + content)
    assert_refused(tmp_path / "m", "not a readable ONNX model")


def varint(value: int) -> bytes:
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def test_without_the_package_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert_refused(saved(tmp_path / "m", raw()), r"pip install 'pigmm\[models\]'")
