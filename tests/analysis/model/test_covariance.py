"""Roots of covariances: their squares, and the one that is nearest to a given matrix."""

import numpy as np

from analysis.model.covariance import aligned_root, inverse_root, singular, symmetric_root


def covariances(count: int, size: int) -> np.ndarray:
    half = np.random.default_rng(size).standard_normal((count, size, 2 * size))
    return half @ np.swapaxes(half, -1, -2)


def test_symmetric_roots_of_a_stack_are_those_of_each():
    stack = covariances(4, 3)
    for root, covariance in zip(symmetric_root(stack), stack, strict=True):
        np.testing.assert_allclose(root, root.T, atol=1e-12)
        np.testing.assert_allclose(root @ root, covariance, rtol=1e-10)


def test_variances_of_a_part_in_10_14_and_below_count_as_none():
    stack = np.array([np.diag([4.0, least]) for least in (1e-10, 1e-20, 0.0, -1.0)])
    assert singular(stack).tolist() == [False, True, True, True]
    np.testing.assert_allclose(inverse_root(stack)[1:], np.tile(np.diag([0.5, 0.0]), (3, 1, 1)), atol=1e-12)


def test_the_aligned_root_is_nearer_to_any_matrix_than_other_roots_are():
    rng, (covariance,) = np.random.default_rng(1), covariances(1, 3)
    given = rng.standard_normal((3, 3))
    found = aligned_root(covariance, given)
    np.testing.assert_allclose(found @ found.T, covariance, rtol=1e-10)
    for _ in range(200):
        turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
        assert np.linalg.norm(given - found @ turn) > np.linalg.norm(given - found)
