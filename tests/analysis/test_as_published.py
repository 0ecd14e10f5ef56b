"""The published numbers: their ratios to the exact ones, their closed forms, and where their distance fails."""

import numpy as np
import pytest

from analysis import EntryLaw, Simultaneous, iid_invariants, iid_model, iid_parameters, wasserstein_squared_parts
from analysis.as_published import (
    DIFFERENCES,
    one_pass_std,
    published_distance,
    published_reference,
    published_se_invariants,
    published_se_parameters,
)
from analysis.symmetry.blocks import pack_symmetric
from invariants import PAPER
from tests.dense import random_model

GAUSSIAN, UNIFORM = EntryLaw.gaussian(0.3), EntryLaw.uniform(0.3)

SE_RATIOS = {
    "gaussian": dict.fromkeys((3, 6, 7, 11), 0.7416) | dict.fromkeys((8, 12), 0.9582) | {9: 0.7106},
    "uniform": dict.fromkeys((3, 6, 7, 11), 0.7220) | dict.fromkeys((8, 12), 0.9577) | {9: 0.7085},
}
"""Published over exact standard error at D = 10, by position of the invariant; 1 for all others."""

# Published over exact standard deviation of f1..f13 at N = 1000, computed from the published closed forms.
SD_RATIOS = {
    ("gaussian", 4): [1, 1.291, 0.730, 1.332, 1.566, 1.005, 1.331, 2.508, 1.005, 2.508, 4.18, 5.65, 1.756],
    ("uniform", 4): [1, 1.291, 0.717, 1.335, 1.522, 0.948, 1.334, 2.460, 0.948, 2.460, 3.77, 4.95, 1.508],
    ("gaussian", 10): [1, 1.106, 0.711, 1.112, 1.024, 0.817, 1.111, 1.420, 0.817, 1.420, 1.675, 1.462, 1.089],
    ("uniform", 10): [1, 1.106, 0.709, 1.112, 1.010, 0.796, 1.111, 1.423, 0.796, 1.423, 1.598, 1.332, 0.972],
    ("gaussian", 40): [1, 1.025, 0.708, 1.027, 0.787, 0.734, 1.026, 1.091, 0.734, 1.091, 1.129, 0.964, 0.912],
    ("uniform", 40): [1, 1.025, 0.708, 1.027, 0.782, 0.729, 1.026, 1.092, 0.729, 1.092, 1.118, 0.885, 0.836],
}


@pytest.mark.parametrize("law", ["gaussian", "uniform"])
def test_published_over_exact_errors_of_invariants(law):
    entries = {"gaussian": GAUSSIAN, "uniform": UNIFORM}[law]
    ratio = published_se_invariants(entries, 10, 1000) / iid_invariants(entries, PAPER[:13], (10, 10), 1000).se
    expected = np.ones(13)
    expected[list(SE_RATIOS[law])] = list(SE_RATIOS[law].values())
    np.testing.assert_allclose(ratio, expected, atol=5e-5)


@pytest.mark.parametrize(("law", "dim"), SD_RATIOS)
def test_published_over_exact_errors_of_parameters(law, dim):
    entries = {"gaussian": GAUSSIAN, "uniform": UNIFORM}[law]
    ratio = published_se_parameters(entries, dim, 1000) / iid_parameters(entries, Simultaneous(dim), 1000).se
    np.testing.assert_allclose(ratio, SD_RATIOS[law, dim], atol=5.1e-4, rtol=2e-3)


def test_published_errors_of_parameters_of_two_members():
    ratio = published_se_parameters(GAUSSIAN, 10, 2) / iid_parameters(GAUSSIAN, Simultaneous(10), 2).se
    np.testing.assert_allclose(ratio[2:5], [1.23, 1.92, 1.73], atol=5e-3)


