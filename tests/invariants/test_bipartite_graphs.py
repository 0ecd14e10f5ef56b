import json

import numpy as np
import pytest

from invariants import (
    PAPER,
    Graph,
    bipartite_key,
    compile_plan,
    enumerate_bipartite,
    evaluate,
    is_bipartite,
    parse_bipartite,
)
from tests.reference import index_sum

ALL = tuple(graph for degree in (1, 2, 3, 4) for graph in enumerate_bipartite(degree))


@pytest.mark.parametrize(
    ("degree", "graphs", "connected"), [(1, 1, 1), (2, 4, 3), (3, 10, 6), (4, 33, 17), (5, 91, 40)]
)
def test_counts(degree, graphs, connected):
    found = enumerate_bipartite(degree)
    assert len(set(found)) == graphs
    assert sum(len(graph.components) == 1 for graph in found) == connected


def test_quadratic_graphs_by_hand():
    assert [bipartite_key(graph) for graph in enumerate_bipartite(2)] == ["0-0,0-0", "0-0,0-1", "0-0,1-0", "0-0,1-1"]
    assert [str(graph) for graph in enumerate_bipartite(2)] == ["0-1,0-1", "0-1,0-2", "0-1,2-1", "0-1,2-3"]


def test_keys_invert():
    assert all(parse_bipartite(bipartite_key(graph)) == graph for graph in ALL)
    assert parse_bipartite("5-0,5-3") == parse_bipartite("0-0,0-1")
    assert parse_bipartite("0-0,0-1") != parse_bipartite("0-0,1-0")


@pytest.mark.parametrize("shape", [(2, 3), (4, 2), (1, 3), (3, 1), (3, 3)])
def test_index_sums(shape):
    matrix = np.random.default_rng(0).normal(size=shape)
    expected = np.array([index_sum(graph, matrix) for graph in ALL])
    scale = evaluate(ALL, np.abs(matrix))
    assert np.max(np.abs(evaluate(ALL, matrix) - expected) / scale) < 1e-13


def test_invariance_under_separate_permutations():
    random = np.random.default_rng(0)
    stack = random.normal(size=(5, 4, 6))
    shuffled = stack[:, random.permutation(4)][:, :, random.permutation(6)]
    np.testing.assert_allclose(evaluate(ALL, shuffled), evaluate(ALL, stack), rtol=1e-10)


def test_only_the_square_cycle_needs_a_matrix_product():
    costly = [graph for graph in ALL if max(step.work for step in compile_plan((graph,)).steps) == 3]
    assert costly == [parse_bipartite("0-0,0-1,1-0,1-1")]


def test_other_graphs_refuse_rectangles():
    assert not is_bipartite(Graph(((0, 1), (1, 2))))
    with pytest.raises(ValueError, match="bipartite graphs only"):
        evaluate(PAPER, np.zeros((5, 2, 3)))
    with pytest.raises(ValueError, match="is not bipartite"):
        bipartite_key(Graph(((0, 0),)))


@pytest.mark.parametrize("key", ["0", "a-0", "0-1-2", "0--1"])
def test_keys_that_are_none(key):
    with pytest.raises(ValueError, match="not understood"):
        parse_bipartite(key)


def test_reference_numbers(fixtures):
    stored = json.loads((fixtures / "public_rect.json").read_text())
    for degree in (1, 2, 3, 4):
        graphs = enumerate_bipartite(degree)
        assert [bipartite_key(graph) for graph in graphs] == stored["graph_keys"][str(degree)]
        for entry in stored["rectangular"]:
            stack = np.array(entry["entries"]) / entry["denominator"]
            np.testing.assert_allclose(evaluate(graphs, stack).mean(axis=0), entry["mean"][str(degree)], rtol=1e-9)
