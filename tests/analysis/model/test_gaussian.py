"""The model against the dense D^2-dimensional Gaussian, its round trips, and its behaviour at the edge."""

import json
from dataclasses import FrozenInstanceError

import jax
import numpy as np
import pytest

from analysis import PIGMM, Separate, Simultaneous, Symmetric, fit, iid_model, model_of
from analysis.model.covariance import symmetric_root
from analysis.model.likelihood import cross_entropy, entropy, kullback_leibler
from analysis.symmetry.blocks import pack_symmetric, unpack_symmetric
from tests.dense import dense, log_density, random_model
from tests.square import pigmm

SINGULAR = pigmm(5, np.zeros(2), np.diag([1.0, 0.0]), np.eye(3), 1.0, 1.0)
INDEFINITE = pigmm(5, np.zeros(2), np.eye(2), np.diag([1.0, 1.0, -0.5]), 1.0, 1.0)
REGULAR = iid_model(0.2, 0.7, 5)


@pytest.mark.parametrize("dim", [3, 4, 5])
def test_density_entropy_and_divergence_of_the_dense_gaussian(dim):
    p, q = random_model(dim, seed=dim), random_model(dim, seed=dim + 10)
    (mean_p, cov_p), (mean_q, cov_q) = dense(p), dense(q)
    stack = p.sample(jax.random.key(dim), 6)
    reference = log_density(stack.reshape(6, -1), mean_p, cov_p)
    np.testing.assert_allclose(p.log_prob(stack), reference, rtol=1e-10)
    np.testing.assert_allclose(p.entropy(), np.linalg.slogdet(2 * np.pi * np.e * cov_p)[1] / 2, rtol=1e-12)
    inverse = np.linalg.inv(cov_q)
    logdets = np.linalg.slogdet(cov_q)[1] - np.linalg.slogdet(cov_p)[1]
    d = mean_p - mean_q
    expected = (np.trace(inverse @ cov_p) + d @ inverse @ d - dim**2 + logdets) / 2
    np.testing.assert_allclose(p.kl(q), expected, rtol=1e-10)


def test_divergence_is_cross_entropy_less_entropy_for_batches():
    f = np.stack([random_model(6, seed).parameters for seed in range(4)])
    g = random_model(6, seed=9).parameters
    difference = cross_entropy(f, g, Simultaneous(6)) - entropy(f, Simultaneous(6))
    np.testing.assert_allclose(kullback_leibler(f, g, Simultaneous(6)), difference, rtol=1e-10)
    assert kullback_leibler(g, g, Simultaneous(6)) == pytest.approx(0.0, abs=1e-12)


def test_the_fit_maximises_the_likelihood_and_attains_minus_n_entropies():
    stack = random_model(5, seed=3).sample(jax.random.key(1), 40)
    best = fit(stack).model
    top = best.log_prob(stack).sum()
    np.testing.assert_allclose(top, -40 * best.entropy(), rtol=1e-12)
    for k in range(13):
        f = best.parameters
        f[k] += 0.01 * f[2]
        assert PIGMM.from_parameters(f, dim=5).log_prob(stack).sum() < top


def test_samples_have_the_parameters_of_the_model_within_their_error():
    n = 20_000
    model = random_model(6, seed=5)
    drawn = fit(model.sample(jax.random.key(7), n)).model.parameters
    # Var of a covariance entry over m Gaussian draws is (S_aa S_bb + S_ab^2) / m, of a mean S_aa / m.
    spread = [np.diag(model.covariances[0])]
    for block, s in zip(model.symmetry.blocks, model.covariances, strict=True):
        m = block.dimension
        diagonal = np.diag(s)
        spread.append(pack_symmetric((diagonal[:, None] * diagonal + s**2) / m))
    error = np.sqrt(np.concatenate(spread) / n)
    assert np.all(np.abs(drawn - model.parameters) < 4.5 * error)


def test_samples_follow_the_key_and_are_double_precision():
    model = random_model(4, seed=1)
    one, same, other = (model.sample(jax.random.key(seed), 3) for seed in (1, 1, 2))
    assert one.dtype == np.float64
    assert one.shape == (3, 4, 4)
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)


def test_two_by_two_matrices_have_a_density():
    """At D = 2 the coordinates of (M_00, M_01, M_10, M_11) are x_1, x_2 and the differences of column and row sums."""
    basis = np.array([[1, 1, 1, 1], [1, -1, -1, 1], [1, -1, 1, -1], [1, 1, -1, -1]]).T / 2
    model = pigmm(2, np.array([0.1, 0.2]), np.array([[1.0, 0.3], [0.3, 2.0]]), np.diag([1.0, 0.5, 0.0]), 0.0, 0.0)
    mean, cov = np.array([0.1, 0.2, 0, 0]), np.diag([1.0, 2.0, 1.0, 0.5])
    cov[0, 1] = cov[1, 0] = 0.3
    stack = model.sample(jax.random.key(0), 5)
    reference = log_density(stack.reshape(5, 4) @ basis, mean, cov)
    np.testing.assert_allclose(model.log_prob(stack), reference, rtol=1e-12)
    np.testing.assert_allclose(model.log_prob(stack[:4].reshape(2, 2, 2, 2)), reference[:4].reshape(2, 2), rtol=1e-12)
    np.testing.assert_allclose(model.log_prob(stack[4]), reference[4], rtol=1e-12)


