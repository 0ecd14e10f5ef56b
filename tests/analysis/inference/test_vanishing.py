"""Tests that statistics of means vanish: ranks among ensembles joined anew, Student's law, and where there is none."""

import numpy as np
import pytest
from scipy.stats import norm, t

from analysis import Chain
from analysis.inference.networks import Networks, given_networks, recorded_networks
from analysis.inference.tails import tail
from analysis.inference.vanishing import VanishingTest, vanishing_test
from invariants import ChainGraph

NEEDED = tuple(map(ChainGraph.parse, ("1:0-0,2:0-1", "1:0-0", "2:0-0", "1:0-0,2:0-0")))
"""Products of the sums of two matrices, both sums, and the sum of the product of the matrices."""


def dependence(means: np.ndarray) -> np.ndarray:
    """Covariance of the sums; and the matched product less its expectation for 4 hidden units, which is nearly 0."""
    both, first, second, matched = np.moveaxis(means, -1, 0)
    return np.stack([both - first * second, matched - first * second / 4], axis=-1)


def networks(members: int, sizes=(5, 4, 3), seed: int = 0) -> Networks:
    symmetry = Chain(sizes)
    return given_networks(symmetry.standard_normal(np.random.default_rng(seed), members), symmetry)


def outcome(given: Networks) -> VanishingTest:
    return vanishing_test(dependence, NEEDED, given)


def studentised(values: np.ndarray) -> np.ndarray:
    """Over the error from leaving out the members one by one."""
    members = len(values)
    without = np.array([dependence(np.delete(values, k, axis=0).mean(axis=0)) for k in range(members)])
    return dependence(values.mean(axis=0)) / np.sqrt((members - 1) * without.var(axis=0))


@pytest.mark.parametrize("members", [3, 40])
def test_p_of_few_members_is_the_rank_among_a_thousand_ensembles_joined_anew(members):
    given = networks(members)
    assert given.joined_anew is not None
    ensembles = np.concatenate(list(given.joined_anew(NEEDED, 1000, 0)))
    own, drawn = studentised(given.invariants(NEEDED)), np.array([studentised(values) for values in ensembles])
    middle = np.median(drawn, axis=0)
    expected = np.minimum(1, 2 * np.minimum(tail(own - middle, drawn - middle), tail(middle - own, middle - drawn)))
    found = outcome(given)
    np.testing.assert_allclose(found.p, expected, rtol=1e-6)
    np.testing.assert_allclose(found.value / found.se, own, rtol=1e-9)
    np.testing.assert_allclose(2 * norm.sf(np.abs(found.z)), found.p)
    np.testing.assert_array_equal(np.sign(found.z), np.sign(own - middle))


def test_p_of_more_than_forty_is_that_of_students_law():
    found = outcome(networks(41))
    np.testing.assert_allclose(found.p, 2 * t.sf(np.abs(found.value / found.se), 40), rtol=1e-10)
    np.testing.assert_array_equal(np.sign(found.z), np.sign(found.value))


@pytest.mark.parametrize(("sizes", "status"), [((116, 6, 117), "ok"), ((100, 7, 100), "12 members: matrices of this")])
def test_at_least_250_ensembles_of_four_million_entries_in_all_are_joined(sizes, status):
    """Of 12 x 1398 entries 250 ensembles are 2^22 entries at most; of 12 x 1400, 249."""
    assert outcome(networks(12, sizes)).status.startswith(status)


def test_two_members_and_few_recorded_ones_have_no_test_and_it_is_said():
    two = outcome(networks(2))
    assert two.status == "2 members: tested from 3 members on; add members"
    assert np.all(np.isnan(two.p))
    symmetry, members = Chain((3, 2, 3)), 5
    moments = networks(members, symmetry.sizes).moments
    recorded = recorded_networks(
        np.random.default_rng(1).random((members, len(symmetry.recorded))), moments, None, symmetry
    )
    few = outcome(recorded)
    assert few.status.startswith("5 members: recorded networks are tested from 41 on")
    assert np.all(np.isnan(few.p))
    assert np.all(np.isfinite(few.se))


def test_a_statistic_without_error_has_no_p_and_leaves_the_others_alone():
    given = networks(6)

    def one_constant(means: np.ndarray) -> np.ndarray:
        return np.stack([np.ones(means.shape[:-1]), dependence(means)[..., 0]], axis=-1)

    found = vanishing_test(one_constant, NEEDED, given)
    assert np.isnan(found.p[0])
    assert found.p[1] == outcome(given).p[0]
