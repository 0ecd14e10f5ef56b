"""Exact expectations against the dense Gaussian, closed forms and exact reference numbers."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest

from analysis import PIGMM, Gaussian, Simultaneous, expectation, expectations, fit, iid_model
from analysis.model.wick import expectation_table
from analysis.symmetry.partitions import set_partitions
from invariants import PAPER, Graph, enumerate_graphs, evaluate
from tests.dense import dense_expectation, random_model
from tests.square import pigmm

SMALL = [graph for degree in (1, 2, 3) for graph in enumerate_graphs(degree) if graph.nodes <= 3]


def scale_of(model: Gaussian, graphs) -> np.ndarray:
    """Size of the terms that add up to each expectation: that of a model with all its numbers positive."""
    table = expectation_table(tuple(graphs), model.symmetry)
    factors = np.abs(np.append(model.parameters, 1.0))
    return np.prod(factors[table.monomials], axis=1) @ np.abs(table.coefficients)


def test_set_partitions_are_counted_by_bell_numbers():
    assert [len(set(set_partitions(n))) for n in range(7)] == [1, 1, 2, 5, 15, 52, 203]


@pytest.mark.parametrize("dim", [4, 5])
def test_block_tensors_measure_the_parameters_they_carry(dim):
    """E <T_b, M M> / <T_b, T_b> = f_b: the tensors are orthogonal, and one table serves expectations and fits."""
    model = random_model(dim, seed=dim)
    second = expectation(replace(model, mean=np.zeros(2)), PAPER[:13])
    symmetry = Simultaneous(dim)
    tensors, norms = symmetry.tensors, symmetry.weights[2:]
    measured = [
        factor * sum(float(c) * second[PAPER.index(g)] for g, c in tensor.items()) / norm
        for tensor, norm, factor in zip(tensors.covariances, norms, tensors.radicals, strict=True)
    ]
    np.testing.assert_allclose(measured, model.parameters[2:], rtol=1e-12)
    assert tensors.means[0] == {Graph(((0, 1),)): pytest.approx(1 / dim)}


@pytest.mark.parametrize("graph", SMALL, ids=str)
def test_every_small_graph_against_isserlis_on_the_dense_gaussian(graph):
    model = random_model(4, seed=1)
    np.testing.assert_allclose(expectation(model, [graph])[0], dense_expectation(model, graph), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("key", ["0-1,0-1,1-0,1-0", "0-0,0-1,1-2,2-0", "0-1,1-2,2-3,3-0", "0-1,0-1,0-1,0-1,0-1"])
def test_higher_degrees_against_the_dense_gaussian(key):
    model, graph = random_model(4, seed=2), Graph.parse(key)
    np.testing.assert_allclose(expectation(model, [graph])[0], dense_expectation(model, graph), rtol=1e-11)


@pytest.mark.parametrize("dim", [2, 3])
def test_small_matrices_against_the_dense_gaussian(dim):
    full = random_model(dim, seed=3)
    model = full if dim == 3 else pigmm(2, full.mean, full.covariances[0], np.diag([1.0, 2.0, 0.0]), 0.0, 0.0)
    if dim == 2:
        stack = model.sample(jax.random.key(0), 200_000)
        values = evaluate(PAPER[:13], stack)
        error = values.std(axis=0) / np.sqrt(len(values))
        assert np.all(np.abs(values.mean(axis=0) - expectation(model, PAPER[:13])) < 5 * error)
    else:
        reference = [dense_expectation(model, graph) for graph in SMALL]
        np.testing.assert_allclose(expectation(model, SMALL), reference, rtol=1e-11, atol=1e-11)


def test_textbook_values_of_independent_entries():
    """tr M, sum M_ij^2, tr M^2, (sum M)^2, (sum M)^4 and sum M_ij^4 for entries of variance v."""
    v, dim = 0.3, 640
    keys = ["0-0", "0-1,0-1", "0-1,1-0", "0-1,2-3", "0-1,2-3,4-5,6-7", "0-1,0-1,0-1,0-1"]
    graphs = [Graph.parse(key) for key in keys]
    expected = [0, dim**2 * v, dim * v, dim**2 * v, 3 * dim**4 * v**2, 3 * dim**2 * v**2]
    np.testing.assert_allclose(expectation(iid_model(0.0, v**0.5, dim), graphs), expected, rtol=1e-11)


def test_a_fit_reproduces_the_thirteen_means_it_was_made_from():
    stack = np.random.default_rng(4).standard_normal((20, 6, 6)) ** 2
    means = evaluate(PAPER[:13], stack).mean(axis=0)
    np.testing.assert_allclose(expectation(fit(stack).model, PAPER[:13]), means, rtol=1e-12)


def test_disjoint_union_of_zero_variance_graphs_factorises():
    model = pigmm(5, np.array([0.3, -1.2]), np.zeros((2, 2)), np.zeros((3, 3)), 0.0, 0.0)
    one = expectation(model, PAPER[:28])
    two = expectation(model, [graph | PAPER[4] for graph in PAPER[:28]])
    np.testing.assert_allclose(two, one * one[4], rtol=1e-12)


def test_bootstrap_sized_batches_equal_single_models():
    f = np.stack([random_model(10, seed).parameters for seed in range(3)])
    batch = expectations(np.broadcast_to(f, (10_000, 3, 13)), PAPER, Simultaneous(10))
    for k in range(3):
        np.testing.assert_allclose(batch[-1, k], expectation(PIGMM.from_parameters(f[k], dim=10), PAPER), rtol=1e-12)


def test_public_models_exactly(fixtures):
    data = json.loads((fixtures / "public_models.json").read_text())
    cubic, quartic = ([Graph.parse(key) for key in data["graph_keys"][degree]] for degree in "34")
    graphs = [*PAPER, *cubic, *quartic]
    for entry in data["models"]:
        model = PIGMM.from_parameters(entry["f"], dim=entry["D"])
        reference = np.array(entry["theory_I"] + entry["theory_cubic"] + entry["theory_quartic"])
        error = np.abs(expectation(model, graphs) - reference)
        assert np.all(error <= 1e-13 * scale_of(model, graphs)), entry["id"]


def test_public_ensembles_exactly(fixtures):
    data = json.loads((fixtures / "public_ensembles.json").read_text())
    cubic, quartic = ([Graph.parse(key) for key in data["graph_keys"][degree]] for degree in "34")
    graphs = [*PAPER, *cubic, *quartic]
    for entry in data["ensembles"]:
        model = fit(np.array(entry["entries"]) / entry["denominator"]).model
        reference = np.array(entry["theory_I"] + entry["theory_cubic"] + entry["theory_quartic"])
        error = np.abs(expectation(model, graphs) - reference)
        assert np.all(error <= 1e-13 * scale_of(model, graphs)), entry["id"]
