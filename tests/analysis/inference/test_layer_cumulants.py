"""Cumulants across layers, balance and randomisation, on networks whose units are matched in known ways."""

import json

import numpy as np
import pytest
from scipy.stats import t

from analysis import Chain, fit
from analysis.inference.conditional import evaluated
from analysis.inference.layer_cumulants import balance, layer_cumulants
from analysis.inference.layer_randomisation import layer_randomisation
from analysis.inference.networks import given_networks
from analysis.layers import study_layers
from tests.chains import drawn

SIZES = (5, 4, 3)
SYMMETRY = Chain(SIZES)


def normal(seed: int, members: int, sizes=SIZES) -> tuple[np.ndarray, ...]:
    return Chain(sizes).standard_normal(np.random.default_rng(seed), members)


def with_unit_scales(seed: int, members: int) -> tuple[np.ndarray, np.ndarray]:
    """A random scale of each hidden unit, common to its incoming and outgoing weights: matched, but not in sums."""
    below, above = normal(seed, members)
    scale = np.exp(0.5 * np.random.default_rng(seed).standard_normal((members, SIZES[1])))
    return below * scale[:, :, None], above * scale[:, None, :]


def with_member_scales(seed: int, members: int) -> tuple[np.ndarray, np.ndarray]:
    """A random scale of each whole network: dependent, but units are not matched."""
    scale = np.exp(0.5 * np.random.default_rng(seed).standard_normal((members, 1, 1)))
    below, above = normal(seed, members)
    return below * scale, above * scale


def parameters(data) -> np.ndarray:
    return fit(data).model.parameters


def test_unit_scales_are_seen_by_squares_and_not_by_sums():
    data = with_unit_scales(0, 200)
    found = study_layers(data)
    assert found.balance.p[0] < 0.01
    assert found.balance.difference[0] > 0
    assert found.randomisation.relabelled_squares[0] == 1 / 200
    assert found.randomisation.relabelled_sums[0] > 0.05
    assert found.independent.p > 0.01
    graph = next(k for k, g in enumerate(found.cumulants.graphs) if str(g) == "1:0-0,1:0-0,2:0-0,2:0-0")
    assert found.cumulants.p[graph] < 0.01
    np.testing.assert_allclose(found.cumulants.value[graph], found.balance.same[0], rtol=1e-12)


def test_member_scales_raise_same_and_other_alike():
    data = with_member_scales(1, 400)
    found, moved = balance(given_networks(data, SYMMETRY)), layer_randomisation(given_networks(data, SYMMETRY))
    assert found.same[0] > 0.5
    assert found.other[0] > 0.5
    assert found.p[0] > 0.01
    assert moved.relabelled_squares[0] > 0.01
    assert moved.joined_squares[0] == 1 / 200


@pytest.mark.parametrize("members", [20, 60])
def test_independent_layers_are_not_rejected(members):
    data = normal(2, members)
    found = study_layers(data)
    smallest = [found.independent.p, *found.correlation.p, *found.balance.p, np.nanmin(found.cumulants.q)]
    moved = found.randomisation
    randomised = [moved.relabelled_sums, moved.relabelled_squares, moved.joined_sums, moved.joined_squares]
    assert min(*smallest, *(float(p[0]) for p in randomised)) > 0.01
    assert {found.cumulants.status, *found.balance.status, *moved.status, found.independent.status} == {"ok"}


def test_sums_of_the_same_units_are_seen_by_relabelling():
    below, above = normal(3, 40)
    shared = np.random.default_rng(3).standard_normal((40, SIZES[1]))
    moved = layer_randomisation(
        given_networks((below + 0.7 * shared[:, :, None], above + 0.7 * shared[:, None, :]), SYMMETRY)
    )
    assert moved.relabelled_sums[0] == 1 / 200
    assert moved.joined_sums[0] == 1 / 200


def test_p_of_many_members_is_that_of_students_law():
    data = normal(13, 45)
    found = layer_cumulants(given_networks(data, SYMMETRY))
    np.testing.assert_allclose(found.p, 2 * t.sf(np.abs(found.value / found.se), 44), rtol=1e-10)


