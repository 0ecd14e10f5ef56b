"""Eigenvalues of symmetric matrices: where those of independent entries end, and how many means push out."""

import numpy as np
import pytest

from analysis import Symmetric, fit
from analysis.model import wigner


def test_eigenvalues_of_independent_entries_stay_below_the_level_and_means_push_them_out():
    rng, symmetry = np.random.default_rng(0), Symmetric(30)
    half = rng.normal(size=(600, 30, 30))
    noise = (half + np.swapaxes(half, 1, 2)) / np.sqrt(2)
    for diagonal in (True, False):
        one = noise if diagonal else noise * ~np.eye(30, dtype=bool)
        largest = np.abs(np.linalg.eigvalsh(one)).max(axis=1)
        assert 0.02 < np.mean(largest > wigner.largest(1.0, Symmetric(30, diagonal=diagonal))) < 0.08
    for mean, node, expected in ((0.0, 0.0, 0), (0.6, 0.0, 1), (-0.6, 0.0, 1), (0.0, 0.7, 2), (0.05, 0.08, 0)):
        means = node * rng.normal(size=(600, 30))
        stack = noise + mean + means[:, None] + means[:, :, None] + 5 * np.eye(30)
        for one in (symmetry, Symmetric(30, diagonal=False)):
            given = stack if one.diagonal else stack * ~np.eye(30, dtype=bool)
            parameters = fit(given, one).model.parameters
            assert wigner.outliers(parameters, one) == expected
            eigenvalues = np.linalg.eigvalsh(wigner.with_level_diagonal(given))
            above = np.abs(eigenvalues) > wigner.largest(wigner.entry_variance(parameters), one)
            assert above.sum(axis=1).mean() == pytest.approx(expected, abs=0.35)
