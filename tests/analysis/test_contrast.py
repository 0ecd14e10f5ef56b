"""Two ensembles compared: the distance is that of their fits, the tests keep their level, pairs are taken together."""

import jax
import numpy as np
import pytest
from scipy import stats

from analysis import Separate, Simultaneous, Symmetric, contrast, fit, iid_model, wasserstein
from analysis.contrast import Contrast, Ensemble, contrast_ensembles, mean_difference
from analysis.inference.resampling import bootstrap
from analysis.model.plugin import replicated_parameters
from analysis.model.wasserstein import wasserstein_squared_parts
from analysis.statistics import REPLICATES, SEED
from invariants import PAPER, evaluate

DIM = 4


def ensemble(stack: np.ndarray) -> Ensemble:
    return Ensemble(np.asarray(evaluate(PAPER, stack)), np.asarray(Simultaneous(stack.shape[-1]).block_moments(stack)))


def drawn(seed: int, members: int = 40, std: float = 1.0) -> np.ndarray:
    return std * np.random.default_rng(seed).normal(size=(members, DIM, DIM))


def compared(first: np.ndarray, second: np.ndarray, *, paired: bool = False) -> Contrast:
    return contrast_ensembles(ensemble(first), ensemble(second), Simultaneous(first.shape[1]), paired=paired)


def test_the_distance_is_that_of_the_two_fitted_models():
    first, second = drawn(1), drawn(2, members=30, std=1.5)
    found = compared(first, second)
    expected = wasserstein(fit(first).model, fit(second).model)
    assert found.w2 == pytest.approx(expected, rel=1e-9)
    assert found.w2_squared_parts.sum() == pytest.approx(expected**2, rel=1e-9)


@pytest.mark.parametrize("paired", [True, False])
def test_equal_ensembles_are_at_no_distance(paired):
    same = compared(drawn(1), drawn(1), paired=paired)
    assert same.w2 == 0
    assert same.w2_p == 1
    assert np.all(same.invariants.value == 0)
    assert np.all(same.invariants.p == 1)
    assert (same.w2_se == 0) == paired


@pytest.mark.slow
def test_ensembles_of_one_law_are_told_apart_as_rarely_as_promised():
    p = [compared(drawn(2 * k, members=20), drawn(2 * k + 1, members=15)).w2_p for k in range(200)]
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert min(p) >= 1 / (1 + REPLICATES)


def test_ensembles_of_different_law_are_told_apart():
    far = compared(drawn(1), drawn(2, std=1.5))
    assert far.w2_p == 1 / (1 + REPLICATES)
    assert far.w2 > 2 * far.w2_null
    assert far.invariants.p[2] < 1e-6  # I3, the squared norm
    assert far.invariants.effect[2] > 1


def test_the_standard_error_is_the_spread_over_repetitions():
    repeated = [compared(drawn(2 * k, 60), drawn(2 * k + 1, 60, std=1.5)) for k in range(60)]
    spread = np.std([found.w2 for found in repeated])
    assert np.median([found.w2_se for found in repeated]) == pytest.approx(spread, rel=0.3)


def test_effect_and_chance_level_are_what_a_direct_computation_gives():
    first, second = drawn(1, members=12), drawn(2, members=8, std=1.5)
    found = compared(first, second)
    ours = [np.asarray(evaluate(PAPER, stack)) for stack in (first, second)]
    spread = np.sqrt(sum(np.var(values, axis=0, ddof=1) for values in ours) / 2)
    np.testing.assert_allclose(found.invariants.effect, (ours[1].mean(0) - ours[0].mean(0)) / spread, rtol=1e-9)
    everyone, rng = np.concatenate([first, second]), np.random.default_rng(5)
    distances = []
    for _ in range(200):
        shuffled = everyone[rng.permutation(20)]
        distances.append(wasserstein(fit(shuffled[:12]).model, fit(shuffled[12:]).model))
    error = np.std(distances) * np.sqrt(1 / 200 + 1 / REPLICATES)
    assert found.w2_null == pytest.approx(np.mean(distances), abs=4 * error)


@pytest.mark.parametrize("paired", [True, False])
def test_means_of_few_members_differ_as_rarely_as_promised(paired):
    samples = np.random.default_rng(1).normal(size=(2, 4, 2000))
    p = mean_difference(samples[0], samples[1], paired=paired).p
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.02)


def test_pairs_share_their_noise_and_so_show_smaller_differences():
    first = drawn(1)
    second = first + 0.1 * drawn(2)
    paired, apart = compared(first, second, paired=True), compared(first, second)
    assert paired.w2 == apart.w2
    assert paired.w2_null < 0.3 * apart.w2_null
    assert paired.w2_se < 0.5 * apart.w2_se
    assert np.all(paired.invariants.se < 0.5 * apart.invariants.se)


