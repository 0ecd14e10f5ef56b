"""One tensor as matrices outputs x inputs, or why it is none."""

import re
from collections.abc import Callable
from functools import partial
from math import prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.weights.tensors import Orientation, Tensor, sized

NOT_REAL = re.compile(r"[<>=|]?(u?int\d+|[iuc]\d+|bool|b1|\?|complex\d+)", re.IGNORECASE)
"""Types of numbers that are counts, masks or codes, as the formats call them; and complex ones."""
TRANSPOSED = re.compile(r"\.(attn\.c_attn|attn\.c_proj|mlp\.c_fc|mlp\.c_proj)\.weight$")
"""GPT-2's matrices, which are stored inputs x outputs in every format."""
CONVOLUTION = re.compile(r"conv", re.IGNORECASE)
FLAX_HEADS = re.compile(r"\b(query|key|value|out)[./]kernel$")


class View(NamedTuple):
    """How a tensor is taken as matrices."""

    members: int
    """How many matrices it holds."""
    shape: tuple[int, int]
    """Outputs and inputs."""
    cut: Callable[[np.ndarray], Float[np.ndarray, "members m n"]]
    """The matrices, without a copy where that is possible."""
    remark: str = ""
    """What was done to its axes, in words."""
    heads: int | None = None
    """Of attention, where the shape tells."""


def view_of(tensor: Tensor, orientation: Orientation) -> View | str:
    """The matrices of a tensor, or the reason why it is skipped.

    Two axes are a matrix, three are an ensemble [members, m, n]; the kernel of a convolution is a matrix outputs x
    (inputs x positions).
    """
    name, shape = tensor.name, tensor.shape
    if tensor.unreadable:
        return tensor.unreadable
    if NOT_REAL.fullmatch(tensor.dtype):
        return f"{tensor.dtype}: no real numbers"
    if 0 in shape:
        return "empty"
    if len(shape) < 2:
        return "a vector" if shape else "a single number"
    flipped = orientation == "in_out" or bool(TRANSPOSED.search(f".{name}"))
    if len(shape) == 3 and orientation == "in_out" and FLAX_HEADS.search(name):
        return _flax_heads(name, shape)
    if len(shape) == 4 or (len(shape) == 3 and CONVOLUTION.search(name)):
        return _kernel(shape, flipped)
    if len(shape) > 3:
        return f"{len(shape)} axes: give matrices, stacks of them or kernels of convolutions"
    rows, columns = shape[:-3:-1] if flipped else shape[-2:]
    if 1 in (rows, columns):
        return "one row or one column: a vector"
    members = shape[0] if len(shape) == 3 else 1
    return View(members, (rows, columns), partial(_stack, flipped=flipped))


def _stack(array: np.ndarray, flipped: bool) -> np.ndarray:
    stack = array if array.ndim == 3 else array[None]
    return np.swapaxes(stack, -1, -2) if flipped else stack


def _kernel(shape: tuple[int, ...], flipped: bool) -> View | str:
    """[outputs, inputs, ...positions], or [...positions, inputs, outputs]."""
    outputs, inputs = shape[:-3:-1] if flipped else shape[:2]
    size = prod(shape) // outputs
    if 1 in (outputs, size):
        return "one row or one column: a vector"
    positions = sized(shape[:-2] if flipped else shape[2:])
    remark = f"kernels of {positions} as outputs x ({inputs} inputs x positions)"
    return View(1, (outputs, size), partial(_flat_kernel, flipped=flipped), remark)


def _flat_kernel(array: np.ndarray, flipped: bool) -> np.ndarray:
    if flipped:
        array = np.moveaxis(array, (-1, -2), (0, 1))
    return array.reshape(1, len(array), -1)


def _flax_heads(name: str, shape: tuple[int, ...]) -> View:
    """Flax keeps [inputs, heads, outputs of a head], and of what joins them [heads, inputs of a head, outputs]."""
    joins = name.replace("/", ".").endswith("out.kernel")
    inputs = shape[0] * shape[1] if joins else shape[0]
    outputs = prod(shape) // inputs
    heads = shape[0] if joins else shape[1]
    return View(1, (outputs, inputs), lambda array: array.reshape(inputs, outputs).T[None], "heads side by side", heads)
