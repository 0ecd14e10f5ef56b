"""Symmetric matrices with and without a diagonal: against explicit bases, exact numbers, and the 13-parameter model."""

import json

import jax
import numpy as np
import pytest
from scipy.linalg import null_space

from analysis import PIGMM, Gaussian, Symmetric, expectation, fit, fit_invariants, model_of, wasserstein
from analysis.model.covariance import symmetric_root
from analysis.symmetry import recognised_symmetry
from invariants import enumerate_undirected, evaluate, undirected

KINDS = {"zero_diagonal": False, "with_diagonal": True}


def generic(symmetry: Symmetric, seed: int) -> Gaussian:
    """All parameters different."""
    rng = np.random.default_rng(seed)
    covariances = []
    for block in symmetry.blocks:
        half = rng.standard_normal((block.copies, 3 * block.copies))
        covariances.append(half @ half.T + 0.1 * np.eye(block.copies))
    return Gaussian(symmetry, rng.standard_normal(symmetry.blocks[0].copies), tuple(covariances))


def dense(model: Gaussian) -> tuple[np.ndarray, np.ndarray]:
    """Mean [D^2] and covariance [D^2, D^2] from explicit orthonormal bases, in the Frobenius inner product."""
    symmetry = model.symmetry
    assert isinstance(symmetry, Symmetric)
    dim = symmetry.dim
    ones, eye = np.ones((dim, dim)), np.eye(dim)
    directions = null_space(np.ones((1, dim))).T
    if symmetry.diagonal:
        trivial = [ones / dim, (eye - ones / dim) / np.sqrt(dim - 1)]
        both = [(np.outer(h, ones[0]) + np.outer(ones[0], h)) for h in directions]
        sums = [pair / np.sqrt(2 * dim) for pair in both]
        rest = [np.sqrt(dim / (dim - 2)) * (np.diag(h) - pair / dim) for h, pair in zip(directions, both, strict=True)]
        hooks = [sums, rest]
    else:
        trivial = [(ones - eye) / np.sqrt(dim * (dim - 1))]
        hooks = [
            [
                (np.outer(h, ones[0]) + np.outer(ones[0], h) - 2 * np.diag(h)) / np.sqrt(2 * (dim - 2))
                for h in directions
            ]
        ]
    u = np.array(trivial).reshape(len(trivial), -1)
    w = np.array(hooks).reshape(len(hooks), dim - 1, -1)
    identity = (np.eye(dim**2) + np.eye(dim**2).reshape(dim, dim, dim, dim).swapaxes(0, 1).reshape(dim**2, -1)) / 2
    if not symmetry.diagonal:
        identity = identity - np.diag(eye.ravel())
    v2 = identity - u.T @ u - np.einsum("akm,akn->mn", w, w)
    a, h, v = model.covariances
    return model.mean @ u, u.T @ a @ u + np.einsum("akm,ab,bkn->mn", w, h, w) + v.item() * v2