def test_joining_anew_keeps_all_members_of_every_layer(monkeypatch):
    data, seen = normal(12, 5), []

    def recorded(graphs, layers, symmetry):
        seen.append(layers)
        return evaluated(graphs, layers, symmetry)

    monkeypatch.setattr("analysis.inference.networks.evaluated", recorded)
    balance(given_networks(data, SYMMETRY))
    anew = [layers for layers in seen if layers[0].ndim == 4]
    for joined in anew:
        for stack, layer in zip(data, joined, strict=True):
            own = np.sort(layer[..., 0, 0], axis=-1)
            np.testing.assert_array_equal(own, np.broadcast_to(np.sort(stack[:, 0, 0]), own.shape))
    assert sum(len(joined[0]) for joined in anew) > 100


def test_correlations_of_opposite_sign_do_not_cancel():
    common = np.random.default_rng(9).standard_normal((40, 1, 1))
    first, second, third = normal(9, 40, (5, 4, 3, 2))
    networks = given_networks((first + common, second + common, third - common), Chain((5, 4, 3, 2)))
    moved = layer_randomisation(networks)
    assert moved.joined_sums.tolist() == [1 / 200, 1 / 200]


def test_randomised_p_is_the_rank_of_what_is_computed_from_moved_matrices():
    """With means, so that no term of a balance vanishes, and 41 members, of which a balance is not simulated."""
    members, draws, (below, above) = 41, 49, (stack + 0.5 for stack in normal(14, 41))
    rng = np.random.default_rng([0, 1])
    orders = [rng.permuted(np.tile(np.arange(4), (members, 1)), axis=1) for _ in range(draws)]
    relabelled = [above, *(np.take_along_axis(above, order[:, None], axis=2) for order in orders)]
    rejoined = [above, *(above[rng.permutation(members)] for _ in range(draws))]

    def matched(moved: np.ndarray) -> float:
        """Mean product of means on both sides of the same unit, less that of two units."""
        products = np.einsum("nia,nbj->ij", below, moved) / members
        return np.trace(products) / 4 - (products.sum() - np.trace(products)) / 12

    def correlated(moved: np.ndarray) -> float:
        """Squared correlations of sums over members, and three times that of centred sums over units."""
        rows, columns = below.sum(axis=2), moved.sum(axis=1)
        centred = [(side - side.mean(axis=1, keepdims=True)).ravel() for side in (rows, columns)]
        units = np.dot(*centred) ** 2 / np.prod([np.dot(side, side) for side in centred])
        return np.corrcoef(rows.sum(axis=1), columns.sum(axis=1))[0, 1] ** 2 + 3 * units

    def rank(values: list[float]) -> float:
        return np.sum(np.abs(values) >= np.abs(values[0]) * (1 - 1e-9)) / (1 + draws)

    def balances(field: str, stacks: list[np.ndarray]) -> list[float]:
        return [float(getattr(balance(given_networks((below, one), SYMMETRY)), field)[0]) for one in stacks]

    found = layer_randomisation(given_networks((below, above), SYMMETRY), draws)
    assert found.relabelled_sums == rank([matched(one) for one in relabelled])
    assert found.relabelled_squares == rank(balances("difference", relabelled))
    assert found.joined_sums == rank([correlated(one) for one in rejoined])
    assert found.joined_squares == rank(balances("same", rejoined))


def test_the_unit_of_the_weights_does_not_matter():
    data = normal(10, 12)
    small, large = (
        np.array(layer_randomisation(given_networks((k * data[0], k * data[1]), SYMMETRY))[1:-1]) for k in (2**-6, 2**6)
    )
    np.testing.assert_array_equal(small, large)


def test_relabelling_keeps_what_it_should():
    data = normal(4, 10)
    order = np.random.default_rng(0).permuted(np.tile(np.arange(SIZES[1]), (10, 1)), axis=1)
    moved = (data[0], np.take_along_axis(data[1], order[:, None, :], axis=2))
    kept = np.array([name != "T1rc" for name in SYMMETRY.parameter_names])
    np.testing.assert_allclose(parameters(moved)[kept], parameters(data)[kept], rtol=1e-12)
    networks = given_networks(data, SYMMETRY)
    assert layer_randomisation(networks, seed=1) != layer_randomisation(networks, seed=2)
    one, again = layer_randomisation(networks), layer_randomisation(networks)
    np.testing.assert_array_equal(one.relabelled_squares, again.relabelled_squares)


