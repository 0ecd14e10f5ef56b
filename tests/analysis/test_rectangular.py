"""The five-parameter model against the dense mn-dimensional Gaussian, its square case, and exact numbers."""

import json

import jax
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from analysis import expectation as square_expectation
from analysis import fit as square_fit
from analysis import rectangular
from analysis import wasserstein as square_wasserstein
from analysis.rectangular import RectangularModel
from invariants import Graph, enumerate_bipartite, evaluate, parse_bipartite

SHAPES = [(1, 1), (1, 4), (3, 1), (2, 3), (4, 3), (3, 3)]
GRAPHS = [graph for degree in (1, 2, 3, 4) for graph in enumerate_bipartite(degree)]


def random_model(shape: tuple[int, int], seed: int) -> RectangularModel:
    rng = np.random.default_rng(seed)
    return RectangularModel(shape, rng.normal(), *rng.uniform(0.3, 3.0, 4).tolist())


def dense(model: RectangularModel) -> tuple[np.ndarray, np.ndarray]:
    """Mean [mn] and covariance [mn, mn] from explicit projectors on rows times projectors on columns."""
    flat = [np.full((size, size), 1 / size) for size in model.shape]
    centred = [np.eye(size) - part for size, part in zip(model.shape, flat, strict=True)]
    covariance = (
        model.v0 * np.kron(flat[0], flat[1])
        + model.vC * np.kron(flat[0], centred[1])
        + model.vR * np.kron(centred[0], flat[1])
        + model.vE * np.kron(centred[0], centred[1])
    )
    return np.full(len(covariance), model.mean), covariance


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_blocks_are_orthonormal_coordinates(shape):
    stack = np.random.default_rng(0).normal(3.0, 1.0, (5, *shape))
    blocks = rectangular.project(stack)
    np.testing.assert_allclose(rectangular.compose(blocks), stack, atol=1e-14)
    parts = blocks.x**2 + sum(np.sum(part**2, axis=-1) for part in (blocks.columns, blocks.rows))
    np.testing.assert_allclose(parts + np.sum(blocks.rest**2, axis=(1, 2)), np.sum(stack**2, axis=(1, 2)), rtol=1e-13)


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
    np.testing.assert_allclose(rectangular.wasserstein(p, q) ** 2, squared, rtol=1e-10)


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
    for graph, value in zip(graphs, rectangular.expectation(model, graphs), strict=True):
        sources = {a for a, _ in graph.edges}
        sizes = [shape[0] if node in sources else shape[1] for node in range(graph.nodes)]
        entries = ([i[a] * shape[1] + i[b] for a, b in graph.edges] for i in np.ndindex(*sizes))
        np.testing.assert_allclose(value, sum(map(isserlis, entries)), rtol=1e-11, atol=1e-11, err_msg=str(graph))


def test_the_square_case_is_a_sub_model_of_the_thirteen():
    p, q = random_model((5, 5), 4), random_model((5, 5), 5)
    full = p.as_pigmm()
    stack = p.sample(jax.random.key(1), 3)
    np.testing.assert_allclose(rectangular.expectation(p, GRAPHS), square_expectation(full, GRAPHS), rtol=1e-11)
    np.testing.assert_allclose(p.log_prob(stack), full.log_prob(stack), rtol=1e-12)
    np.testing.assert_allclose(p.kl(q), full.kl(q.as_pigmm()), rtol=1e-11)
    np.testing.assert_allclose(rectangular.wasserstein(p, q), square_wasserstein(full, q.as_pigmm()), rtol=1e-11)
    f = square_fit(stack).model.parameters
    np.testing.assert_allclose(rectangular.fit(stack).model.parameters[[1, 2, 3]], f[[2, 5, 8]], rtol=1e-12)


def test_fitted_expectations_return_the_means_they_were_made_from():
    stack = np.random.default_rng(6).standard_normal((20, 3, 7)) ** 2
    low = [graph for graph in GRAPHS if graph.degree <= 2]
    values = rectangular.expectation(rectangular.fit(stack).model, low)
    np.testing.assert_allclose(values, evaluate(low, stack).mean(axis=0), rtol=1e-12)


def test_the_fit_maximises_the_likelihood():
    stack = random_model((4, 3), 7).sample(jax.random.key(2), 30)
    best = rectangular.fit(stack).model
    top = best.log_prob(stack).sum()
    np.testing.assert_allclose(top, -30 * best.entropy(), rtol=1e-12)
    for k in range(5):
        f = best.parameters
        f[k] *= 1.02
        assert RectangularModel.from_parameters(f, shape=(4, 3)).log_prob(stack).sum() < top


