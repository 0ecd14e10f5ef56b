"""Whitening, optimal maps and matched controls against dense Gaussians and an optimal-transport library."""

import jax
import numpy as np
import pytest

from analysis import Simultaneous, fit, iid_model, wasserstein
from analysis.model.likelihood import kullback_leibler, kullback_leibler_parts
from analysis.model.transport import BlockMap, matched_control, optimal_map, whitening
from tests.dense import dense, random_model
from tests.square import pigmm


def as_dense(affine: BlockMap) -> tuple[np.ndarray, np.ndarray]:
    """The map as A v + b on flattened matrices, by its action on the unit matrices."""
    ((dim, _),) = affine.symmetry.shapes
    b = affine(np.zeros((1, dim, dim))).ravel()
    return (affine(np.eye(dim**2).reshape(-1, dim, dim)).reshape(dim**2, -1) - b).T, b


@pytest.mark.parametrize("dim", [3, 4, 5])
def test_whitening_leaves_independent_standard_entries(dim):
    model = random_model(dim, seed=dim)
    mean, covariance = dense(model)
    matrix, offset = as_dense(whitening(model))
    np.testing.assert_allclose(matrix @ covariance @ matrix.T, np.eye(dim**2), atol=1e-12)
    np.testing.assert_allclose(matrix @ mean + offset, 0, atol=1e-12)


@pytest.mark.parametrize("dim", [2, 3, 5])
def test_an_ensemble_whitened_by_its_own_fit_has_the_fit_of_independent_standard_entries(dim):
    stack = np.random.default_rng(dim).uniform(1.0, 3.0, (50, dim, dim))
    white = whitening(fit(stack).model)(stack)
    assert wasserstein(fit(white).model, iid_model(0.0, 1.0, dim)) < 1e-12


def test_directions_without_variance_are_whitened_to_zero():
    model = pigmm(5, np.zeros(2), np.diag([1.0, 0.0]), np.eye(3), 0.0, 4.0)
    white = whitening(model)
    assert np.array_equal(white.matrices[0], np.diag([1.0, 0.0]))
    assert [matrix.item() for matrix in white.matrices[2:]] == [0.0, 0.5]


@pytest.mark.parametrize("dim", [4, 5])
def test_the_optimal_map_of_an_optimal_transport_library(dim, monkeypatch):
    for backend in ("PYTORCH", "JAX", "CUPY", "TENSORFLOW"):
        monkeypatch.setenv(f"POT_BACKEND_DISABLE_{backend}", "1")
    gaussian = pytest.importorskip("ot.gaussian", reason="needs POT, an extra of the tests")
    p, q = random_model(dim, seed=3), random_model(dim, seed=4)
    (mean_p, cov_p), (mean_q, cov_q) = dense(p), dense(q)
    matrix, offset = as_dense(optimal_map(p, q))
    reference_matrix, reference_offset = gaussian.bures_wasserstein_mapping(mean_p, mean_q, cov_p, cov_q)
    np.testing.assert_allclose(matrix, reference_matrix, atol=1e-8)
    np.testing.assert_allclose(offset, np.ravel(reference_offset), atol=1e-8)


def test_the_map_carries_the_law_at_the_cost_of_the_distance():
    p, q = random_model(6, seed=1), random_model(6, seed=2)
    (mean_p, cov_p), (mean_q, cov_q) = dense(p), dense(q)
    matrix, offset = as_dense(optimal_map(p, q))
    np.testing.assert_allclose(matrix @ cov_p @ matrix.T, cov_q, atol=1e-11)
    np.testing.assert_allclose(matrix @ mean_p + offset, mean_q, atol=1e-12)
    assert np.linalg.eigvalsh(matrix)[0] > 0
    moved = matrix - np.eye(36)
    cost = np.trace(moved @ cov_p @ moved.T) + np.sum((mean_q - mean_p) ** 2)
    assert cost == pytest.approx(wasserstein(p, q) ** 2, rel=1e-10)


def test_maps_from_singular_models():
    flat = pigmm(5, np.zeros(2), np.diag([1.0, 0.0]), np.eye(3), 0.0, 1.0)
    flatter = pigmm(5, np.ones(2), np.diag([4.0, 0.0]), np.diag([9.0, 0.0, 1.0]), 0.0, 0.0)
    affine = optimal_map(flat, flatter)
    np.testing.assert_allclose(affine.matrices[0], np.diag([2.0, 0.0]), atol=1e-14)
    np.testing.assert_allclose(affine.matrices[1], np.diag([3.0, 0.0, 1.0]), atol=1e-14)
    with pytest.raises(ValueError, match="block V_0 of the first model lacks directions of the second"):
        optimal_map(flat, iid_model(0.0, 1.0, 5))


@pytest.mark.parametrize(("dim", "members"), [(2, 10), (3, 3), (5, 3), (10, 200)])
def test_matched_controls_have_the_fit_of_the_model_exactly(dim, members):
    model = iid_model(0.3, 2.0, dim) if dim < 4 else random_model(dim, seed=dim)
    control = matched_control(model, members, jax.random.key(0))
    refitted = fit(control).model
    assert control.shape == (members, dim, dim)
    assert wasserstein(refitted, model) < 1e-11
    assert not np.allclose(control, matched_control(model, members, jax.random.key(1)))
    np.testing.assert_allclose(control.mean(axis=(0, 1, 2)), model.mean[0] / dim, rtol=1e-11)


def test_matched_controls_of_singular_models():
    model = pigmm(5, np.ones(2), np.ones((2, 2)), np.diag([1.0, 0.0, 2.0]), 0.0, 1.0)
    assert wasserstein(fit(matched_control(model, 20, jax.random.key(0))).model, model) < 1e-7


def test_divergence_splits_over_the_blocks_in_which_models_differ():
    p, q = random_model(6, seed=1), random_model(6, seed=2)
    only_vh = pigmm(6, p.mean, p.covariances[0], q.covariances[1], p.covariances[2].item(), p.covariances[3].item())
    parts = kullback_leibler_parts(p.parameters, only_vh.parameters, Simultaneous(6))
    ratio = np.linalg.inv(q.covariances[1]) @ p.covariances[1]
    assert parts[2] == pytest.approx(5 * (np.trace(ratio) - 3 - np.log(np.linalg.det(ratio))) / 2)
    assert sum(parts) == pytest.approx(float(parts[2]), rel=1e-12)
    shifted = pigmm(6, p.mean + 1, p.covariances[0], p.covariances[1], p.covariances[2].item(), p.covariances[3].item())
    mean = kullback_leibler_parts(p.parameters, shifted.parameters, Simultaneous(6))[0]
    assert mean == pytest.approx(np.sum(np.linalg.inv(p.covariances[0])) / 2)
    f, g = p.parameters, q.parameters
    assert kullback_leibler(f, g, Simultaneous(6)) == pytest.approx(sum(kullback_leibler_parts(f, g, Simultaneous(6))))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: whitening(iid_model(0.0, 1.0, 5))(np.zeros((3, 4, 4))), r"give a stack \[\.\.\., 5, 5\]"),
        (lambda: optimal_map(iid_model(0.0, 1.0, 4), iid_model(0.0, 1.0, 5)), "models of one symmetry and size"),
        (lambda: matched_control(iid_model(0.0, 1.0, 4), 2, jax.random.key(0)), "at least 3"),
    ],
)
def test_wrong_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)
