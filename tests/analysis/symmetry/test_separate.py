"""The five-parameter model against the dense mn-dimensional Gaussian, its square case, and exact numbers."""

import json

import jax
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from analysis import Gaussian, Separate, Simultaneous, expectation, fit, fit_moments, model_of, wasserstein
from invariants import Graph, enumerate_bipartite, evaluate, parse_bipartite

SHAPES = [(1, 1), (1, 4), (3, 1), (2, 3), (4, 3), (3, 3)]
GRAPHS = [graph for degree in (1, 2, 3, 4) for graph in enumerate_bipartite(degree)]


def random_model(shape: tuple[int, int], seed: int) -> Gaussian:
    rng = np.random.default_rng(seed)
    return model_of(Separate(*shape), [rng.normal(), *rng.uniform(0.3, 3.0, 4).tolist()])


def fitted(stack: np.ndarray):
    return fit(stack, Separate(*stack.shape[1:]))


def moments_of(stack: np.ndarray) -> np.ndarray:
    return np.asarray(Separate(*stack.shape[-2:]).block_moments(stack))


def as_square(model: Gaussian) -> Gaussian:
    """The same law of square matrices within the model of 13 parameters."""
    mean, v0, vc, vr, ve = model.parameters
    ((size, _),) = model.symmetry.shapes
    return model_of(Simultaneous(size), [size * mean, 0, v0, 0, ve, vc, 0, 0, vr, 0, ve, ve, ve])


def dense(model: Gaussian) -> tuple[np.ndarray, np.ndarray]:
    """Mean [mn] and covariance [mn, mn] from explicit projectors on rows times projectors on columns."""
    mean, v0, vc, vr, ve = model.parameters
    (shape,) = model.symmetry.shapes
    flat = [np.full((size, size), 1 / size) for size in shape]
    centred = [np.eye(size) - part for size, part in zip(shape, flat, strict=True)]
    covariance = (
        v0 * np.kron(flat[0], flat[1])
        + vc * np.kron(flat[0], centred[1])
        + vr * np.kron(centred[0], flat[1])
        + ve * np.kron(centred[0], centred[1])
    )
    return np.full(len(covariance), mean), covariance


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_blocks_are_orthonormal_coordinates(shape):
    stack = np.random.default_rng(0).normal(3.0, 1.0, (5, *shape))
    symmetry = Separate(*shape)
    blocks = symmetry.project(stack)
    np.testing.assert_allclose(symmetry.compose(blocks), stack, atol=1e-14)
    parts = sum(np.sum(part.reshape(5, -1) ** 2, axis=1) for part in blocks)
    np.testing.assert_allclose(parts, np.sum(stack**2, axis=(1, 2)), rtol=1e-13)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_density_entropy_divergence_and_distance_of_the_dense_gaussian(shape):
    p, q = random_model(shape, 1), random_model(shape, 2)
    (mean_p, cov_p), (mean_q, cov_q) = dense(p), dense(q)
    size = len(mean_p)
    stack = p.sample(jax.random.key(0), 4)
    reference = multivariate_normal(mean_p, cov_p)  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(p.log_prob(stack), np.atleast_1d(reference.logpdf(stack.reshape(4, -1))), rtol=1e-11)
    np.testing.assert_allclose(p.entropy(), reference.entropy(), rtol=1e-12)
    inverse, d = np.linalg.inv(cov_q), mean_p - mean_q
    logdets = np.linalg.slogdet(cov_q)[1] - np.linalg.slogdet(cov_p)[1]
    np.testing.assert_allclose(p.kl(q), (np.trace(inverse @ cov_p) + d @ inverse @ d - size + logdets) / 2, rtol=1e-11)
    values, vectors = np.linalg.eigh(cov_p)
    root = vectors * np.sqrt(values) @ vectors.T
    cross = np.sum(np.sqrt(np.linalg.eigvalsh(root @ cov_q @ root)))
    squared = d @ d + np.trace(cov_p) + np.trace(cov_q) - 2 * cross
    np.testing.assert_allclose(wasserstein(p, q) ** 2, squared, rtol=1e-10)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (2, 3), (3, 2)], ids=str)
def test_expectations_against_isserlis_on_the_dense_gaussian(shape):
    """E of a product of entries is the derivative of the moments; up to degree 4 all pairings are listed."""
    model = random_model(shape, 3)
    mean, covariance = dense(model)

    def isserlis(entries):
        if not entries:
            return 1.0
        first, *rest = entries
        pairs = (covariance[first, b] * isserlis(rest[:k] + rest[k + 1 :]) for k, b in enumerate(rest))
        return mean[first] * isserlis(rest) + sum(pairs)

    graphs = [graph for graph in GRAPHS if graph.nodes <= 4]
    for graph, value in zip(graphs, expectation(model, graphs), strict=True):
        sources = {a for a, _ in graph.edges}
        sizes = [shape[0] if node in sources else shape[1] for node in range(graph.nodes)]
        entries = ([i[a] * shape[1] + i[b] for a, b in graph.edges] for i in np.ndindex(*sizes))
        np.testing.assert_allclose(value, sum(map(isserlis, entries)), rtol=1e-11, atol=1e-11, err_msg=str(graph))


def test_the_square_case_is_a_sub_model_of_the_thirteen():
    p, q = random_model((5, 5), 4), random_model((5, 5), 5)
    full = as_square(p)
    stack = p.sample(jax.random.key(1), 3)
    np.testing.assert_allclose(expectation(p, GRAPHS), expectation(full, GRAPHS), rtol=1e-11)
    np.testing.assert_allclose(p.log_prob(stack), full.log_prob(stack), rtol=1e-12)
    np.testing.assert_allclose(p.kl(q), full.kl(as_square(q)), rtol=1e-11)
    np.testing.assert_allclose(wasserstein(p, q), wasserstein(full, as_square(q)), rtol=1e-11)
    f = fit(stack).model.parameters
    np.testing.assert_allclose(fitted(stack).model.parameters[[1, 2, 3]], f[[2, 5, 8]], rtol=1e-12)