def test_errors_are_those_of_repeated_ensembles():
    found = [balance(given_networks(with_unit_scales(seed, 41), SYMMETRY)) for seed in range(100)]
    spread = np.std([one.difference[0] for one in found])
    assert 0.5 < np.sqrt(np.mean([one.se[0] ** 2 for one in found])) / spread < 1.5


def test_statuses_name_cause_and_remedy():
    few = given_networks(normal(5, 2), SYMMETRY)
    assert layer_cumulants(few).status == "2 members: tested from 3 members on; add members"
    assert balance(few).status == ("2 members: tested from 3 members on; add members",)
    alone = normal(5, 1)
    single = layer_randomisation(given_networks(alone, SYMMETRY))
    assert single.status[0].startswith("1 member: no other one")
    assert np.isnan([single.joined_sums, single.joined_squares]).all()
    assert np.isfinite([single.relabelled_sums, single.relabelled_squares]).all()
    assert layer_randomisation(given_networks(normal(6, 30, (3, 2, 2)), Chain((3, 2, 2)))).status == ("ok",)
    narrow = normal(6, 30, (3, 1, 2))
    found = study_layers(narrow)
    assert found.balance.status == ("layer 1 has one unit: no other one to compare it with",)
    assert found.randomisation.status == ("layer 1 has one unit: nothing to relabel",)
    assert np.isnan([found.randomisation.relabelled_sums, found.randomisation.relabelled_squares]).all()
    assert np.isfinite(found.randomisation.joined_sums[0])
    assert "more nodes than a layer has units are undefined" in found.cumulants.status
    undefined = np.isnan(found.cumulants.value)
    np.testing.assert_array_equal(np.isnan(found.cumulants.q), undefined)
    wide = normal(7, 20, (784, 10, 2))
    assert "tested from 41 on" in layer_cumulants(given_networks(wide, Chain((784, 10, 2)))).status
    single = study_layers(drawn((3, 2), 0))
    assert single.cumulants.status == "a single layer: no graphs connect layers"
    assert (len(single.balance.p), len(single.randomisation.layers)) == (0, 0)


@pytest.mark.parametrize("constant", [0.0, 1.0, 1 / 3])
def test_a_layer_without_variance_has_no_standardised_cumulants(constant):
    below, above = normal(11, 45)
    found = layer_cumulants(given_networks((below, np.full_like(above, constant)), SYMMETRY))
    np.testing.assert_allclose(found.value, 0, atol=1e-15)
    assert np.all(np.isnan(found.standardised))
    assert found.status == "a layer without variance has no standardised cumulants"


def test_members_that_are_not_finite_are_left_out():
    data = normal(8, 30)
    data[1][4, 0, 0] = np.nan
    found = study_layers(data)
    kept = np.arange(30) != 4
    assert found.fit.excluded == (4,)
    np.testing.assert_array_equal(
        found.balance.same, balance(given_networks(tuple(stack[kept] for stack in data), SYMMETRY)).same
    )


def test_public_numbers(fixtures):
    stored = json.loads((fixtures / "public_chain.json").read_text())
    for entry in stored["ensembles"][1:5:3]:  # without and with undefined graphs
        symmetry = Chain(tuple(entry["h"]))
        data = tuple(np.array([m[k] for m in entry["entries"]]) / entry["denominator"] for k in range(symmetry.layers))
        # Three copies of each member have the same values, and are too many for joining anew, which is dear.
        repeated = tuple(np.tile(stack, (3, 1, 1)) for stack in data)
        listed = [np.nan if v is None else v for degree in ("3x", "4x") for v in entry["standardised"][degree]]
        found = layer_cumulants(given_networks(repeated, symmetry))
        np.testing.assert_allclose(found.standardised, listed, rtol=1e-9, atol=1e-10)
        units = balance(given_networks(repeated, symmetry))
        np.testing.assert_allclose(units.same, [one["same"] for one in entry["balance"]], rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(units.other, [one["other"] for one in entry["balance"]], rtol=1e-9, atol=1e-11)
