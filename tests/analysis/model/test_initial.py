"""Exact moments of independent entries against enumeration, simulation and exact reference numbers."""

import json
from fractions import Fraction
from itertools import product
from math import perm, prod

import numpy as np
import pytest

from analysis import EntryLaw, Simultaneous, expectation, fit, iid_invariants, iid_model, iid_parameters
from analysis.model.initial import joint_cumulant
from analysis.symmetry.partitions import set_partitions
from invariants import PAPER, Graph, enumerate_graphs, evaluate

SKEW = [Fraction(0), Fraction(1), Fraction(3, 4), Fraction(5, 2), Fraction(4), Fraction(12), Fraction(30), Fraction(99)]


def by_nodes(graph: Graph, moments: list[Fraction], dim: int) -> Fraction:
    """E[I_G] as a sum over which nodes coincide, with falling factorials and the moments of parallel edges."""
    total = Fraction(0)
    for labels in set_partitions(graph.nodes):
        edges = [(labels[a], labels[b]) for a, b in graph.edges]
        total += perm(dim, len(set(labels))) * prod(moments[edges.count(edge) - 1] for edge in set(edges))
    return total


def simulate(dim: int, members: int, runs: int, seed: int) -> np.ndarray:
    """Plug-in parameters of simulated ensembles of entries +-1, a law far from Gaussian."""
    signs = np.random.default_rng(seed).integers(0, 2, (runs, members, dim, dim)) * 2.0 - 1
    return np.stack([fit(stack).model.parameters for stack in signs])


def test_cumulants_of_named_laws():
    assert EntryLaw.gaussian(0.5).cumulants == (0, Fraction(1, 4), 0, 0, 0, 0, 0, 0)
    third, fourth = EntryLaw.uniform(1).cumulant(2), EntryLaw.uniform(1).cumulant(4)
    assert (third, fourth) == (Fraction(1, 3), Fraction(-2, 15))
    assert EntryLaw.from_moments([2, 5]).cumulants == (2, 1)


@pytest.mark.parametrize("graph", [g for degree in (1, 2, 3, 4) for g in enumerate_graphs(degree)][::9], ids=str)
def test_expectation_of_every_kind_of_graph_by_counting_nodes(graph):
    law = EntryLaw.from_moments(SKEW)
    assert joint_cumulant((graph,), law, (6, 6)) == by_nodes(graph, SKEW, 6)


@pytest.mark.parametrize(("one", "two"), [*product(PAPER[:13:3], PAPER[1:16:5])], ids=str)
def test_covariance_by_counting_nodes(one, two):
    law = EntryLaw.from_moments(SKEW)
    expected = by_nodes(one | two, SKEW, 5) - by_nodes(one, SKEW, 5) * by_nodes(two, SKEW, 5)
    assert joint_cumulant((one, two), law, (5, 5)) == expected


def test_variance_that_the_published_formulas_miss():
    """Var I4 = D m4 + D (2D-3) m2^2, where M_ij M_ji occurs twice in the sum."""
    m2, m4, dim, members = 1 / 3, 1 / 5, 10, 50
    se = iid_invariants(EntryLaw.uniform(1), [PAPER[3]], (dim, dim), members).se[0]
    assert se == pytest.approx(np.sqrt((dim * m4 + dim * (2 * dim - 3) * m2**2) / members))


