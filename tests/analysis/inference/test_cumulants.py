"""Cumulants of an ensemble: values of known laws, errors, tests that hold their level, and what is not available."""

import numpy as np
import pytest
from scipy.stats import kurtosis, norm, skew, t

from analysis import Separate, Simultaneous, Symmetric, cumulants, study
from analysis.inference.cumulants import pattern_cumulants
from analysis.inference.multiplicity import benjamini_hochberg
from invariants import Graph, bipartite_key, parse_bipartite

ENTRY = {3: parse_bipartite("0-0,0-0,0-0"), 4: parse_bipartite("0-0,0-0,0-0,0-0")}


def exponential(members: int, shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).exponential(size=(members, *shape))


def test_of_a_single_entry_they_are_mean_variance_skewness_and_kurtosis():
    stack = exponential(7, (5, 6))
    entry = Graph(((0, 1),))
    assert cumulants(stack, 1)[entry].value == pytest.approx(stack.mean())
    assert cumulants(stack, 2)[parse_bipartite("0-0,0-0")].value == pytest.approx(stack.var())
    assert cumulants(stack, 3)[ENTRY[3]].standardised == pytest.approx(skew(stack.ravel()))
    assert cumulants(stack, 4)[ENTRY[4]].standardised == pytest.approx(kurtosis(stack.ravel()))


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_there_is_one_for_every_graph_of_the_degree(degree):
    assert tuple(cumulants(exponential(5, (4, 4)), degree)) == Simultaneous(4).graphs(degree)


@pytest.mark.parametrize("shape", [(8, 8), (40, 40), (10, 160)])
def test_a_fixed_law_of_the_entries_has_the_same_cumulants_at_every_size(shape):
    found = cumulants(exponential(20, shape), 3, Separate(*shape))
    skewness = found[ENTRY[3]]
    assert abs(skewness.standardised - 2) < 4 * skewness.standardised_se
    others = [c.z for graph, c in found.items() if graph != ENTRY[3]]
    assert np.max(np.abs(others)) < 4 < skewness.z


def test_a_large_common_mean_changes_nothing():
    stack = exponential(10, (6, 6))
    for symmetry, degree in ((Simultaneous(6), 3), (Separate(6, 6), 4)):
        plain, shifted = (cumulants(data, degree, symmetry) for data in (stack, stack + 1e6))
        np.testing.assert_allclose(
            [c.standardised for c in shifted.values()], [c.standardised for c in plain.values()], atol=1e-7
        )


def test_what_is_left_of_a_large_mean_by_rounding_is_no_number():
    stack, symmetry = exponential(60, (5, 5)) + 1e6, Separate(5, 5)
    found = pattern_cumulants(symmetry.evaluate(symmetry.every, stack), symmetry.block_moments(stack), symmetry)
    assert np.all(np.isnan(found))


def test_the_mean_of_shifted_matrices_is_that_of_the_matrices_as_they_are():
    stack = exponential(10, (6, 6))
    diagonal, off = (cumulants(stack + 5 * np.eye(6), 1)[Graph((edge,))].value for edge in ((0, 0), (0, 1)))
    assert diagonal == pytest.approx(5 + np.mean(np.diagonal(stack, axis1=1, axis2=2)))
    assert off == pytest.approx(np.mean(stack[:, ~np.eye(6, dtype=bool)]))


@pytest.mark.parametrize("members", [3, 20, 200])
@pytest.mark.parametrize("law", ["gaussian", "exponential"])
def test_cumulants_that_are_0_are_rejected_as_often_as_said(members, law):
    """Each at 5 %, also beside others that are not 0. The rate over ensembles and patterns is known to about 1 %."""
    rng, symmetry, ensembles = np.random.default_rng(members), Separate(6, 8), 150
    draw = rng.standard_normal if law == "gaussian" else rng.standard_exponential
    stack = draw((ensembles * members, 6, 8)) + rng.standard_normal((ensembles * members, 6, 1))
    invariants, moments = symmetry.evaluate(symmetry.every, stack), symmetry.block_moments(stack)
    zero = [i for i, graph in enumerate(symmetry.patterns) if law == "gaussian" or graph not in ENTRY.values()]
    tests = [
        pattern_cumulants(*ensemble, symmetry).p[zero]
        for ensemble in zip(np.split(invariants, ensembles), np.split(moments, ensembles), strict=True)
    ]
    assert 0.02 < np.mean(np.array(tests) < 0.05) < 0.08
    assert np.mean([np.min(benjamini_hochberg(p)) < 0.05 for p in tests]) < 0.11


