"""Held-out predictions: those of a loop over folds, members, penalties and shuffles; nothing where there is nothing."""

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.linear_model import Ridge
from sklearn.model_selection import RepeatedKFold
from threadpoolctl import threadpool_limits

from analysis.inference import held_out
from analysis.inference.held_out import FOLDS, REPEATS, Errors, Score, held_out_errors, score


def test_errors_are_those_of_a_loop_over_folds_members_penalties_and_shuffles(monkeypatch):
    monkeypatch.setattr(held_out, "PENALTIES", np.array([0.1, 10.0, 1000.0]))
    rng = np.random.default_rng(3)
    x, group = rng.standard_normal((40, 3)), np.array([0, 1, 1])
    numbers = np.exp(x[:, 0] + x[:, 1] + rng.standard_normal(40))
    ranks = rankdata(numbers)
    expected, added = np.zeros(40), np.zeros((40, 2))
    for fitted, predicted in RepeatedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=0).split(x):
        mean, std = x[fitted].mean(axis=0), x[fitted].std(axis=0)
        z, y = (x - mean) / std, (ranks - ranks.mean()) / ranks.std()

        def left_out(penalty: float, fitted: np.ndarray = fitted, z: np.ndarray = z, y: np.ndarray = y) -> float:
            others = [np.setdiff1d(fitted, [i]) for i in fitted]
            fits = [Ridge(penalty).fit(z[rows], y[rows]) for rows in others]
            return sum((y[i] - fit.predict(z[[i]])[0]) ** 2 for i, fit in zip(fitted, fits, strict=True))

        model = Ridge(min(held_out.PENALTIES, key=left_out)).fit(z[fitted], y[fitted])
        residual = y[predicted] - model.predict(z[predicted])
        expected[predicted] += residual**2 / REPEATS
        for k in (0, 1):
            for i, one in enumerate(predicted):
                swapped = np.repeat(z[[one]], len(predicted), axis=0)
                swapped[:, group == k] = z[predicted][:, group == k]
                errors = (y[one] - model.predict(swapped)) ** 2
                added[one, k] += (errors.mean() - residual[i] ** 2) / REPEATS
    found = held_out_errors(x, numbers, group, 2)
    np.testing.assert_allclose(found.squared[:, 0], expected, rtol=1e-9)
    # A member's own change is averaged over shuffles as if it stood for its fold: only the means agree.
    np.testing.assert_allclose(found.importance.value, added.mean(axis=0), rtol=1e-9)


def test_influences_are_what_leaving_a_member_out_changes(monkeypatch):
    """At one penalty, with folds and scales kept, to first order in the change of the fit."""
    monkeypatch.setattr(held_out, "PENALTIES", np.array([5.0]))
    monkeypatch.setattr(held_out, "SHUFFLES", 2)
    rng, members = np.random.default_rng(4), 20
    x = rng.standard_normal((members, 2))
    numbers = np.exp(x[:, 0] + rng.standard_normal(members))
    found = held_out_errors(x, numbers, np.array([0, 1]), 2)
    folds = list(RepeatedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=0).split(x))

    def influences(target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y, errors, added = (target - target.mean()) / target.std(), np.zeros(members), np.zeros((members, 2))
        for fitted, predicted in folds:
            z = (x - x[fitted].mean(axis=0)) / x[fitted].std(axis=0)

            def of(rows: np.ndarray, z: np.ndarray = z, predicted: np.ndarray = predicted):
                model = Ridge(5.0).fit(z[rows], y[rows])
                r = y[predicted] - model.predict(z[predicted])
                return r[:, None], model.coef_ * (z[predicted] - z[predicted].mean(axis=0))

            r, part = of(fitted)
            errors[predicted] += r[:, 0] ** 2
            added[predicted] += 2 * r * part + part**2 + np.mean(part**2, axis=0)
            for member in fitted:
                without, moved = of(fitted[fitted != member])
                errors[member] -= np.sum(2 * r * (without - r))
                added[member] -= np.sum(2 * (without - r) * part + (2 * r + 4 * part) * (moved - part), axis=0)
        return errors / REPEATS, added / REPEATS

    of_ranks, added = influences(rankdata(numbers))
    np.testing.assert_allclose(found.influence[:, 0], of_ranks, atol=1e-9)
    np.testing.assert_allclose(found.influence[:, 1], influences(numbers)[0], atol=1e-9)
    np.testing.assert_allclose(found.added_influence, added, atol=1e-9)


def test_errors_of_r2_and_importance_by_hand():
    """R^2 is 1 - <e>/<d>; variances of influences are too small by 1.2, and 2 for importance."""
    rng, members = np.random.default_rng(5), 12
    numbers, squared, influence = rng.exponential(size=members), *rng.exponential(size=(2, members, 2))
    added = rng.exponential(size=(members, 3))
    errors = Errors(squared, influence, 0.5, np.array([0.4, 0.5, 0.9, 1.3]), added, added * 2)
    found = score(errors, 7, numbers)
    for k, (target, r2, se) in enumerate(
        ((rankdata(numbers), found.r2, found.se), (numbers, found.value_r2, found.value_se))
    ):
        d = (target - target.mean()) ** 2
        assert r2 == pytest.approx(1 - squared[:, k].mean())
        plain, ratio = influence[:, k], influence[:, k] - (1 - r2) * d / d.mean()
        assert se == pytest.approx(np.sqrt(1.2 * max(plain.var(ddof=1), ratio.var(ddof=1)) / members))
    assert (found.features, found.p) == (7, 3 / 5)
    assert found.control == pytest.approx(1 - 3.1 / 4)
    np.testing.assert_allclose(errors.importance.value, added.mean(axis=0))
    np.testing.assert_allclose(errors.importance.se, np.sqrt(2 * 4 * added.var(axis=0, ddof=1) / members))


def scored(seed: int, members: int, signal: float) -> Score:
    """Of ten independent normal features, whose first one is the number to predict, but for noise."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((members, 10))
    numbers = np.sqrt(signal) * x[:, 0] + np.sqrt(1 - signal) * rng.standard_normal(members)
    with threadpool_limits(1):
        return score(held_out_errors(x, numbers, np.zeros(10, dtype=int), 1, seed), 10, numbers)


def test_without_a_signal_nothing_is_found():
    runs = 60
    found = [scored(seed, 60, 0.0) for seed in range(runs)]
    p = np.array([one.p for one in found])
    assert np.mean([one.r2 for one in found]) == pytest.approx(np.mean([one.control for one in found]), abs=0.03)
    assert p.mean() == pytest.approx(0.5, abs=3 * np.sqrt(1 / 12 / runs))
    assert np.sum(p <= 0.05) <= 8


def test_a_known_share_of_signal_lies_within_its_error():
    for signal in (0.3, 0.8):
        found = [scored(seed, 200, signal) for seed in range(20)]
        miss = np.array([(one.value_r2 - signal) / one.value_se for one in found])
        assert abs(miss.mean()) < 1
        assert 0.4 < np.sqrt(np.mean(miss**2)) < 1.5
        assert all(one.p == 1 / 200 for one in found)


def test_a_perfect_prediction_has_an_r2_of_1():
    x = np.linspace(-1, 1, 50)[:, None]
    found = score(held_out_errors(x, x[:, 0], np.zeros(1, dtype=int), 1), 1, x[:, 0])
    assert found.r2 == pytest.approx(1, abs=1e-6)
    assert found.se < 1e-6
