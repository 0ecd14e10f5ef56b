"""Tests of independent layers by second moments, on data where the answer is known, and exact numbers."""

import json

import numpy as np
import pytest
from scipy.stats import kstest, norm, t

from analysis import Chain, fit, model_of
from analysis.inference.layers import layers_test, unit_correlation
from analysis.inference.simulation import standard_fits
from analysis.model.family import restricted
from tests.chains import drawn


def test_the_ratio_is_twice_the_divergence_from_independent_layers():
    data, symmetry = drawn((3, 4, 2, 5), 0), Chain((3, 4, 2, 5))
    full = fit(data).model
    apart = model_of(symmetry, restricted(full.parameters, "independent", symmetry))
    test = layers_test(full.parameters, 30, symmetry)
    np.testing.assert_allclose(test.ratio, 60 * full.kl(apart), rtol=1e-11)
    assert test.dof == 5
    assert 0 < test.bartlett < test.ratio


def test_p_is_uniform_for_few_members_with_bartletts_factors():
    symmetry, members = Chain((5, 4, 4, 3)), 12
    fits = standard_fits(np.random.default_rng(0), members, 1000, symmetry)
    tests = [layers_test(f, members, symmetry) for f in fits]
    assert kstest([test.p for test in tests], "uniform").pvalue > 1e-3
    assert np.mean([test.ratio for test in tests]) > 5 * 1.15  # what the factors are for
    np.testing.assert_allclose(np.mean([test.bartlett for test in tests]), 5, atol=0.25)


def test_rho_of_independent_layers_is_students():
    symmetry, members = Chain((5, 4, 3)), 3
    fits = standard_fits(np.random.default_rng(1), members, 2000, symmetry)
    units = [unit_correlation(f, members, symmetry) for f in fits]
    assert kstest([float(one.p[0]) for one in units], "uniform").pvalue > 1e-3
    rho = np.array([float(one.rho[0]) for one in units])
    assert kstest(rho * np.sqrt(8 / (1 - rho**2)), t(8).cdf).pvalue > 1e-3
    covered = np.mean([one.low[0] <= 0 <= one.high[0] for one in units])
    assert abs(covered - 0.95) < 0.02


def test_the_correlation_is_that_of_the_sums():
    data, symmetry = drawn((3, 4, 5), 2), Chain((3, 4, 5))
    rows, columns = data[0].sum(axis=2), data[1].sum(axis=1)
    rows, columns = (side - side.mean(axis=1, keepdims=True) for side in (rows, columns))
    expected = np.sum(rows * columns) / np.sqrt(np.sum(rows**2) * np.sum(columns**2))
    found = unit_correlation(fit(data).model.parameters, 30, symmetry)
    np.testing.assert_allclose(found.rho, [expected], rtol=1e-11)
    assert found.low < found.rho < found.high


def test_the_interval_is_fishers_by_hand():
    """artanh rho - rho/2k, plus or minus 1.96 / sqrt(k - 2), of k = 4 x 3 pairs."""
    data, symmetry = drawn((3, 4, 5), 2, 4), Chain((3, 4, 5))
    found = unit_correlation(fit(data).model.parameters, 4, symmetry)
    rho = float(found.rho[0])
    centre, margin = np.arctanh(rho) - rho / 24, norm.ppf(0.975) / np.sqrt(10)
    np.testing.assert_allclose([*found.low, *found.high], np.tanh([centre - margin, centre + margin]), rtol=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_equal_and_opposite_sums_are_as_correlated_as_can_be(sign):
    below = np.random.default_rng(5).integers(-4, 5, (30, 4, 3)).astype(float)
    data = below, sign * np.swapaxes(below, 1, 2)
    found = unit_correlation(fit(data).model.parameters, 30, Chain((3, 4, 3)))
    assert found.status == ("ok",)
    np.testing.assert_allclose([found.rho, found.low, found.high], sign, rtol=1e-12)
    assert found.p[0] < 1e-100


@pytest.mark.parametrize(
    ("sizes", "members", "ratio", "units"),
    [
        ((2, 3), 5, "a single layer: nothing to test", ()),
        ((2, 3, 2, 2), 3, "3 members: the sums of 3 matrices need more than that; add members", ("ok", "ok")),
        ((2, 3, 2), 1, "1 member: the sums", ("layer 1: 2 pairs of sums, needs at least 3; add members",)),
        ((2, 1, 2), 5, "ok", ("layer 1 has one unit: no sums to correlate over units",)),
    ],
)
def test_statuses(sizes, members, ratio, units):
    symmetry = Chain(sizes)
    f = fit(drawn(sizes, 3, members)).model.parameters
    test, found = layers_test(f, members, symmetry), unit_correlation(f, members, symmetry)
    assert test.status.startswith(ratio)
    assert np.isnan(test.p) == (ratio != "ok")
    for expected, status, p in zip(units, found.status, found.p, strict=True):
        assert status == expected
        assert np.isnan(p) == (status != "ok")


def test_constant_layers_are_named():
    data, symmetry = drawn((2, 3, 2), 4), Chain((2, 3, 2))
    f = fit((data[0], np.ones_like(data[1]))).model.parameters
    assert layers_test(f, 30, symmetry).status.startswith("constant or linearly dependent sums")
    assert unit_correlation(f, 30, symmetry).status == ("layer 1: sums are equal for all units; add members that vary",)


def test_public_ratios(fixtures):
    stored = json.loads((fixtures / "public_chain.json").read_text())
    for entry in stored["ensembles"]:
        symmetry = Chain(tuple(entry["h"]))
        test = layers_test(np.array(entry["params"]), entry["N"], symmetry)
        assert test.dof == entry["lr_df"]
        np.testing.assert_allclose([test.ratio, test.bartlett], [entry["lr"], entry["lr_bartlett"]], rtol=1e-9)
