"""Standard errors against refits of explicit resamples, exact errors, and their own nominal rates."""

import jax
import numpy as np
import pytest

from analysis import (
    PIGMM,
    EntryLaw,
    Simultaneous,
    expectation,
    expectations,
    fit,
    iid_model,
    iid_parameters,
    model_of,
    wasserstein,
)
from analysis.inference.errors import Uncertainty, uncertainty
from analysis.inference.moments import moments
from analysis.inference.resampling import Resampling, bootstrap, jackknife
from analysis.model.family import nearest_iid
from analysis.model.plugin import parameters_from_moments
from invariants import PAPER, evaluate
from tests.dense import random_model
from tests.square import block_moments

CUBIC, HIGH = PAPER[13:28], PAPER[13:]


def assess(stack: np.ndarray, resampling: Resampling, graphs=HIGH, reference: PIGMM | None = None) -> Uncertainty:
    values, blocks = np.asarray(evaluate(graphs, stack)), np.asarray(block_moments(stack))
    return uncertainty(values, blocks, graphs, Simultaneous(stack.shape[-1]), reference, resampling)


def refits(stack: np.ndarray, resampling: Resampling, reference: PIGMM | None) -> dict[str, np.ndarray]:
    """Every statistic of every replicate, from a stack in which members are repeated as often as they were drawn."""
    rows = []
    for weights in resampling.weights:
        drawn = np.repeat(stack, np.rint(len(stack) * weights).astype(int), axis=0)
        model = fit(drawn).model
        observed = moments(np.asarray(evaluate(HIGH, drawn)))
        theory = expectation(model, HIGH)
        other = reference or model_of(model.symmetry, nearest_iid(model.parameters, model.symmetry))
        rows.append((model.parameters, theory, theory - observed.mean, observed.std, wasserstein(model, other)))
    names = ("parameters", "theory", "difference", "std", "w2")
    return {name: np.array(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}


@pytest.mark.parametrize(
    "resampling", [jackknife(9), bootstrap(9, replicates=7, seed=3)], ids=["jackknife", "bootstrap"]
)
@pytest.mark.parametrize("given", [True, False], ids=["given reference", "nearest reference"])
def test_every_error_is_the_spread_of_refitted_resamples(resampling, given):
    stack = random_model(4, 0).sample(jax.random.key(0), 9)
    reference = iid_model(0.1, 1.3, 4) if given else None
    result, reference_values = assess(stack, resampling, HIGH, reference), refits(stack, resampling, reference)
    for field in ("parameters", "theory", "difference", "w2"):
        np.testing.assert_allclose(getattr(result, field), resampling.error(reference_values[field]), rtol=1e-8)
    ratio = reference_values["difference"] / reference_values["std"]
    np.testing.assert_allclose(result.deviation, resampling.error(ratio), rtol=1e-6)


def test_error_of_means_is_the_standard_error():
    values = np.random.default_rng(0).exponential(size=(60, 40))
    exact, replicates = moments(values).se, 4000
    every, drawn = jackknife(60), bootstrap(60, replicates)
    np.testing.assert_allclose(every.error(every.weights @ values), exact)
    np.testing.assert_allclose(drawn.error(drawn.weights @ values), exact, rtol=5 / np.sqrt(2 * replicates))


def test_equal_seeds_give_equal_results_and_others_do_not():
    stack = random_model(4, 1).sample(jax.random.key(1), 20)
    first = assess(stack, bootstrap(20, 50, 7))
    bootstrap.cache_clear()
    again, other = (assess(stack, bootstrap(20, 50, seed)) for seed in (7, 8))
    for field in Uncertainty._fields[:-1]:
        np.testing.assert_array_equal(getattr(again, field), getattr(first, field))
        assert np.all(np.asarray(getattr(other, field)) != getattr(first, field))
    assert again.distance == first.distance != other.distance


@pytest.mark.parametrize("law", ["gaussian", "uniform"])
def test_errors_of_parameters_are_the_exact_ones_of_independent_entries(law):
    """The relative error of a standard error is at most sqrt(kurtosis / 4N), and no kurtosis here exceeds 15."""
    members, rng = 4000, np.random.default_rng(2)
    stack = rng.standard_normal((members, 5, 5)) if law == "gaussian" else rng.uniform(-1, 1, (members, 5, 5))
    exact = iid_parameters(
        EntryLaw.gaussian(1) if law == "gaussian" else EntryLaw.uniform(1), Simultaneous(5), members
    ).se
    found = assess(stack, bootstrap(members, 1000), CUBIC).parameters
    np.testing.assert_allclose(found, exact, rtol=4 * np.sqrt(15 / 4 / members + 1 / 2000))


def test_intervals_of_95_percent_cover_the_truth_so_often():
    model, runs, members = random_model(4, 3), 300, 150
    stacks = model.sample(jax.random.key(5), runs * members).reshape(runs, members, 4, 4)
    results = [assess(stack, jackknife(members), CUBIC, model) for stack in stacks]
    parameters = parameters_from_moments(np.asarray(block_moments(stacks)), Simultaneous(4))
    unbiased = parameters.copy()
    unbiased[:, 2:5] *= members / (members - 1)
    covered = np.abs(unbiased - model.parameters) < 1.96 * np.stack([result.parameters for result in results])
    binomial = np.sqrt(0.95 * 0.05 / runs)
    # A variance of one number a member has 1.5 % less: its error is small when it is, by 1/N and its skewness.
    assert np.all(np.abs(covered.mean(axis=0) - 0.945) < 0.01 + 3 * binomial)
    theory = expectations(parameters, CUBIC, Simultaneous(4))
    covered = np.abs(theory - expectation(model, CUBIC)) < 1.96 * np.stack([result.theory for result in results])
    assert np.all(np.abs(covered.mean(axis=0) - 0.94) < 0.015 + 3 * binomial)


def test_what_is_fitted_or_does_not_vary_has_no_error():
    stack = random_model(5, 4).sample(jax.random.key(2), 30) + 3.0
    assert np.all(assess(stack, bootstrap(30), PAPER[:13]).difference == 0)
    constant = assess(np.broadcast_to(2.0 + 3 * np.eye(5), (30, 5, 5)), bootstrap(30), PAPER)
    for field in ("difference", "deviation"):
        assert np.all(getattr(constant, field) == 0)


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("members", [2, 3, 40])
def test_few_members_and_a_large_common_mean_give_numbers(members, offset):
    stack = random_model(4, 5).sample(jax.random.key(3), members) + offset
    for resampling in (bootstrap(members, 100), jackknife(members)):
        result = assess(stack, resampling, PAPER)
        assert np.all(np.isfinite(np.concatenate([*result[:3], np.array([result.w2, *result.distance])])))
        assert members < 4 or np.all(np.isfinite(result.deviation))


def test_a_common_mean_leaves_the_errors_of_covariances_alone():
    stack = random_model(4, 6).sample(jax.random.key(4), 40)
    near, far = (assess(stack + offset, bootstrap(40, 100)).parameters for offset in (0.0, 1e4))
    np.testing.assert_allclose(far, near, rtol=1e-6)


def test_a_single_member_shows_no_error():
    stack = random_model(4, 7).sample(jax.random.key(5), 1)
    for resampling in (bootstrap(1, 10), jackknife(1)):
        assert all(np.all(np.isnan(value)) for value in assess(stack, resampling))


@pytest.mark.parametrize("dim", [2, 3])
def test_matrices_without_all_blocks_are_described_too(dim):
    result = assess(np.random.default_rng(0).standard_normal((20, dim, dim)), bootstrap(20, 50), PAPER)
    assert all(np.all(np.isfinite(value)) for value in result)


def test_resampling_nobody_or_others_is_refused_in_one_line():
    with pytest.raises(ValueError, match="resampling of 4 members for 5: make one for as many as there are"):
        assess(np.zeros((5, 4, 4)), jackknife(4))
    with pytest.raises(ValueError, match="1000 bootstrap replicates of 0 members: give at least 2 of at least 1"):
        bootstrap(0)
    with pytest.raises(ValueError, match="1 bootstrap replicates of 5 members"):
        bootstrap(5, 1)
    with pytest.raises(ValueError, match="jackknife of 0 members"):
        jackknife(0)


@pytest.mark.parametrize(("varying", "known"), [(2, False), (3, True)])
def test_a_deviation_has_an_error_where_most_replicates_vary(varying, known):
    stack = random_model(4, 8).sample(jax.random.key(6), 2)
    alone = [[1.0, 0.0], [0.0, 1.0]] * 2
    weights = np.array([[0.3, 0.7], [0.5, 0.5], [0.6, 0.4]][:varying] + alone[: 5 - varying])
    assert np.all(np.isfinite(assess(stack, Resampling(weights, 2.0)).deviation) == known)


def test_a_difference_that_is_the_same_in_every_replicate_has_no_error():
    constant = np.broadcast_to(2.0 + 3 * np.eye(4), (9, 4, 4))
    found = assess(constant, bootstrap(9, replicates=50))
    np.testing.assert_array_equal(found.difference, 0)
    np.testing.assert_array_equal(found.deviation, 0)
