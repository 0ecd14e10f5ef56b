"""Graphs of a chain of layers against explicit index sums, the group that acts, and exact numbers."""

import json
from itertools import product
from math import prod

import jax
import numpy as np
import pytest

from invariants import ChainGraph, Graph, bipartite_key, compile_plan, enumerate_bipartite, enumerate_chain, evaluate

SIZES = (2, 3, 2, 3)
LAYERS = len(SIZES) - 1
SMALL = tuple(graph for degree in (1, 2, 3) for graph in enumerate_chain(LAYERS, degree))
ACROSS = tuple(graph for graph in enumerate_chain(LAYERS, 4) if graph.is_across)
EXAMPLE = (np.array([[1, 2], [3, 4]]), np.array([[0, 1], [1, 1]]))


def chain(seed: int, sizes=SIZES, members: int = 4) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal((members, *shape)) for shape in zip(sizes[1:], sizes[:-1], strict=True))


def index_sum(graph: ChainGraph, matrices: tuple[np.ndarray, ...], sizes=SIZES) -> float:
    colour = dict(pair for edge, pairs in zip(graph.edges, graph.colours, strict=True) for pair in zip(edge, pairs))  # noqa: B905
    ranges = [range(sizes[colour[node]]) for node in range(graph.nodes)]
    edges = list(zip(graph.layers, graph.edges, strict=True))
    return float(sum(prod(matrices[layer - 1][at[a], at[b]] for layer, (a, b) in edges) for at in product(*ranges)))


@pytest.mark.parametrize(
    ("layers", "counts", "connected", "across"),
    [
        (1, (1, 4, 10, 33), (1, 3, 6, 17), (0, 0, 0, 0)),
        (2, (2, 10, 36, 152), (2, 7, 18, 62), (0, 1, 6, 28)),
        (3, (3, 17, 74, 356), (3, 11, 31, 116), (0, 2, 13, 65)),
        (4, (4, 25, 124, 652), (4, 15, 44, 171), (0, 3, 20, 103)),
    ],
)
def test_counts(layers, counts, connected, across):
    found = [enumerate_chain(layers, degree) for degree in (1, 2, 3, 4)]
    assert tuple(map(len, found)) == counts
    assert tuple(sum(len(graph.components) == 1 for graph in graphs) for graphs in found) == connected
    assert tuple(sum(graph.is_across for graph in graphs) for graphs in found) == across


def test_keys_invert_and_number_each_colour_apart():
    assert all(ChainGraph.parse(str(graph)) == graph for graph in (*SMALL, *ACROSS))
    assert len(ChainGraph.parse("1:0-0,2:0-0").components) == 1
    assert len(ChainGraph.parse("1:0-0,2:0-1").components) == 2
    assert len(ChainGraph.parse("1:0-0,3:0-0").components) == 2
    assert str(ChainGraph.parse("2:7-1,1:1-5")) == "1:0-0,2:0-0"
    assert ChainGraph.parse("") == ChainGraph((), ())


def test_one_layer_is_a_bipartite_graph():
    for degree in (1, 2, 3, 4):
        keys = [str(graph).replace("1:", "") for graph in enumerate_chain(1, degree)]
        assert keys == [bipartite_key(graph) for graph in enumerate_bipartite(degree)]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("1:0-0,2:0-0", 17), ("1:0-0,2:0-1", 30), ("1:0-0,1:0-1,2:0-0", 107), ("1:0-0,2:0-0,2:1-0", 31)),
        *(("1:0-0,1:0-0,2:0-0,2:0-0", 55), ("1:0-0,1:1-0,2:0-0,2:0-1", 77)),
    ],
)
def test_an_example_by_hand(key, value):
    assert evaluate([ChainGraph.parse(key)], EXAMPLE) == value


def test_index_sums():
    matrices = tuple(stack[0] for stack in chain(0))
    graphs = (*SMALL, *ACROSS)
    expected = np.array([index_sum(graph, matrices) for graph in graphs])
    scale = evaluate(graphs, tuple(map(np.abs, matrices)))
    assert np.max(np.abs(evaluate(graphs, matrices) - expected) / scale) < 1e-13


def test_components_multiply():
    data = chain(1)
    for graph in enumerate_chain(2, 3):
        union = ChainGraph((), ())
        for part in graph.components:
            union = union | part
        assert union == graph
    parts = tuple({part for graph in SMALL for part in graph.components})
    factors = dict(zip(parts, evaluate(parts, data).T, strict=True))
    for graph, values in zip(SMALL, evaluate(SMALL, data).T, strict=True):
        expected = np.prod([factors[part] for part in graph.components], axis=0)
        np.testing.assert_allclose(values, expected, rtol=1e-13)


@pytest.mark.parametrize("colour", [0, 1, 2, 3])
def test_units_permuted_on_both_sides_change_nothing_and_on_one_side_what_uses_both(colour):
    data, graphs = list(chain(2)), (*SMALL, *ACROSS)
    order = np.roll(np.arange(SIZES[colour]), 1)
    before = evaluate(graphs, tuple(data))
    if colour > 0:
        data[colour - 1] = data[colour - 1][:, order]
    one_side = np.max(np.abs(evaluate(graphs, tuple(data)) - before), axis=0)
    if colour < LAYERS:
        data[colour] = data[colour][:, :, order]
    np.testing.assert_allclose(evaluate(graphs, tuple(data)), before, rtol=1e-9, atol=1e-12)
    if 0 < colour < LAYERS:
        ends = [
            ({a for layer, (a, _) in on(g) if layer == colour}, {b for layer, (_, b) in on(g) if layer == colour + 1})
            for g in graphs
        ]
        np.testing.assert_array_equal(one_side > 1e-10, [bool(rows & columns) for rows, columns in ends])


