"""Randomisation tests of permutation invariance: exact level, power, and which symmetry is accepted."""

import numpy as np
import pytest
from scipy.stats import binom

from analysis.inference.randomisation import Permutations, accepted_permutations, invariance_test

ROW_SCALES = np.array([1.0, 1.0, 1.0, 1.6])[:, None]
"""The law is then invariant under permutations of columns only."""
DIAGONAL = np.eye(4)
"""Added to the entries, it leaves simultaneous permutations only."""


def p_values(make, symmetry: Permutations, trials: int, members: int = 25) -> np.ndarray:
    rng = np.random.default_rng(11)
    return np.array(
        [invariance_test(make(rng, (members, 4, 4)), symmetry, 39, seed).p for seed in range(trials)],
    )


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.standard_normal(shape)


def scaled_rows(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.standard_cauchy(shape[:1])[:, None, None] * rng.standard_normal(shape) * ROW_SCALES


def shifted_diagonal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.standard_exponential(shape) + DIAGONAL


@pytest.mark.parametrize(
    ("make", "symmetry"),
    [
        (normal, Permutations.INDEPENDENT),
        (normal, Permutations.ROWS),
        (scaled_rows, Permutations.COLUMNS),
        (shifted_diagonal, Permutations.SIMULTANEOUS),
    ],
    ids=["independent", "rows", "columns of unequal rows", "simultaneous with a diagonal"],
)
def test_true_symmetries_are_rejected_at_the_nominal_rate(make, symmetry):
    trials = 300
    p = p_values(make, symmetry, trials)
    for level in (0.05, 0.25):
        rejected = np.sum(p <= level)
        assert binom.ppf(0.001, trials, level) <= rejected <= binom.ppf(0.999, trials, level)


@pytest.mark.parametrize(
    ("make", "symmetry"),
    [
        (lambda rng, shape: normal(rng, shape) * ROW_SCALES, Permutations.ROWS),
        (lambda rng, shape: normal(rng, shape) * ROW_SCALES.T, Permutations.COLUMNS),
        (lambda rng, shape: normal(rng, shape) * ROW_SCALES, Permutations.SIMULTANEOUS),
        (lambda rng, shape: normal(rng, shape) + DIAGONAL, Permutations.INDEPENDENT),
        (lambda rng, shape: normal(rng, shape) + 0.5 * np.arange(4)[:, None], Permutations.ROWS),
    ],
    ids=["row variances", "column variances", "simultaneous", "diagonal mean", "row means"],
)
def test_broken_symmetries_are_detected(make, symmetry):
    assert np.mean(p_values(make, symmetry, 20, members=100) <= 0.05) > 0.8


def test_effects_measure_the_size_of_the_differences():
    rng = np.random.default_rng(0)
    shift = np.array([0.5, -0.5, 0.5, -0.5])[:, None]
    result = invariance_test(rng.standard_normal((20_000, 4, 6)) + shift, Permutations.ROWS, permutations=1)
    assert result.effect_mean == pytest.approx(0.5 / np.sqrt(1.25), rel=0.05)
    assert result.effect_square < 0.05
    scale = np.sqrt(np.array([1.5, 0.5, 1.5, 0.5]))
    result = invariance_test(rng.standard_normal((20_000, 6, 4)) * scale, Permutations.COLUMNS, permutations=1)
    assert result.effect_square == pytest.approx(0.5, rel=0.05)
    assert result.effect_mean < 0.05


@pytest.mark.parametrize("group", Permutations, ids=lambda group: group.name.lower())
def test_p_and_effects_are_those_of_a_loop_over_permuted_members(group):
    """With a diagonal and a first entry that are larger, so that orbits have different means."""
    members, draws, rng = 9, 19, np.random.default_rng(5)
    stack = np.random.default_rng(4).standard_exponential((members, 3, 3)) + np.eye(3) + np.eye(3)[:1]
    stack = (stack - stack.mean()) / stack.std()
    orbits = {
        Permutations.INDEPENDENT: [np.ones((3, 3), dtype=bool)],
        Permutations.SIMULTANEOUS: [np.eye(3) == 1, np.eye(3) == 0],
        Permutations.COLUMNS: [np.arange(3)[:, None] + np.zeros(3) == k for k in range(3)],
        Permutations.ROWS: [np.arange(3) + np.zeros((3, 1)) == k for k in range(3)],
    }[group]

    def permuted() -> np.ndarray:
        rows = columns = np.tile(np.arange(3), (members, 1))
        if group is not Permutations.COLUMNS:
            rows = rng.permuted(rows, axis=1)
        if group in (Permutations.INDEPENDENT, Permutations.COLUMNS):
            columns = rng.permuted(columns, axis=1)
        columns = rows if group is Permutations.SIMULTANEOUS else columns
        return np.array([one[np.ix_(i, j)] for one, i, j in zip(stack, rows, columns, strict=True)])

    def unevenness(ensemble: np.ndarray) -> list[float]:
        means = [ensemble.mean(axis=0), (ensemble**2).mean(axis=0)]
        return [sum(np.sum((mean[orbit] - mean[orbit].mean()) ** 2) for orbit in orbits) / 9 for mean in means]

    uneven = np.array([unevenness(ensemble) for ensemble in (stack, *(permuted() for _ in range(draws)))])
    larger = np.max((uneven - uneven.mean(axis=0)) / uneven.std(axis=0), axis=1)
    effects = np.sqrt(np.maximum(uneven[0] - uneven[1:].mean(axis=0), 0))
    found = invariance_test(stack, group, draws, seed=5)
    assert found.p == np.mean(larger >= larger[0] - 1e-9)
    np.testing.assert_allclose((found.effect_mean, found.effect_square), effects, rtol=1e-9)


def test_rectangular_matrices_and_seeds():
    stack = np.random.default_rng(0).standard_normal((50, 3, 7))
    one, same, other = (invariance_test(stack, Permutations.INDEPENDENT, 49, seed) for seed in (0, 0, 1))
    assert one == same
    assert one.p != other.p
    with pytest.raises(ValueError, match="3 x 7: only square ones permute simultaneously"):
        invariance_test(stack, Permutations.SIMULTANEOUS)


def test_an_ensemble_of_identical_rows_is_as_even_as_its_permutations():
    stack = np.random.default_rng(0).standard_normal((20, 1, 4)) + np.zeros((4, 4))
    assert invariance_test(stack, Permutations.ROWS, 19).p == 1.0


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (np.full((5, 4, 4), np.nan), "not finite"),
        (np.full((5, 4, 4), 0.1), "all entries are equal"),
        (np.random.default_rng(0).standard_normal((1, 4, 4)), "1 members"),
    ],
)
def test_ensembles_that_cannot_be_tested_have_a_status_and_no_number(stack, message):
    result = invariance_test(stack, Permutations.ROWS)
    assert message in result.status
    assert np.isnan(result.p)


