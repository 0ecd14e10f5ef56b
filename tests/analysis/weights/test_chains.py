"""Consecutive layers of the same networks: which are recognised, and that their study is that of the arrays."""

import gc
import json
import weakref
from functools import partial

import numpy as np
import pytest

from analysis import Chain, study_layers
from analysis.inference.layers_distance import layers_distance
from analysis.inference.resampling import bootstrap
from analysis.model.family import nearest_iid
from analysis.model.plugin import parameters_from_moments
from analysis.model.wasserstein import wasserstein_squared_parts
from analysis.show.chains import HEADER, chain_entry, chain_row, chain_sentence, chain_tables
from analysis.weights.chain_study import study_chain
from analysis.weights.chains import chains
from analysis.weights.grouping import Group
from analysis.weights.model_study import study_weights
from analysis.weights.state import weights_of
from analysis.weights.tensors import Tensor, Weights

D = 12
SIZES = (5, 4, 3)
"""One for all: each chain is compiled anew."""
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


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        (transformer(), []),
        (AUTOENCODER, [["decoder.0", "decoder.2"], ["encoder.0", "encoder.2"]]),
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


def networks(members: int = 24) -> dict[str, np.ndarray]:
    """The sums of the units in the middle are passed on."""
    first, second = Chain(SIZES).standard_normal(np.random.default_rng(0), members)
    shared = np.random.default_rng(1).standard_normal((members, SIZES[1]))
    return {"fc1": first + shared[:, :, None], "fc2": second + shared[:, None, :]}


@pytest.mark.parametrize("kind", ["stacks", "copies"])
def test_the_study_is_that_of_the_arrays(kind):
    data = networks()
    data["fc2"][7, 0, 0] = np.nan
    copies = [weights_of({name: stack[k] for name, stack in data.items()}, f"seed{k}") for k in range(24)]
    study = study_weights(data if kind == "stacks" else copies)
    (one,) = study.chains
    expected = study_layers(tuple(data.values()))
    assert one.layers is not None
    assert one.names == ("fc1", "fc2")
    np.testing.assert_allclose(one.layers.fit.model.parameters, expected.fit.model.parameters, rtol=1e-12)
    assert one.layers.fit.excluded == (7,)
    assert one.layers.independent == pytest.approx(expected.independent)
    np.testing.assert_allclose(one.layers.correlation[1:5], expected.correlation[1:5], rtol=1e-9)
    np.testing.assert_allclose(one.layers.balance.difference, expected.balance.difference, rtol=1e-9)
    np.testing.assert_array_equal(one.layers.randomisation[1:5], expected.randomisation[1:5])
    assert study.units == ()  # the chain says it


def test_the_distance_is_that_of_the_laws_and_chance_that_of_drawn_networks():
    symmetry, scales = Chain(SIZES), (0.5, 2.0)
    rng = np.random.default_rng(3)

    def moments(members: int) -> np.ndarray:
        drawn = symmetry.standard_normal(rng, members)
        scaled = tuple(scale * stack for scale, stack in zip(scales, drawn, strict=True))
        return np.asarray(symmetry.block_moments(scaled))

    def direct(moments: np.ndarray, between: bool) -> float:
        f = parameters_from_moments(moments, symmetry)
        for name in () if between else ("S12", "T1rc"):
            f[symmetry.parameter_names.index(name)] = 0.0
        return float(np.sqrt(np.sum(wasserstein_squared_parts(f, nearest_iid(f, symmetry), symmetry))))

    given = moments(15)
    d = layers_distance(given, symmetry, bootstrap(15, 200))
    assert (d.w2, d.apart) == pytest.approx((direct(given, True), direct(given, False)))
    assert d.apart < d.w2
    again = [moments(15) for _ in range(300)]
    for between, value, null, se in ((True, d.w2, d.null, d.se), (False, d.apart, d.apart_null, d.apart_se)):
        values = [direct(one, between) for one in again]
        assert null == pytest.approx(np.mean(values), rel=0.1)
        assert se == pytest.approx(np.std(values), rel=0.6)
        assert abs(value - np.mean(values)) < 4 * np.std(values)


def test_sentences_tables_and_json_have_the_numbers():
    (one,) = study_weights(networks()).chains
    assert one.layers is not None
    text = chain_sentence(one)
    assert text.startswith("By names and shapes, fc1, fc2 are layers of 24 networks of 5 x 4 x 3 units.")
    assert "Independent layers are rejected by second moments" in text
    assert f"fc1–fc2 {one.layers.correlation.rho[0]:.2g}" in text
    row = dict(zip(HEADER, chain_row(one), strict=True))
    assert row["bartlett"] == one.layers.independent.bartlett
    tables = chain_tables([one])
    assert tables["chain_units"].rows[0][:4] == ("fc1", "fc2", 24, 4)
    entry = chain_entry(one)
    json.dumps(entry, allow_nan=False)
    assert entry["hidden"][0]["correlation"]["rho"] == one.layers.correlation.rho[0]
    assert entry["wasserstein"]["w2"] == row["w2"]


def test_few_networks_and_none_that_is_finite_say_so():
    (few,) = study_weights(networks(2)).chains
    assert few.layers is not None
    assert "2 members: the sums of 2 matrices need more than that" in chain_sentence(few)
    lost = networks(3)
    for k in range(3):
        lost["fc2" if k else "fc1"][k, 0, 0] = np.nan
    (none,) = study_weights(lost).chains
    assert none.layers is None
    assert chain_sentence(none).endswith("None of 3 networks is finite in all layers.")
    json.dumps([chain_entry(few), chain_entry(none)], allow_nan=False)
    assert [len(row) for row in chain_tables([few, none])["chains"].rows] == [len(HEADER)] * 2
    assert "nan" not in chain_sentence(few) + chain_sentence(none)


def test_matrices_that_are_their_own_transposes_are_no_layers():
    stack = np.random.default_rng(0).standard_normal((4, 6, 6))
    (chain,) = chains([model({"w1": (4, 6, 6), "w2": (4, 6, 6)})])
    turned = stack + np.swapaxes(stack, 1, 2)

    def holding(group: Group) -> Group:
        (source,) = group.sources
        return group._replace(sources=(source._replace(tensors=(source.tensors[0]._replace(read=lambda: turned),)),))

    assert study_chain(tuple(map(holding, chain))) is None


def test_one_array_at_a_time_is_in_memory():
    """Stacks that are made as they are read: what was read before is gone when the next is asked for."""
    alive: list[weakref.ref] = []
    most = 0

    def read(shape: tuple[int, ...]) -> np.ndarray:
        nonlocal most
        array = np.random.default_rng(0).standard_normal((6, *shape))
        most = max(most, 1 + sum(ref() is not None for ref in alive))
        alive.append(weakref.ref(array))
        return array

    tensors = tuple(
        Tensor(f"fc{k}", (6, *shape), "float64", partial(read, shape)) for k, shape in enumerate(Chain(SIZES).shapes)
    )
    (chain,) = chains([Weights("large", tensors, "out_in")])
    gc.collect()
    assert study_chain(chain) is not None
    assert len(alive) >= 2 * len(tensors)
    assert most == 1
