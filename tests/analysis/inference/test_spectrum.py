"""Singular values of ensembles beside their fitted law: nominal under it, telling where it fails, honest when small."""

import numpy as np
import pytest

from analysis import Separate, Simultaneous, fit
from analysis.inference.conditional import conditional_ensembles
from analysis.inference.spectrum import DRAWING, Compared, spectrum
from analysis.model.spectrum import trace_moments


def inside(compared: Compared | None) -> np.ndarray:
    assert compared is not None
    return (compared.low <= compared.observed) & (compared.observed <= compared.high)


def test_numbers_are_those_of_the_matrices():
    stack = np.random.default_rng(0).standard_normal((60, 5, 5)) + 0.3
    found = spectrum(stack)
    gram = stack @ np.swapaxes(stack, 1, 2)
    traces = [np.trace(np.linalg.matrix_power(gram, k), axis1=1, axis2=2).mean() for k in (1, 2, 3)]
    np.testing.assert_allclose(found.traces.mean, traces, rtol=1e-12)
    np.testing.assert_allclose(found.traces.theory, trace_moments(fit(stack)), rtol=1e-12)
    assert found.traces.mean[0] == pytest.approx(found.traces.theory[0], rel=1e-12)
    assert np.isnan(found.traces.z[0])
    np.testing.assert_allclose(found.singular, np.linalg.svd(stack, compute_uv=False), rtol=1e-10)
    assert found.radius is not None
    assert found.radius.observed == pytest.approx(np.abs(np.linalg.eigvals(stack)).max(axis=1).mean(), rel=1e-12)
    assert found.circle == pytest.approx(np.sqrt(5 * found.bulk.variance))
    assert found.status == "ok"


@pytest.mark.parametrize("symmetry", [Simultaneous(5), Separate(3, 5)], ids=str)
def test_under_the_law_bands_and_tests_hold(symmetry, monkeypatch):
    """Tests of 45 members, whose z needs no simulation; bands of few draws, as benchmarks/spectra.py has many."""
    monkeypatch.setattr("analysis.inference.spectrum.DRAWS", 100)
    runs, members = 30, 45
    p, ranks, above = [], [], []
    for run in range(runs):
        found = spectrum(symmetry.standard_normal(np.random.default_rng(run), members), symmetry)
        p.append(found.traces.p[1:])
        ranks.append(inside(found.ranks).mean())
        above.append(inside(found.above))
    assert np.mean(np.array(p) < 0.05) < 0.15
    assert np.mean(ranks) > 0.89
    assert np.mean(above) > 0.89


def test_what_the_law_does_not_know_is_found():
    """Rows of one direction too long for independent entries: a singular value that no five parameters explain."""
    rng = np.random.default_rng(1)
    direction = np.array([1.0, -1, 1, -1, 1, -1, 1, -1]) / np.sqrt(8)
    stack = rng.standard_normal((200, 8, 8)) + 6 * rng.choice([-1, 1], (200, 1, 1)) * np.outer(direction, direction)
    found = spectrum(stack, Separate(8, 8))
    assert found.traces.p[1] < 1e-6
    assert found.ranks.observed[0] > found.ranks.high[0]
    assert found.above.observed > found.above.high
    assert not len(found.outliers)


def test_a_mean_makes_one_outlier_that_the_law_predicts():
    found = spectrum(np.random.default_rng(2).standard_normal((100, 30, 20)) + 0.6)
    assert found.above.observed == pytest.approx(1, abs=0.05)
    assert inside(found.above)
    np.testing.assert_allclose(found.outliers, found.ranks.observed[:1], rtol=0.02)


def test_one_member_has_no_test_and_diverged_ones_are_named():
    found = spectrum(np.random.default_rng(3).standard_normal((1, 2, 2)))
    assert np.isnan(found.traces.p).all()
    assert "tested from 3 members on" in found.status
    stack = np.random.default_rng(4).standard_normal((5, 4, 3))
    stack[2, 0, 0] = np.nan
    found = spectrum(stack)
    assert len(found.singular) == 4
    assert "1 of 5 members have non-finite entries and were excluded (2)" in found.status
    with pytest.raises(ValueError, match="none of 1 members is finite"):
        spectrum(stack[2:3])


def test_constant_matrices_have_one_singular_value():
    found = spectrum(np.full((4, 3, 3), 2.0))
    np.testing.assert_allclose(found.ranks.observed, [6, 0, 0], atol=1e-6)
    assert found.above.observed == found.above.expected == 1
    np.testing.assert_allclose(found.outliers, [6], rtol=1e-6)


@pytest.mark.parametrize("members", [30, 120])
def test_bands_are_quantiles_of_two_hundred_ensembles_of_the_same_fit(members):
    """Of 100 members each at most, and 20 of them for eigenvalues, with deviations scaled to as many as there are."""
    stack = np.random.default_rng(8).standard_normal((members, 4, 4)) + 0.5
    found, used = spectrum(stack), min(members, 100)
    drawn = np.concatenate(
        list(conditional_ensembles(fit(stack).model.parameters, used, Simultaneous(4), samples=200, seed=0))
    )
    singular = np.linalg.svd(drawn, compute_uv=False)
    radii = np.max(np.abs(np.linalg.eigvals(drawn[:, :20])), axis=-1)
    above = np.sum(singular > found.edge, axis=-1)
    assert found.radius is not None
    for compared, values in ((found.ranks, singular), (found.above, above), (found.radius, radii)):
        means, scale = values.mean(axis=1), np.sqrt(values.shape[1] / members)
        np.testing.assert_allclose(compared.expected, means.mean(axis=0), rtol=1e-9)
        ends = means.mean(axis=0) + scale * (np.quantile(means, [0.025, 0.975], axis=0) - means.mean(axis=0))
        np.testing.assert_allclose([compared.low, compared.high], ends, rtol=1e-9)


def test_more_than_a_hundred_members_have_the_band_of_a_hundred_and_narrower():
    stack = np.random.default_rng(6).standard_normal((100, 3, 4))
    one, four = (spectrum(np.tile(stack, (copies, 1, 1))).ranks for copies in (1, 4))
    np.testing.assert_allclose(four.expected, one.expected, rtol=1e-9)
    np.testing.assert_allclose(four.high - four.low, (one.high - one.low) / 2, rtol=1e-6)


def test_where_not_all_members_can_be_simulated_the_band_is_about_the_same(monkeypatch):
    stack = np.random.default_rng(7).standard_normal((30, 3, 4))
    full = spectrum(stack).ranks
    monkeypatch.setattr(
        "analysis.inference.spectrum.WORK", 12 * (3 + DRAWING) * 100 * 25
    )  # 100 ensembles of 25 members
    found = spectrum(stack)
    assert found.status == "ok"
    np.testing.assert_allclose(found.ranks.high - found.ranks.low, full.high - full.low, rtol=0.3)


def test_large_matrices_have_no_bands_and_it_is_said(monkeypatch):
    monkeypatch.setattr("analysis.inference.spectrum.WORK", 1000)
    found = spectrum(np.random.default_rng(5).standard_normal((30, 6, 6)))
    assert np.isnan(found.ranks.low).all()
    assert "bands are not simulated" in found.status
    assert np.isfinite(found.traces.p[1:]).all()
