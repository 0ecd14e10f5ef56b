"""Predictions of all cubic and quartic invariants, without and with couplings."""

import numpy as np
import pytest
from scipy.stats import skew, t

from analysis import Separate, expectations, fit
from analysis.inference.coupled_predictions import Predictions, coupled_predictions
from analysis.inference.leaving_out import error_of, left_out, pseudo_values
from analysis.model.coupling_covariance import coupled_graphs
from invariants import Graph, parse_bipartite
from tests.reference import bipartite_invariants

TRIPLE, QUADRUPLE = parse_bipartite("0-0,0-0,0-0"), parse_bipartite("0-0,0-0,0-0,0-0")


def summarised(stack: np.ndarray) -> tuple[np.ndarray, np.ndarray, Separate]:
    symmetry = Separate(*stack.shape[1:])
    values = bipartite_invariants(symmetry.every, stack)
    return values, np.asarray(symmetry.block_moments(stack)), symmetry


def of(stack: np.ndarray, chosen: tuple[Graph, ...] = ()) -> Predictions:
    return coupled_predictions(*summarised(stack), chosen)


def test_without_couplings_both_laws_are_the_gaussian_fit():
    stack = np.random.default_rng(0).standard_normal((200, 4, 5)) + 1
    found, symmetry = of(stack), Separate(4, 5)
    expected = expectations(fit(stack, symmetry).model.parameters, symmetry.predicted, symmetry)
    np.testing.assert_allclose(found.theory, [expected, expected], rtol=1e-11)
    np.testing.assert_array_equal(found.z[0], found.z[1])
    assert found.explained == (43, 43)
    assert found.status == "ok"


def test_the_couplings_of_independent_skewed_entries_explain_all_invariants():
    found = of(np.random.default_rng(1).exponential(size=(1_000, 4, 5)), (TRIPLE, QUADRUPLE))
    assert found.explained is not None
    assert found.explained[0] < 10
    assert found.explained[1] == 43
    np.testing.assert_array_equal(found.q.shape, (2, 43))


def test_an_invariant_whose_own_coupling_is_fitted_is_met_exactly():
    """At mean 0 the first-order law with a coupling reproduces the mean of its own invariant."""
    stack = np.random.default_rng(2).exponential(size=(100, 4, 5))
    stack -= stack.mean()
    found = of(stack, coupled_graphs(Separate(4, 5)))
    connected = [k for k, graph in enumerate(found.graphs) if graph in coupled_graphs(Separate(4, 5))]
    np.testing.assert_allclose(found.theory[1, connected], found.mean[connected], rtol=1e-9)
    one = of(stack, (TRIPLE,))
    position = one.graphs.index(TRIPLE)
    assert one.z[1, position] == 0
    assert one.p[1, position] == 1
    assert abs(one.z[0, position]) > 3


def test_errors_are_those_of_repeated_ensembles():
    """The spread of mean less prediction over 40 ensembles is the error, within a factor."""
    rng = np.random.default_rng(3)
    runs, members = 40, 40
    values, moments, symmetry = summarised(rng.exponential(size=(runs * members, 3, 4)) - 1)
    values, moments = values.reshape(runs, members, -1), moments.reshape(runs, members, -1)
    found = [coupled_predictions(v, b, symmetry, (TRIPLE,)) for v, b in zip(values, moments, strict=True)]
    differences = np.array([one.mean - one.theory for one in found])
    ratio = np.array([one.error for one in found])
    cubic = slice(1, 10)
    usual = np.sqrt(np.mean(ratio[:, :, cubic] ** 2, axis=0)) / differences[:, :, cubic].std(axis=0)
    assert np.all((usual > 0.5) & (usual < 2))


def test_z_is_a_studentised_mean_of_pseudo_values_and_their_skewness():
    """Each from a fit without one of the members."""
    members, symmetry = 21, Separate(3, 4)
    stack = np.random.default_rng(8).exponential(size=(members, 3, 4))
    values, found = bipartite_invariants(symmetry.predicted, stack), of(stack)

    def missed(rows: np.ndarray) -> np.ndarray:
        f = fit(stack[rows], symmetry).model.parameters
        return values[rows].mean(axis=0) - expectations(f, symmetry.predicted, symmetry)

    every = np.arange(members)
    pseudo = np.array([members * missed(every) - (members - 1) * missed(every[every != k]) for k in every])
    error = pseudo.std(axis=0, ddof=1) / np.sqrt(members)
    np.testing.assert_allclose(found.error[0], error, rtol=1e-8)
    expected = pseudo.mean(axis=0) / error + np.clip(skew(pseudo), -3, 3) / (2 * np.sqrt(members))
    np.testing.assert_allclose(found.z[0], expected, rtol=1e-7)


def test_p_is_that_of_students_law_with_a_degree_less_for_each_parameter():
    found = of(np.random.default_rng(7).standard_normal((30, 4, 5)))
    np.testing.assert_allclose(found.p, 2 * t.sf(np.abs(found.z), 30 - 1 - 5), rtol=1e-10)


def test_pseudo_values_of_a_mean_are_the_members():
    values, moments, symmetry = summarised(np.random.default_rng(4).standard_normal((30, 3, 4)))
    parts = left_out(values, moments, symmetry)
    np.testing.assert_allclose(pseudo_values(values.mean(axis=0), parts.means), values, atol=1e-10)
    expected = values.std(axis=0, ddof=1) / np.sqrt(30)
    np.testing.assert_allclose(error_of(parts.means), expected, rtol=1e-10)
    stack = np.random.default_rng(5).standard_normal((203, 2, 2))
    many, moments, symmetry = summarised(stack)
    parts = left_out(many, moments, symmetry)
    assert parts.means.shape == (100, 48)
    without = stack[np.arange(len(stack)) % 100 != 1]
    np.testing.assert_allclose(parts.means[1], summarised(without)[0].mean(axis=0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(parts.parameters[1], fit(without, symmetry).model.parameters, atol=1e-12)


def test_statuses_and_refusals_name_cause_and_remedy():
    stack = np.random.default_rng(6).standard_normal((30, 4, 5))
    few = of(stack[:19], (TRIPLE,))
    assert few.status == "19 members: predictions with couplings are tested from 20 on; add members"
    assert np.isnan(few.q).all()
    assert few.explained is None
    assert np.isfinite(few.theory).all()
    constant = of(np.ones((30, 4, 5)), (TRIPLE,))
    assert "a fitted variance vanishes" in constant.status
    assert np.isnan(constant.q).all()
    with pytest.raises(ValueError, match="not connected and bipartite"):
        of(stack, (parse_bipartite("0-0,1-1,2-2"),))