@pytest.mark.parametrize("model", [SINGULAR, INDEFINITE], ids=["singular", "indefinite"])
def test_models_without_a_density_give_infinities_and_never_nan(model):
    assert model.entropy() == -np.inf
    assert np.all(model.log_prob(np.zeros((3, 5, 5))) == -np.inf)
    assert model.kl(REGULAR) == np.inf
    assert REGULAR.kl(model) == np.inf
    assert model.kl(model) == np.inf


def test_an_indefinite_model_cannot_be_sampled_but_a_singular_one_can():
    with pytest.raises(ValueError, match=r"V_H has eigenvalue -0\.5"):
        INDEFINITE.sample(jax.random.key(0), 1)
    stack = SINGULAR.sample(jax.random.key(0), 100)
    np.testing.assert_allclose(np.trace(stack, axis1=1, axis2=2), stack.sum(axis=(1, 2)) / 5, atol=1e-12)


def test_only_the_law_of_square_matrices_under_simultaneous_permutations_is_the_papers_model():
    symmetries = (Simultaneous(4), Separate(4, 4), Symmetric(4))
    laws = [model_of(symmetry, symmetry.isotropic(0.0, 1.0)) for symmetry in symmetries]
    assert [isinstance(law, PIGMM) for law in laws] == [True, False, False]


def test_parameters_json_and_blocks_round_trip():
    model = random_model(7, seed=2)
    back = PIGMM.from_json(json.loads(json.dumps(model.to_json())))
    assert back.dim == 7
    assert np.array_equal(back.parameters, model.parameters)
    f = np.arange(13.0)
    assert np.array_equal(PIGMM.from_parameters(f, dim=4).parameters, f)
    assert np.array_equal(unpack_symmetric(np.arange(6.0)), [[0, 1, 2], [1, 3, 4], [2, 4, 5]])
    root = symmetric_root(model.covariances[1])
    np.testing.assert_allclose(root @ root, model.covariances[1], atol=1e-14)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PIGMM.from_parameters(np.ones(12), dim=4), "13 finite numbers"),
        (lambda: PIGMM.from_parameters(np.full(13, np.nan), dim=4), "13 finite numbers"),
        (lambda: PIGMM.from_parameters(np.ones(13), dim=1), "whole number >= 2"),
        (lambda: pigmm(4, np.zeros(2), np.array([[1.0, 0.5], [0.0, 1.0]]), np.eye(3), 1.0, 1.0), "not symmetric"),
        (lambda: pigmm(4, np.zeros(2), np.eye(2), np.eye(3), np.inf, 1.0), "finite numbers of shape"),
        (lambda: pigmm(4, np.zeros(2), np.eye(1), np.eye(3), 1.0, 1.0), "finite numbers of shape"),
        (lambda: pigmm(4, np.zeros(2), np.eye(3), np.eye(3), 1.0, 1.0), "finite numbers of shape"),
        (lambda: PIGMM.from_json({"dim": "4", "parameters": [1.0] * 13}), "whole number dim"),
        (lambda: PIGMM.from_json({"dim": 4}), "list parameters"),
        (lambda: REGULAR.log_prob(np.zeros((3, 4, 4))), r"\[\.\.\., 5, 5\]"),
        (lambda: REGULAR.kl(iid_model(0.0, 1.0, 6)), "models of one symmetry and size"),
    ],
)
def test_wrong_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_public_entropies_and_divergences(fixtures):
    data = json.loads((fixtures / "public_models.json").read_text())
    for entry in data["models"]:
        model = PIGMM.from_parameters(entry["f"], dim=entry["D"])
        assert model.entropy() == pytest.approx(entry.get("entropy", -np.inf), rel=1e-12)
    for pair in data["pairs"]:
        p, q = (PIGMM.from_parameters(pair[name], dim=pair["D"]) for name in ("f_a", "f_b"))
        assert p.kl(q) == pytest.approx(pair.get("kl_ab") if pair.get("kl_ab") is not None else np.inf, rel=1e-9)
        assert q.kl(p) == pytest.approx(pair.get("kl_ba") if pair.get("kl_ba") is not None else np.inf, rel=1e-9)


def test_public_likelihoods(fixtures):
    data = json.loads((fixtures / "public_ensembles.json").read_text())
    for entry in data["ensembles"]:
        stack = np.array(entry["entries"]) / entry["denominator"]
        for name, restricted in entry["loglik"].items():
            if "f" in restricted:
                model = PIGMM.from_parameters(restricted["f"], dim=entry["D"])
                assert model.log_prob(stack).sum() == pytest.approx(restricted["value"], rel=1e-10), name
        assert fit(stack).model.log_prob(stack).sum() == pytest.approx(entry["loglik"]["full"]["value"], rel=1e-10)


def test_a_law_does_not_change():
    with pytest.raises(FrozenInstanceError):
        REGULAR.mean = np.zeros(2)  # pyright: ignore[reportAttributeAccessIssue]
