"""Couplings against dense symmetric tensors, closed forms of independent entries, and exact numbers."""

import json
from functools import reduce
from itertools import permutations
from math import factorial

import jax
import numpy as np
import pytest

from analysis import Separate, Simultaneous, expectations, model_of
from analysis.model.coupling_covariance import (
    coupled_graphs,
    coupled_positions,
    cumulant_covariance,
    label_sums,
    usable,
    wick_covariance,
)
from analysis.model.couplings import coupled_expectations, first_order, fitted_couplings, whitened
from analysis.model.cumulants import cumulant_table, distinct_moments
from analysis.model.hermite import expected_products, wick_products
from invariants import Graph, parse_bipartite
from tests.reference import bipartite_invariants

PARAMETERS = np.array([0.3, 0.7, 1.4, 0.4, 0.9])


def dense_covariance(parameters: np.ndarray, symmetry: Separate) -> np.ndarray:
    """Of the flattened matrix, from explicit projectors on rows times projectors on columns."""
    flat = [np.full((size, size), 1 / size) for size in symmetry.shapes[0]]
    rows, columns = ((part, np.eye(len(part)) - part) for part in flat)
    pairs = [(0, 0), (0, 1), (1, 0), (1, 1)]
    terms = [v * np.kron(rows[a], columns[b]) for v, (a, b) in zip(parameters[1:], pairs, strict=True)]
    return np.sum(terms, axis=0)


def dense_tensor(graph: Graph, symmetry: Separate) -> np.ndarray:
    """The symmetric tensor T [mn, mn, ...] with I_G(M) = <T, M (x) M (x) ...>, by explicit sums over labels."""
    (m, n), size = symmetry.shapes[0], symmetry.size
    first = {a for a, _ in graph.edges}
    tensor = np.zeros([size] * graph.degree)
    for labels in np.ndindex(*[m if node in first else n for node in range(graph.nodes)]):
        tensor[tuple(labels[a] * n + labels[b] for a, b in graph.edges)] += 1
    orders = list(permutations(range(graph.degree)))
    return np.mean([np.transpose(tensor, order) for order in orders], axis=0)


def on_all(matrix: np.ndarray, tensor: np.ndarray) -> np.ndarray:
    """A matrix on every axis of a tensor."""
    return reduce(lambda t, axis: np.moveaxis(np.tensordot(matrix, t, (1, axis)), 0, axis), range(tensor.ndim), tensor)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (1, 4), (4, 3)], ids=str)
def test_the_covariance_of_wick_polynomials_is_that_of_symmetric_tensors(shape):
    """E :I_G: :I_H: = k! <T_G, Cov^k T_H>, for graphs that fit into the matrix and those that do not."""
    symmetry = Separate(*shape)
    covariance, graphs = dense_covariance(PARAMETERS, symmetry), coupled_graphs(symmetry)
    tensors = [dense_tensor(graph, symmetry) for graph in graphs]
    dense = np.array(
        [
            [factorial(one.ndim) * np.sum(one * moved) if one.ndim == moved.ndim else 0.0 for one in tensors]
            for moved in (on_all(covariance, tensor) for tensor in tensors)
        ]
    )
    found, size = wick_covariance(PARAMETERS, symmetry), np.sqrt(np.diag(dense))
    np.testing.assert_allclose(found / np.outer(size, size), dense / np.outer(size, size), atol=1e-12)
    kept = usable(symmetry)
    assert np.linalg.matrix_rank(found / np.outer(size, size), tol=1e-9) == kept.sum()


def test_first_order_expectations_of_all_invariants_are_those_of_symmetric_tensors():
    """Stein's identity: E :I_G: f = <T_G, Cov^k E f^(k)>, and the k-th derivative of I_H needs its tensor only."""
    symmetry = Separate(2, 3)
    graphs, at = symmetry.every, coupled_graphs(symmetry)
    covariance, mean = dense_covariance(PARAMETERS, symmetry), np.full(symmetry.size, PARAMETERS[0])
    gaussian = expectations(PARAMETERS, graphs, symmetry)
    tensors = {graph: dense_tensor(graph, symmetry) for graph in (*graphs[5:], *at)}
    for number in (0, 1, 5, 6, 9, 15, 22):
        coupling = np.where(np.arange(len(at)) == number, 0.7, 0.0)
        moved, k = on_all(covariance, tensors[at[number]]), at[number].degree
        expected = np.zeros(len(graphs))
        for row, graph in enumerate(graphs):
            if graph.degree >= k:
                derivative = tensors[graph] if graph.degree == k else tensors[graph] @ mean
                expected[row] = factorial(graph.degree) / factorial(graph.degree - k) * np.sum(moved * derivative)
        found = coupled_expectations(PARAMETERS, coupling, symmetry) - gaussian
        np.testing.assert_allclose(found, 0.7 * expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


def test_no_coupling_leaves_the_gaussian_expectations():
    for shape in ((3, 4), (10, 784)):
        symmetry = Separate(*shape)
        parameters = np.stack([PARAMETERS, 2 * PARAMETERS])
        found = coupled_expectations(parameters, np.zeros((2, 23)), symmetry)
        np.testing.assert_allclose(found, expectations(parameters, symmetry.every, symmetry), rtol=1e-11)


def test_wick_polynomials_of_gaussian_members_have_mean_0_and_the_covariance():
    symmetry, members = Separate(3, 4), 20_000
    stack = model_of(symmetry, PARAMETERS).sample(jax.random.key(0), members)
    t = distinct_moments(cumulant_table(4, symmetry), bipartite_invariants(symmetry.every, stack))
    wick, at = wick_products(t, PARAMETERS, symmetry), usable(symmetry)
    low = wick[:, :5]
    np.testing.assert_array_less(np.abs(low.mean(axis=0)), 5 * low.std(axis=0) / np.sqrt(members))
    law = first_order(PARAMETERS, symmetry)
    y = whitened(law, wick[:, coupled_positions(symmetry)])[:, at]
    assert np.abs(y.mean(axis=0)).max() < 4.5 / np.sqrt(members)
    products = (y[:, :, None] * y[:, None, :])[:, *np.triu_indices(at.sum())]
    z = (products.mean(axis=0) - np.eye(at.sum())[np.triu_indices(at.sum())]) / products.std(axis=0) * np.sqrt(members)
    assert np.abs(z).max() < 5


def test_products_and_their_wick_polynomials_lead_to_each_other():
    symmetry = Separate(5, 4)
    t = np.random.default_rng(1).standard_normal((2, 48))
    there = wick_products(t, PARAMETERS, symmetry)
    np.testing.assert_allclose(expected_products(there, PARAMETERS, symmetry), t, atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 4), (10, 784)], ids=str)