@pytest.mark.parametrize("dim", [4, 10, 40])
def test_published_closed_forms(dim):
    """A sample of the published polynomials in D and N, at m2 = 1/3, m4 = 1/5."""
    m4, q, n, d, law = 1 / 5, 1 / 9, 7, dim, EntryLaw.uniform(1)
    invariants, parameters = published_se_invariants(law, d, n), published_se_parameters(law, d, n)
    np.testing.assert_allclose(invariants[[3, 8, 9]] ** 2 * n, [d * m4 + d * (d - 2) * q, *_nine_and_ten(d, m4, q)])
    f5 = (d**3 + 4 * d + 1) * (1 / n + 1 / n**3) * m4 + q * (
        (d**4 + 4 * d**3 - d**2 - 8 * d - 2) / n + (d**4 + 4 * d**3 + d**2) / n**2 - (2 * d**3 + 8 * d + 2) / n**3
    )
    f6 = (d**2 + 1) * m4 + (d**3 - d**2 - 2) * q
    f13 = (d**3 + d**2 + 2 * d + 4) * m4 + 4 * (d + 1) * q
    expected = [
        f5 / (d * (d - 1)) ** 2,
        f6 / (n * (d * (d - 1)) ** 2),
        f13 / (n * d * ((d - 1) * (d - 2)) ** 2),
    ]
    np.testing.assert_allclose(parameters[[4, 5, 12]] ** 2, expected, rtol=1e-12)


def _nine_and_ten(d: int, m4: float, q: float) -> tuple[float, float]:
    return d * m4 + d * (d**2 - 2) * q, d**2 * m4 + d**2 * (d**2 - 2) * q


def test_published_errors_need_a_centred_symmetric_law_and_all_blocks():
    with pytest.raises(ValueError, match="law of entries with a mean or a skewness"):
        published_se_invariants(EntryLaw.from_moments([1, 2, 3, 20]), 10, 5)
    with pytest.raises(ValueError, match="published errors of parameters at D = 3: they are defined for D >= 4"):
        published_se_parameters(GAUSSIAN, 3, 5)


def test_one_pass_deviation_loses_its_digits():
    values = np.random.default_rng(0).standard_normal((100, 4))
    np.testing.assert_allclose(one_pass_std(values), values.std(axis=0))
    shifted = one_pass_std(1e9 + values)
    assert not np.any(np.isclose(shifted, values.std(axis=0)))


def test_published_distance_is_right_for_generic_blocks():
    f, g = (np.stack([random_model(10, seed + k).parameters for k in range(5)]) for seed in (0, 50))
    np.testing.assert_allclose(
        published_distance(f, g), np.sum(wasserstein_squared_parts(f, g, Simultaneous(10)), axis=-1), rtol=1e-10
    )
    initial = iid_model(0, 0.3, 10).parameters
    np.testing.assert_allclose(
        published_distance(initial, g), np.sum(wasserstein_squared_parts(initial, g, Simultaneous(10)), axis=-1)
    )


def test_published_distance_depends_on_the_order_where_eigenvalues_are_equal():
    f = iid_model(0, 1, 10).parameters
    g = f.copy()
    f[5:11], g[5:11] = pack_symmetric(np.ones((3, 3)) + np.eye(3)), pack_symmetric(np.diag([1.0, 2.0, 3.0]))
    correct = sum(wasserstein_squared_parts(f, g, Simultaneous(10)))
    assert correct == pytest.approx(8.29215, abs=1e-5)
    assert published_distance(g, f) == pytest.approx(correct)
    assert abs(published_distance(f, g) - correct) > 0.01


def test_a_negative_variance_has_no_root_in_the_published_distance():
    """V_2, of dimension 35 at D = 10, adds 35 (1 - 0.1 - 2 sqrt(0))."""
    f = iid_model(0, 1, 10).parameters
    g = np.where(np.arange(13) == 11, -0.1, f)
    np.testing.assert_allclose([published_distance(f, g), published_distance(g, f)], 31.5)


@pytest.mark.parametrize("dim", [40, 640])
def test_published_distance_forgets_the_size(dim):
    """Standard deviations 1.3 / sqrt(D) and 1 / sqrt(D): W2^2 = 0.09 D, published as if 10^2 entries were all."""
    f, g = (iid_model(0, scale / np.sqrt(dim), dim).parameters for scale in (1.3, 1.0))
    assert published_distance(f, g) == pytest.approx(9 / dim)
    assert published_distance(f, g, dim) == pytest.approx(0.09 * dim)
    assert sum(wasserstein_squared_parts(f, g, Simultaneous(dim))) == pytest.approx(0.09 * dim)


def test_published_reference_expects_the_plug_in_fit():
    for law in (GAUSSIAN, UNIFORM):
        expected = iid_parameters(law, Simultaneous(10), 50).mean
        np.testing.assert_allclose(published_reference(law, 10, 50).parameters, expected, atol=1e-16)


def test_every_difference_is_said_in_full():
    assert len({difference.quantity for difference in DIFFERENCES}) == len(DIFFERENCES)
    assert all(text and not text.endswith(".") for difference in DIFFERENCES for text in difference)
