"""Graph cumulants against brute force over all relabellings, closed forms and exact reference numbers."""

import json
from collections import Counter
from itertools import permutations, product
from math import factorial, prod

import numpy as np
import pytest

from analysis import Separate, Simultaneous, Symmetric, expectations, model_of
from analysis.model.coupling_covariance import connected_covariance
from analysis.model.cumulant_errors import gaussian_error
from analysis.model.cumulants import graph_cumulants
from analysis.symmetry import Symmetry
from analysis.symmetry.partitions import set_partitions
from invariants import Graph, parse_bipartite

SYMMETRIES = (Simultaneous(4), Separate(3, 4), Symmetric(4), Symmetric(4, diagonal=False))


def means(stack: np.ndarray, degree: int, symmetry: Symmetry) -> np.ndarray:
    graphs = tuple(graph for k in range(1, degree + 1) for graph in symmetry.graphs(k))
    return symmetry.evaluate(graphs, stack).mean(axis=0)


def relabelled(shape: tuple[int, int], separate: bool):
    """All ways to permute the indices: of rows and columns together, or apart."""
    if separate:
        yield from product(permutations(range(shape[0])), permutations(range(shape[1])))
    else:
        yield from ((order, order) for order in permutations(range(shape[0])))


def brute_force(stack: np.ndarray, graph: Graph, separate: bool) -> float:
    """The joint cumulant of the entries of a pattern under a random member and a random relabelling."""
    rows, columns = ({node: i for i, node in enumerate(sorted({e[side] for e in graph.edges}))} for side in (0, 1))
    if not separate:
        rows = columns = {node: node for node in range(graph.nodes)}
    samples = np.array(
        [
            [matrix[r[rows[a]], c[columns[b]]] for a, b in graph.edges]
            for matrix in stack
            for r, c in relabelled(stack.shape[1:], separate)
        ]
    )
    total = 0.0
    for labels in set_partitions(graph.degree):
        blocks = [[i for i, label in enumerate(labels) if label == b] for b in set(labels)]
        weight = (-1) ** (len(blocks) - 1) * factorial(len(blocks) - 1)
        total += weight * prod(float(samples[:, block].prod(axis=1).mean()) for block in blocks)
    return total