def test_samples_have_the_parameters_of_the_model_within_their_error():
    members, shape = 20_000, (4, 6)
    model = random_model(shape, 8)
    fitted = rectangular.fit(model.sample(jax.random.key(3), members)).model.parameters
    spread = 2 * model.parameters[1:] ** 2 / [1, 5, 3, 15]
    error = np.sqrt(np.array([model.v0 / 24, *spread]) / members)
    assert np.all(np.abs(fitted - model.parameters) < 4 * error)


def test_moments_are_those_of_a_recording_inside_a_compiled_program():
    stack = np.random.default_rng(9).normal(1e3, 1.0, (4, 784, 10))
    compiled = jax.jit(rectangular.block_moments)(stack)
    np.testing.assert_allclose(compiled, rectangular.block_moments(stack), rtol=1e-3)
    parameters = rectangular.fit(stack).model.parameters
    shifted = rectangular.fit(stack - 1e3).model.parameters
    np.testing.assert_allclose(parameters - [1e3, 0, 0, 0, 0], shifted, rtol=1e-9, atol=1e-12)


def test_statuses_name_cause_and_remedy():
    stack = np.random.default_rng(10).standard_normal((5, 2, 3))
    assert rectangular.fit(stack).status == "ok"
    assert rectangular.fit(stack[:, :1]).status == "ok"
    np.testing.assert_array_equal(rectangular.fit(stack[:, :1]).model.parameters[3:], 0)
    one = rectangular.fit(stack[:1])
    assert one.status == "1 member: v0 needs at least 2; add members"
    assert one.unbiased is None
    assert one.model.entropy() == -np.inf
    constant = rectangular.fit(np.full((4, 3, 2), 0.1))
    assert "zero variance v0, vC, vR, vE (constant" in constant.status
    assert np.all(constant.model.log_prob(stack.swapaxes(1, 2)) == -np.inf)
    assert constant.model.kl(constant.model) == np.inf
    stack[1, 0, 0] = np.inf
    broken = rectangular.fit(stack)
    assert broken.excluded == (1,)
    assert broken.members == 4
    assert broken.status.startswith("1 of 5 members have non-finite entries")
    assert broken.unbiased is not None
    np.testing.assert_allclose(broken.unbiased, broken.model.parameters * [1, 4 / 3, 1, 1, 1])


def test_round_trip_through_json():
    model = random_model((2, 7), 11)
    assert RectangularModel.from_json(json.loads(json.dumps(model.to_json()))) == model


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RectangularModel((0, 3), 0.0, 1.0, 1.0, 1.0, 1.0), "at least 1"),
        (lambda: RectangularModel((2, 3), 0.0, 1.0, -1.0, 1.0, 1.0), ">= 0"),
        (lambda: RectangularModel.from_parameters(np.ones(4), shape=(2, 3)), "5 numbers"),
        (lambda: RectangularModel.from_json({"shape": [2, 3]}), "to_json"),
        (lambda: random_model((2, 3), 0).log_prob(np.zeros((3, 2))), r"\[\.\.\., 2, 3\]"),
        (lambda: random_model((2, 3), 0).kl(random_model((3, 2), 0)), "one shape"),
        (lambda: random_model((2, 3), 0).as_pigmm(), "square"),
        (lambda: rectangular.expectation(random_model((2, 3), 0), [Graph(((0, 0),))]), "not bipartite"),
        (lambda: rectangular.fit(np.ones((3, 3))), "members, rows, columns"),
        (lambda: rectangular.fit(np.full((2, 3, 3), np.nan)), "none of 2 members"),
        (lambda: rectangular.fit_moments(np.ones((3, 10)), (2, 3)), r"members, 4"),
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
        model = rectangular.fit(stack).model
        np.testing.assert_allclose(model.parameters, entry["params"], rtol=1e-12)
        for degree, listed in graphs.items():
            np.testing.assert_allclose(evaluate(listed, stack).mean(axis=0), entry["mean"][degree], rtol=1e-11)
            np.testing.assert_allclose(rectangular.expectation(model, listed), entry["theory"][degree], rtol=1e-11)
    for pair in data["pairs"]:
        p, q = (RectangularModel.from_parameters(pair[name], shape=(pair["m"], pair["n"])) for name in "ab")
        np.testing.assert_allclose(rectangular.wasserstein(p, q) ** 2, pair["w2_squared"], rtol=1e-12)
