"""The test of the Gaussian law: its statistic against the dense Gaussian, its level, and what it detects."""

import jax
import numpy as np
import pytest
from scipy.stats import chi2, kstest

from analysis import Simultaneous, fit, iid_model
from analysis.inference.normality import block_energies, energy_dimensions, mahalanobis_quantiles, normality_test
from analysis.inference.simulation import standard_moments
from analysis.model.transport import optimal_map
from tests.dense import dense, random_model
from tests.square import block_moments


def moments_of(stack: np.ndarray) -> np.ndarray:
    return np.asarray(block_moments(stack))


@pytest.mark.parametrize("dim", [4, 5])
def test_energies_add_up_to_the_dense_mahalanobis_distance(dim):
    stack = random_model(dim, seed=1).sample(jax.random.key(0), 30)
    mean, covariance = dense(fit(stack).model)
    centred = stack.reshape(30, -1) - mean
    expected = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(covariance), centred)
    energies = block_energies(moments_of(stack), Simultaneous(dim))
    np.testing.assert_allclose(energies.sum(axis=1), expected, rtol=1e-9)
    np.testing.assert_allclose(energies.mean(axis=0), energy_dimensions(Simultaneous(dim)), rtol=1e-12)


@pytest.mark.parametrize("dim", [2, 3, 4, 10])
def test_energy_dimensions_count_the_entries(dim):
    assert energy_dimensions(Simultaneous(dim)).sum() == dim**2


def test_the_statistic_does_not_depend_on_the_parameters_of_the_model():
    """On which p rests: white noise carried through any model gives the same covariances of energies."""
    noise = np.random.default_rng(0).standard_normal((40, 5, 5))
    carried = optimal_map(iid_model(0.0, 1.0, 5), random_model(5, seed=3))(noise)
    plain, other = (normality_test(moments_of(stack), Simultaneous(5), samples=99) for stack in (noise, carried))
    np.testing.assert_allclose(other.excess, plain.excess, atol=1e-10)
    assert other.p == plain.p


def test_gaussian_ensembles_are_rejected_at_the_nominal_rate():
    level, samples, seeds, each = 0.1, 99, 20, 20
    rejected = 0
    for seed in range(seeds):
        stack = random_model(4, seed).sample(jax.random.key(seed), each * 25).reshape(each, 25, 4, 4)
        rejected += np.sum(normality_test(moments_of(stack), Simultaneous(4), samples, seed).p <= level)
    # Binomial, and the level that a sample of 99 realises, which the ensembles of one seed share.
    variance = seeds * level * (1 - level) * (each + each**2 / samples)
    assert abs(rejected - seeds * each * level) < 3.5 * np.sqrt(variance)


@pytest.mark.parametrize(
    ("law", "sign"),
    [
        (lambda rng: rng.uniform(-1, 1, (300, 6, 6)), -1),
        (lambda rng: rng.standard_normal((300, 6, 6)) * rng.uniform(0.8, 1.2, (300, 1, 1)), 1),
    ],
    ids=["uniform entries", "members of different scale"],
)
def test_laws_that_are_not_gaussian_are_detected(law, sign):
    result = normality_test(moments_of(law(np.random.default_rng(2))), Simultaneous(6))
    assert result.p == 1 / 1000
    assert sign * result.effect > 0.2
    assert sign * result.excess[3, 3] > 0.1


def test_excess_and_effect_by_hand():
    """The variance of the squared distance over 2 D^2, less 1; and <e_2 e_3> of the energies."""
    stack = np.random.default_rng(5).standard_exponential((50, 4, 4))
    energies = block_energies(moments_of(stack), Simultaneous(4))
    result = normality_test(moments_of(stack), Simultaneous(4), samples=19)
    assert result.effect == pytest.approx(np.var(energies.sum(axis=1)) / 32 - 1)
    expected = np.cov(energies[:, 2], energies[:, 3], ddof=0)[0, 1] / np.sqrt(2 * 2 * 2 * 3)
    assert result.excess[2, 3] == pytest.approx(expected)
    assert np.array_equal(result.excess, result.excess.T)


def test_p_is_the_rank_of_standardised_covariances_among_gaussian_ensembles():
    symmetry, samples = Simultaneous(4), 99
    ensembles = standard_moments(np.random.default_rng(3), (samples, 10), symmetry)
    for seed in range(5):
        own = moments_of(np.random.default_rng(seed).standard_exponential((10, 4, 4)))
        triangles = []
        for moments in (own, *ensembles):
            e = (block_energies(moments, symmetry) - (2, 9, 2, 3)) / np.sqrt((4, 18, 4, 6))
            triangles.append((e.T @ e / 10)[np.triu_indices(4)])
        far = np.sum(((np.array(triangles) - np.mean(triangles, axis=0)) / np.std(triangles, axis=0)) ** 2, axis=1)
        assert normality_test(own, symmetry, samples, seed=3).p == np.sum(far >= far[0]) / 100


def test_batches_and_seeds():
    stack = np.random.default_rng(7).standard_normal((2, 3, 30, 5, 5))
    batch = normality_test(moments_of(stack), Simultaneous(5), samples=49)
    one = normality_test(moments_of(stack[1, 2]), Simultaneous(5), samples=49)
    assert (batch.p.shape, batch.excess.shape, batch.status.shape) == ((2, 3), (2, 3, 4, 4), (2, 3))
    assert batch.p[1, 2] == one.p
    assert np.any(normality_test(moments_of(stack), Simultaneous(5), samples=49, seed=1).p != batch.p)


def test_quantiles_of_the_distance():
    stack = np.random.default_rng(1).standard_normal((4000, 5, 5))
    quantiles = mahalanobis_quantiles(moments_of(stack), Simultaneous(5), points=9)
    np.testing.assert_allclose(quantiles.expected, chi2(25).ppf((np.arange(9) + 0.5) / 9), rtol=1e-10)
    np.testing.assert_allclose(quantiles.observed, quantiles.expected, rtol=0.03)
    distances = block_energies(moments_of(stack), Simultaneous(5)).sum(axis=1)
    assert kstest(distances, chi2(25).cdf).pvalue > 1e-3
    batch = mahalanobis_quantiles(moments_of(stack).reshape(4, 1000, -1), Simultaneous(5), points=9)
    one = mahalanobis_quantiles(moments_of(stack[1000:2000]), Simultaneous(5), points=9)
    np.testing.assert_allclose(batch.observed[1], one.observed)


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (np.ones((20, 5, 5)), "singular block"),
        (np.random.default_rng(0).standard_normal((2, 5, 5)), "singular block"),
        (np.full((20, 5, 5), np.nan), "not finite"),
        (np.random.default_rng(0).standard_normal((20, 3, 3)), "absent from matrices of 3 x 3"),
    ],
    ids=["constant", "two members", "nan", "small"],
)
def test_ensembles_that_cannot_be_tested_have_a_status_and_no_number(stack, message):
    result = normality_test(moments_of(stack), Simultaneous(stack.shape[-1]))
    assert message in str(result.status)
    assert np.isnan(result.p)
    assert np.isnan(result.effect)


def test_a_large_common_mean_changes_nothing():
    stack = np.random.default_rng(0).standard_normal((50, 5, 5))
    plain, shifted = (normality_test(moments_of(s), Simultaneous(5), samples=19) for s in (stack, stack + 1000))
    np.testing.assert_allclose(shifted.excess, plain.excess, atol=1e-8)
