"""The joint test of the eight identities, and the Wald machinery under it: level, power, and bad input."""

import re

import jax
import numpy as np
import pytest
from scipy.stats import binom, chi2, f

from analysis import Simultaneous, fit, iid_model
from analysis.inference.nesting import SEED, contrasts, wald_within
from analysis.inference.simulation import standard_moments
from analysis.inference.wald import wald, wald_of_means
from analysis.model.plugin import pseudo_values
from tests.dense import random_model
from tests.square import block_moments, pigmm


def moments_of(stack: np.ndarray) -> np.ndarray:
    return np.asarray(block_moments(stack))


def identities(moments: np.ndarray, dim: int):
    """The joint test of what separate permutations of rows and columns force."""
    return wald_within(moments, "bipartite", Simultaneous(dim))


def two_way(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random effects of rows and columns beside the entries: the full five-parameter law."""
    rows, columns = rng.standard_normal((*shape[:-1], 1)), rng.standard_normal((*shape[:-2], 1, shape[-1]))
    return rng.standard_normal(shape) + 1.5 * rows + 0.7 * columns + 0.3


def test_wald_by_hand():
    estimates, covariance = np.array([0.2, -0.1]), np.array([[0.01, 0.004], [0.004, 0.02]])
    result = wald(estimates, covariance, members=30)
    statistic = estimates @ np.linalg.inv(covariance) @ estimates
    assert result.statistic == pytest.approx(statistic)
    assert result.p == pytest.approx(f(2, 28).sf(statistic * 28 / (2 * 29)))
    assert result.p_chi2 == pytest.approx(chi2(2).sf(statistic))
    assert result.effect == pytest.approx(np.sqrt((statistic - 2) / 30))
    np.testing.assert_allclose(result.z, [2.0, -0.1 / np.sqrt(0.02)])
    assert str(result.status) == "ok"


def test_hotelling_is_exact_for_few_gaussian_members():
    values = np.random.default_rng(0).standard_normal((4000, 8, 5)) @ np.tri(5)
    rejected = np.sum(wald_of_means(values).p <= 0.05)
    assert binom.ppf(0.001, 4000, 0.05) <= rejected <= binom.ppf(0.999, 4000, 0.05)


def test_units_do_not_matter():
    rng = np.random.default_rng(1)
    values, scale = rng.standard_normal((20, 4)) + 0.3, 10.0 ** np.array([-9, 0, 5, 9])
    plain, scaled = wald_of_means(values), wald_of_means(values * scale)
    assert scaled.p == pytest.approx(plain.p, rel=1e-9)
    np.testing.assert_allclose(scaled.z, plain.z)


@pytest.mark.parametrize("members", [3, 7])
def test_pseudo_values_are_those_of_leaving_one_member_out(members):
    stack = np.random.default_rng(2).standard_exponential((members, 4, 4))
    others = [np.delete(stack, k, axis=0) for k in range(members)]
    unbiased, *without = (np.asarray(fit(ensemble).unbiased) for ensemble in (stack, *others))
    expected = [members * unbiased - (members - 1) * other for other in without]
    values = pseudo_values(moments_of(stack), Simultaneous(4))
    np.testing.assert_allclose(values, expected, atol=1e-12)
    np.testing.assert_allclose(values.mean(axis=0), unbiased, atol=1e-13)


def test_contrasts_vanish_exactly_for_laws_with_independent_rows_and_columns():
    rows = contrasts("bipartite", "pigmm", Simultaneous(6))
    bipartite = pigmm(6, np.array([2.0, 0.0]), np.diag([3.0, 0.5]), np.diag([2.0, 4.0, 0.5]), 0.5, 0.5)
    assert len(rows) == 8
    np.testing.assert_allclose(rows @ bipartite.parameters, 0, atol=1e-13)
    assert np.all(np.abs(rows @ random_model(6, seed=0).parameters) > 1e-3)


@pytest.mark.parametrize(("dim", "count"), [(2, 3), (3, 7), (4, 8)])
def test_small_matrices_have_fewer_identities(dim, count):
    stack = two_way(np.random.default_rng(dim), (400, dim, dim))
    result = identities(moments_of(stack), dim)
    assert result.estimate.shape == (count,)
    assert str(result.status) == "ok"
    assert result.p > 1e-3


@pytest.mark.parametrize(
    "law",
    [two_way, lambda rng, shape: rng.uniform(-1, 2, shape), lambda rng, shape: rng.standard_t(8, shape)],
    ids=["two-way", "uniform", "heavy tails"],
)
def test_true_identities_are_rejected_at_the_nominal_rate(law):
    trials = 400
    result = identities(moments_of(law(np.random.default_rng(4), (trials, 400, 4, 4))), 4)
    rejected = np.sum(result.p <= 0.05)
    # A fixed null of 999 draws shifts the level by up to 1 %.
    assert binom.ppf(0.001, trials, 0.04) <= rejected <= binom.ppf(0.999, trials, 0.06)
    each = np.sum(np.abs(result.z) > 1.96, axis=0)
    assert np.all(each <= binom.ppf(0.9999, trials, 0.06))


def test_a_different_diagonal_is_detected():
    stack = np.random.default_rng(5).standard_normal((300, 6, 6)) * (1 + 0.25 * np.eye(6))
    result = identities(moments_of(stack), 6)
    assert result.p < 1e-6
    assert result.effect > 0.3


def test_reciprocity_is_detected():
    stack = np.random.default_rng(6).standard_normal((300, 6, 6))
    stack = stack + 0.1 * np.swapaxes(stack, 1, 2)
    assert identities(moments_of(stack), 6).p < 1e-6


def test_estimates_are_the_contrasts_of_the_unbiased_fit_and_batches_agree():
    stack = np.random.default_rng(7).standard_normal((2, 3, 30, 5, 5))
    batch = identities(moments_of(stack), 5)
    single = identities(moments_of(stack[1, 2]), 5)
    assert batch.p.shape == batch.status.shape == (2, 3)
    assert batch.p[1, 2] == pytest.approx(single.p)
    np.testing.assert_allclose(
        single.estimate,
        contrasts("bipartite", "pigmm", Simultaneous(5)) @ np.asarray(fit(stack[1, 2]).unbiased),
        atol=1e-13,
    )


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (np.random.default_rng(0).standard_normal((8, 5, 5)), "8 members for a joint test of 8 contrasts"),
        (np.random.default_rng(0).standard_normal((1, 5, 5)), "not finite|1 members"),
        (np.full((20, 5, 5), 0.1), "constant or linearly dependent"),
        (np.zeros((20, 5, 5)), "constant or linearly dependent"),
        (np.tile(np.random.default_rng(0).standard_normal((5, 5)), (20, 1, 1)), "constant or linearly dependent"),
        (np.random.default_rng(0).standard_normal((20, 5, 1)) + np.zeros((5, 5)), "constant or linearly dependent"),
        (np.full((20, 5, 5), np.nan), "not finite"),
    ],
    ids=["few", "one", "constant", "zero", "copies", "equal rows", "nan"],
)
def test_ensembles_that_cannot_be_tested_have_a_status_and_no_number(stack, message):
    result = identities(moments_of(stack), 5)
    assert re.search(message, str(result.status))
    assert np.isnan(result.p)
    assert np.isnan(result.effect)


def test_symmetric_matrices_are_named_as_dependent():
    stack = np.random.default_rng(0).standard_normal((100, 5, 5))
    result = identities(moments_of(stack + np.swapaxes(stack, 1, 2)), 5)
    assert "symmetric" in str(result.status)


def test_a_large_common_mean_changes_nothing():
    stack = np.random.default_rng(0).standard_normal((50, 5, 5))
    plain, shifted = (identities(moments_of(s), 5) for s in (stack, stack + 1000))
    np.testing.assert_allclose(shifted.z, plain.z, atol=1e-6)


def test_models_of_thirteen_parameters_are_rejected_and_independent_entries_are_not():
    rejected = identities(moments_of(random_model(5, seed=1).sample(jax.random.key(0), 200)), 5)
    accepted = identities(moments_of(iid_model(0.5, 2.0, 5).sample(jax.random.key(0), 200)), 5)
    assert rejected.p < 1e-10
    assert accepted.p > 0.01


@pytest.mark.parametrize("members", [9, 20, 60])
def test_few_members_are_rejected_at_the_nominal_rate_too(members):
    """By the F law 20 members reject 10 %."""
    trials = 500
    result = identities(moments_of(two_way(np.random.default_rng(8), (trials, members, 4, 4))), 4)
    rejected = np.sum(result.p <= 0.05)
    assert binom.ppf(0.001, trials, 0.04) <= rejected <= binom.ppf(0.999, trials, 0.06)


def test_within_the_full_model_p_is_the_rank_among_999_and_beyond_the_largest_tenth_a_power_of_the_f_law():
    members, symmetry = 15, Simultaneous(4)
    drawn = standard_moments(np.random.default_rng(SEED), (999, members), symmetry)
    null = np.sort(identities(drawn, 4).statistic)
    stacks = np.random.default_rng(6).standard_normal((40, members, 4, 4))
    stacks[20:] += 1.5 * np.eye(4)
    found = identities(moments_of(stacks), 4)

    def log_f(statistic: np.ndarray) -> np.ndarray:
        return f(8, members - 8).logsf(statistic * (members - 8) / (8 * (members - 1)))

    tenth, beyond = null[-100], null[-99:]
    power = 1 / np.mean(log_f(tenth) - log_f(beyond))
    rank = (1 + np.sum(null >= found.statistic[:, None], axis=1)) / 1000
    tail = 100 / 1000 * np.exp(power * (log_f(found.statistic) - log_f(tenth)))
    assert 5 < np.sum(found.statistic > tenth) < 35
    np.testing.assert_allclose(found.p, np.where(found.statistic <= tenth, rank, tail), rtol=1e-9)


def test_the_effect_does_not_grow_by_chance_alone():
    """sqrt(T^2 / N) would be about sqrt(8 / 20) without any difference."""
    stacks = np.random.default_rng(9).standard_normal((200, 60, 4, 4))
    assert np.median(identities(moments_of(stacks), 4).effect) < 0.25


@pytest.mark.parametrize(("apart", "status"), [(1e-10, "ok"), (1e-13, "contrasts are constant or linearly dependent")])
def test_contrasts_that_are_equal_but_for_rounding_are_dependent(apart, status):
    covariance = np.array([[1, 1 - apart], [1 - apart, 1]])
    assert str(wald(np.array([0.3, 0.2]), covariance, members=30).status).startswith(status)


def test_pseudo_values_of_two_members_are_unknown_on_the_trivial_block():
    moments = np.random.default_rng(0).standard_normal((4, 2, 10))
    values = pseudo_values(moments, Simultaneous(4))
    assert values.shape == (4, 2, 13)
    assert np.all(np.isnan(values[..., 2:5]))
    assert np.all(np.isfinite(np.delete(values, [2, 3, 4], axis=-1)))
