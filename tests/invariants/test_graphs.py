import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invariants import CUBIC_AND_QUARTIC, LINEAR_AND_QUADRATIC, NAMES, PAPER, Graph, enumerate_graphs, latex, name
from tests.reference import canonical_edges

EDGES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=5).map(tuple)


@pytest.mark.parametrize(
    ("degree", "graphs", "connected"), [(0, 1, 0), (1, 2, 2), (2, 11, 8), (3, 52, 32), (4, 296, 167)]
)
def test_counts(degree, graphs, connected):
    found = enumerate_graphs(degree)
    assert len(found) == len(set(found)) == graphs
    assert sum(len(graph.components) == 1 for graph in found) == connected
    assert all(graph.degree == degree for graph in found)


def test_the_quadratic_graphs_by_hand():
    keys = "0-0,0-0 0-0,0-1 0-0,1-0 0-0,1-1 0-0,1-2 0-1,0-1 0-1,0-2 0-1,1-0 0-1,1-2 0-1,2-1 0-1,2-3"
    assert [str(graph) for graph in enumerate_graphs(2)] == keys.split()


@settings(deadline=None)
@given(EDGES)
def test_canonical_form_is_the_minimum_over_all_edge_orders(edges):
    assert Graph(edges).edges == canonical_edges(edges)


@settings(deadline=None)
@given(EDGES, st.permutations(range(6)), st.randoms(use_true_random=False))
def test_isomorphic_graphs_are_equal(edges, relabel, random):
    renamed = [(relabel[a] + 7, relabel[b] + 7) for a, b in edges]
    random.shuffle(renamed)
    other = Graph(tuple(renamed))
    assert other == Graph(edges)
    assert hash(other) == hash(Graph(edges))


@settings(deadline=None)
@given(EDGES)
def test_components_transpose_and_key_invert(edges):
    graph = Graph(edges)
    union = Graph(())
    for component in graph.components:
        assert component.components == (component,)
        union = union | component
    assert union == graph
    assert union.nodes == sum(component.nodes for component in graph.components)
    assert graph.transpose.transpose == graph
    assert Graph.parse(str(graph)) == graph


def test_different_graphs_differ():
    assert Graph(((0, 1), (0, 2))) != Graph(((1, 0), (2, 0)))
    assert Graph(((0, 1), (0, 2))).transpose == Graph(((1, 0), (2, 0)))
    assert Graph(((0, 1), (1, 2), (2, 0))) != Graph(((0, 1), (1, 2), (0, 2)))


def test_large_graphs_are_canonical_at_once():
    cycle = tuple((i, (i + 1) % 12) for i in range(12))
    assert Graph(cycle[5:] + cycle[:5]) == Graph(cycle)
    assert len((Graph(cycle) | Graph(cycle)).components) == 2


@pytest.mark.parametrize("edges", [((0, -1),), ((0, 1), (-2, 0))])
def test_edges_that_are_none(edges):
    with pytest.raises(ValueError, match=r"edges .* are not pairs of non-negative integers"):
        Graph(edges)


@pytest.mark.parametrize("key", ["0", "0-1-2", "0-a", "0--1", "0-1;1-0"])
def test_keys_that_are_none(key):
    with pytest.raises(ValueError, match="not understood"):
        Graph.parse(key)


def test_negative_degree():
    with pytest.raises(ValueError, match="degree -1 is negative"):
        enumerate_graphs(-1)


def test_the_named_invariants():
    assert (len(LINEAR_AND_QUADRATIC), len(CUBIC_AND_QUARTIC), len(PAPER)) == (13, 39, 52)
    assert set(LINEAR_AND_QUADRATIC) == set(enumerate_graphs(1)) | set(enumerate_graphs(2))
    # The paper takes the cubic graphs with 1, 2, 5 or 6 nodes and the quartic ones with 1, 2, 7 or 8.
    cubic = {graph for graph in enumerate_graphs(3) if graph.nodes in (1, 2, 5, 6)}
    quartic = {graph for graph in enumerate_graphs(4) if graph.nodes in (1, 2, 7, 8)}
    assert set(CUBIC_AND_QUARTIC) == cubic | quartic
    assert [graph.degree for graph in PAPER] == [1] * 2 + [2] * 11 + [3] * 15 + [4] * 24


def test_names_and_labels():
    graph = Graph(((0, 0), (0, 0), (0, 1)))
    assert name(graph) == "I17"
    assert NAMES[PAPER.index(graph)] == "I17"
    assert latex(graph) == r"\sum M_{ii} M_{ii} M_{ij}"
    triangle = Graph(((0, 1), (1, 2), (2, 0)))
    assert name(triangle) == "0-1,1-2,2-0"
    assert latex(triangle) == r"\sum M_{ij} M_{jk} M_{ki}"


def test_order_of_the_reference_numbers(fixtures):
    stored = json.loads((fixtures / "public_matrices.json").read_text())
    for degree in (1, 2, 3, 4):
        assert [str(graph) for graph in enumerate_graphs(degree)] == stored["graph_keys"][str(degree)]
    assert [str(graph) for graph in PAPER] == [stored["I_index_to_key"][str(i)] for i in range(1, 53)]
