import json
import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from invariants import PAPER, Graph, combine, compile_plan, enumerate_graphs, evaluate, factor_values
from tests.reference import index_sum

ALL = tuple(graph for degree in (1, 2, 3, 4) for graph in enumerate_graphs(degree))


def random_stack(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def assert_close(values, expected, stack, graphs, tolerance):
    """Errors are measured against the same sum of absolute values, which no cancellation makes small."""
    scale = evaluate(graphs, np.abs(stack))
    assert np.max(np.abs(values - expected) / scale) < tolerance


def test_small_integers_by_hand():
    matrix = np.array([[1, 2], [3, 4]])
    by_hand = {
        "0-0": 5,
        "0-1": 10,
        "0-1,1-0": 29,
        "0-0,0-1": 31,
        "0-0,1-0": 28,
        "0-1,0-2": 58,
        "0-1,2-1": 52,
        "0-1,1-2": 54,
        "0-0,1-2": 50,
        "0-1,1-2,2-0": 155,
        "0-0,0-0,0-1,1-1,1-1": 1 * 1 * 1 + 1 * 2 * 16 + 16 * 3 * 1 + 16 * 4 * 16,
        "0-0,1-1,2-2,0-1,1-2,2-0": 5321,  # tr (diag(1, 4) M)^3
        "0-1,0-2,1-2": 7 * 1 + 10 * 2 + 15 * 3 + 22 * 4,  # sum of M^2 * M elementwise
    }
    graphs = [Graph.parse(key) for key in by_hand]
    np.testing.assert_array_equal(evaluate(graphs, matrix), list(by_hand.values()))


@pytest.mark.parametrize("dim", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("degree", [1, 2, 3])
def test_index_sums(degree, dim):
    graphs, matrix = enumerate_graphs(degree), random_stack(dim, dim, seed=dim)
    assert_close(evaluate(graphs, matrix), [index_sum(g, matrix) for g in graphs], matrix, graphs, 1e-13)


@pytest.mark.parametrize("dim", [2, 3])
def test_index_sums_of_quartic_graphs(dim):
    graphs, matrix = enumerate_graphs(4), random_stack(dim, dim, seed=dim)
    assert_close(evaluate(graphs, matrix), [index_sum(g, matrix) for g in graphs], matrix, graphs, 1e-13)


def test_index_sums_of_quintic_cycles():
    matrix = random_stack(3, 3)
    keys = "0-1,1-2,2-3,3-4,4-0 0-1,0-1,1-2,1-2,2-0 0-0,1-1,0-1,1-2,2-0 0-1,1-2,2-0,2-3,3-0 0-1,0-2,1-2,1-3,3-0"
    graphs = [Graph.parse(key) for key in keys.split()]
    assert_close(evaluate(graphs, matrix), [index_sum(g, matrix) for g in graphs], matrix, graphs, 1e-13)


def test_permutation_invariance():
    matrix, order = random_stack(6, 6), np.random.default_rng(1).permutation(6)
    assert_close(evaluate(ALL, matrix[order][:, order]), evaluate(ALL, matrix), matrix, ALL, 1e-13)


def test_transposed_matrix_reverses_edges():
    matrix = random_stack(5, 5)
    reversed_graphs = [graph.transpose for graph in ALL]
    assert_close(evaluate(reversed_graphs, matrix.T), evaluate(ALL, matrix), matrix, ALL, 1e-13)


def test_homogeneity():
    matrix = random_stack(5, 5)
    powers = np.array([(-1.5) ** graph.degree for graph in ALL])
    assert_close(evaluate(ALL, -1.5 * matrix), powers * evaluate(ALL, matrix), 1.5 * matrix, ALL, 1e-13)


def test_rank_one_matrices_factorise_over_nodes():
    a, b = random_stack(2, 7)
    expected = []
    for graph in ALL:
        first, second = np.array(graph.edges).T
        nodes = range(graph.nodes)
        expected.append(np.prod([np.sum(a ** np.sum(first == i) * b ** np.sum(second == i)) for i in nodes]))
    assert_close(evaluate(ALL, np.outer(a, b)), expected, np.outer(a, b), ALL, 1e-12)


def test_kronecker_products_multiply():
    a, b = random_stack(3, 3), random_stack(4, 4, seed=1)
    assert_close(evaluate(ALL, np.kron(a, b)), evaluate(ALL, a) * evaluate(ALL, b), np.kron(a, b), ALL, 1e-12)


def test_direct_sums_add_for_connected_graphs():
    connected = compile_plan(ALL).factors
    a, b = random_stack(3, 3), random_stack(4, 4, seed=1)
    block = np.block([[a, np.zeros((3, 4))], [np.zeros((4, 3)), b]])
    assert_close(evaluate(connected, block), evaluate(connected, a) + evaluate(connected, b), block, connected, 1e-13)


def test_constant_and_scalar_matrices_count_nodes_and_components():
    dim = 6
    ones = [float(dim**graph.nodes) for graph in ALL]
    np.testing.assert_array_equal(evaluate(ALL, np.ones((dim, dim))), ones)
    identity = [float(dim ** len(graph.components)) for graph in ALL]
    np.testing.assert_array_equal(evaluate(ALL, np.eye(dim)), identity)


def test_the_empty_graph_is_one():
    np.testing.assert_array_equal(evaluate([Graph(()), Graph(((0, 0),))], 2 * np.eye(3)), [1, 6])
    assert evaluate([], np.eye(3)).shape == (0,)


@pytest.mark.parametrize(("batch", "dim"), [((3, 50), 40), ((2,), 500), ((1,), 4)])
def test_a_stack_is_its_matrices(batch, dim):
    stack = random_stack(*batch, dim, dim)
    values = evaluate(PAPER, stack)
    assert values.shape == (*batch, 52)
    for index in [(0,) * len(batch), tuple(n - 1 for n in batch)]:
        assert_close(values[index], evaluate(PAPER, stack[index]), stack[index], PAPER, 1e-13)


def test_precision_follows_the_stack():
    stack = random_stack(20, 10, 10)
    double, single = evaluate(ALL, stack), evaluate(ALL, stack.astype(np.float32))
    assert double.dtype == single.dtype == np.float64
    np.testing.assert_array_equal(evaluate(ALL, stack.astype(np.longdouble)), double)
    assert not jax.config.read("jax_enable_x64")
    assert_close(single, double, stack, ALL, 2e-6)
    assert np.max(np.abs(single / double - 1)) > 1e-8
    np.testing.assert_array_equal(evaluate(ALL, jnp.asarray(stack, np.float32)), single)
    half = stack.astype(np.float16)
    np.testing.assert_array_equal(evaluate(ALL, half), evaluate(ALL, half.astype(np.float32)))


def test_every_matrix_product_states_its_precision():
    program = jax.jit(lambda matrix: factor_values(compile_plan(ALL), matrix)).lower(jnp.zeros((4, 4))).as_text()
    products = [line for line in program.splitlines() if "dot_general" in line]
    assert len(products) > 3
    assert all("precision = [HIGHEST, HIGHEST]" in line for line in products)


def test_integers_do_not_overflow():
    matrix = np.full((8, 8), 10**6)
    assert evaluate([PAPER[51]], matrix)[0] == (64e6) ** 4
    odd = jnp.full((2, 2), 2**25 + 1, np.int32)  # no float32
    assert evaluate([PAPER[0]], odd)[0] == 2 * (2**25 + 1)


def test_integers_are_numbers_under_transformations():
    matrix = np.arange(9, dtype=np.int32).reshape(3, 3)
    np.testing.assert_allclose(jax.jit(lambda x: evaluate(PAPER, x))(matrix), evaluate(PAPER, matrix), rtol=1e-6)


def test_second_call_compiles_nothing(caplog):
    def compilations(stack):
        caplog.clear()
        with jax.log_compiles(), caplog.at_level(logging.WARNING):
            evaluate(PAPER, stack)
        return sum("Compiling" in record.getMessage() for record in caplog.records)

    assert compilations(random_stack(3, 9, 9)) > 0
    assert compilations(random_stack(3, 9, 9, seed=1)) == 0


def test_under_transformations():
    stack = random_stack(4, 5, 5).astype(np.float32)
    expected = evaluate(PAPER, stack)
    for traced in (jax.jit(lambda x: evaluate(PAPER, x)), jax.vmap(lambda x: evaluate(PAPER, x))):
        assert_close(traced(stack), expected, stack, PAPER, 1e-6)
    total = jax.grad(lambda x: jnp.sum(evaluate([Graph.parse("0-1,0-1")], x)))(jnp.asarray(stack[0]))
    np.testing.assert_allclose(total, 2 * stack[0], rtol=1e-6)


def test_factor_values_serve_other_programs():
    plan, stack = compile_plan(ALL), random_stack(4, 6, 6).astype(np.float32)
    values = jax.jit(jax.vmap(lambda matrix: factor_values(plan, matrix)))(stack)
    assert values.shape == (4, 209)
    assert values.dtype == np.float32
    assert_close(combine(plan, values), evaluate(ALL, stack), stack, ALL, 1e-6)


def test_non_finite_entries_propagate():
    stack = np.ones((3, 4, 4))
    stack[1, 0, 2], stack[2, 1, 1] = np.nan, np.inf
    values = evaluate(ALL, stack)
    assert np.all(np.isfinite(values[0]))
    assert np.all(np.isnan(values[1][[ALL.index(graph) for graph in PAPER[1:3]]]))
    assert np.all(~np.isfinite(values[2]))


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (np.zeros((3, 4)), "not square"),
        (np.zeros(3), "holds no matrices"),
        (np.zeros((0, 3, 3)), "holds no matrices"),
        (np.zeros((2, 0, 0)), "holds no matrices"),
        (np.full((2, 2), "a"), "not real"),
        (np.zeros((2, 2), complex), "not real"),
        (np.full((2, 2), None), "not real"),
    ],
)
def test_stacks_that_are_none(stack, message):
    with pytest.raises(ValueError, match=message) as error:
        evaluate(PAPER, stack)
    assert "\n" not in str(error.value)


def stored_matrix(entry: dict) -> np.ndarray:
    if "entries" in entry:
        return np.array(entry["entries"]) / entry["denominator"]
    i, j = np.indices((entry["D"], entry["D"]))
    integers = (31 * i**2 + 17 * j**3 + 7 * i * j + 3 * i + entry["formula_salt"]) % 11 - 5 + 2 * (i == j)
    return integers / entry["denominator"]


def test_reference_numbers(fixtures):
    graphs = (*PAPER, *enumerate_graphs(3), *enumerate_graphs(4))
    for entry in json.loads((fixtures / "public_matrices.json").read_text())["matrices"]:
        matrix = stored_matrix(entry)
        expected = entry["I"] + entry["cubic"] + entry["quartic"]
        assert_close(evaluate(graphs, matrix), expected, matrix, graphs, 1e-12)
