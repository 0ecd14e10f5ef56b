"""Which arrays are taken for consecutive layers of the same networks, and which are not."""

from functools import partial

import numpy as np
import pytest

from analysis.weights.chains import chains
from analysis.weights.tensors import Tensor, Weights

D = 12
Shapes = dict[str, tuple[int, ...]]


def model(shapes: Shapes, title: str = "model") -> Weights:
    """Arrays of ones."""
    tensors = tuple(Tensor(name, shape, "float64", partial(np.ones, shape)) for name, shape in shapes.items())
    return Weights(title, tensors, "out_in")


def found(shapes: Shapes, files: int = 1, **options) -> list[list[str]]:
    copies = [model(shapes, f"seed{k}") for k in range(files)]
    return [[group.name for group in chain] for chain in chains(copies, **options)]


def stacked(shapes: Shapes) -> Shapes:
    return {name: (20, *shape) for name, shape in shapes.items()}


MLP: Shapes = {f"layers.{k}.weight": shape for k, shape in ((0, (D, 7)), (2, (D, D)), (4, (D, D)), (10, (3, D)))}
GATED: Shapes = {"w1": (5, D), "w2": (D, 5), "w3": (5, D)}
KERAS: Shapes = {"dense.kernel": (D, D), "dense_1.kernel": (D, D), "dense_2.kernel": (3, D)}
NAMED: Shapes = {"in": (6, 7), "mid": (5, 6), "out": (4, 5)}


@pytest.mark.parametrize("shapes", [MLP, KERAS, NAMED, {"fc1": (6, 7), "fc2": (6, 6), "out": (3, 6)}])
def test_layers_are_recognised_in_stacks_and_in_copies(shapes):
    names = list(shapes) if "out" not in shapes or shapes is NAMED else ["fc1", "fc2"]  # 6 units do not tell
    assert found(stacked(shapes)) == [names]
    biases = {f"{name}.bias": (20, shape[0]) for name, shape in shapes.items()}
    assert found(stacked(shapes) | biases) == [names]
    assert found(shapes | {f"{name}.bias": shape[:1] for name, shape in shapes.items()}, files=3) == [names]
    assert found(shapes) == []  # a single network


def transformer(attention: tuple[str, ...] = ("key", "query", "value")) -> Shapes:
    shapes: Shapes = {"embed": (50, D)}
    for k in range(3):
        shapes |= {f"layer.{k}.attention.{name}": (D, D) for name in (*attention, "output")}
        shapes |= {f"layer.{k}.intermediate": (4 * D, D), f"layer.{k}.output": (D, 4 * D)}
    return shapes


AUTOENCODER: Shapes = {"decoder.0": (8, 4), "decoder.2": (9, 8), "encoder.0": (8, 9), "encoder.2": (4, 8)}

VARIATIONAL: Shapes = {"decoder.0": (8, 3), "decoder.2": (10, 8), "encoder.0": (8, 10), "encoder.2": (6, 8)}


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        (transformer(), []),
        (AUTOENCODER, [["decoder.0", "decoder.2"], ["encoder.0", "encoder.2"]]),
        (VARIATIONAL, [["decoder.0", "decoder.2"], ["encoder.0", "encoder.2"]]),
        ({"critic.q1": (D, D), "critic.q2": (D, D)}, []),
        ({"head1.weight": (D, D), "head2.weight": (D, D)}, []),
        ({"before": (D, D), "after": (D, D)}, []),
        ({"down": (D, 5), "up": (5, D)}, []),  # either order fits
        (GATED, [["w1", "w2"]]),
        ({"experts.0": (D, D), "experts.1": (D, D)}, []),
        ({"rnn.weight_hh_l0": (D, D), "rnn.weight_hh_l1": (D, D)}, []),
        ({"conv1": (D, 3, 2, 2), "conv2": (D, 3, 2, 2), "fc1": (5, D), "fc2": (4, 5)}, [["fc1", "fc2"]]),
    ],
)
def test_no_chain_is_invented(shapes, expected):
    assert found(shapes, files=4) == expected
    if all(len(shape) == 2 for shape in shapes.values()):
        assert found(stacked(shapes)) == expected


def test_all_networks_and_all_layers_must_be_there():
    shapes = {"fc1": (20, 6, 9), "fc2": (20, 6, 6), "fc3": (20, 3, 6), "other": (20, 5, 5), "w": (7, 5, 5)}
    assert found(shapes) == [["fc1", "fc2", "fc3"]]
    assert found(shapes | {"fc2": (19, 6, 6)}) == []
    assert found(shapes, select=("fc1", "fc3")) == []
    assert found(shapes, select=("fc1", "fc2")) == [["fc1", "fc2"]]
    assert found(shapes, orientation="in_out") == []
    lost = [model(MLP, "a"), model(MLP, "b"), model({k: v for k, v in MLP.items() if "2" not in k}, "c")]
    assert [[group.name for group in chain] for chain in chains(lost)] == [["layers.4.weight", "layers.10.weight"]]
