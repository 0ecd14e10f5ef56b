"""Adjusted p-values against SciPy's and against the rate that they promise."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, norm

from analysis.inference.multiplicity import benjamini_hochberg, benjamini_yekutieli, hierarchical


@pytest.mark.parametrize(("ours", "method"), [(benjamini_hochberg, "bh"), (benjamini_yekutieli, "by")])
@pytest.mark.parametrize("size", [1, 2, 17, 400])
def test_adjusted_p_values_are_scipys(ours, method, size):
    p = np.random.default_rng(size).random(size) ** 3
    p[: size // 3] = p[0]
    np.testing.assert_allclose(ours(p), false_discovery_control(p, method=method), rtol=1e-12)


def test_worked_example():
    """Four p-values times 4/rank; the third is lowered to the fourth."""
    np.testing.assert_allclose(benjamini_hochberg(np.array([0.01, 0.5, 0.04, 0.45])), [0.04, 0.5, 0.08, 0.5])


def test_all_axes_are_one_family_and_tests_not_made_stay_out():
    p = np.random.default_rng(0).random((3, 4, 5))
    made = np.random.default_rng(1).random(p.shape) < 0.7
    q = benjamini_hochberg(np.where(made, p, np.nan))
    assert np.all(np.isnan(q[~made]))
    np.testing.assert_allclose(q[made], false_discovery_control(p[made]))
    assert np.all(np.isnan(benjamini_yekutieli(np.full(3, np.nan))))
    assert benjamini_hochberg(np.empty(0)).shape == (0,)


def test_false_discoveries_stay_below_the_promised_share():
    rng = np.random.default_rng(2)
    shares, found = [], []
    for _ in range(400):
        z = rng.standard_normal(100)
        z[:30] += 3.5
        rejected = benjamini_hochberg(2 * norm.sf(np.abs(z))) <= 0.1
        shares.append(rejected[30:].sum() / max(rejected.sum(), 1))
        found.append(rejected[:30].mean())
    # The expected share is exactly 0.1 times the fraction of true hypotheses.
    assert abs(np.mean(shares) - 0.07) < 4 * np.std(shares) / 20
    assert np.mean(found) > 0.7


def test_numbers_that_are_no_p_values_are_refused():
    with pytest.raises(ValueError, match=r"p-values between -0.1 and 2: give numbers in \[0, 1\], or NaN"):
        benjamini_hochberg(np.array([0.5, -0.1, 2.0]))


def test_hierarchical_control_of_one_cell_is_that_of_benjamini_and_hochberg():
    p = np.random.default_rng(0).uniform(size=(1, 40)) ** 3
    np.testing.assert_array_equal(hierarchical(p), benjamini_hochberg(p[0])[None])


def test_hierarchical_control_is_benjamini_bogomolov_step_by_step():
    rng = np.random.default_rng(1)
    for _ in range(50):
        p = rng.uniform(size=(6, 8)) ** rng.choice([1, 6], size=(6, 1))
        within = np.array([benjamini_hochberg(row) for row in p])
        cells = benjamini_hochberg(within.min(axis=1)) <= 0.05
        level = 0.05 * cells.sum() / len(cells)
        np.testing.assert_array_equal(hierarchical(p) <= 0.05, cells[:, None] & (within <= level))


def test_cells_may_have_several_axes():
    p = np.random.default_rng(3).uniform(size=(4, 3, 8)) ** 3
    np.testing.assert_array_equal(hierarchical(p), hierarchical(p.reshape(12, 8)).reshape(p.shape))


def test_cells_without_a_deviation_are_not_drawn_along_by_those_with_many():
    rng = np.random.default_rng(2)
    wrong = {"pooled": 0, "hierarchical": 0}
    for _ in range(100):
        p = rng.uniform(size=(20, 39))
        p[:15] *= 1e-6
        wrong["pooled"] += int(np.sum(benjamini_hochberg(p)[15:] < 0.05))
        wrong["hierarchical"] += int(np.sum(hierarchical(p)[15:] < 0.05))
    assert wrong["pooled"] > 300
    assert wrong["hierarchical"] < 60


def test_cells_and_tests_that_were_not_made_stay_nan():
    p = np.array([[0.001, np.nan, 0.5], [np.nan] * 3, [0.2, 0.3, 0.4]])
    q = hierarchical(p)
    np.testing.assert_array_equal(np.isnan(q), np.isnan(p))
    np.testing.assert_array_equal(q[[0, 2]], hierarchical(p[[0, 2]]))
