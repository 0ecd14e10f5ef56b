"""Consecutive layers of the same networks: their study is that of the arrays, a few networks in memory at a time."""

import gc
import json
import weakref
from functools import partial

import numpy as np
import pytest

from analysis import Chain, study_layers
from analysis.show.chains import HEADER, chain_entry, chain_row, chain_sentence, chain_tables
from analysis.weights.chain_study import study_chain
from analysis.weights.chains import chains
from analysis.weights.grouping import Group
from analysis.weights.model_study import study_weights
from analysis.weights.state import weights_of
from analysis.weights.tensors import Tensor, Weights

SIZES = (5, 4, 3)
"""One for all: each chain is compiled anew."""


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
    (chain,) = chains([weights_of({"w1": stack, "w2": stack})])
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
