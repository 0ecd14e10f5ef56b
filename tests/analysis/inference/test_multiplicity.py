"""Adjusted p-values against SciPy's and against the rate that they promise."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, norm

from analysis.inference.multiplicity import benjamini_hochberg, benjamini_yekutieli


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
