"""Geodesics, barycentres and paths against an optimal-transport library, closed forms and the defining properties."""

import numpy as np
import pytest

from analysis import PIGMM, Simultaneous, iid_model, wasserstein
from analysis.model.geometry import barycentre, interpolate, path
from tests.dense import dense, random_model
from tests.square import pigmm

SINGULAR = pigmm(5, np.zeros(2), np.ones((2, 2)), np.diag([1.0, 0.0, 2.0]), 0.0, 1.0)
FLAT = pigmm(5, np.ones(2), np.diag([1.0, 0.0]), np.diag([0.0, 1.0, 0.0]), 2.0, 0.0)


@pytest.mark.parametrize(
    ("p", "q"), [(random_model(6, 1), random_model(6, 2)), (SINGULAR, random_model(5, 3)), (SINGULAR, FLAT)]
)
def test_geodesics_have_constant_speed(p, q):
    total = wasserstein(p, q)
    for t in (0.0, 0.25, 0.7, 1.0):
        between = interpolate(p, q, t)
        assert wasserstein(p, between) == pytest.approx(t * total, abs=3e-7 * total)
        assert wasserstein(between, q) == pytest.approx((1 - t) * total, abs=3e-7 * total)


def test_a_barycentre_of_two_models_lies_on_their_geodesic():
    p, q = random_model(5, seed=1), random_model(5, seed=2)
    middle = barycentre([p, q], [3.0, 1.0])
    np.testing.assert_allclose(middle.parameters, interpolate(p, q, 0.25).parameters, rtol=1e-9)


def test_the_barycentre_of_an_optimal_transport_library(monkeypatch):
    for backend in ("PYTORCH", "JAX", "CUPY", "TENSORFLOW"):
        monkeypatch.setenv(f"POT_BACKEND_DISABLE_{backend}", "1")
    gaussian = pytest.importorskip("ot.gaussian", reason="needs POT, an extra of the tests")
    models = [random_model(4, seed) for seed in range(3)]
    weights = np.array([0.2, 0.3, 0.5])
    means, covariances = (np.array(part) for part in zip(*map(dense, models), strict=True))
    mean, covariance = gaussian.bures_wasserstein_barycenter(means, covariances, weights=weights, eps=1e-12)
    ours = dense(barycentre(models, weights))
    np.testing.assert_allclose(ours[0], np.ravel(mean), atol=1e-9)
    np.testing.assert_allclose(ours[1], covariance, atol=1e-7)


def test_a_barycentre_minimises_the_sum_of_squared_distances():
    models = [random_model(5, seed) for seed in range(4)]
    best = barycentre(models)
    cost = sum(wasserstein(best, model) ** 2 for model in models)
    for k in range(13):
        for step in (-1e-3, 1e-3):
            f = best.parameters
            f[k] += step
            assert sum(wasserstein(PIGMM.from_parameters(f, dim=5), model) ** 2 for model in models) > cost


def test_barycentres_in_closed_form():
    spread = barycentre([iid_model(0.0, 1.0, 5), iid_model(0.6, 4.0, 5)], [2, 1])
    np.testing.assert_allclose(spread.parameters, iid_model(0.2, 2.0, 5).parameters, atol=1e-12)
    alone = barycentre([SINGULAR])
    np.testing.assert_allclose(alone.parameters, SINGULAR.parameters, atol=1e-12)


def test_the_path_of_a_geodesic_is_as_long_as_its_displacement_and_a_detour_is_longer():
    p, q, r = (random_model(6, seed) for seed in (1, 2, 3))
    straight = np.array([interpolate(p, q, t).parameters for t in (0.0, 0.2, 0.5, 1.0)])
    detour = np.array([p.parameters, r.parameters, r.parameters, q.parameters])
    both = path(np.stack([straight, detour]), Simultaneous(6))
    expected = wasserstein(p, q)
    np.testing.assert_allclose(both.net, expected)
    np.testing.assert_allclose(both.length, [expected, wasserstein(p, r) + wasserstein(r, q)])
    np.testing.assert_allclose(both.steps[0], expected * np.array([0.2, 0.3, 0.5]), rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.sum(both.squared_steps, axis=-1)), both.steps)
    np.testing.assert_allclose(both.squared_net[..., 0], np.sum((p.mean - q.mean) ** 2))


def test_a_single_epoch_goes_nowhere():
    one = path(random_model(5, 1).parameters[None], Simultaneous(5))
    assert (one.length, one.steps.shape) == (0.0, (0,))
    assert one.net < 1e-13


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: barycentre([]), "at least one"),
        (lambda: barycentre([SINGULAR, iid_model(0.0, 1.0, 4)]), "models of one symmetry and size"),
        (lambda: barycentre([SINGULAR], [0.0]), "not all 0"),
        (lambda: barycentre([SINGULAR], [1.0, 1.0]), "give 1 non-negative numbers"),
        (lambda: barycentre([random_model(5, 1), random_model(5, 2)], tolerance=-1.0), "larger tolerance"),
        (lambda: interpolate(SINGULAR, FLAT, 1.5), "0 <= t <= 1"),
    ],
)
def test_wrong_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)