def test_variance_of_fitted_parameters_in_closed_form():
    """Uniform entries on [-1, 1], so q = m2^2 = 1/9 and k = -2/15."""
    q, k, dim, members = 1 / 9, -2 / 15, 7, 20
    prediction = iid_parameters(EntryLaw.uniform(1), Simultaneous(dim), members)
    d1, shrink = dim - 1, (members - 1) / members
    v0 = shrink**2 * (2 * q / (members - 1) + k * (dim**2 - 3 * dim + 3) / (members * dim**2 * d1))
    v8 = (q / d1 + k * (dim - 2) / (dim**2 * d1)) / members
    v11 = (2 * q / d1 + k * (dim**2 - 5 * dim + 8) / (dim**2 * d1)) / members
    v12 = (4 * q / (dim * (dim - 3)) + k / (dim * d1)) / members
    v13 = (4 * q / (d1 * (dim - 2)) + k / (dim * d1)) / members
    np.testing.assert_allclose(prediction.se[[1, 4, 7, 10, 11, 12]] ** 2, [1 / 3 / members, v0, v8, v11, v12, v13])
    np.testing.assert_allclose(prediction.mean[[2, 4]], shrink / 3)


def test_fitted_parameters_of_simulated_ensembles():
    law = EntryLaw.from_moments([0, 1] * 4)
    runs = 3000
    f = simulate(dim=4, members=5, runs=runs, seed=0)
    prediction = iid_parameters(law, symmetry=Simultaneous(4), members=5)
    assert np.all(np.abs(f.mean(axis=0) - prediction.mean) < 4.5 * prediction.se / np.sqrt(runs) + 1e-12)
    # The variance of a sample variance is at most (kurtosis - 1) / runs of its square, and no kurtosis here exceeds 9.
    np.testing.assert_allclose(f.std(axis=0), prediction.se, rtol=4.5 * np.sqrt(8 / runs) / 2)


def test_invariants_of_simulated_ensembles():
    runs = 40_000
    stack = np.random.default_rng(1).uniform(-1, 1, (runs, 4, 4))
    values = evaluate(PAPER[:28], stack)
    prediction = iid_invariants(EntryLaw.uniform(1), PAPER[:28], (4, 4), runs)
    assert np.all(np.abs(values.mean(axis=0) - prediction.mean) < 4.5 * prediction.se)
    np.testing.assert_allclose(values.std(axis=0) / np.sqrt(runs), prediction.se, rtol=0.1)


def test_gaussian_entries_are_the_iid_model():
    law = EntryLaw.gaussian(0.3)
    model = iid_model(0.0, 0.3, 8)
    np.testing.assert_allclose(
        iid_invariants(law, PAPER, (8, 8), 10).mean, expectation(model, PAPER), rtol=1e-12, atol=1e-13
    )
    np.testing.assert_allclose(iid_parameters(law, Simultaneous(8), 10**9).mean, model.parameters, rtol=1e-8)


def test_a_single_member_has_no_covariance_and_no_error_of_it():
    prediction = iid_parameters(EntryLaw.gaussian(1.0), Simultaneous(5), 1)
    assert np.all(prediction.mean[2:5] == 0)
    assert np.all(prediction.se[2:5] == 0)


def test_a_law_with_too_few_moments_is_refused_in_one_line():
    with pytest.raises(ValueError, match="cumulant 4 of a law given by 3 moments: give 4 moments"):
        iid_invariants(EntryLaw.from_moments([0, 1, 0]), PAPER[2:3], (5, 5), 10)
    with pytest.raises(ValueError, match=r"E w\^2 >= "):
        EntryLaw.from_moments([1, 0.5])


def test_public_initialisation(fixtures):
    for entry in json.loads((fixtures / "public_init.json").read_text())["initialisation"]:
        dim, members = entry["D"], entry["N"]
        law = {"gaussian": EntryLaw.gaussian, "uniform": EntryLaw.uniform}[entry["law"]](dim**-0.5)
        invariants, parameters = (
            iid_invariants(law, PAPER[:13], (dim, dim), members),
            iid_parameters(law, Simultaneous(dim), members),
        )
        np.testing.assert_allclose(invariants.mean, entry["E_I"], rtol=1e-9)
        np.testing.assert_allclose(invariants.se, entry["SE_I"], rtol=1e-9)
        np.testing.assert_allclose(parameters.mean, entry["E_f"], rtol=1e-9)
        np.testing.assert_allclose(parameters.se, entry["SD_f"], rtol=1e-9)
