"""Cumulants of the entries on the edges of graphs against sums over all labels, the Gaussian law, and exact numbers."""

import json
from itertools import permutations, product
from math import factorial

import numpy as np
import pytest

from analysis import Chain, Simultaneous, expectation, model_of
from analysis.inference.conditional import evaluated
from analysis.model.contractions import Indices
from analysis.model.graph_cumulants import cumulant_table, cumulants_from_means
from analysis.symmetry.partitions import set_partitions
from invariants import ChainGraph, Graph, enumerate_graphs, evaluate, parse_bipartite
from tests.chains import drawn, random_model

SIZES = (2, 3, 2)
CHAINS = tuple(graph for degree in (1, 2, 3) for graph in Chain(SIZES).graphs(degree))
INDICES = Indices(SIZES, separate=False)


def plugin(graphs, indices, data) -> np.ndarray:
    table = cumulant_table(tuple(graphs), indices)
    return cumulants_from_means(table, np.asarray(evaluate(table.needed, data)).mean(axis=0))


def by_labels(edges, colours, sizes, entry) -> float:
    """Joint cumulant over members and over all ways to give the nodes of each colour different labels.

    Args:
        edges: pairs of nodes.
        colours: of each node.
        sizes: labels of each colour.
        entry: of edge k with given labels, the values of all members.
    """
    nodes = sorted(colours)
    choices = [permutations(range(sizes[c]), sum(colours[n] == c for n in nodes)) for c in range(len(sizes))]
    labellings = []
    for chosen in product(*choices):
        left = [list(labels) for labels in chosen]
        labellings.append({node: left[colours[node]].pop(0) for node in nodes})
    if not labellings:
        return np.nan
    samples = np.array([[entry(k, at[a], at[b]) for k, (a, b) in enumerate(edges)] for at in labellings])
    flat = np.swapaxes(samples, 0, 1).reshape(len(edges), -1)
    total = 0.0
    for labels in set_partitions(len(edges)):
        blocks = [[k for k, label in enumerate(labels) if label == block] for block in set(labels)]
        means = [np.mean(np.prod(flat[block], axis=0)) for block in blocks]
        total += (-1) ** (len(blocks) - 1) * factorial(len(blocks) - 1) * np.prod(means)
    return total


def test_chains_against_sums_over_all_labels():
    data = drawn(SIZES, 0, members=4)
    for graph, value in zip(CHAINS, plugin(CHAINS, INDICES, data), strict=True):
        colours = {n: c for e, cs in zip(graph.edges, graph.colours, strict=True) for n, c in zip(e, cs, strict=True)}
        expected = by_labels(
            graph.edges, colours, SIZES, lambda k, i, j, layers=graph.layers: data[layers[k] - 1][:, i, j]
        )
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-10, err_msg=str(graph))


@pytest.mark.parametrize("separate", [False, True])
def test_single_matrices_against_sums_over_all_labels(separate):
    stack = np.random.default_rng(1).standard_normal((4, 3, 3)) ** 2
    keys = ("0-0,0-0,0-1", "0-0,0-1,1-0", "0-0,1-1,0-1")
    graphs = [parse_bipartite(key) for key in keys] if separate else enumerate_graphs(3)[:20]
    found = plugin(graphs, Indices((3, 3), separate), stack)
    for graph, value in zip(graphs, found, strict=True):
        rows = {a for a, _ in graph.edges}
        colours = {node: int(separate and node in rows) for edge in graph.edges for node in edge}
        expected = by_labels(graph.edges, colours, (3, 3), lambda k, i, j: stack[:, i, j])
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-10, err_msg=str(graph))


def test_graphs_with_more_nodes_than_labels_are_undefined():
    wide = ChainGraph.parse("1:0-0,1:0-1,1:0-2,2:0-0")
    values = plugin([CHAINS[0], wide], INDICES, drawn(SIZES, 2))
    np.testing.assert_array_equal(np.isnan(values), [False, True])


def test_cumulants_above_the_second_vanish_for_gaussian_laws():
    model = random_model((3, 4, 3), 3)
    graphs = tuple(graph for degree in (3, 4) for graph in model.symmetry.graphs(degree))[::11]
    table = cumulant_table(graphs, Indices((3, 4, 3), separate=False))
    values = cumulants_from_means(table, expectation(model, table.needed))
    assert np.nanmax(np.abs(values)) < 1e-11
    f = np.array([0.3, -0.2, 1.0, 0.1, 2.0, 1.0, 0.1, 0.2, 1.5, 0.3, 2.0, 0.7, 1.1])
    single = cumulant_table(enumerate_graphs(3)[::2], Indices((6, 6), separate=False))
    means = expectation(model_of(Simultaneous(6), f), single.needed)
    assert np.nanmax(np.abs(cumulants_from_means(single, means))) < 1e-11


def test_shifted_entries_have_the_same_cumulants():
    data = drawn(SIZES, 4)
    shifted = (data[0] + 2.0, data[1] - 1.0)
    higher = [graph for graph in CHAINS if graph.degree > 1]
    np.testing.assert_allclose(plugin(higher, INDICES, shifted), plugin(higher, INDICES, data), atol=1e-10)


def test_many_means_at_once_are_each_alone():
    table = cumulant_table(CHAINS, INDICES)
    means = np.asarray(evaluate(table.needed, drawn(SIZES, 5)))
    np.testing.assert_allclose(cumulants_from_means(table, means)[3], cumulants_from_means(table, means[3]), rtol=1e-12)
    assert isinstance(table.needed[0], Graph)


def test_public_cumulants(fixtures):
    stored = json.loads((fixtures / "public_chain.json").read_text())
    for entry in stored["ensembles"]:
        layers = len(entry["h"]) - 1
        keys = [key for degree in ("3x", "4x") for key in stored["graph_keys"][str(layers)][degree]]
        if keys:
            data = tuple(np.array([m[k] for m in entry["entries"]]) / entry["denominator"] for k in range(layers))
            listed = [np.nan if v is None else v for degree in ("3x", "4x") for v in entry["cumulants"][degree]]
            table = cumulant_table(tuple(map(ChainGraph.parse, keys)), Indices(tuple(entry["h"]), separate=False))
            # In stacks of one size: ensembles of the same layers share a program.
            means = evaluated(table.needed, data, Chain(tuple(entry["h"]))).mean(axis=0)
            np.testing.assert_allclose(cumulants_from_means(table, means), listed, rtol=1e-9, atol=1e-11)