def test_two_members_are_enough():
    result = invariance_test(np.random.default_rng(0).standard_normal((2, 4, 4)), Permutations.ROWS, 19)
    assert result.status == "ok"
    assert 1 / 20 <= result.p <= 1


def test_a_large_common_mean_changes_nothing():
    stack = np.random.default_rng(0).standard_normal((50, 4, 4))
    plain, shifted = (invariance_test(s, Permutations.ROWS, 19) for s in (stack, stack + 1000))
    np.testing.assert_allclose(shifted[:3], plain[:3], atol=1e-9)


@pytest.mark.parametrize(
    ("p", "identities", "expected"),
    [
        ((0.3, 0.3, 0.3, 0.3), 0.3, Permutations.INDEPENDENT),
        ((0.3, 0.3, 0.3, 0.3), 0.03, Permutations.INDEPENDENT),
        ((0.3, 0.3, 0.3, 0.3), 0.02, Permutations.SIMULTANEOUS),
        ((0.01, 0.3, 0.01, 0.01), 0.3, Permutations.SIMULTANEOUS),
        ((0.01, 0.01, 0.3, 0.01), 0.3, Permutations.COLUMNS),
        ((0.01, 0.01, 0.01, 0.3), 0.3, Permutations.ROWS),
        ((0.01, 0.01, 0.01, 0.01), 0.3, None),
        ((np.nan, np.nan, np.nan, np.nan), np.nan, None),
    ],
)
def test_the_largest_symmetry_that_is_not_rejected_is_accepted(p, identities, expected):
    assert accepted_permutations(dict(zip(Permutations, p, strict=True)), identities) is expected


def test_symmetries_that_were_not_tested_are_not_accepted():
    assert accepted_permutations({Permutations.ROWS: 0.5}, 0.9) is Permutations.ROWS


def test_the_smallest_p_is_that_of_the_observed_ensemble_among_199_others():
    stack = normal(np.random.default_rng(0), (30, 4, 4)) + 5 * DIAGONAL
    assert invariance_test(stack, Permutations.INDEPENDENT).p == 1 / 200