def on(graph: ChainGraph):
    return zip(graph.layers, graph.edges, strict=True)


def test_reversal_and_rank_one():
    data, graphs = chain(3), (*SMALL, *ACROSS)
    backwards = tuple(np.swapaxes(stack, 1, 2) for stack in data[::-1])
    flipped = [graph.reversed(LAYERS) for graph in graphs]
    np.testing.assert_allclose(evaluate(flipped, backwards), evaluate(graphs, data), rtol=1e-10, atol=1e-12)
    assert ChainGraph.parse("2:0-0").transpose == ChainGraph.parse("1:0-0")
    rng = np.random.default_rng(4)
    rows, columns = ([rng.standard_normal(size) for size in sizes] for sizes in (SIZES[1:], SIZES[:-1]))
    product_of_vectors = tuple(map(np.outer, rows, columns))
    for graph, value in zip(graphs, evaluate(graphs, product_of_vectors), strict=True):
        expected = 1.0
        for node in range(graph.nodes):
            vectors = [rows[layer - 1] for layer, (a, _) in on(graph) if a == node]
            vectors += [columns[layer - 1] for layer, (_, b) in on(graph) if b == node]
            expected *= np.sum(np.prod(vectors, axis=0))
        np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-12)


def test_inside_a_compiled_program_and_in_single_precision():
    data = chain(5)
    with jax.enable_x64(True):
        compiled = jax.jit(lambda *stacks: evaluate(SMALL, stacks))(*data)
        assert compiled.dtype == np.float64
    np.testing.assert_allclose(compiled, evaluate(SMALL, data), rtol=1e-13, atol=1e-13)
    single = evaluate(SMALL, tuple(stack.astype(np.float32) for stack in data))
    np.testing.assert_allclose(single, evaluate(SMALL, data), rtol=1e-3, atol=1e-3)


def test_only_two_kinds_of_cycles_need_a_product_and_it_is_formed_on_the_smaller_side():
    costly = {
        str(graph)
        for degree in (1, 2, 3, 4)
        for graph in enumerate_chain(3, degree)
        if len(graph.components) == 1 and max(step.work for step in compile_plan((graph,)).steps) == 3
    }
    within = {f"{layer}:0-0,{layer}:0-1,{layer}:1-0,{layer}:1-1" for layer in (1, 2, 3)}
    assert costly == within | {f"{layer}:0-0,{layer}:1-0,{layer + 1}:0-0,{layer + 1}:0-1" for layer in (1, 2)}
    graph = ChainGraph.parse("1:0-0,1:0-1,1:1-0,1:1-1")
    wide, tall = (compile_plan((graph,), sizes) for sizes in ((784, 10), (10, 784)))
    assert [step.op for step in wide.steps[:3]] == ["matrix", "transpose", "matmul"]
    assert wide.steps[2].args == (0, 1)
    assert tall.steps[2].args == (1, 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ChainGraph.parse("0-0"), "not understood"),
        (lambda: ChainGraph.parse("1:0"), "not understood"),
        (lambda: ChainGraph.parse("1:0-x"), "not understood"),
        (lambda: ChainGraph.parse("1-0-0"), "not understood"),
        (lambda: ChainGraph.parse("1:-1-0"), "not understood"),
        (lambda: ChainGraph(((0, 1),)), "a number from 1 on"),
        (lambda: ChainGraph(((0, 1), (0, 2)), (1, 2)), "column of W_"),
        (lambda: enumerate_chain(0, 1), "at least one layer"),
        (lambda: enumerate_chain(2, -1), "degree -1 of 2 layers"),
        (lambda: evaluate(SMALL, chain(0)[:1] * 2), "no chain"),
        (lambda: evaluate(SMALL, (chain(0)[0], chain(0, members=5)[1])), "no chain"),
        (lambda: evaluate(SMALL, chain(0)[:2]), "not of a chain of 2 layers"),
        (lambda: evaluate(SMALL, chain(0)[0]), "not of single matrices"),
        (lambda: evaluate([Graph(((0, 0),))], chain(0)), "not of a chain"),
    ],
)
def test_wrong_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_graphs_of_two_kinds_have_no_union():
    with pytest.raises(TypeError, match="two of a chain"):
        _ = ChainGraph((), ()) | Graph(())


def test_public_means(fixtures):
    stored = json.loads((fixtures / "public_chain.json").read_text())
    for entry in stored["ensembles"]:
        layers = len(entry["h"]) - 1
        keys, scale = stored["graph_keys"][str(layers)], entry["denominator"]
        for degree in "123":
            assert [str(graph) for graph in enumerate_chain(layers, int(degree))] == keys[degree]
        data = tuple(np.array([member[layer] for member in entry["entries"]]) / scale for layer in range(layers))
        graphs = [ChainGraph.parse(key) for degree in entry["mean"] for key in keys[degree]]
        listed = [value for values in entry["mean"].values() for value in values]
        np.testing.assert_allclose(evaluate(graphs, data).mean(axis=0), listed, rtol=1e-11, atol=1e-11)
