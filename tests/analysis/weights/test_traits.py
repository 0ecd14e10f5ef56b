"""Traits against their definitions on planted ensembles, and their tests on ensembles without any."""

import numpy as np
import pytest
from scipy.stats import binom

from analysis.symmetry import Separate
from analysis.weights.model_study import study_weights
from analysis.weights.row_blocks import block_moments_of, invariants_of, sums_of
from analysis.weights.traits import NAMES, Traits, traits


def traits_of(stack: np.ndarray, rank: int | None = None) -> Traits:
    symmetry, sums = Separate(*stack.shape[1:]), sums_of(stack)
    return traits(invariants_of(sums, symmetry), block_moments_of(sums, 0.0, symmetry), symmetry, rank)


def pairs(stack: np.ndarray, power: int, same_row: bool, same_column: bool) -> float:
    """The covariance of powers of two different entries, as a loop over all pairs."""
    _, m, n = stack.shape
    products = [
        stack[:, i, j] ** power * stack[:, k, c] ** power
        for i in range(m)
        for j in range(n)
        for k in range(m)
        for c in range(n)
        if (i == k) is same_row and (j == c) is same_column
    ]
    return float(np.mean(products) - np.mean(stack**power) ** 2)


def test_traits_are_covariances_of_entries_and_of_their_squares():
    stack = np.random.default_rng(0).normal(size=(4, 3, 5)) * np.array([1.0, 2.0, 0.5])[:, None]
    stack -= stack.mean()
    variance = float(np.mean(stack**2))
    found = dict(zip(NAMES, traits_of(stack).value.tolist(), strict=True))
    shared = ((True, False), (False, True), (False, False))
    row, column, neither = (pairs(stack, 1, *same) / variance for same in shared)
    assert found["row means"] == pytest.approx(row - neither, rel=1e-9)
    assert found["column means"] == pytest.approx(column - neither, rel=1e-9)
    assert found["member means"] == pytest.approx(neither, rel=1e-9)
    assert found["kurtosis"] == pytest.approx(float(np.mean(stack**4)) / variance**2 - 3, rel=1e-9)
    v_r, v_c, v_0 = (
        pairs(stack, 2, *same) / variance**2 - 2 * c**2 for same, c in zip(shared, (row, column, neither), strict=True)
    )
    assert found["row scales"] == pytest.approx(v_r - v_0, rel=1e-9)
    assert found["member scales"] == pytest.approx(v_0, rel=1e-9)
    assert found["tails"] == pytest.approx(found["kurtosis"] - 3 * (v_r + v_c - v_0), rel=1e-9)


PLANTED = {
    "row means": lambda rng, e: e + 0.5 * rng.normal(size=(len(e), e.shape[1], 1)),
    "column means": lambda rng, e: e + 0.5 * rng.normal(size=(len(e), 1, e.shape[2])),
    "member means": lambda rng, e: e + 0.5 * rng.normal(size=(len(e), 1, 1)),
    "row scales": lambda rng, e: e * rng.uniform(0.5, 1.5, size=(len(e), e.shape[1], 1)),
    "column scales": lambda rng, e: e * rng.uniform(0.5, 1.5, size=(len(e), 1, e.shape[2])),
    "member scales": lambda rng, e: e * np.linspace(0.5, 1.5, len(e))[:, None, None],
    "tails": lambda rng, e: rng.standard_t(8, e.shape),
    "skewness": lambda rng, e: rng.exponential(size=e.shape) - 1,
}


@pytest.mark.parametrize("members", [2, 8])
@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_the_largest_that_is_found(name, members):
    rng = np.random.default_rng(1)
    one = traits_of(PLANTED[name](rng, rng.normal(size=(members, 40, 50))))
    found = {trait: value for trait, value, p in zip(NAMES, one.value, one.p, strict=True) if p < 1e-4}
    assert name in found
    explained = {"kurtosis", name} | ({"tails"} if name == "skewness" else set())
    assert all(abs(value) < 0.1 for trait, value in found.items() if trait not in explained), found


def test_scales_explain_the_kurtosis_that_they_make():
    rng = np.random.default_rng(2)
    scales = rng.uniform(0.5, 1.5, (10, 60, 1)) * rng.uniform(0.8, 1.2, (10, 1, 1))
    one = traits_of(scales * rng.normal(size=(10, 60, 60)))
    found = dict(zip(NAMES, zip(one.value, one.se, strict=True), strict=True))
    assert found["kurtosis"][0] > 0.7
    assert abs(found["tails"][0]) < 4 * found["tails"][1]


@pytest.mark.parametrize(
    ("members", "law"), [(1, "normal"), (2, "normal"), (2, "laplace"), (6, "normal"), (6, "laplace")]
)
def test_nothing_is_found_more_often_than_chance_allows(members, law):
    rng, trials, level = np.random.default_rng(3), 120, 0.05
    p = np.array([traits_of(getattr(rng, law)(size=(members, 16, 24))).p for _ in range(trials)])
    tested = [name for name in NAMES if law == "normal" or name.endswith(("means", "scales"))]
    most = binom.ppf(1 - 1e-4, trials, 1.5 * level)  # asymptotic laws, at finite size
    for name in tested:
        column = p[:, NAMES.index(name)]
        assert np.sum(column < level) <= most, name
        assert np.isnan(column).all() == (members == 1 and name.startswith("member"))


def test_products_of_independent_matrices_are_what_is_expected_of_products():
    rng, rank = np.random.default_rng(4), 6
    one = traits_of(rng.normal(size=(60, 30, rank)) @ rng.normal(size=(60, rank, 40)), rank)
    assert one.expected[NAMES.index("row scales")] == pytest.approx(2 / rank)
    assert (np.abs(one.value - one.expected) < 4.5 * one.se).all()
    assert traits_of(rng.normal(size=(60, 30, 40)), rank).p[NAMES.index("row scales")] < 1e-6


def test_the_error_is_the_spread_of_the_trait_over_ensembles():
    rng = np.random.default_rng(5)
    values, errors = zip(*[traits_of(rng.normal(size=(20, 8, 12)) ** 3)[::2] for _ in range(150)], strict=True)
    at = [NAMES.index(name) for name in ("row means", "row scales", "member means")]
    ratio = np.median(np.array(errors)[:, at], axis=0) / np.std(np.array(values)[:, at], axis=0)
    assert ((ratio > 0.5) & (ratio < 1.5)).all(), ratio


def test_of_two_small_members_the_error_is_the_spread_of_gaussian_ones():
    """Pairs of entries that share nothing are few, and scales of rows and columns are uncertain beside the kurtosis."""
    rng = np.random.default_rng(6)
    values, errors = zip(*[traits_of(rng.normal(size=(2, 6, 6)))[::2] for _ in range(200)], strict=True)
    ratio = np.median(errors, axis=0) / np.std(values, axis=0)
    assert ((ratio > 0.8) & (ratio < 1.4)).all(), ratio


def test_of_two_values_scales_are_those_of_chance():
    rng, both = np.random.default_rng(5), np.repeat([1.0, -1.0], 60)
    signs = [rng.permutation(both).reshape(12, 10) for _ in range(4)]
    (row,) = study_weights({f"layer.{k}.w": one for k, one in enumerate(signs)}).rows
    scales = [NAMES.index(name) for name in ("row scales", "column scales")]
    assert (row.traits.p[scales] > 0.05).all()