@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("dim", [4, 5])
def test_expectations_density_and_distance_of_the_dense_gaussian(dim, diagonal):
    symmetry = Symmetric(dim, diagonal)
    p, q = generic(symmetry, 1), generic(symmetry, 2)
    (mean, cov), (mean_q, cov_q) = dense(p), dense(q)
    graphs = [graph for degree in (1, 2, 3) for graph in symmetry.graphs(degree) if graph.nodes <= 3]

    def isserlis(entries):
        if not entries:
            return 1.0
        first, *rest = entries
        pairs = (cov[first, b] * isserlis(rest[:k] + rest[k + 1 :]) for k, b in enumerate(rest))
        return mean[first] * isserlis(rest) + sum(pairs)

    for graph, value in zip(graphs, expectation(p, graphs), strict=True):
        indices = np.ndindex(*[dim] * graph.nodes)
        total = sum(isserlis([i[a] * dim + i[b] for a, b in graph.edges]) for i in indices)
        np.testing.assert_allclose(value, total, rtol=1e-10, atol=1e-10)
    stack = p.sample(jax.random.key(0), 5)
    values, vectors = np.linalg.eigh(cov)
    kept = vectors[:, values > 1e-9]
    assert kept.shape[1] == symmetry.size
    inside = kept.T @ cov @ kept
    centred = (stack.reshape(5, -1) - mean) @ kept
    squares = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(inside), centred)
    expected = -(squares + np.linalg.slogdet(2 * np.pi * inside)[1]) / 2
    np.testing.assert_allclose(p.log_prob(stack), expected, rtol=1e-10)
    inside_q = kept.T @ cov_q @ kept
    cross = np.linalg.svd(symmetric_root(inside) @ symmetric_root(inside_q), compute_uv=False).sum()
    squared = np.sum((mean - mean_q) ** 2) + np.trace(inside) + np.trace(inside_q) - 2 * cross
    np.testing.assert_allclose(wasserstein(p, q) ** 2, squared, rtol=1e-9)


def test_undirected_graphs_are_counted_and_direction_does_not_matter():
    assert [len(enumerate_undirected(degree)) for degree in (1, 2, 3, 4)] == [2, 7, 23, 79]
    assert [len(enumerate_undirected(degree, loops=False)) for degree in (1, 2, 3, 4)] == [1, 3, 8, 23]
    half = np.random.default_rng(0).standard_normal((3, 5, 5))
    stack = half + np.swapaxes(half, 1, 2)
    graphs = Symmetric(5).graphs(3)
    np.testing.assert_allclose(
        evaluate(graphs, stack), evaluate([graph.transpose for graph in graphs], stack), rtol=1e-11
    )
    assert all(undirected(graph.transpose) == graph for graph in graphs)


