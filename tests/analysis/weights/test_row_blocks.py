"""Sums over blocks of rows against the programs that evaluate invariants, and against dense decompositions."""

import numpy as np
import pytest

from analysis.symmetry import Separate
from analysis.weights import row_blocks
from analysis.weights.row_blocks import CONNECTED, block_moments_of, invariants_of, singular_values, sums_of
from invariants import BIPARTITE, bipartite_key

SHAPES = [(3, 7, 5), (2, 5, 7), (2, 6, 6), (4, 2, 9), (3, 1, 4)]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(row_blocks, "BLOCK", 20)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_all_invariants_and_block_moments_are_those_of_the_symmetry(shape):
    stack, symmetry = np.random.default_rng(0).normal(0.3, 1, shape), Separate(*shape[1:])
    for shift in (0.0, 0.3):
        sums = sums_of(stack, shift)
        expected = symmetry.evaluate(symmetry.every, stack - shift)
        np.testing.assert_allclose(invariants_of(sums, symmetry), expected, rtol=1e-10, atol=1e-12)
        moments = block_moments_of(sums, shift, symmetry)
        np.testing.assert_allclose(moments, symmetry.block_moments(stack), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_singular_values_are_those_of_the_decomposition(shape):
    stack = np.random.default_rng(1).normal(size=shape)
    np.testing.assert_allclose(singular_values(sums_of(stack)), np.linalg.svd(stack, compute_uv=False), atol=1e-7)


def test_every_connected_graph_has_its_sum():
    assert set(CONNECTED) == {bipartite_key(graph) for graph in BIPARTITE if len(graph.components) == 1}


def test_a_matrix_that_is_not_finite_spoils_no_other():
    stack = np.random.default_rng(2).normal(size=(3, 6, 4))
    stack[1, 2, 3] = np.inf
    with np.errstate(invalid="ignore"):
        sums = sums_of(stack)
        values = invariants_of(sums, Separate(6, 4))
    assert np.isfinite(values).all(axis=1).tolist() == [True, False, True]
    assert np.isnan(singular_values(sums)).all(axis=1).tolist() == [False, True, False]