@pytest.mark.slow
def test_pairs_of_one_law_are_told_apart_as_rarely_as_promised():
    p = []
    for k in range(200):
        common, *own = (drawn(3 * k + j, members=15) for j in range(3))
        p.append(compared(common + own[0], common + own[1], paired=True).w2_p)
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_differences_of_means_are_those_of_the_t_tests():
    first, second = (np.random.default_rng(seed).normal(size=(7, 3), scale=seed) for seed in (1, 2))
    apart, paired = (mean_difference(first, second, paired=pairs) for pairs in (False, True))
    welch, student = stats.ttest_ind(second, first, equal_var=False), stats.ttest_rel(second, first)
    for ours, theirs in ((apart, np.asarray(welch)), (paired, np.asarray(student))):
        np.testing.assert_allclose(ours.z, theirs[0], rtol=1e-12)
        np.testing.assert_allclose(ours.p, theirs[1], rtol=1e-9)


def test_a_single_member_shows_no_error():
    alone = compared(drawn(1, members=1), drawn(2, members=1))
    assert np.isnan(alone.w2_se)
    assert np.all(np.isnan(alone.invariants.se))
    assert np.all(np.isnan(alone.invariants.p))
    assert alone.w2_p > 0.3


def test_sampled_models_of_larger_size_are_compared_too():
    near, far = iid_model(0.0, 1.0, 12), iid_model(0.3, 1.2, 12)
    samples = [np.asarray(model.sample(jax.random.key(k), 200)) for k, model in enumerate((near, far))]
    found = compared(*samples)
    assert found.w2 == pytest.approx(wasserstein(near, far), abs=4 * found.w2_se + found.w2_null)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="equally many"):
        compared(drawn(1), drawn(2, members=30), paired=True)
    with pytest.raises(ValueError, match="0 and 40 members"):
        contrast_ensembles(Ensemble(np.empty((0, 52)), np.empty((0, 10))), ensemble(drawn(2)), Simultaneous(DIM))


def test_stacks_of_any_symmetry_are_compared():
    first, second = drawn(1), drawn(2, std=1.5)
    assert contrast(first, second).w2 == compared(first, second).w2
    rectangular = contrast(first[:, :2], second[:, :2])
    assert rectangular.symmetry == Separate(2, DIM)
    assert rectangular.w2 == pytest.approx(wasserstein(fit(first[:, :2]), fit(second[:, :2])))
    mirrored = [stack + np.swapaxes(stack, 1, 2) for stack in (first, second)]
    symmetric = contrast(mirrored[0], mirrored[1], symmetry=Symmetric(DIM))
    models = [fit(stack, Symmetric(DIM)) for stack in mirrored]
    assert symmetric.w2 == pytest.approx(wasserstein(*models))
    assert "W2 = " in repr(symmetric)
    assert symmetric._repr_html_().startswith("<p>")


def test_members_that_are_not_finite_are_left_out_of_both_or_of_their_pair():
    first, second = drawn(1), drawn(2)
    first[3, 0, 0], second[5, 1, 1] = np.nan, np.inf
    assert contrast(first, second).members == (39, 39)
    assert contrast(first, second, paired=True).members == (38, 38)
    with pytest.raises(ValueError, match="without a finite member"):
        contrast(np.full((2, 4, 4), np.nan), second)
    with pytest.raises(ValueError, match=r"give a stack \[\.\.\., 4, 4\]"):
        contrast(first, np.zeros((3, 5, 5)))


def test_the_error_is_corrected_for_the_size_of_the_smaller_ensemble():
    first, second = drawn(1, members=3), drawn(2, members=40, std=1.5)
    draws = [bootstrap(members, REPLICATES, SEED + k) for k, members in enumerate((3, 40))]
    symmetry = Simultaneous(DIM)
    moments = [np.asarray(symmetry.block_moments(stack)) for stack in (first, second)]
    f, g = (replicated_parameters(m, draw.weights, symmetry) for m, draw in zip(moments, draws, strict=True))
    distances = np.sqrt(np.sum(wasserstein_squared_parts(f, g, symmetry), axis=1))
    expected = np.sqrt(3 / 2 * REPLICATES / (REPLICATES - 1) * np.var(distances))
    for one, other in ((first, second), (second, first)):
        found = compared(one, other)
        if one is first:
            assert found.w2_se == pytest.approx(expected, rel=1e-9)
        else:  # other draws of the same law
            assert found.w2_se == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("paired", [True, False])
def test_two_members_are_enough_for_an_error(paired):
    first, second = np.array([[1.0], [2.0]]), np.array([[2.0], [5.0]])
    found = mean_difference(first, second, paired=paired)
    reference = stats.ttest_rel(second, first) if paired else stats.ttest_ind(second, first, equal_var=False)
    np.testing.assert_allclose((found.z, found.p), np.asarray(reference), rtol=1e-9)