def test_grouping_labels_inverts_the_averages_over_distinct_ones(shape):
    symmetry = Separate(*shape)
    product = cumulant_table(4, symmetry).moments @ label_sums(symmetry)
    np.testing.assert_allclose(product, np.eye(48), atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 4), (10, 784)], ids=str)
def test_cumulants_of_independent_entries_are_uncorrelated(shape):
    symmetry, v = Separate(*shape), 0.3
    covariance = cumulant_covariance(np.array([1.0, v, v, v, v]), symmetry)[:, coupled_positions(symmetry)]
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-15 * covariance.max())
    # How many of the k! matchings of the edges of a graph with themselves map nodes to nodes.
    matchings = [6, 2, 2, 6, 1, 6, 24, 6, 6, 8, 4, 2, 2, 8, 2, 4, 24, 2, 4, 2, 2, 2, 24]
    graphs = coupled_graphs(symmetry)
    labellings = np.diag(label_sums(symmetry))[coupled_positions(symmetry)]
    expected = matchings * v ** np.array([graph.degree for graph in graphs]) / labellings
    np.testing.assert_allclose(np.diag(covariance), expected, rtol=1e-12)


SMALL = {  # couplings of degree 3 and 4
    **{(1, 1): [1, 1], (1, 2): [2, 3], (1, 4): [3, 5], (2, 2): [4, 9], (2, 3): [5, 12], (2, 4): [5, 13]},
    **{(3, 2): [5, 12], (3, 3): [6, 15], (3, 4): [6, 16], (4, 2): [5, 13], (4, 4): [6, 17]},
}


@pytest.mark.parametrize(("shape", "expected"), SMALL.items(), ids=str)
def test_the_couplings_that_small_matrices_determine(shape, expected):
    symmetry, (m, n) = Separate(*shape), shape
    degree = np.array([graph.degree for graph in coupled_graphs(symmetry)])
    assert [np.sum(usable(symmetry) & (degree == k)) for k in (3, 4)] == expected
    assert not first_order(PARAMETERS * [1, 1, n > 1, m > 1, min(m, n) > 1], symmetry).singular


@pytest.mark.parametrize("shape", [(3, 4), (10, 784)], ids=str)
def test_couplings_solve_the_normal_equations(shape):
    symmetry = Separate(*shape)
    law, c = first_order(PARAMETERS, symmetry), wick_covariance(PARAMETERS, symmetry)
    y = np.random.default_rng(2).standard_normal(23) * usable(symmetry)
    chosen = usable(symmetry) & (np.arange(23) % 3 == 0)
    g, spread = fitted_couplings(law, y, chosen)
    size = np.sqrt(np.diag(c))[chosen]
    correlation = c[np.ix_(chosen, chosen)] / np.outer(size, size)
    np.testing.assert_allclose(correlation @ (g[chosen] * size), (law.design.T @ y)[chosen] / size, atol=1e-10)
    np.testing.assert_allclose((spread[chosen] * size) ** 2, np.diag(np.linalg.inv(correlation)), rtol=1e-9)
    assert not g[~chosen].any()


@pytest.mark.parametrize("vanishing", [2, 3, 4])
@pytest.mark.parametrize(("left", "singular"), [(0.0, True), (1e-6, True), (1e-4, False)])
def test_a_vanishing_variance_of_differences_leaves_couplings_undetermined(vanishing, left, singular):
    parameters = PARAMETERS * np.where(np.arange(5) == vanishing, left, 1.0)
    assert first_order(parameters, Separate(5, 6)).singular == singular


def test_only_separate_permutations_have_these_couplings():
    with pytest.raises(ValueError, match="separate permutations of rows and columns"):
        coupled_graphs(Simultaneous(4))


def test_public_covariances(fixtures):
    data = json.loads((fixtures / "public_couplings.json").read_text())
    graphs = tuple(parse_bipartite(key) for degree in "34" for key in data["graph_keys"][degree])
    at = coupled_positions(Separate(4, 4))
    sums = label_sums(Separate(4, 4))[np.ix_(at, at)]
    for degree, part in (("3", slice(6)), ("4", slice(6, None))):
        np.testing.assert_array_equal(sums[part, part], data["A_4x4"][degree])
        for entry in data["models"]:
            symmetry = Separate(entry["m"], entry["n"])
            assert coupled_graphs(symmetry) == graphs
            np.testing.assert_array_equal(usable(symmetry)[part], np.array(entry["usable"][degree], dtype=bool))
            exact = np.array(entry["C"][degree])
            size = np.outer(*[np.sqrt(np.diag(exact))] * 2)
            found = wick_covariance(np.array(entry["params"]), symmetry)[part, part]
            np.testing.assert_allclose(found / size, exact / size, atol=1e-11)
