"""The distance against the dense Gaussian, an optimal-transport library, and known values."""

import json

import jax
import numpy as np
import pytest
from scipy.linalg import sqrtm

from analysis import PIGMM, Simultaneous, iid_model, wasserstein, wasserstein_squared_parts
from analysis.model.wasserstein import bures
from tests.dense import dense, random_model
from tests.square import pigmm

ZERO = np.zeros(2)
REPEATED = pigmm(10, ZERO, np.eye(2), np.eye(3) + np.ones((3, 3)), 1.0, 1.0)
DIAGONAL = pigmm(10, ZERO, np.eye(2), np.diag([1.0, 2.0, 3.0]), 1.0, 1.0)


@pytest.mark.parametrize("dim", [4, 5])
def test_dense_gaussians(dim):
    p, q = random_model(dim, seed=1), random_model(dim, seed=2)
    (mean_p, cov_p), (mean_q, cov_q) = dense(p), dense(q)
    root = np.real(sqrtm(cov_p))
    cross = np.trace(np.real(sqrtm(root @ cov_q @ root)))
    squared = np.sum((mean_p - mean_q) ** 2) + np.trace(cov_p) + np.trace(cov_q) - 2 * cross
    np.testing.assert_allclose(wasserstein(p, q) ** 2, squared, rtol=1e-9)


def test_an_optimal_transport_library(monkeypatch):
    for backend in ("PYTORCH", "JAX", "CUPY", "TENSORFLOW"):
        monkeypatch.setenv(f"POT_BACKEND_DISABLE_{backend}", "1")
    gaussian = pytest.importorskip("ot.gaussian", reason="needs POT, an extra of the tests")
    p, q = random_model(5, seed=3), random_model(5, seed=4)
    (mean_p, cov_p), (mean_q, cov_q) = dense(p), dense(q)
    reference = gaussian.bures_wasserstein_distance(mean_p, mean_q, cov_p, cov_q)
    assert wasserstein(p, q) == pytest.approx(reference, rel=1e-9)


def test_repeated_eigenvalues():
    """A block with a repeated eigenvalue, where roots from non-orthogonal eigenvectors go wrong: W2^2 = 8.29215."""
    assert wasserstein(REPEATED, DIAGONAL) ** 2 == pytest.approx(8.29215, abs=5e-6)
    assert wasserstein(DIAGONAL, REPEATED) == pytest.approx(wasserstein(REPEATED, DIAGONAL), rel=1e-12)


def test_independent_entries():
    """(D difference of means)^2 + D^2 (difference of deviations)^2."""
    p, q = iid_model(0.1, 1.3 / np.sqrt(40), 40), iid_model(-0.2, 1 / np.sqrt(40), 40)
    assert wasserstein(p, q) ** 2 == pytest.approx((40 * 0.3) ** 2 + 40 * 0.3**2, rel=1e-12)


def test_it_is_a_metric():
    p, q, r = (random_model(6, seed) for seed in (1, 2, 3))
    assert wasserstein(p, p) < 1e-13
    assert wasserstein(p, q) == pytest.approx(wasserstein(q, p), rel=1e-13)
    assert wasserstein(p, r) < wasserstein(p, q) + wasserstein(q, r)


def test_small_distances_do_not_drown_in_the_variances():
    p = random_model(10, seed=1)
    q = pigmm(
        10,
        p.mean,
        p.covariances[0],
        p.covariances[1] * (1 + 1e-9) ** 2,
        p.covariances[2].item(),
        p.covariances[3].item(),
    )
    assert wasserstein(p, q) == pytest.approx(1e-9 * np.sqrt(9 * np.trace(p.covariances[1])), rel=1e-5)


def test_singular_and_slightly_negative_blocks():
    f = REPEATED.parameters
    f[11], f[12] = -1e-18, 0.0
    assert sum(wasserstein_squared_parts(f, REPEATED.parameters, Simultaneous(10))) == pytest.approx(35 + 36)
    rank_one = np.diag([0.0, 4.0])
    assert bures(rank_one, np.zeros((2, 2))) == pytest.approx(4.0)


def test_batches_of_any_shape_are_those_of_each():
    a, b = (np.stack([random_model(5, seed).covariances[1] for seed in seeds]) for seeds in ((1, 2), (3, 4)))
    each = [bures(one, other) for one, other in zip(a, b, strict=True)]
    np.testing.assert_allclose(bures(a[:, None], b[:, None]), np.array(each)[:, None], rtol=1e-12)


def test_parts_are_vectorised_and_belong_to_their_blocks():
    f = np.stack([random_model(7, seed).parameters for seed in range(6)]).reshape(2, 3, 13)
    g = f[0, 0]
    parts = wasserstein_squared_parts(f, g, Simultaneous(7))
    assert parts.shape == (2, 3, 5)
    p, q = (PIGMM.from_parameters(x, dim=7) for x in (f[1, 2], g))
    assert sum(parts[1, 2]) == pytest.approx(wasserstein(p, q) ** 2)
    only_v3 = g.copy()
    only_v3[12] = 9.0
    split = wasserstein_squared_parts(only_v3, g, Simultaneous(7))
    assert split[4] == pytest.approx(15 * (3 - np.sqrt(g[12])) ** 2)
    assert sum(split[:4]) == pytest.approx(0.0, abs=1e-25)


@pytest.mark.parametrize("dim", [2, 3])
def test_small_matrices(dim):
    p, q = iid_model(0.1, 1.0, dim), iid_model(0.3, 3.0, dim)
    assert wasserstein(p, q) ** 2 == pytest.approx((dim * 0.2) ** 2 + 4 * dim**2)


def test_samples_are_no_farther_than_the_transport_between_them():
    """Coupling samples by their key costs at least W2^2: the transport of equal normals is not always optimal."""
    p, q = random_model(5, seed=4), random_model(5, seed=5)
    cost = np.sum((p.sample(jax.random.key(0), 4000) - q.sample(jax.random.key(0), 4000)) ** 2, axis=(1, 2))
    assert wasserstein(p, q) ** 2 < cost.mean() + 5 * cost.std() / np.sqrt(4000)


def test_models_of_different_size_are_refused_in_one_line():
    with pytest.raises(ValueError, match="compare models of one symmetry and size"):
        wasserstein(iid_model(0.0, 1.0, 4), iid_model(0.0, 1.0, 5))


def test_public_pairs(fixtures):
    for pair in json.loads((fixtures / "public_models.json").read_text())["pairs"]:
        parts = wasserstein_squared_parts(np.array(pair["f_a"]), np.array(pair["f_b"]), Simultaneous(pair["D"]))
        assert abs(sum(parts) - pair["w2_squared"]) <= pair["atol"], (pair["a"], pair["b"])
