"""The test of predicted invariants: unbiased, exact for few members, nominal for many, silent where it cannot tell."""

import jax
import numpy as np
import pytest
from scipy.stats import binom, kstest, norm, skew, t

from analysis import Separate, Simultaneous, Symmetric, Symmetry, expectations, fit, model_of
from analysis.inference.conditional import conditional_ensembles
from analysis.inference.multiplicity import benjamini_hochberg
from analysis.inference.tails import tail
from analysis.inference.theory_test import EXACT, TheoryTest, chance_level, theory_test
from analysis.model.contractions import evaluate_table
from analysis.model.plugin import parameters_from_moments, replicated_parameters
from analysis.model.spectrum import cycle
from analysis.model.unbiased import table_gradient, unbiased_table
from invariants import Graph
from tests.dense import random_model

SYMMETRIES = [Simultaneous(4), Separate(3, 4), Symmetric(4), Symmetric(4, diagonal=False)]
SQUARE = Simultaneous(4)


def generic(symmetry: Symmetry):
    """A law whose parameters are all different."""
    parameters = symmetry.isotropic(0.2, 1.0)
    return model_of(symmetry, parameters * np.linspace(0.6, 1.5, len(parameters)))


def outcome(stack: np.ndarray, symmetry: Symmetry = SQUARE, seed: int = 0):
    graphs = symmetry.predicted
    return theory_test(
        symmetry.evaluate(graphs, stack), np.asarray(symmetry.block_moments(stack)), graphs, symmetry, seed
    )


@pytest.mark.parametrize("symmetry", SYMMETRIES, ids=str)
def test_the_theory_is_unbiased_and_the_plug_in_one_is_not(symmetry):
    members, runs = 5, 4000
    stack = generic(symmetry).sample(jax.random.key(1), runs * members)
    means = symmetry.evaluate(symmetry.predicted, stack).reshape(runs, members, -1).mean(axis=1)
    moments = np.asarray(symmetry.block_moments(stack)).reshape(runs, members, -1)
    f = parameters_from_moments(moments, symmetry)
    unbiased = evaluate_table(unbiased_table(symmetry.predicted, symmetry, members), f)
    plain = expectations(f, symmetry.predicted, symmetry)
    z, biased = (d.mean(axis=0) / d.std(axis=0) * np.sqrt(runs) for d in (unbiased - means, plain - means))
    assert np.abs(z).max() < 4.5
    assert np.abs(biased).max() > 10


def test_products_of_three_covariances_are_estimated_without_bias():
    """At degree 6, by Monte Carlo; and for a single variance in closed form."""
    symmetry, members, runs = SQUARE, 5, 4000
    hexagon = (cycle(3),)
    moments = np.asarray(symmetry.block_moments(generic(symmetry).sample(jax.random.key(4), runs * members)))
    f = parameters_from_moments(moments.reshape(runs, members, -1), symmetry)
    unbiased = evaluate_table(unbiased_table(hexagon, symmetry, members), f)
    exact = expectations(generic(symmetry).parameters, hexagon, symmetry)
    assert np.abs(unbiased.mean() - exact) < 4 * unbiased.std() / np.sqrt(runs)
    assert np.abs(expectations(f, hexagon, symmetry).mean() - exact) > 10 * unbiased.std() / np.sqrt(runs)


@pytest.mark.parametrize("symmetry", SYMMETRIES, ids=str)
@pytest.mark.parametrize("members", [3, 12])
def test_conditional_ensembles_have_exactly_the_observed_fit(symmetry, members):
    model = fit(generic(symmetry).sample(jax.random.key(2), members), symmetry).model
    for data in conditional_ensembles(model.parameters, members, symmetry, 7):
        fits = parameters_from_moments(np.asarray(symmetry.block_moments(data)), symmetry)
        np.testing.assert_allclose(fits, np.broadcast_to(model.parameters, fits.shape), atol=1e-12)


