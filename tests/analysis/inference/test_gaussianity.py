"""Whitened coordinates, their skewness and kurtosis, and what they detect."""

import jax
import numpy as np
import pytest
from scipy.stats import binom, norm, ttest_1samp

from analysis import fit, iid_model
from analysis.inference.gaussianity import block_shape, coordinate_quantiles, whitened_coordinates
from tests.dense import random_model
from tests.square import pigmm


def shape_of(stack: np.ndarray):
    return block_shape(whitened_coordinates(stack, fit(stack).model))


@pytest.mark.parametrize("dim", [2, 3, 4, 7])
def test_coordinates_have_unit_variance_under_the_own_fit(dim):
    stack = np.random.default_rng(dim).standard_exponential((60, dim, dim))
    for block in whitened_coordinates(stack, fit(stack).model).coordinates:
        if block.size and not np.any(np.isnan(block)):
            assert np.mean(block**2) == pytest.approx(1.0, rel=1e-10)


def test_coordinates_of_a_known_model_are_standard_normal():
    model = random_model(6, seed=2)
    for block in whitened_coordinates(model.sample(jax.random.key(0), 20_000), model).coordinates:
        covariance = np.cov(block.T)
        assert np.abs(np.diag(covariance) - 1).max() < 5 * np.sqrt(2 / 20_000)
        assert np.abs(block.mean(axis=0)).max() < 5 / np.sqrt(20_000)


def test_skewness_and_kurtosis_of_coordinates_whitened_by_the_own_fit_are_plain_moments():
    stack = np.random.default_rng(0).standard_exponential((80, 5, 5))
    coordinates = whitened_coordinates(stack, fit(stack).model)
    shape = block_shape(coordinates)
    np.testing.assert_allclose(shape.kurtosis.value, [np.mean(u**4) - 3 for u in coordinates.coordinates], rtol=1e-9)
    # V_3 above the diagonal alone does not have sum 0, and its linear term remains.
    np.testing.assert_allclose(
        shape.skewness.value[:3], [np.mean(u**3) for u in coordinates.coordinates[:3]], atol=1e-12
    )


def test_errors_and_p_are_those_of_students_test_over_the_members():
    stack = np.random.default_rng(4).standard_exponential((7, 5, 5))
    coordinates = whitened_coordinates(stack, fit(stack).model).coordinates
    added = (
        [np.mean(u**3 - 3 * u, axis=1) for u in coordinates],
        [np.mean(u**4 - 6 * u**2 + 3, axis=1) for u in coordinates],
    )
    for found, members in zip(shape_of(stack)[:2], added, strict=True):
        statistic, p = np.array(ttest_1samp(members, 0, axis=1))
        np.testing.assert_allclose(found.value / found.se, statistic, rtol=1e-10)
        np.testing.assert_allclose(found.p, p, rtol=1e-10)


def test_gaussian_ensembles_are_rejected_at_the_nominal_rate():
    trials = 400
    p = np.array(
        [
            (s.skewness.p, s.kurtosis.p)
            for s in (shape_of(random_model(4, k).sample(jax.random.key(k), 100)) for k in range(trials))
        ]
    )
    low, high = binom.ppf([0.0005, 0.9995], trials, 0.05)
    rejected = np.sum(p <= 0.05, axis=0)
    assert np.all(rejected[0] >= low)
    assert np.all(rejected[0] <= high)
    assert np.all(rejected[1] >= low)
    # Fourth powers have heavy tails: with 100 members kurtosis is rejected somewhat too often.
    assert np.all(rejected[1] <= 2 * high)


def test_uniform_entries_have_light_tails_in_every_block_but_v0():
    stack = np.random.default_rng(1).uniform(-1, 1, (400, 6, 6))
    kurtosis = shape_of(stack).kurtosis
    assert np.all(kurtosis.p[1:] < 1e-3)
    assert np.all(kurtosis.value[1:] < -0.15)


def test_skewed_entries_are_detected_where_skewness_can_be():
    stack = np.random.default_rng(1).standard_exponential((400, 6, 6))
    skewness = shape_of(stack).skewness
    assert np.all(skewness.p[:3] < 1e-3)
    assert np.all(skewness.value[:3] > 0.1)
    assert skewness.p[3] > 1e-3


def test_the_error_is_that_of_members_not_of_coordinates():
    """Coordinates of members of different scale are dependent: sqrt(24 / their number) would be far too small."""
    rng = np.random.default_rng(3)
    errors = []
    for _ in range(100):
        stack = rng.standard_normal((100, 5, 5)) * rng.choice([0.5, 1.5], (100, 1, 1))
        kurtosis = shape_of(stack).kurtosis
        errors.append((kurtosis.value, kurtosis.se))
    value, se = np.moveaxis(np.array(errors), 1, 0)
    np.testing.assert_allclose(np.std(value, axis=0)[1:], np.mean(se, axis=0)[1:], rtol=0.25)
    assert np.all(np.mean(se, axis=0)[2:] > 2 * np.sqrt(24 / (100 * 10)))


def test_quantiles():
    coordinates = whitened_coordinates(np.random.default_rng(0).standard_normal((3000, 5, 5)), iid_model(0.0, 1.0, 5))
    quantiles = coordinate_quantiles(coordinates, points=7)
    np.testing.assert_allclose(quantiles.expected, norm.ppf((np.arange(7) + 0.5) / 7))
    assert quantiles.observed.shape == (4, 7)
    np.testing.assert_allclose(quantiles.observed, np.tile(quantiles.expected, (4, 1)), atol=0.1)


@pytest.mark.parametrize(
    ("stack", "blocks", "message"),
    [
        (np.ones((20, 5, 5)), [0, 1, 2, 3], "block V_0, V_H, V_2, V_3"),
        (np.random.default_rng(0).standard_normal((20, 3, 3)), [2], "absent block V_2"),
        (np.random.default_rng(0).standard_normal((2, 5, 5)), [0], "2 members"),
    ],
    ids=["constant", "small", "two members"],
)
def test_blocks_that_cannot_be_described_have_a_status_and_no_number(stack, blocks, message):
    shape = shape_of(stack)
    assert message in shape.status
    assert np.all(np.isnan(shape.kurtosis.value[blocks]))
    assert np.all(np.isnan(shape.kurtosis.p[blocks]))


def test_singular_blocks_leave_the_others_alone():
    model = pigmm(5, np.zeros(2), np.eye(2), np.eye(3), 0.0, 1.0)
    coordinates = whitened_coordinates(model.sample(jax.random.key(0), 30), model)
    assert [bool(np.any(np.isnan(u))) for u in coordinates.coordinates] == [False, False, True, False]


def test_non_finite_matrices_are_refused_in_one_line():
    with pytest.raises(ValueError, match="exclude diverged members"):
        whitened_coordinates(np.full((3, 5, 5), np.inf), iid_model(0.0, 1.0, 5))
