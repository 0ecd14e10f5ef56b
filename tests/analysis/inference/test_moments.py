"""Moments over members, in the cases where one pass or a careless division fails."""

import numpy as np
import pytest

from analysis.inference.moments import deviation, moments


def test_two_members_by_hand():
    result = moments(np.array([[1.0, 5.0], [3.0, 5.0]]))
    np.testing.assert_array_equal(result.mean, [2, 5])
    np.testing.assert_array_equal(result.std, [1, 0])
    np.testing.assert_array_equal(result.se, [1, 0])


def test_the_standard_error_is_the_spread_of_means():
    values = np.random.default_rng(0).standard_normal((50, 4000))
    result = moments(values)
    assert np.mean(result.se**2) == pytest.approx(1 / 50, rel=0.02)


def test_a_large_common_mean_leaves_the_deviation():
    values = 1e4 + 1e-5 * np.array([-1.0, 1.0, -1.0, 1.0])
    assert moments(values[:, None]).std[0] == pytest.approx(1e-5, rel=1e-6)


def test_one_member_has_an_infinite_error_and_none_is_refused():
    assert np.all(moments(np.ones((1, 3))).se == np.inf)
    with pytest.raises(ValueError, match="at least one member"):
        moments(np.ones((0, 3)))


def test_deviation_is_an_effect_size_with_defined_edges():
    theory, mean, std = np.array([1.0, 2.0, 2.0]), np.array([4.0, 2.0, 1.0]), np.array([2.0, 0.0, 0.0])
    np.testing.assert_array_equal(deviation(theory, mean, std), [1.5, 0.0, np.inf])