def test_the_fit_with_a_diagonal_is_that_of_the_thirteen_parameters():
    half = np.random.default_rng(1).standard_normal((30, 5, 5)) + 0.3
    stack = half + np.swapaxes(half, 1, 2)
    m1, m2, a11, a12, a22, h11, h12, h22, v2 = fit(stack, Symmetric(5)).model.parameters
    f = fit(stack).model.parameters
    root = np.sqrt(2)
    expected = [m1, m2, a11, a12, a22, h11 / 2, h11 / 2, h12 / root, h11 / 2, h12 / root, h22, v2, 0]
    np.testing.assert_allclose(f, expected, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_public_numbers(kind, fixtures):
    data = json.loads((fixtures / "public_symmetric.json").read_text())
    keys = data[f"graph_keys_{kind}"]
    for entry in data[kind]:
        symmetry = Symmetric(entry["D"], KINDS[kind])
        stack = np.array(entry["entries"]) / entry["denominator"]
        result = fit(stack, symmetry)
        np.testing.assert_allclose(result.model.parameters, entry["params"], rtol=1e-12, atol=1e-14)
        means = evaluate(symmetry.fitted, stack).mean(axis=0)
        by_means = fit_invariants(means, symmetry=symmetry, members=len(stack)).model.parameters
        np.testing.assert_allclose(by_means, entry["params"], rtol=1e-9, atol=1e-11)
        for degree in (1, 2, 3, 4):
            graphs = symmetry.graphs(degree)
            assert [symmetry.key(graph) for graph in graphs] == keys[str(degree)]
            theory = expectation(result, graphs)
            np.testing.assert_allclose(theory, entry["theory"][str(degree)], rtol=1e-11, atol=1e-12)
            np.testing.assert_allclose(evaluate(graphs, stack).mean(axis=0), entry["mean"][str(degree)], rtol=1e-11)
        loglik = entry["loglik"]["full"] if isinstance(entry["loglik"], dict) else entry["loglik"]
        assert result.model.log_prob(stack).sum() == pytest.approx(loglik, rel=1e-12)
    for entry in data[f"models_{kind}"]:
        model = model_of(Symmetric(entry["D"], KINDS[kind]), entry["params"])
        for degree in (1, 2, 3, 4):
            theory = expectation(model, model.symmetry.graphs(degree))
            np.testing.assert_allclose(theory, entry["theory"][str(degree)], rtol=1e-11, atol=1e-12)
    for pair in data[f"pairs_{kind}"]:
        a, b = (model_of(Symmetric(pair["D"], KINDS[kind]), pair[name]) for name in "ab")
        assert wasserstein(a, b) ** 2 == pytest.approx(pair["w2_squared"], rel=1e-12)
        assert a.kl(b) == pytest.approx(pair["kl_ab"], rel=1e-12)
        assert b.kl(a) == pytest.approx(pair["kl_ba"], rel=1e-12)


def test_matrices_are_recognised_by_what_they_are():
    half = np.random.default_rng(2).standard_normal((4, 5, 5))
    stack = half + np.swapaxes(half, 1, 2)
    assert recognised_symmetry(stack) == recognised_symmetry(1e-3 * stack) == Symmetric(5)
    assert recognised_symmetry(stack * (1 - np.eye(5))) == Symmetric(5, diagonal=False)
    assert recognised_symmetry(stack[0]) == Symmetric(5)
    assert recognised_symmetry(half).name == "simultaneous"
    assert recognised_symmetry(np.ones((4, 5, 5))).name == "simultaneous"
    stack[1, 0, 0] = np.nan
    assert recognised_symmetry(stack) == Symmetric(5)


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("diagonal", [True, False])
def test_small_matrices_say_which_parameters_are_undefined(dim, diagonal):
    symmetry = Symmetric(dim, diagonal)
    stack = symmetry.standard_normal(np.random.default_rng(0), 20)
    result = fit(stack, symmetry)
    assert "v2 undefined" in result.status
    assert result.model.parameters[-1] == 0
    assert np.isfinite(result.model.log_prob(stack)).all()
    assert symmetry.size == sum(block.copies * block.dimension for block in symmetry.blocks)
    trivial, standard, rest = map(np.asarray, symmetry.project(stack))
    np.testing.assert_allclose(rest, 0, atol=1e-14)
    np.testing.assert_allclose((trivial**2).sum(axis=1) + (standard**2).sum(axis=(1, 2)), (stack**2).sum(axis=(1, 2)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fit(np.random.default_rng(0).standard_normal((5, 4, 4)), Symmetric(4)), "not symmetric"),
        (lambda: fit(np.ones((5, 4, 4)), Symmetric(4, diagonal=False)), "with a diagonal"),
        (lambda: fit(np.ones((5, 3, 3)), Symmetric(4)), r"\[\.\.\., 4, 4\]"),
        (lambda: Symmetric(1), "at least 2"),
        (lambda: model_of(Symmetric(4), np.ones(13)), "9 finite numbers"),
        (
            lambda: wasserstein(model_of(Symmetric(4), np.ones(9)), PIGMM.from_parameters(np.ones(13), dim=4)),
            "one symm",
        ),
    ],
)
def test_wrong_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("dim", "dimensions"), [(2, [1, 1, 0]), (3, [1, 2, 0]), (4, [1, 3, 2]), (6, [1, 5, 9])])
def test_dimensions_of_the_blocks_of_small_matrices(dim, dimensions):
    assert [block.dimension for block in Symmetric(dim).blocks] == dimensions


@pytest.mark.parametrize("diagonal", [True, False])
def test_the_smaller_models_are_independent_entries_without_and_with_a_mean(diagonal):
    symmetry = Symmetric(5, diagonal)
    (zero_mean,), (mean, variance) = symmetry.family["iid_zero_mean"], symmetry.family["iid"]
    np.testing.assert_array_equal(zero_mean, symmetry.isotropic(0.0, 1.0))
    np.testing.assert_allclose(0.3 * mean + 4 * variance, symmetry.isotropic(0.3, 2.0), atol=1e-12)