def test_the_error_over_members_is_the_spread_over_ensembles():
    """Of skewed entries, where the error of Gaussian members is not that of the cumulant."""
    found = [cumulants(exponential(100, (5, 5), seed), 3, Separate(5, 5))[ENTRY[3]] for seed in range(150)]
    for value, error in (("value", "se"), ("standardised", "standardised_se")):
        spread = np.std([getattr(one, value) for one in found])
        assert np.mean([getattr(one, error) for one in found]) == pytest.approx(spread, rel=0.2)


def test_p_is_that_of_students_law_from_three_members_on_and_before_of_the_normal_one():
    for members in (2, 3, 4):
        found = list(cumulants(exponential(members, (5, 5)), 3, Separate(5, 5)).values())
        z, p = (np.array([getattr(one, name) for one in found]) for name in ("z", "p"))
        law = norm if members == 2 else t(members - 1)
        np.testing.assert_allclose(p, 2 * law.sf(np.abs(z)), rtol=1e-10)
        if members > 2:
            np.testing.assert_allclose(z, [one.value / one.se for one in found])


@pytest.mark.parametrize("members", [1, 2])
def test_a_single_member_has_cumulants_and_a_test_but_no_error_over_members(members):
    found = cumulants(exponential(members, (12, 12)), 3, Separate(12, 12))[ENTRY[3]]
    assert found.z > 3
    assert found.p < 0.01
    assert np.isnan(found.se) == np.isnan(found.standardised_se) == (members == 1)


def test_graphs_with_more_nodes_than_indices_and_constant_matrices_have_none():
    small = cumulants(exponential(5, (2, 9)), 3, Separate(2, 9))
    absent = {bipartite_key(graph) for graph, c in small.items() if np.isnan(c.value)}
    assert absent == {"0-0,1-0,2-0", "0-0,1-0,2-1", "0-0,1-1,2-2"}
    constant = cumulants(np.ones((5, 4, 4)), 3)
    assert all(np.isnan(c.standardised) and np.isnan(c.q) for c in constant.values())
    single = cumulants(exponential(5, (1, 6)), 4, Separate(1, 6))
    assert np.isfinite(single[ENTRY[4]].standardised)


@pytest.mark.parametrize("degree", [0, 5])
def test_other_degrees_are_refused(degree):
    with pytest.raises(ValueError, match="1, 2, 3 or 4"):
        cumulants(np.ones((2, 3, 3)), degree)


def test_members_that_are_not_finite_are_left_out():
    stack = exponential(6, (5, 5))
    stack[2, 0, 0] = np.inf
    kept = np.delete(stack, 2, axis=0)
    found, expected = (np.array(list(cumulants(data, 3).values())) for data in (stack, kept))
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match="none of 2 members is finite"):
        cumulants(np.full((2, 3, 3), np.nan), 3)


@pytest.mark.parametrize("symmetry", [Separate(5, 5), Symmetric(5)], ids=str)
def test_a_study_has_the_same_cumulants_of_connected_graphs(symmetry):
    stack = exponential(12, (5, 5))
    stack = stack + np.swapaxes(stack, 1, 2)
    statistics = study(stack, symmetry)
    single = {graph: c for degree in (3, 4) for graph, c in cumulants(stack, degree, symmetry).items()}
    chosen = [single[graph] for graph in symmetry.patterns]
    np.testing.assert_allclose(statistics.cumulants, [c.value for c in chosen], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(statistics.standardised_se, [c.standardised_se for c in chosen], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(statistics.cumulants_p, [c.p for c in chosen], rtol=1e-7)
