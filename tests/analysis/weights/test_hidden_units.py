"""Hidden units that two groups share: which are recognised, and that a planted connection is found."""

import numpy as np
import pytest

from analysis import study_layers
from analysis.show.hidden_units import HEADER, unit_entry, unit_row, unit_sentence
from analysis.weights.grouping import grouped
from analysis.weights.hidden_units import links, study_units
from analysis.weights.model_study import study_weights
from analysis.weights.state import weights_of

LAYERS, UNITS, SIZE = 8, 40, 9


def blocks(shared: float, seed: int = 0) -> dict[str, np.ndarray]:
    """Feed-forward blocks in whose units a part of incoming and outgoing weights is the same."""
    rng = np.random.default_rng(seed)
    state = {}
    for k in range(LAYERS):
        unit = shared * rng.standard_normal(UNITS)
        state[f"layer.{k}.up"] = rng.standard_normal((UNITS, SIZE)) + unit[:, None]
        state[f"layer.{k}.down"] = rng.standard_normal((SIZE, UNITS)) + unit
        state[f"layer.{k}.query"] = rng.standard_normal((SIZE, SIZE))
    return state


def linked(state):
    return list(links(grouped([weights_of(state)]).groups))


def test_units_are_recognised_by_their_number():
    (link,) = linked(blocks(0.0))
    assert (link.below.name, link.above.name, link.units) == ("layer.*.up", "layer.*.down", UNITS)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {f"layer.{k}.gate": np.ones((UNITS, SIZE)) for k in range(LAYERS)},  # whose columns are they?
        lambda state: {"layer.9.down": np.ones((SIZE, UNITS))},  # a member without the other side
        lambda state: {"head": np.ones((3, UNITS))},
    ],
)
def test_no_link_where_the_number_does_not_tell_or_members_do_not_match(change):
    state = blocks(0.0)
    assert linked(state | change(state)) == []


def test_no_link_where_either_side_may_be_the_hidden_one():
    alone = {name: matrix for name, matrix in blocks(0.0).items() if "query" not in name}
    assert linked(alone) == []


def test_stacks_and_few_members_are_left_to_others():
    few = {name: matrix for name, matrix in blocks(0.0).items() if name.startswith(("layer.0", "layer.1"))}
    assert linked(few) == []
    assert linked({"up": np.ones((5, UNITS, SIZE)), "down": np.ones((5, SIZE, UNITS))}) == []


def test_members_are_matched_by_their_numbers_and_studied_as_networks_are():
    state = blocks(0.5)
    turned = dict(reversed(state.items()))
    (link,) = linked(turned)
    found = study_units(link)
    assert found is not None
    stacks = tuple(np.stack([state[f"layer.{k}.{side}"] for k in range(LAYERS)]) for side in ("up", "down"))
    expected = study_layers(stacks)
    np.testing.assert_allclose(found.layers.correlation.rho, expected.correlation.rho, rtol=1e-9)
    np.testing.assert_allclose(found.layers.balance.difference, expected.balance.difference, rtol=1e-9)
    assert found.layers.randomisation.relabelled_sums == pytest.approx(expected.randomisation.relabelled_sums)


def test_a_planted_connection_is_found_and_said_and_none_where_there_is_none():
    found = study_weights(blocks(0.5))
    (one,) = found.units
    row = dict(zip(HEADER, unit_row(one), strict=True))
    assert float(row["rho"]) > 0.3
    assert float(row["p_sums"]) < 0.01
    assert "sums of incoming and outgoing weights belong together" in unit_sentence(one)
    assert unit_sentence(one).split(" (")[0] in " ".join(repr(found).split())
    assert unit_entry(one)["hidden"][0]["correlation"]["rho"] == row["rho"]
    units = [study_units(linked(blocks(0.0, seed))[0]) for seed in range(20)]
    p = [float(one.layers.randomisation.relabelled_sums[0]) for one in units if one]
    assert len(p) == 20
    assert np.sum(np.array(p) < 0.05) <= 4  # more are had by chance in 0.3 %


def test_members_that_are_not_finite_are_left_out():
    state = blocks(0.5)
    state["layer.3.down"][0, 0] = np.nan
    (link,) = linked(state)
    found = study_units(link)
    assert found is not None
    assert found.layers.fit.members == LAYERS - 1
    for k in range(LAYERS - 2):
        state[f"layer.{k}.up"][0, 0] = np.inf
    assert study_units(linked(state)[0]) is None
