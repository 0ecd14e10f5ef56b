"""Cumulants of single members, against sums over all injections of nodes; their scores; simulated members."""

from itertools import permutations

import numpy as np
import pytest

from analysis import Separate
from analysis.inference.member_scores import separate_scores
from analysis.inference.member_shape import largest_score, member_cumulants, shape_scores, simulated_largest
from analysis.model.plugin import parameters_from_moments

SYMMETRY = Separate(5, 6)


def members(symmetry, stack: np.ndarray) -> np.ndarray:
    return member_cumulants(symmetry.evaluate(symmetry.every, stack), symmetry)


def of(found: np.ndarray, key: str) -> np.ndarray:
    return found[:, SYMMETRY.pattern_names.index(key)]


def pairs_of(size: int) -> list[tuple[int, int]]:
    return list(permutations(range(size), 2))


def test_patterns_of_two_entries_are_means_over_all_pairs_of_places():
    """kappa(a, a, b, b) is the covariance of squares less 2 c^2, kappa(a, a, b) that of a square with an entry."""
    stack = np.random.default_rng(0).exponential(size=(3, 5, 6))
    found = members(SYMMETRY, stack)
    for k, matrix in enumerate(stack):
        u = (matrix - matrix.mean()) / matrix.std()
        same_row = np.mean([[u[i, j], u[i, other]] for i in range(5) for j, other in pairs_of(6)], axis=0)
        np.testing.assert_allclose(same_row, 0, atol=1e-12)
        products = [(u[i, j] * u[i, o], u[i, j] ** 2 * u[i, o] ** 2) for i in range(5) for j, o in pairs_of(6)]
        c, squares = np.mean(products, axis=0)
        assert of(found, "0-0,0-0,0-1,0-1")[k] == pytest.approx(squares - 1 - 2 * c**2)
        cubic = np.mean([u[i, j] ** 2 * u[o, j] for i, o in pairs_of(5) for j in range(6)])
        assert of(found, "0-0,0-0,1-0")[k] == pytest.approx(cubic)


def test_relabelled_rows_and_columns_have_the_same_shape():
    rng = np.random.default_rng(1)
    stack = rng.exponential(size=(2, 5, 6))
    moved = stack[:, rng.permutation(5)][:, :, rng.permutation(6)]
    np.testing.assert_allclose(members(SYMMETRY, moved), members(SYMMETRY, stack), atol=1e-9)


def test_patterns_too_large_for_the_matrix_and_entries_that_do_not_vary_are_not_known():
    small = Separate(3, 6)
    found = members(small, np.random.default_rng(2).standard_normal((2, 3, 6)))
    too_large = np.array([key.count("-0") == 4 and "3-0" in key for key in small.pattern_names])
    assert too_large.any()
    assert np.isnan(found[:, too_large]).all()
    assert np.isfinite(found[:, ~too_large]).any(axis=0).sum() > 10
    assert np.isnan(members(SYMMETRY, np.ones((2, 5, 6)))).all()


def test_members_in_chunks_are_the_same(monkeypatch):
    stack = np.random.default_rng(3).standard_normal((7, 5, 6))
    whole = members(SYMMETRY, stack)
    monkeypatch.setattr("analysis.inference.member_shape.CHUNK", 3)
    np.testing.assert_allclose(members(SYMMETRY, stack), whole, atol=1e-14)


def test_scores_are_those_against_the_others_and_the_largest_is_taken():
    cumulants = np.random.default_rng(4).standard_normal((30, 4))
    cumulants[:, 1] = np.nan
    reference = np.ones(30, dtype=bool)
    scores = shape_scores(cumulants, reference)
    plain = separate_scores(cumulants, reference)
    spread = np.median(np.abs(plain - np.median(plain, axis=0)), axis=0) / 0.6744897501960817
    known = [0, 2, 3]
    np.testing.assert_allclose(scores[:, known], (plain / np.maximum(spread, 1))[:, known], rtol=1e-6)
    expected = [max(abs(score) for score in row if not np.isnan(score)) for row in scores]
    np.testing.assert_array_equal(largest_score(scores), expected)
    assert largest_score(np.full((2, 3), np.nan)).tolist() == [0, 0]


def test_simulated_members_have_the_law_of_those_of_a_gaussian_ensemble(monkeypatch):
    """Exchangeable with real ones: the ranks of the largest scores of 40 members are uniform."""
    symmetry = Separate(6, 8)
    monkeypatch.setattr("analysis.inference.member_shape.DRAWS", 400)
    stack = symmetry.standard_normal(np.random.default_rng(5), 40)
    fit = parameters_from_moments(np.asarray(symmetry.block_moments(stack)), symmetry)
    null = simulated_largest(tuple(fit.tolist()), 40, symmetry, 0)
    assert null.shape == (400,)
    scores = largest_score(shape_scores(members(symmetry, stack), np.ones(40, dtype=bool)))
    ranks = np.mean(null[:, None] < scores, axis=0)
    assert abs(ranks.mean() - 0.5) < 0.17
    assert np.mean(ranks > 0.9) < 0.25
