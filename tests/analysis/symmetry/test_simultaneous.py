"""Block coordinates against explicit orthonormal bases, in every precision and array library they serve."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis import Simultaneous
from tests.dense import block_bases, standard_copies
from tests.square import block_moments


def matrices(dim: int, members: int = 3) -> np.ndarray:
    return np.random.default_rng(dim).standard_normal((members, dim, dim))


@pytest.mark.parametrize("dim", [2, 3, 4, 7, 40])
def test_dimensions_fill_the_space_of_matrices(dim):
    assert Simultaneous(dim).size == dim**2
    assert [block.copies for block in Simultaneous(dim).blocks] == [2, min(dim, 3), 1, 1]


@pytest.mark.parametrize("dim", [2, 3, 4, 7])
def test_compose_inverts_project(dim):
    stack = matrices(dim)
    symmetry = Simultaneous(dim)
    np.testing.assert_allclose(symmetry.compose(symmetry.project(stack)), stack, atol=1e-14)


@pytest.mark.parametrize("dim", [4, 5])
def test_coordinates_are_inner_products_with_the_bases(dim):
    stack = matrices(dim)
    trivial, standard, v2, v3 = block_bases(dim)
    flat = stack.reshape(len(stack), -1)
    x, h, symmetric, antisymmetric = Simultaneous(dim).project(stack)
    np.testing.assert_allclose(x, flat @ trivial.T, atol=1e-13)
    along = np.einsum("akm,nm->nak", standard, flat)
    columns = standard_copies(dim)[0].sum(axis=-2) / np.sqrt(dim)
    np.testing.assert_allclose(h, along @ columns, atol=1e-13)
    np.testing.assert_allclose(symmetric.reshape(flat.shape), flat @ v2.T @ v2, atol=1e-13)
    np.testing.assert_allclose(antisymmetric.reshape(flat.shape), flat @ v3.T @ v3, atol=1e-13)


def test_moments_are_the_squared_coordinates_a_dimension():
    dim = 5
    stack = matrices(dim)
    trivial, standard, v2, v3 = block_bases(dim)
    flat = stack.reshape(len(stack), -1)
    along = np.einsum("akm,nm->nak", standard, flat)
    gram = np.einsum("nak,nbk->nab", along, along) / (dim - 1)
    upper = gram[:, *np.triu_indices(3)]
    squares = [np.mean((flat @ v.T) ** 2, axis=1) for v in (v2, v3)]
    expected = np.concatenate([flat @ trivial.T, upper, np.stack(squares, axis=1)], axis=1)
    np.testing.assert_allclose(block_moments(stack), expected, atol=1e-13)


def test_copies_one_and_two_are_column_and_row_sums():
    matrix = np.zeros((4, 4))
    matrix[:, 0] = 1.0  # one column full: only the column sums vary
    moments = block_moments(matrix)
    assert moments[2] > 0.5
    np.testing.assert_allclose(moments[[3, 4, 5, 6, 7, 8, 9]], 0, atol=1e-15)


def test_small_matrices_leave_absent_blocks_at_zero():
    assert np.all(block_moments(matrices(3))[:, 8] == 0)
    assert np.all(block_moments(matrices(2))[:, [4, 6, 7, 8, 9]] == 0)


def test_large_common_mean_does_not_spoil_the_variances():
    stack = matrices(40)
    np.testing.assert_allclose(block_moments(stack + 1000.0)[:, 2:], block_moments(stack)[:, 2:], rtol=0, atol=1e-10)


def test_permutations_of_rows_and_columns_together_change_nothing():
    stack = matrices(6)
    order = np.random.default_rng(1).permutation(6)
    np.testing.assert_allclose(block_moments(stack[:, order][:, :, order]), block_moments(stack), atol=1e-13)


def test_device_arrays_and_tracers_give_the_numbers_of_numpy():
    stack = matrices(10).astype(np.float32)
    moments = Simultaneous(10).block_moments
    compiled = jax.jit(moments)(jnp.asarray(stack))
    assert compiled.dtype == jnp.float32
    np.testing.assert_allclose(compiled, block_moments(stack.astype(np.float64)), rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(jax.vmap(moments)(jnp.asarray(stack)), compiled, rtol=1e-6, atol=1e-6)
