"""Fits against exact parameters, the two other ways in, and one test a status."""

import json
from dataclasses import FrozenInstanceError

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis import Separate, Simultaneous, fit, fit_invariants, fit_moments
from analysis.model.likelihood import cross_entropy
from analysis.model.plugin import parameters_from_invariants, parameters_from_moments
from invariants import PAPER, evaluate
from tests.dense import random_model
from tests.square import block_moments

SWAP = [0, 1, 2, 3, 4, 8, 6, 9, 5, 7, 10, 11, 12]  # f6 <-> f9, f8 <-> f10


def ensemble(dim: int = 6, members: int = 30) -> np.ndarray:
    return np.random.default_rng(dim).standard_normal((members, dim, dim)) ** 3


def parameters(stack) -> np.ndarray:
    return fit(stack).model.parameters


def test_a_hand_made_ensemble():
    """Two members +-diag(1, -1, 0, 0): mean 0, all weight in V_H; column and row sums are the diagonal itself."""
    matrix = np.diag([1.0, -1.0, 0.0, 0.0])
    f = parameters(np.stack([matrix, -matrix]))
    # h_1 = h_2 = d/2 and h_3 = sqrt(2) (d - d/2), with |d|^2 = 2 over the three dimensions of V_H.
    root = np.sqrt(2)
    expected = [1 / 6, 1 / 6, root / 6, 1 / 6, root / 6, 1 / 3]
    np.testing.assert_allclose(f, [0, 0, 0, 0, 0, *expected, 0, 0], atol=1e-15)


@pytest.mark.parametrize("dim", [2, 3, 4, 6, 40])
def test_three_ways_in_give_one_fit(dim):
    stack = ensemble(dim)
    f = parameters(stack)
    means = evaluate(PAPER[:13], stack).mean(axis=0)
    np.testing.assert_array_equal(fit_moments(block_moments(stack), Simultaneous(dim)).model.parameters, f)
    np.testing.assert_allclose(fit_invariants(means, dim).model.parameters, f, rtol=0, atol=1e-11 * f[2:].max())


def test_vectorised_over_leading_axes():
    stack = ensemble()
    order = np.random.default_rng(0).integers(0, 30, (4, 5, 30))
    f = parameters_from_moments(np.asarray(block_moments(stack))[order], Simultaneous(6))
    means = np.asarray(evaluate(PAPER[:13], stack))[order].mean(axis=-2)
    assert f.shape == (4, 5, 13)
    np.testing.assert_allclose(f[2, 3], parameters(stack[order[2, 3]]), rtol=1e-12)
    np.testing.assert_allclose(parameters_from_invariants(means, Simultaneous(6)), f, rtol=0, atol=1e-11 * f.max())


def test_transposition_exchanges_rows_and_columns():
    stack = ensemble()
    np.testing.assert_allclose(parameters(np.swapaxes(stack, 1, 2)), parameters(stack)[SWAP], atol=1e-12)


def test_shift_and_scale():
    stack, f = ensemble(5), parameters(ensemble(5))
    a, b = 0.7, -1.3
    moved = f + np.array([5 * a + b, b * np.sqrt(4), *np.zeros(11)])
    np.testing.assert_allclose(parameters(stack + a + b * np.eye(5)), moved, atol=1e-12)
    np.testing.assert_allclose(parameters(3 * stack), f * np.array([3, 3, *[9] * 11]), rtol=1e-12)


def test_parseval():
    stack, f = ensemble(6), parameters(ensemble(6))
    total = f[0] ** 2 + f[1] ** 2 + f[2] + f[4] + 5 * (f[5] + f[8] + f[10]) + 9 * f[11] + 10 * f[12]
    np.testing.assert_allclose(total, np.mean(np.sum(stack**2, axis=(1, 2))), rtol=1e-12)


def test_unbiased_covariances_and_their_absence():
    result = fit(ensemble())
    assert result.unbiased is not None
    np.testing.assert_allclose(result.unbiased[2:5], result.model.parameters[2:5] * 30 / 29)
    np.testing.assert_array_equal(np.delete(result.unbiased, [2, 3, 4]), np.delete(result.model.parameters, [2, 3, 4]))
    two = fit(ensemble(members=2))
    assert two.unbiased is not None
    np.testing.assert_allclose(two.unbiased[2:5], 2 * two.model.parameters[2:5])
    assert fit(ensemble(members=1)).unbiased is None


def test_a_fit_does_not_change():
    found = fit(ensemble())
    with pytest.raises(FrozenInstanceError):
        found.members = 0  # pyright: ignore[reportAttributeAccessIssue]


def test_single_precision_integers_and_device_arrays_are_accepted():
    whole = np.random.default_rng(1).integers(-9, 9, (20, 5, 5))
    for stack in (whole, whole.astype(np.float32), jnp.asarray(whole, jnp.float32), whole.tolist()):
        np.testing.assert_array_equal(parameters(stack), parameters(whole.astype(np.float64)))


def test_status_ok():
    result = fit(ensemble())
    assert (result.status, result.members, result.excluded) == ("ok", 30, ())


