"""Initialisers of ONNX models, by the package `onnx`, which an extra installs; numbers beside the model are mapped."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.weights.tensors import Orientation, Tensor, Weights
from experiments.errors import UserError
from experiments.weights.kinds import KINDS
from experiments.weights.links import beside
from experiments.weights.regions import Region, mapped, refuse_repeated, refuse_shape, unreadable

if TYPE_CHECKING:
    import onnx

LARGEST = 2**31  # bytes, the most that a message of protobuf may have
_FIELDS = {0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42}  # of a model, after its version: producer, domain, graph and so on


def is_onnx(head: bytes) -> bool:
    """Whether a file begins as a model: field 1 is a version below 128, and another field of a model follows."""
    return len(head) > 2 and head[0] == 0x08 and 0 < head[1] < 128 and head[2] in _FIELDS


def open_onnx(path: Path) -> Weights:
    """The initialisers of a model's graph; not those of graphs within it.

    Raises:
        ValueError: it is damaged.
        UserError: the package `onnx` is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise UserError(f"{path} is an ONNX model, which needs another package: pip install 'pigmm[models]'") from None
    if path.stat().st_size > LARGEST:
        raise ValueError(f"it has more than {LARGEST} bytes")
    graph = onnx.load_model(path, format="protobuf", load_external_data=False).graph
    refuse_repeated(tensor.name for tensor in graph.initializer)
    tensors = tuple(_tensor(path, tensor) for tensor in graph.initializer)
    return Weights(path.name, tensors, _orientation(graph))


def _tensor(path: Path, tensor: "onnx.TensorProto") -> Tensor:
    import onnx

    shape, title = tuple(tensor.dims), onnx.TensorProto.DataType.Name(tensor.data_type)
    refuse_shape(tensor.name, shape)
    if tensor.data_type == onnx.TensorProto.STRING:
        return unreadable(tensor.name, shape, title, "it holds texts")
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        return _external(path, tensor, shape, title)
    numbers = onnx.numpy_helper.to_array(tensor)
    if numbers.shape != shape:
        raise ValueError(f"{tensor.name[:80]!r} of shape {shape} has {numbers.size} numbers")
    return Tensor(tensor.name, shape, title, partial(np.asarray, numbers))


def _external(path: Path, tensor: "onnx.TensorProto", shape: tuple[int, ...], title: str) -> Tensor:
    """A tensor whose numbers are in a file beside the model, from where no name may lead out of the folder."""
    import onnx

    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    if dtype.name not in KINDS:
        return unreadable(tensor.name, shape, title, "its numbers are packed; export the model in float32")
    entries = {entry.key: entry.value for entry in tensor.external_data}
    numbers = beside(path.parent, entries.get("location", ""))
    region = Region(tensor.name, shape, dtype, title, int(entries.get("offset", 0)))
    size = numbers.stat().st_size
    if not 0 <= region.offset <= region.offset + region.nbytes <= size:
        raise ValueError(f"{tensor.name[:80]!r} of shape {shape} reaches beyond {numbers.name!r} of {size} bytes")
    if int(entries.get("length", region.nbytes)) != region.nbytes:
        raise ValueError(f"{tensor.name[:80]!r} of shape {shape} claims {entries['length']} bytes")
    return Tensor(tensor.name, shape, title, partial(mapped, numbers, region))


def _orientation(graph: "onnx.GraphProto") -> Orientation:
    """Whether more matrices multiply from the left, as rows of outputs, than from the right."""
    left = right = 0
    given = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in ("Gemm", "MatMul") and len(node.input) > 1 and node.input[1] in given:
            transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
            left, right = left + transposed, right + (not transposed)
    return "in_out" if right > left else "out_in"