def test_fitted_expectations_return_the_means_they_were_made_from():
    stack = np.random.default_rng(6).standard_normal((20, 3, 7)) ** 2
    low = [graph for graph in GRAPHS if graph.degree <= 2]
    values = expectation(fitted(stack).model, low)
    np.testing.assert_allclose(values, evaluate(low, stack).mean(axis=0), rtol=1e-12)


def test_the_fit_maximises_the_likelihood():
    stack = random_model((4, 3), 7).sample(jax.random.key(2), 30)
    best = fitted(stack).model
    top = best.log_prob(stack).sum()
    np.testing.assert_allclose(top, -30 * best.entropy(), rtol=1e-12)
    for k in range(5):
        f = best.parameters
        f[k] *= 1.02
        assert model_of(Separate(4, 3), f).log_prob(stack).sum() < top


def test_samples_have_the_parameters_of_the_model_within_their_error():
    members, shape = 20_000, (4, 6)
    model = random_model(shape, 8)
    found = fitted(model.sample(jax.random.key(3), members)).model.parameters
    spread = 2 * model.parameters[1:] ** 2 / [1, 5, 3, 15]
    error = np.sqrt(np.array([model.parameters[1] / 24, *spread]) / members)
    assert np.all(np.abs(found - model.parameters) < 4 * error)


def test_moments_are_those_of_a_recording_inside_a_compiled_program():
    stack = np.random.default_rng(9).normal(1e3, 1.0, (4, 784, 10))
    compiled = jax.jit(Separate(784, 10).block_moments)(stack)
    np.testing.assert_allclose(compiled, moments_of(stack), rtol=1e-3)
    parameters = fitted(stack).model.parameters
    shifted = fitted(stack - 1e3).model.parameters
    np.testing.assert_allclose(parameters - [1e3, 0, 0, 0, 0], shifted, rtol=1e-9, atol=1e-12)


def test_statuses_name_cause_and_remedy():
    stack = np.random.default_rng(10).standard_normal((5, 2, 3))
    assert fitted(stack).status == "ok"
    assert fitted(stack[:, :1]).status == "ok"
    np.testing.assert_array_equal(fitted(stack[:, :1]).model.parameters[3:], 0)
    one = fitted(stack[:1])
    assert one.status == "1 member: the covariance on V_0 needs at least 2; add members"
    assert one.unbiased is None
    assert one.model.entropy() == -np.inf
    constant = fitted(np.full((4, 3, 2), 0.1))
    assert "singular blocks V_0, H_n, H_m, H_m (x) H_n (constant" in constant.status
    assert np.all(constant.model.log_prob(stack.swapaxes(1, 2)) == -np.inf)
    assert constant.model.kl(constant.model) == np.inf
    stack[1, 0, 0] = np.inf
    broken = fitted(stack)
    assert broken.excluded == (1,)
    assert broken.members == 4
    assert broken.status.startswith("1 of 5 members have non-finite entries")
    assert broken.unbiased is not None
    np.testing.assert_allclose(broken.unbiased, broken.model.parameters * [1, 4 / 3, 1, 1, 1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Separate(0, 3), "at least 1"),
        (lambda: model_of(Separate(2, 3), np.ones(4)), "5 finite numbers"),
        (lambda: random_model((2, 3), 0).log_prob(np.zeros((3, 2))), r"\[\.\.\., 2, 3\]"),
        (lambda: random_model((2, 3), 0).kl(random_model((3, 2), 0)), "one symmetry and size"),
        (lambda: expectation(random_model((2, 3), 0), [Graph(((0, 0),))]), "not bipartite"),
        (lambda: fit(np.ones((3, 2))), "members, rows, columns"),
        (lambda: fitted(np.full((2, 3, 3), np.nan)), "none of 2 members"),
        (lambda: fit_moments(np.ones((3, 10)), Separate(2, 3)), r"members, 4"),
    ],
)
def test_wrong_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_public_rectangular_numbers(fixtures):
    data = json.loads((fixtures / "public_rect.json").read_text())
    graphs = {degree: [parse_bipartite(key) for key in keys] for degree, keys in data["graph_keys"].items()}
    for entry in data["rectangular"]:
        stack = np.array(entry["entries"]) / entry["denominator"]
        model = fitted(stack).model
        np.testing.assert_allclose(model.parameters, entry["params"], rtol=1e-12)
        for degree, listed in graphs.items():
            np.testing.assert_allclose(evaluate(listed, stack).mean(axis=0), entry["mean"][degree], rtol=1e-11)
            np.testing.assert_allclose(expectation(model, listed), entry["theory"][degree], rtol=1e-11)
    for pair in data["pairs"]:
        p, q = (model_of(Separate(pair["m"], pair["n"]), pair[name]) for name in "ab")
        np.testing.assert_allclose(wasserstein(p, q) ** 2, pair["w2_squared"], rtol=1e-12)


def test_the_smaller_models_are_independent_entries_without_and_with_a_mean():
    symmetry = Separate(2, 3)
    (zero_mean,), (mean, variance) = symmetry.family["iid_zero_mean"], symmetry.family["iid"]
    np.testing.assert_array_equal(zero_mean, symmetry.isotropic(0.0, 1.0))
    np.testing.assert_allclose(0.3 * mean + 4 * variance, symmetry.isotropic(0.3, 2.0))
    assert len(symmetry.family["bipartite"]) == 5