def test_status_of_non_finite_members():
    stack = ensemble()
    stack[3, 0, 1], stack[7, 2, 2] = np.nan, np.inf
    result = fit(stack)
    assert (result.members, result.excluded) == (28, (3, 7))
    assert "2 of 30 members have non-finite entries and were excluded (3, 7)" in result.status
    np.testing.assert_array_equal(result.model.parameters, parameters(np.delete(stack, [3, 7], axis=0)))
    np.testing.assert_array_equal(fit_moments(block_moments(ensemble()), Simultaneous(6)).excluded, ())


@pytest.mark.parametrize(("dim", "absent"), [(2, [7, 9, 10, 11, 12]), (3, [11])])
def test_status_of_small_matrices(dim, absent):
    result = fit(ensemble(dim))
    assert f"D = {dim}" in result.status
    assert "use D >= 4" in result.status
    assert "singular" not in result.status
    assert np.all(result.model.parameters[absent] == 0)
    assert np.isfinite(result.model.entropy())


@pytest.mark.parametrize("members", [1, 2])
def test_status_of_few_members(members):
    result = fit(ensemble(members=members))
    assert result.status.startswith(f"{members} member")
    assert "at least 3" in result.status
    assert result.model.entropy() == -np.inf


@pytest.mark.parametrize("value", [0.0, 0.1, 1e5])
def test_status_of_constant_matrices(value):
    stack = np.full((10, 5, 5), value)
    for result in (fit(stack), fit_invariants(evaluate(PAPER[:13], stack).mean(axis=0), 5, members=10)):
        assert "singular blocks V_0, V_H, V_2, V_3" in result.status
        assert np.all(result.model.parameters[2:] == 0)
        assert result.model.parameters[0] == pytest.approx(5 * value)


def test_status_of_symmetric_matrices_names_the_singular_blocks():
    stack = ensemble(5)
    assert "singular blocks V_H, V_3" in fit(stack + np.swapaxes(stack, 1, 2)).status


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fit(np.zeros((3, 4, 5)), Simultaneous(4)), r"give a stack \[\.\.\., 4, 4\]"),
        (lambda: fit(np.zeros((4, 4))), "members, rows, columns"),
        (lambda: fit(np.zeros((3, 1, 1))), "whole number >= 2"),
        (lambda: fit(np.full((3, 4, 4), np.nan)), "none of 3 members is finite"),
        (lambda: fit(np.zeros((0, 4, 4))), "none of 0 members is finite"),
        (lambda: fit_moments(np.zeros((3, 9)), Simultaneous(4)), "members, 10"),
        (lambda: fit_invariants(np.zeros(12), 4), "13 finite numbers"),
        (lambda: fit_invariants(np.zeros(13), 1), "dim >= 2"),
    ],
)
def test_wrong_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_large_common_mean_keeps_the_variances():
    stack = random_model(40, seed=1).sample(jax.random.key(3), 20)
    np.testing.assert_allclose(parameters(stack + 1000.0)[2:], parameters(stack)[2:], rtol=0, atol=1e-9)


def test_public_ensembles(fixtures):
    data = json.loads((fixtures / "public_ensembles.json").read_text())
    for entry in data["ensembles"]:
        stack = np.array(entry["entries"]) / entry["denominator"]
        scale = max(np.abs(entry["f"]))
        np.testing.assert_allclose(parameters(stack), entry["f"], rtol=0, atol=1e-14 * scale * len(stack))
        by_means = fit_invariants(entry["mean_I"][:13], entry["D"]).model.parameters
        np.testing.assert_allclose(by_means, entry["f"], rtol=0, atol=1e-12 * scale)


def test_a_member_with_one_moment_that_is_not_finite_is_left_out():
    stack = ensemble()
    moments = np.array(block_moments(stack))
    moments[4, 7] = np.inf
    result = fit_moments(moments, Simultaneous(6))
    assert result.excluded == (4,)
    np.testing.assert_array_equal(result.model.parameters, parameters(np.delete(stack, 4, axis=0)))
    separate = Separate(3, 6)
    rectangular = np.array(separate.block_moments(stack[:, :3]))
    rectangular[2, 0] = np.nan
    assert fit_moments(rectangular, separate).excluded == (2,)


def test_the_likelihood_at_the_fit_is_exact_however_ill_conditioned_a_block_is():
    """With an inverse, a condition of 1e12 on V_H cost more than a nat."""
    stack = np.random.default_rng(0).standard_normal((40, 5, 5))
    columns = stack.mean(axis=1, keepdims=True)
    narrow = stack - (1 - 1e-6) * (columns - columns.mean(axis=2, keepdims=True))
    model = fit(narrow).model
    values = np.linalg.eigvalsh(model.covariances[1])
    assert values[-1] / values[0] > 1e10
    total = -len(narrow) * cross_entropy(model.parameters, model.parameters, model.symmetry)
    assert total == pytest.approx(-len(narrow) * model.entropy(), rel=1e-14)
