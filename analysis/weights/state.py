"""What people hold in memory when they say "my model", as named arrays: nothing is imported, methods are looked for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from analysis.weights.tensors import Orientation, Tensor, Weights

KERNEL = "kernel"
"""What Flax and Keras call a weight matrix, and they store inputs x outputs."""


def weights_of(state: Any, title: str = "weights") -> Weights:
    """The named arrays of a model in memory, none of which is copied before it is read.

    Args:
        state: a dictionary of arrays, nested or not, such as Flax parameters or a PyTorch state dict; a module with
            `state_dict()`; a Keras model with `weights`; a list of arrays; one array; or `Weights`, returned as given.
        title: what to call them.

    Raises:
        ValueError: if there is no array in it.
    """
    if isinstance(state, Weights):
        return state
    named = dict(_named(state))
    if not named:
        raise ValueError(
            f"{type(state).__name__} without arrays: give a dictionary of arrays, a list of them, a module with "
            "state_dict(), or a model with weights"
        )
    tensors = tuple(Tensor(name, _shape(value), _dtype(value), _reader(value)) for name, value in named.items())
    return Weights(title, tensors, orientation_of(named))


def orientation_of(names: Sequence[str] | Mapping[str, Any]) -> Orientation:
    """How matrices with these names are stored: inputs x outputs if they are called kernels, or the reverse."""
    return "in_out" if any(KERNEL in name.replace("/", ".").split(".") for name in names) else "out_in"


def _named(state: Any) -> Iterator[tuple[str, Any]]:
    if callable(getattr(state, "state_dict", None)):
        yield from _named(state.state_dict())
    elif isinstance(state, Mapping):
        yield from _flattened(state, ())
    elif not hasattr(state, "shape") and isinstance(getattr(state, "weights", None), Sequence):
        yield from ((getattr(value, "path", None) or value.name, value) for value in state.weights)
    elif isinstance(state, list | tuple):
        yield from _flattened(dict(enumerate(state)), ())
    elif hasattr(state, "shape"):
        yield "M", state


def _flattened(state: Mapping[Any, Any], path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """The arrays of nested dictionaries and lists, by path; what is no array, such as a step count, is left out."""
    for key, value in state.items():
        inner = (*path, str(key))
        if isinstance(value, Mapping):
            yield from _flattened(value, inner)
        elif isinstance(value, list | tuple):
            yield from _flattened(dict(enumerate(value)), inner)
        elif hasattr(value, "shape"):
            yield ".".join(inner), value


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(map(int, value.shape))


def _dtype(value: Any) -> str:
    return str(value.dtype).removeprefix("torch.")


def _reader(value: Any) -> Any:
    return lambda: _array(value)


def _array(value: Any) -> np.ndarray:
    """The numbers of an array, a tensor of PyTorch, or a variable of Keras."""
    if callable(getattr(value, "detach", None)):
        value = value.detach().cpu()
        if _dtype(value) == "bfloat16":  # which NumPy lacks; float32 holds it exactly
            value = value.float()
    return np.asarray(value.numpy() if callable(getattr(value, "numpy", None)) else value)
