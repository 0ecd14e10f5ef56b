"""Tests along the nesting: calibration under Gaussian and other laws, power, and degenerate ensembles."""

import jax
import numpy as np
import pytest
from scipy.stats import chi2

from analysis import PIGMM, Simultaneous
from analysis.inference.nesting import NestedTests, accepted, nested_pairs, nested_tests
from analysis.model.family import fit_family
from tests.dense import random_model
from tests.square import block_moments


def test_batches_equal_single_ensembles():
    stacks = [random_model(6, seed).sample(jax.random.key(seed), 50) for seed in range(3)]
    moments = np.stack([block_moments(stack) for stack in stacks]).reshape(3, 1, 50, 10)
    fitted = fit_family(moments, Simultaneous(6))
    tests = nested_tests(moments, fitted, Simultaneous(6))
    for k in range(3):
        one = fit_family(moments[k, 0], Simultaneous(6))
        np.testing.assert_allclose(fitted.f[k, 0], one.f, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(fitted.held_out[k, 0], one.held_out, rtol=1e-12)
        single = nested_tests(moments[k, 0], one, Simultaneous(6))
        np.testing.assert_allclose(tests.wald_p[k, 0], single.wald_p, rtol=1e-9)
        np.testing.assert_allclose(tests.ratio_p[k, 0], single.ratio_p, rtol=1e-9)
        assert accepted(tests, Simultaneous(6))[k, 0] == accepted(single, Simultaneous(6))
    np.testing.assert_allclose(tests.ratio_p, chi2.sf(tests.ratio, tests.dof), rtol=1e-10)


def bipartite(mean: float, v0: float, vc: float, vr: float, ve: float) -> PIGMM:
    """The five-parameter law of 5 x 5 matrices within the 13-parameter one."""
    f = [5 * mean, 0, v0, 0, ve, vc, 0, 0, vr, 0, ve, ve, ve]
    return PIGMM.from_parameters(f, dim=5)


REPETITIONS, MEMBERS = 2000, 200


def rejection_rates(draw) -> dict[str, tuple[float, float]]:
    """Rates at which ratio and Wald tests at 5 % reject independent entries of one variance within larger models."""
    rng = np.random.default_rng(1)
    shape = (REPETITIONS // 4, MEMBERS, 4, 4)
    moments = np.concatenate([block_moments(draw(rng, shape)) for _ in range(4)])
    tests = nested_tests(moments, fit_family(moments, Simultaneous(4)), Simultaneous(4))
    rates = zip(np.mean(tests.ratio_p < 0.05, axis=0), np.mean(tests.wald_p < 0.05, axis=0), strict=True)
    return {
        large: rate for (small, large), rate in zip(nested_pairs(Simultaneous(4)), rates, strict=True) if small == "iid"
    }


ERROR = np.sqrt(0.05 * 0.95 / REPETITIONS)


def test_both_tests_are_nominal_for_gaussian_members():
    for ratio, robust in rejection_rates(lambda rng, shape: rng.normal(0.3, 1.0, shape)).values():
        assert abs(ratio - 0.05) < 4 * ERROR
        # Wald tests with 11 contrasts of squares still reject a true null somewhat too often at 200 members.
        assert abs(robust - 0.05) < 5.5 * ERROR


@pytest.mark.parametrize(
    ("draw", "sign"),
    [(lambda rng, shape: rng.uniform(-1, 1, shape), -1), (lambda rng, shape: rng.laplace(size=shape), 1)],
    ids=["uniform", "laplace"],
)
def test_only_the_wald_test_is_nominal_for_other_laws(draw, sign):
    ratio, robust = rejection_rates(draw)["diagonal"]
    assert sign * (ratio - 0.05) > 4 * ERROR
    assert abs(robust - 0.05) < 5 * ERROR


def test_a_true_model_is_accepted_and_row_effects_are_found():
    """Power against rows whose variance is 15 % larger: 200 repetitions of 1000 members."""
    rng = np.random.default_rng(2)
    model = bipartite(0.1, 1.0, 1.0, 1.15, 1.0)
    stack = model.sample(jax.random.key(0), 200_000).reshape(200, 1000, 5, 5)
    moments = block_moments(stack)
    tests = nested_tests(moments, fit_family(moments, Simultaneous(5)), Simultaneous(5))
    at = nested_pairs(Simultaneous(4)).index(("iid", "bipartite"))
    assert np.mean(tests.wald_p[:, at] < 0.05) > 0.95
    assert np.mean(tests.ratio_p[:, at] < 0.05) > 0.95
    independent = block_moments(rng.normal(0.0, 1.0, (200, 1000, 5, 5)))
    null = nested_tests(independent, fit_family(independent, Simultaneous(5)), Simultaneous(5))
    assert np.mean(accepted(null, Simultaneous(5)) == "iid_zero_mean") > 0.85


def test_the_smallest_true_model_is_recovered():
    laws = {
        "iid": bipartite(0.5, 1.0, 1.0, 1.0, 1.0),
        "bipartite": bipartite(0.5, 1.0, 2.0, 3.0, 1.0),
        "pigmm": random_model(5, seed=4),
    }
    for name, model in laws.items():
        moments = block_moments(model.sample(jax.random.key(3), 1500))
        tests = nested_tests(moments, fit_family(moments, Simultaneous(5)), Simultaneous(5))
        assert accepted(tests, Simultaneous(5)) == name
        assert accepted(tests, Simultaneous(5), level=0.0) == "iid_zero_mean"


def test_degenerate_ensembles_have_a_status_and_no_silent_nan():
    rng = np.random.default_rng(5)
    cases = {
        "fewer than 3 members": [rng.standard_normal((n, 4, 4)) for n in (1, 2)],
        "constant or linearly dependent": [np.full((9, 4, 4), 0.1), np.zeros((9, 4, 4)), _symmetric(rng)],
    }
    for cause, stacks in cases.items():
        for stack in stacks:
            moments = block_moments(stack)
            fitted = fit_family(moments, Simultaneous(4))
            tests = nested_tests(moments, fitted, Simultaneous(4))
            assert cause in str(fitted.status)
            assert "pigmm" in str(fitted.status)
            assert np.isnan(fitted.loglik[-1])
            assert np.isnan(tests.wald_p[-1])
            assert tests.status[-1] != "ok"
            assert accepted(tests, Simultaneous(4)) == "undetermined"
    assert np.isfinite(fit_family(block_moments(_symmetric(rng)), Simultaneous(4)).loglik[:2]).all()


def _symmetric(rng: np.random.Generator) -> np.ndarray:
    half = rng.standard_normal((30, 4, 4))
    return half + np.swapaxes(half, 1, 2)


def decided(**p: float) -> str:
    """The model accepted where the tests within the full model have these p-values, and 0.5 elsewhere."""
    symmetry, pairs = Simultaneous(5), nested_pairs(Simultaneous(5))
    within = np.array([p.get(small, 0.5) if large == "pigmm" else np.nan for small, large in pairs])
    none = np.full(len(pairs), np.nan)
    return str(accepted(NestedTests(np.zeros(len(pairs), int), none, none, none, within, none, none), symmetry))


def test_the_larger_p_decides_among_models_of_equal_size():
    rejected = {"iid_zero_mean": 0.01, "iid": 0.01}
    assert decided(**rejected, conjugation=0.9, diagonal=0.2) == "conjugation"
    assert decided(**rejected, conjugation=0.2, diagonal=0.9) == "diagonal"


def test_a_model_within_a_rejected_one_is_not_accepted():
    assert decided() == "iid_zero_mean"
    assert decided(bipartite=0.01, conjugation=0.6) == "conjugation"
    assert decided(transposition=0.01) == "bipartite"
    assert decided(**dict.fromkeys(("bipartite", "transposition", "reciprocal"), 0.01)) == "pigmm"
    assert decided(iid=np.nan) == "undetermined"