def test_the_gradient_is_that_of_the_table():
    table, f = unbiased_table(SQUARE.predicted, SQUARE, 9), random_model(4, 1).parameters
    for k in range(13):
        step = 1e-6 * np.eye(13)[k]
        slope = (evaluate_table(table, f + step) - evaluate_table(table, f - step)) / 2e-6
        np.testing.assert_allclose(table_gradient(table, f)[k], slope, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("members", [4, 10])
def test_few_members_of_the_model_are_rejected_as_rarely_as_promised(members):
    runs = 100
    p = np.array([outcome(random_model(4, 3).sample(jax.random.key(k), members)).p for k in range(runs)])
    assert np.sum(np.any([benjamini_hochberg(row) < 0.05 for row in p], axis=1)) <= binom.ppf(0.999, runs, 0.05)
    rates = np.mean(p < 0.1, axis=0)
    assert np.all(rates <= binom.ppf(0.9999, runs, 0.1) / runs)


def test_many_members_of_the_model_have_standard_normal_z():
    runs, members = 200, 150
    stacks = random_model(4, 3).sample(jax.random.key(5), runs * members).reshape(runs, members, 4, 4)
    tests = [outcome(stack) for stack in stacks]
    cubic = np.array([test.z for test in tests])[:, :15]
    assert min(kstest(column, "norm").pvalue for column in cubic.T) > 0.001 / 15
    rejected = np.mean([np.any(benjamini_hochberg(test.p) < 0.05) for test in tests])
    assert rejected <= binom.ppf(0.999, runs, 0.06) / runs


def test_deviations_stay_below_the_level_of_chance_as_often_as_promised():
    runs, members = 200, 100
    above = []
    for k in range(runs):
        stack = np.random.default_rng(k).standard_normal((members, 4, 4))
        values = SQUARE.evaluate(SQUARE.predicted, stack)
        theory = expectations(fit(stack).model.parameters, SQUARE.predicted, SQUARE)
        deviations = np.abs(theory - values.mean(axis=0)) / values.std(axis=0)
        above.append(deviations > chance_level(outcome(stack), values.std(axis=0), members, SQUARE))
    assert 0.02 < np.mean(above) < 0.08


@pytest.mark.parametrize("members", [EXACT // 2, 5 * EXACT])
def test_entries_of_another_law_are_found_by_their_fourth_moment(members):
    """Uniform entries: the model expects 3 m2^2 where sum M^4 (I45) shows 1.8 m2^2."""
    test = outcome(np.random.default_rng(3).uniform(-1, 1, (members, 4, 4)))
    assert benjamini_hochberg(test.p)[44 - 13] < 0.01
    assert test.z[44 - 13] > 3


def test_what_does_not_vary_shows_no_difference_and_what_drowns_in_rounding_no_number():
    constant = outcome(np.broadcast_to(2.0 + 3 * np.eye(4), (30, 4, 4)))
    assert np.all(constant.z == 0)
    assert np.all(constant.p == 1)
    far = outcome(np.random.default_rng(0).standard_normal((60, 4, 4)) + 1e6)
    quartic = np.array([graph.degree == 4 and len(graph.components) > 1 for graph in SQUARE.predicted])
    assert np.all(np.isnan(far.p[quartic]))
    assert not np.any(far.p[quartic] == 1)


def test_a_zero_diagonal_is_predicted_exactly():
    stack = np.random.default_rng(1).standard_normal((60, 4, 4)) * (1 - np.eye(4))
    loops = np.array([any(a == b for a, b in graph.edges) for graph in SQUARE.predicted])
    assert np.all(outcome(stack).p[loops] == 1)


def test_one_and_two_members_have_no_test_and_it_is_said():
    for members in (1, 2):
        test = outcome(np.random.default_rng(0).standard_normal((members, 4, 4)))
        assert np.all(np.isnan(test.p))
        assert "tested from 3 members on" in test.status
    with pytest.raises(ValueError, match="at least 3"):
        unbiased_table(SQUARE.predicted, SQUARE, 2)


def test_large_matrices_of_few_members_have_no_test_and_it_is_said():
    """2^22 entries make 249 ensembles of 20 x 29 x 29, and 250 are needed."""
    test = outcome(np.random.default_rng(0).standard_normal((20, 29, 29)), Separate(29, 29))
    assert np.all(np.isnan(test.p))
    assert f"tested from {EXACT + 1} on" in test.status


def test_equal_seeds_give_equal_p_and_others_do_not():
    stack = np.random.default_rng(0).standard_normal((6, 4, 4))
    np.testing.assert_array_equal(outcome(stack).p, outcome(stack).p)
    assert np.any(outcome(stack, seed=1).p != outcome(stack).p)


def test_p_of_many_members_is_that_of_students_law():
    members = 41
    test = outcome(np.random.default_rng(4).standard_normal((members, 4, 4)))
    np.testing.assert_allclose(test.p, 2 * t.sf(np.abs(test.z), members - 1 - 13))


def by_finite_differences(stack: np.ndarray, graphs: tuple[Graph, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Theory less mean, its error, and what each member adds to it: the slope by its weight."""
    members, step = len(stack), 1e-6
    values, moments = SQUARE.evaluate(graphs, stack), np.asarray(SQUARE.block_moments(stack))
    weights = np.full((members, members), (1 - step) / members) + step * np.eye(members)
    table = unbiased_table(graphs, SQUARE, members)
    theory = evaluate_table(table, parameters_from_moments(moments, SQUARE))
    slopes = (evaluate_table(table, replicated_parameters(moments, weights, SQUARE)) - theory) / step
    added = values - values.mean(axis=0) - slopes
    return theory - values.mean(axis=0), np.sqrt(np.sum(added**2, axis=0) / (members * (members - 1))), added


def test_z_of_many_members_is_a_studentised_mean_less_its_skewness():
    members = EXACT + 5
    stack = np.random.default_rng(6).exponential(size=(members, 4, 4))
    difference, error, added = by_finite_differences(stack, SQUARE.predicted)
    expected = difference / error - np.clip(skew(added), -3, 3) / (2 * np.sqrt(members))
    np.testing.assert_allclose(outcome(stack).z, expected, rtol=1e-3, atol=1e-4)


def test_p_of_few_members_is_that_of_their_normal_quantile():
    test = outcome(np.random.default_rng(4).standard_normal((3, 4, 4)))
    assert test.status == "ok"
    np.testing.assert_allclose(test.p, 2 * norm.sf(np.abs(test.z)))


@pytest.mark.parametrize(
    ("members", "symmetry", "draws"),
    [(12, SQUARE, 854), (4, SQUARE, 1000), (40, Separate(3, 4), 250)],
    ids=["400 000 invariants", "1000 at most", "250 at least"],
)
def test_p_of_few_members_is_the_rank_among_the_draws(members, symmetry, draws):
    p = outcome(np.random.default_rng(7).standard_normal((members, *symmetry.shapes[0])), symmetry).p
    ranks = (draws + 1) * p[(p > 0.25) & (p < 1)] / 2
    assert len(ranks) > 5
    np.testing.assert_allclose(ranks, np.round(ranks), rtol=1e-9)


def test_few_members_share_the_usual_error_as_if_it_came_from_ten_more(monkeypatch):
    """Ranks of t, from draws one by one."""
    monkeypatch.setattr("analysis.inference.theory_test.MOST_DRAWS", 250)
    members, graphs = 5, SQUARE.predicted[::6]
    stack = np.random.default_rng(8).exponential(size=(members, 4, 4))
    chunks = conditional_ensembles(fit(stack).model.parameters, members, SQUARE, 250)
    parts = [by_finite_differences(one, graphs)[:2] for one in (stack, *np.concatenate(list(chunks)))]
    difference, error = (np.array(each) for each in zip(*parts, strict=True))
    usual = np.mean(error[1:] ** 2, axis=0)
    t, *drawn = difference / np.sqrt((members * error**2 + 10 * usual) / (members + 10))
    middle = np.median(drawn, axis=0)
    one_sided = tail(t - middle, drawn - middle), tail(middle - t, middle - drawn)
    found = theory_test(SQUARE.evaluate(graphs, stack), np.asarray(SQUARE.block_moments(stack)), graphs, SQUARE)
    np.testing.assert_allclose(found.p, np.minimum(1, 2 * np.minimum(*one_sided)), rtol=1e-3)


def test_a_tail_is_the_rank_and_goes_on_beyond_the_outer_tenth_without_a_step():
    draws = np.sort(np.random.default_rng(5).standard_normal((99, 1)), axis=0)
    for rank in (10, 50, 80):  # from the largest
        assert tail(draws[-rank], draws)[0] == pytest.approx((1 + rank) / 100)
    assert tail(draws[-10] + 1e-12, draws)[0] == pytest.approx(10 / 100)
    beyond = np.log([tail(np.array([t]), draws)[0] for t in (2.0, 3.0, 4.0)])
    assert np.diff(beyond)[1] / np.diff(beyond)[0] == pytest.approx((4**1.5 - 3**1.5) / (3**1.5 - 2**1.5))
    excess = (draws[-9:] ** 1.5 - draws[-10] ** 1.5).mean()
    assert beyond[0] == pytest.approx(np.log(10 / 100) - (2**1.5 - draws[-10, 0] ** 1.5) / excess)
    inside, outside = (tail(draws[-10] + step, draws)[0] for step in (-1e-9, 1e-9))
    assert outside == pytest.approx(inside - 1 / 100, abs=1e-6)


@pytest.mark.parametrize("bias", [0.0, 0.7, 3.0])
def test_chance_leaves_five_percent_of_biased_deviations_above_its_level(bias):
    members, std, error = 100, np.array([2.0]), np.array([0.3])
    test = TheoryTest(std, std, error, bias * error, "ok")
    level, freedom = chance_level(test, std, members, SQUARE)[0] * std[0] / error[0], members - 1 - 13
    assert t.sf(level - bias, freedom) + t.sf(level + bias, freedom) == pytest.approx(0.05, rel=1e-4)


def test_beside_a_bias_of_very_many_errors_the_level_is_the_bias():
    one = np.ones(1)
    test = TheoryTest(one, one, 1e-15 * one, 3.0 * one, "ok")
    assert chance_level(test, 2.0 * one, 20, SQUARE) == pytest.approx(1.5)
