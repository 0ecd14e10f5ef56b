"""How far a law moved: nothing moves by chance too often, what moves is found, and pairs count as pairs."""

import numpy as np
import pytest

from analysis import fit, wasserstein
from analysis.inference.displacement import FEWEST, displacement
from analysis.inference.resampling import bootstrap
from analysis.inference.simulation import standard_moments
from analysis.symmetry import Separate

SYMMETRY = Separate(7, 9)
RESAMPLING = bootstrap(12, 400, 0)


def test_the_distance_is_that_of_the_two_fits():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(12, 7, 9))
    last = 1.3 * first + 0.2 * rng.normal(size=first.shape) + 0.1
    moments = np.stack([np.asarray(SYMMETRY.block_moments(stack)) for stack in (first, last)], axis=1)
    found = displacement(moments, SYMMETRY, RESAMPLING)
    expected = wasserstein(fit(first, SYMMETRY), fit(last, SYMMETRY))
    assert found.w2 == pytest.approx(expected, rel=1e-12)
    assert found.distance.low < expected < found.distance.high
    assert found.w2 > 5 * found.null_upper
    assert found.p == pytest.approx(1 / 401)


def test_an_unchanged_law_moves_by_chance_as_often_as_it_should():
    rng, trials = np.random.default_rng(1), 120
    moments = standard_moments(rng, (trials, 12, 2), SYMMETRY)
    found = [displacement(one, SYMMETRY, RESAMPLING) for one in moments]
    rejected = np.sum([one.p <= 0.05 for one in found])
    assert rejected <= 13  # binomial, 5 % of 120: 1 in 500 by chance
    assert np.mean([one.w2 for one in found]) == pytest.approx(np.mean([one.null for one in found]), rel=0.1)
    assert np.mean([one.distance.low == 0 for one in found]) > 0.85


def test_what_both_times_share_cancels():
    """Members of very unlike variance that all grow by 1 %, which pairs alone can tell."""
    moments = standard_moments(np.random.default_rng(2), (12,), SYMMETRY) * np.linspace(0.2, 3, 12)[:, None]
    grown = moments * [1.01, *[1.01**2] * 3]
    together = displacement(np.stack([moments, grown], axis=1), SYMMETRY, RESAMPLING)
    apart = displacement(np.stack([moments, grown[::-1]], axis=1), SYMMETRY, RESAMPLING)
    assert together.p < 0.01 < 0.5 < apart.p
    assert together.w2 == pytest.approx(apart.w2, rel=1e-9)


def test_nothing_moves_at_the_same_time_and_few_members_have_no_errors():
    moments = standard_moments(np.random.default_rng(3), (FEWEST,), SYMMETRY)
    same = displacement(np.stack([moments, moments], axis=1), SYMMETRY, bootstrap(FEWEST, 100, 0))
    assert (same.w2, same.null, same.p, *same.distance) == (0, 0, 1, 0, 0, 0)
    for members in (1, FEWEST - 1):
        both = np.stack([moments, 2 * moments], axis=1)[:members]
        few = displacement(both, SYMMETRY, bootstrap(members, 100, 0))
        assert few.w2 > 0
        assert np.isnan([few.se, few.null, few.null_upper, few.p, *few.distance]).all()
