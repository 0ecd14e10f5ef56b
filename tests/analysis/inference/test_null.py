"""The distance expected by chance against fits of drawn ensembles."""

from fractions import Fraction

import numpy as np
import pytest

from analysis import PIGMM, EntryLaw, Simultaneous, fit, iid_model, wasserstein
from analysis.inference.null import null_distance, squared_distance_to
from analysis.model.family import nearest_iid
from analysis.model.likelihood import cross_entropy
from tests.dense import random_model

GAUSSIAN, UNIFORM = EntryLaw.gaussian(0.5), EntryLaw.uniform(0.5)
RUNS = 150


def simulated(law: EntryLaw, dim: int, members: int, nearest: bool) -> np.ndarray:
    """Distances of fitted ensembles, one after another."""
    rng = np.random.default_rng(11)
    std = float(law.cumulant(2)) ** 0.5
    distances = []
    for _ in range(RUNS):
        shape = (members, dim, dim)
        stack = rng.normal(0, 0.5, shape) if law is GAUSSIAN else rng.uniform(-0.5, 0.5, shape)
        model = fit(stack).model
        f = nearest_iid(model.parameters, Simultaneous(dim))
        distances.append(wasserstein(model, PIGMM.from_parameters(f, dim=dim) if nearest else iid_model(0, std, dim)))
    return np.array(distances)


def test_two_thousand_ensembles_are_simulated_unless_told_otherwise():
    symmetry = Simultaneous(4)
    assert null_distance(GAUSSIAN, symmetry, 5) == null_distance(GAUSSIAN, symmetry, 5, replicates=2000)


def test_uniform_ensembles_are_drawn_for_a_tenth_of_the_replicates():
    """Of 8 members each, of which 5 enter."""
    symmetry = Simultaneous(4)
    pool = np.random.default_rng(2).uniform(-np.sqrt(3), np.sqrt(3), (40, 8, 4, 4))
    distances = [wasserstein(fit(stack).model, iid_model(0.0, 1.0, 4)) for stack in pool[:, :5]]
    null = null_distance(EntryLaw.uniform(np.sqrt(3)), symmetry, 5, replicates=400, seed=2)
    np.testing.assert_allclose(null, [np.mean(distances), np.quantile(distances, 0.95)], rtol=1e-9)


@pytest.mark.parametrize("nearest", [False, True], ids=["reference of the law", "nearest reference"])
@pytest.mark.parametrize("law", [GAUSSIAN, UNIFORM], ids=["gaussian", "uniform"])
@pytest.mark.parametrize(("dim", "members"), [(2, 4), (4, 2), (5, 13)])
def test_null_of_drawn_ensembles(law, dim, members, nearest):
    drawn = simulated(law, dim, members, nearest)
    null = null_distance(law, Simultaneous(dim), members, nearest=nearest, replicates=10 * RUNS, seed=1)
    spread = drawn.std() * np.sqrt(1 / RUNS + 1 / (10 * RUNS))
    assert abs(null.mean - drawn.mean()) < 4 * spread
    assert abs(np.mean(drawn > null.upper) - 0.05) < 4 * np.sqrt(0.05 * 0.95 * (1 / RUNS + 1 / (10 * RUNS)))


def test_one_member_has_no_covariance_and_still_a_null():
    assert null_distance(GAUSSIAN, Simultaneous(5), 1).mean > null_distance(GAUSSIAN, Simultaneous(5), 2).mean > 0


def test_null_scales_with_the_entries_and_falls_with_the_members():
    one, twice = (null_distance(EntryLaw.uniform(bound), Simultaneous(5), 20) for bound in (1.0, 2.0))
    np.testing.assert_allclose(twice, 2 * np.array(one))
    many = null_distance(GAUSSIAN, Simultaneous(640), 4000, replicates=2000)
    few = null_distance(GAUSSIAN, Simultaneous(640), 1000, replicates=2000)
    assert few.mean / many.mean == pytest.approx(2, rel=0.02)


def test_ensembles_that_lose_members_share_their_draws():
    whole, fewer = null_distance(UNIFORM, Simultaneous(4), 64), null_distance(UNIFORM, Simultaneous(4), 63)
    assert 1 < fewer.mean / whole.mean < 1.02


def test_gaussian_entries_stand_in_for_many_uniform_ones_and_for_other_laws():
    """Uniform entries spread less by a few per cent: their fourth cumulant is negative."""
    large = null_distance(EntryLaw.uniform(np.sqrt(3)), Simultaneous(100), 1000)
    assert large == null_distance(EntryLaw.gaussian(1.0), Simultaneous(100), 1000)
    signs = EntryLaw.from_moments([Fraction(0), Fraction(1)] * 4)
    assert null_distance(signs, Simultaneous(6), 20) == null_distance(EntryLaw.gaussian(1.0), Simultaneous(6), 20)
    small = null_distance(EntryLaw.uniform(np.sqrt(3)), Simultaneous(6), 20, replicates=2000)
    assert 0.9 < small.mean / null_distance(EntryLaw.gaussian(1.0), Simultaneous(6), 20, replicates=2000).mean < 0.98


def test_equal_seeds_give_equal_nulls_and_others_do_not():
    assert null_distance(UNIFORM, Simultaneous(4), 8, seed=3) == null_distance(UNIFORM, Simultaneous(4), 8, seed=3)
    assert null_distance(UNIFORM, Simultaneous(4), 8, seed=3) != null_distance(UNIFORM, Simultaneous(4), 8, seed=4)


def test_nearest_iid_model_is_the_most_likely_one():
    f = random_model(5, 0).parameters
    best = nearest_iid(f, Simultaneous(5))
    likelihood = -cross_entropy(f, best, Simultaneous(5))
    for shift, scale in ((0.01, 1.0), (-0.01, 1.0), (0.0, 1.01), (0.0, 0.99)):
        other = best * np.array([1.0, *[scale] * 12])
        other[0] += shift
        assert -cross_entropy(f, other, Simultaneous(5)) < likelihood
    stack = np.random.default_rng(0).normal(2.0, 3.0, (50, 5, 5))
    plug_in = nearest_iid(fit(stack).model.parameters, Simultaneous(5))
    np.testing.assert_allclose(plug_in, iid_model(stack.mean(), stack.std(), 5).parameters, rtol=1e-12, atol=1e-12)


def test_distances_of_many_models_are_those_of_each():
    models = [random_model(4, seed) for seed in range(3)]
    f = np.stack([model.parameters for model in models])
    np.testing.assert_allclose(
        np.sqrt(squared_distance_to(models[0], f, Simultaneous(4))), [wasserstein(model, models[0]) for model in models]
    )


def test_nobody_has_no_null():
    with pytest.raises(ValueError, match="null distance of 0 members: give at least 1"):
        null_distance(GAUSSIAN, Simultaneous(5), 0)


def test_every_further_member_brings_uniform_ensembles_nearer():
    means = [null_distance(UNIFORM, Simultaneous(4), members).mean for members in (2, 3, 4, 5, 6)]
    assert np.all(np.diff(means) < 0)
