"""What people hold in memory as their model, as named arrays."""

from types import SimpleNamespace

import numpy as np
import pytest

from analysis.weights.state import weights_of
from analysis.weights.tensors import Weights

W, B = np.arange(6.0).reshape(2, 3), np.zeros(2)


class Parameter:
    """What of a PyTorch tensor is used."""

    def __init__(self, array: np.ndarray, dtype: str = "torch.float32"):
        self.shape, self.dtype, self.array, self.steps = array.shape, dtype, array, []

    def step(self, name: str) -> "Parameter":
        self.steps.append(name)
        return self

    def detach(self):
        return self.step("detach")

    def cpu(self):
        return self.step("cpu")

    def float(self):
        return self.step("float")

    def numpy(self):
        assert self.steps[:2] == ["detach", "cpu"]
        assert self.dtype != "torch.bfloat16" or self.steps[-1] == "float"
        return self.array


def arrays(weights: Weights) -> dict[str, np.ndarray]:
    return {tensor.name: tensor.read() for tensor in weights.tensors}


@pytest.mark.parametrize(
    ("state", "names", "orientation"),
    [
        ({"fc.weight": W, "fc.bias": B}, ["fc.weight", "fc.bias"], "out_in"),
        ({"params": {"Dense_0": {"kernel": W, "bias": B}}}, ["params.Dense_0.kernel", "params.Dense_0.bias"], "in_out"),
        ({"step": 3, "layers": [W, B]}, ["layers.0", "layers.1"], "out_in"),
        ([W, B], ["0", "1"], "out_in"),
        (W, ["M"], "out_in"),
    ],
)
def test_arrays_are_named_by_their_place(state, names, orientation):
    weights = weights_of(state)
    assert (list(arrays(weights)), weights.orientation) == (names, orientation)
    np.testing.assert_array_equal(weights.tensors[0].read(), W)
    assert weights.tensors[0][1:3] == ((2, 3), "float64")


@pytest.mark.parametrize("dtype", ["torch.float32", "torch.bfloat16"])
def test_modules_give_their_state_dict_and_tensors_their_numbers(dtype):
    module = SimpleNamespace(state_dict=lambda: {"fc.weight": Parameter(W, dtype)})
    (tensor,) = weights_of(module).tensors
    assert tensor.dtype == dtype.removeprefix("torch.")
    np.testing.assert_array_equal(tensor.read(), W)


def test_keras_models_give_their_variables_by_path():
    variable = SimpleNamespace(path="dense/kernel", name="kernel", shape=(2, 3), dtype="float32", numpy=lambda: W)
    weights = weights_of(SimpleNamespace(weights=[variable]))
    assert weights.orientation == "in_out"
    np.testing.assert_array_equal(arrays(weights)["dense/kernel"], W)


def test_nothing_is_read_before_it_is_asked_for():
    parameter = Parameter(W)
    weights_of({"fc.weight": parameter})
    assert parameter.steps == []


def test_weights_are_returned_as_given_and_no_arrays_refused():
    weights = weights_of({"a": W})
    assert weights_of(weights) is weights
    with pytest.raises(ValueError, match="without arrays: give a dictionary of arrays"):
        weights_of({"epoch": 3})
