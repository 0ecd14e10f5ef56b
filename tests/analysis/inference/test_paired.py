"""Pairs of matrices: p by all choices of signs one after the other, laws under the null, and what is left out."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from analysis import Separate, Simultaneous, paired
from analysis.inference.paired import _signs, paired_members

SHAPE = (5, 7)


def pairs(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.random.default_rng(seed).standard_normal((2, count, *SHAPE))
    return first, second


def differences(first: np.ndarray, second: np.ndarray, symmetry) -> np.ndarray:
    """Of the mean coordinate, of log mean squares, of invariants: matrices with a trivial block of one copy."""
    moments = [np.asarray(symmetry.block_moments(stack)) for stack in (first, second)]
    linear, squares = moments[1][:, :1] - moments[0][:, :1], np.log(moments[1][:, 1:] / moments[0][:, 1:])
    invariants = symmetry.evaluate_observed(second) - symmetry.evaluate_observed(first)
    return np.concatenate([linear, squares, invariants], axis=1)


def test_p_is_the_share_of_all_signs_that_are_as_far():
    first, second = pairs(7)
    second = 1.4 * first + 0.1 * second
    symmetry = Separate(*SHAPE)
    d = differences(first, second, symmetry)
    sums = np.abs([np.array(signs) @ d for signs in product((-1, 1), repeat=7)])
    found = paired(first, second)
    np.testing.assert_allclose(found.value, d.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found.p, np.mean(sums >= np.abs(d.sum(axis=0)) * (1 - 1e-9), axis=0))
    scaled = sums / np.sqrt(np.sum(d**2, axis=0))
    observed = np.max(np.abs(d.sum(axis=0)) / np.sqrt(np.sum(d**2, axis=0)))
    assert found.any_p == pytest.approx(np.mean(scaled.max(axis=1) >= observed * (1 - 1e-9)))
    np.testing.assert_allclose(found.se, stats.sem(d, axis=0))
    np.testing.assert_allclose(found.effect, d.mean(axis=0) / d.std(axis=0, ddof=1))
    assert found.names[:4] == ("x", *(f"log {name}" for name in symmetry.moment_names[1:]))
    assert found.status == "ok"


def test_several_copies_of_a_block_count_by_their_mean_squares():
    symmetry = Simultaneous(6)
    first, second = np.random.default_rng(1).standard_normal((2, 8, 6, 6))
    found = paired(first, second, symmetry)
    moments = [np.asarray(symmetry.block_moments(stack)) for stack in (first, second)]
    at = symmetry.moment_names.index("h22")
    expected = np.mean(np.log(moments[1][:, at] / moments[0][:, at]))
    assert found.value[found.names.index("log h22")] == pytest.approx(expected)
    assert "log h12" not in found.names
    assert len(found.names) == len(set(found.names)) == len(found.p)


def test_a_small_change_is_found_among_members_that_scatter_widely():
    first, noise = pairs(12, seed=2)
    first *= np.exp(np.random.default_rng(3).standard_normal((12, 1, 1)))
    found = paired(first, 1.02 * first + 0.001 * noise)
    at = found.names.index("log rest")
    assert found.value[at] == pytest.approx(2 * np.log(1.02), rel=0.05)
    assert found.any_p < 0.01
    assert found.q[at] < 0.05


@pytest.mark.parametrize("count", [6, 18])
def test_where_the_two_are_exchangeable_p_is_uniform(count, monkeypatch):
    """All choices of signs of 6 pairs, random ones of 18."""
    monkeypatch.setattr("analysis.inference.paired.FLIPS", 1 << 9)
    _signs.cache_clear()
    symmetry, runs = Separate(*SHAPE), 200
    both = pairs(runs * count, seed=count)
    moments, invariants = (
        [function(stack).reshape(runs, count, -1) for stack in both]
        for function in (lambda stack: np.asarray(symmetry.block_moments(stack)), symmetry.evaluate_observed)
    )
    found = np.array(
        [
            paired_members((moments[0][k], moments[1][k]), (invariants[0][k], invariants[1][k]), symmetry).any_p
            for k in range(runs)
        ]
    )
    _signs.cache_clear()  # which other tests need with more flips
    for level in (0.1, 0.5):
        expected = np.floor(level * 32) / 32 if count == 6 else level
        assert abs(np.mean(found <= level) - expected) < 3 * np.sqrt(level * (1 - level) / runs)
    assert found.min() >= max(2.0 ** (1 - count), 1 / (1 << 9))


def test_equal_pairs_and_what_is_not_finite():
    first, second = pairs(8)
    same = paired(first, first)
    assert same.any_p == 1.0
    assert np.isnan(same.p).all()
    assert np.all(same.value == 0)
    second[3, 0, 0] = np.inf
    found, without = paired(first, second), paired(np.delete(first, 3, 0), np.delete(second, 3, 0))
    assert found.pairs == 7
    np.testing.assert_array_equal(found.p, without.p)
    few = paired(first[:3], second[:3])
    assert few.status == "3 pairs: no p can be below 0.25; use at least 6"
    assert few.p.min() >= 0.25
    with pytest.raises(ValueError, match="ensembles of 8 and 7 members: give equally many, of which a pair is finite"):
        paired(first, second[1:])