@pytest.mark.parametrize("symmetry", SYMMETRIES, ids=str)
@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_cumulants_are_those_of_a_random_member_randomly_relabelled(symmetry, degree):
    stack = symmetry.standard_normal(np.random.default_rng(degree), 3) + 0.3
    if symmetry.name == "symmetric" and not symmetry.diagonal:
        stack = stack * (1 - np.eye(4))
    kappa = graph_cumulants(means(stack, degree, symmetry), degree, symmetry)
    separate = symmetry.tensors.separate
    sizes = [
        [len({edge[0] for edge in g.edges}), len({edge[1] for edge in g.edges})] if separate else [g.nodes] * 2
        for g in symmetry.graphs(degree)
    ]
    fits = np.all(np.array(sizes) <= np.array(symmetry.shapes[0]), axis=1)
    np.testing.assert_array_equal(~np.isnan(kappa), fits)
    chosen = np.flatnonzero(fits)[:: 1 if degree < 4 else 12]
    slow = [brute_force(stack, symmetry.graphs(degree)[i], separate) for i in chosen]
    np.testing.assert_allclose(kappa[chosen], slow, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("symmetry", SYMMETRIES, ids=str)
@pytest.mark.parametrize("degree", [3, 4])
def test_cumulants_of_a_gaussian_law_vanish(symmetry, degree):
    rng = np.random.default_rng(1)
    parameters = symmetry.isotropic(0.4, 1.3) + symmetry.pack(
        symmetry.unpack(0.2 * np.abs(rng.standard_normal(len(symmetry.parameter_names))))
    )
    graphs = tuple(graph for k in range(1, degree + 1) for graph in symmetry.graphs(k))
    kappa = graph_cumulants(expectations(parameters, graphs, symmetry), degree, symmetry)
    np.testing.assert_allclose(kappa[~np.isnan(kappa)], 0, atol=1e-10)


@pytest.mark.parametrize("symmetry", [Simultaneous(9), Separate(5, 8)], ids=str)
def test_a_shift_changes_the_mean_only_and_a_scale_is_a_power(symmetry):
    stack = np.random.default_rng(2).exponential(size=(20, *symmetry.shapes[0]))
    for degree in (2, 3, 4):
        kappa, shifted, scaled = (
            graph_cumulants(means(data, degree, symmetry), degree, symmetry) for data in (stack, stack + 1.5, 2 * stack)
        )
        np.testing.assert_allclose(shifted, kappa, atol=1e-10)
        np.testing.assert_allclose(scaled, 2.0**degree * kappa, atol=1e-10)


def test_the_error_is_that_of_simulated_gaussian_members():
    """Standard deviation of the plug-in cumulants over ensembles of a law with all blocks different."""
    symmetry, members, ensembles = Separate(4, 5), 100, 600
    parameters = np.array([0.2, 2.0, 1.5, 0.6, 1.0])
    model, rng = model_of(symmetry, parameters), np.random.default_rng(3)
    law = symmetry.unpack(parameters)
    normal = symmetry.project(rng.standard_normal((members * ensembles, 4, 5)))
    parts = [np.sqrt(cov[0, 0]) * part for cov, part in zip(law.covariances, normal, strict=True)]
    stack = symmetry.compose((parts[0] + model.mean, *parts[1:]))
    for degree in (3, 4):
        graphs = tuple(graph for k in range(1, degree + 1) for graph in symmetry.graphs(k))
        values = symmetry.evaluate(graphs, stack).reshape(ensembles, members, -1).mean(axis=1)
        spread = graph_cumulants(values, degree, symmetry).std(axis=0)
        error = gaussian_error(symmetry.graphs(degree), parameters, symmetry, members)
        known = ~np.isnan(error)
        np.testing.assert_allclose(spread[known] / error[known], 1, atol=0.2)


def test_errors_of_independent_entries_count_the_automorphisms():
    """For i.i.d. entries of variance 1 the square is a_G / ((m)_r (n)_c N), with a_G matchings of G with itself."""
    symmetry, members = Separate(6, 7), 10
    keys = {"0-0,0-0,0-0": 6, "0-0,0-0,0-1": 2, "0-0,0-1,0-2": 6, "0-0,0-1,1-0": 1, "0-0,0-0,0-0,0-0": 24}
    for key, matchings in keys.items():
        rows, columns = ({edge.split("-")[side] for edge in key.split(",")} for side in (0, 1))
        labellings = prod(range(7 - len(rows), 7)) * prod(range(8 - len(columns), 8))
        error = gaussian_error((parse_bipartite(key),), symmetry.isotropic(0.0, 1.0), symmetry, members)
        np.testing.assert_allclose(error**2, matchings / (labellings * members), rtol=1e-12)


@pytest.mark.parametrize("name", ["simultaneous", "separate"])
def test_the_exact_cumulants(fixtures, name):
    reference = json.loads((fixtures / "public_cumulants.json").read_text())
    checked = Counter()
    entries = [entry for entry in reference["ensembles"] + reference["rectangular"] if name in entry]
    for entry in entries[:: 4 if name == "simultaneous" else 1]:  # 361 graphs take seconds to compile for each size
        stack = _stack(fixtures, entry)
        symmetry = Simultaneous(stack.shape[1]) if name == "simultaneous" else Separate(*stack.shape[1:])
        parse = Graph.parse if name == "simultaneous" else parse_bipartite
        every = means(stack, 4, symmetry)
        for degree in (1, 2, 3, 4):
            lower = sum(len(symmetry.graphs(k)) for k in range(1, degree + 1))
            kappa = graph_cumulants(every[:lower], degree, symmetry)
            keys, exact = reference[f"graph_keys_{name}"][str(degree)], entry[name]["kappa"][str(degree)]
            order = [symmetry.graphs(degree).index(parse(key)) for key in keys]
            expected = np.array([np.nan if value is None else value for value in exact])
            np.testing.assert_allclose(kappa[order], expected, atol=1e-10 * float(stack.std()) ** degree)
            checked[degree] += len(keys)
    assert all(checked[degree] for degree in (1, 2, 3, 4))


def test_the_exact_errors_of_connected_cumulants(fixtures):
    reference = json.loads((fixtures / "public_couplings.json").read_text())
    for case in reference["cases"]:
        symmetry = Separate(case["m"], case["n"])
        for degree, keys in reference["graph_keys"].items():
            graphs = tuple(map(parse_bipartite, keys))
            error = gaussian_error(graphs, np.array(case["params"], float), symmetry, case["N"])
            expected = np.array([np.nan if value is None else value for value in case["kappa_se"][degree]])
            np.testing.assert_allclose(error, expected, rtol=1e-9)


def _stack(fixtures, entry) -> np.ndarray:
    source = json.loads((fixtures / entry["source"]).read_text())
    (found,) = [
        item
        for items in source.values()
        if isinstance(items, list)
        for item in items
        if isinstance(item, dict) and item.get("id") == entry["id"]
    ]
    return np.array(found["entries"], float) / found["denominator"]


def test_both_derivations_of_the_error_agree():
    """Contractions of graphs one by one, for any symmetry; and counts of joined labels, for separate ones."""
    symmetry, parameters = Separate(4, 6), np.array([0.3, 2.0, 1.5, 0.6, 1.0])
    variances = np.diagonal(connected_covariance(parameters, symmetry))
    np.testing.assert_allclose(
        gaussian_error(symmetry.patterns, parameters, symmetry, 7) ** 2, variances / 7, rtol=1e-12
    )
