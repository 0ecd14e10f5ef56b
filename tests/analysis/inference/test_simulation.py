"""Drawn block moments and fits against those of drawn matrices, block by block."""

import numpy as np
import pytest

from analysis import Separate, Simultaneous, Symmetric
from analysis.inference.simulation import standard_fits, standard_moments, wishart
from analysis.model.plugin import parameters_from_moments

SYMMETRIES = [Simultaneous(3), Simultaneous(5), Separate(2, 4), Symmetric(5), Symmetric(4, diagonal=False)]


@pytest.mark.parametrize(("size", "freedom"), [(1, 4), (3, 3), (3, 7), (3, 2)])
def test_wishart_matrices_have_the_moments_of_their_law(size, freedom):
    """E W = n I; Var W_ii = 2 n; Var W_ij = n; whatever the place on the diagonal."""
    runs = 10_000
    drawn = wishart(np.random.default_rng(0), size, freedom, (runs,))
    np.testing.assert_allclose(drawn.mean(axis=0), freedom * np.eye(size), atol=5 * np.sqrt(2 * freedom / runs))
    spread = freedom * (1 + np.eye(size))
    np.testing.assert_allclose(drawn.var(axis=0), spread, rtol=0.15)
    assert np.linalg.matrix_rank(drawn[0]) == min(size, freedom)


@pytest.mark.parametrize("symmetry", SYMMETRIES, ids=str)
def test_moments_and_fits_are_those_of_drawn_matrices(symmetry):
    runs, members = 3000, 4
    stack = symmetry.standard_normal(np.random.default_rng(1), runs * members)
    reference = np.asarray(symmetry.block_moments(stack))
    drawn = standard_moments(np.random.default_rng(2), (runs * members,), symmetry)
    fits = standard_fits(np.random.default_rng(3), members, runs, symmetry)
    reference_fits = parameters_from_moments(reference.reshape(runs, members, -1), symmetry)
    for ours, theirs in ((drawn, reference), (fits, reference_fits)):
        error = np.sqrt((ours.var(axis=0) + theirs.var(axis=0)) / len(ours))
        assert np.all(np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) <= 4.5 * error)
        np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), rtol=0.12, atol=1e-12)
