"""The law of a chain of layers against the dense Gaussian of all its entries, separate layers, and exact numbers."""

import json
from fractions import Fraction

import jax
import numpy as np
import pytest
from scipy.linalg import sqrtm

from analysis import Chain, EntryLaw, Gaussian, Separate, Simultaneous, expectation, fit, model_of, study, wasserstein
from analysis.model.family import fit_family, parameter_counts, restricted
from analysis.model.fitting import fit_invariants
from invariants import ChainGraph, Graph, evaluate, parse_bipartite
from tests.chains import drawn, random_model
from tests.dense import log_density

SIZES = [(2, 3), (2, 2, 2), (2, 3, 2), (1, 2, 1, 2), (3, 1, 2), (2, 2, 1), (2, 2, 2, 2)]


def flattened(data: tuple[np.ndarray, ...]) -> np.ndarray:
    return np.concatenate([stack.reshape(len(stack), -1) for stack in data], axis=1)


def dense(model: Gaussian) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of all entries, term by term: what entries of one row, one column, one unit share."""
    assert isinstance(model.symmetry, Chain)
    sizes, value = model.symmetry.sizes, dict(zip(model.symmetry.parameter_names, model.parameters, strict=True))
    shapes = enumerate(model.symmetry.shapes, start=1)
    places = [(layer, i, j) for layer, (rows, columns) in shapes for i in range(rows) for j in range(columns)]
    mean = np.array([value[f"mu{layer}"] / np.sqrt(sizes[layer] * sizes[layer - 1]) for layer, _, _ in places])
    covariance = np.array([[_shared(sizes, value, *sorted((p, q))) for q in places] for p in places])
    return mean, covariance


def _shared(sizes, value, p, q) -> float:
    (layer, i, j), (other, k, m) = p, q
    columns, rows = sizes[layer - 1], sizes[layer]
    if other == layer:
        r, c, e = (value[name] for name in (f"T{layer}rr", f"T{layer - 1}cc", f"E{layer}"))
        common = (value[f"S{layer}{layer}"] - r - c + e) / (rows * columns)
        return common + (r - e) / columns * (i == k) + (c - e) / rows * (j == m) + e * (i == k) * (j == m)
    total = value[f"S{layer}{other}"] / np.sqrt(rows * columns * sizes[other] * sizes[other - 1])
    if other == layer + 1:
        total += value[f"T{layer}rc"] * ((i == m) - 1 / rows) / np.sqrt(columns * sizes[other])
    return total


def isserlis(mean, covariance, entries: list[int]) -> float:
    if not entries:
        return 1.0
    first, rest = entries[0], entries[1:]
    paired = (covariance[first, q] * isserlis(mean, covariance, rest[:k] + rest[k + 1 :]) for k, q in enumerate(rest))
    return mean[first] * isserlis(mean, covariance, rest) + sum(paired)


@pytest.mark.parametrize("sizes", SIZES)
def test_density_entropy_divergence_and_distance_are_those_of_the_dense_gaussian(sizes):
    p, q = random_model(sizes, 0), random_model(sizes, 1)
    data = p.sample(jax.random.key(0), 5)
    mean, covariance = dense(p)
    other_mean, other = dense(q)
    size = len(mean)
    np.testing.assert_allclose(p.log_prob(data), log_density(flattened(data), mean, covariance), rtol=1e-10)
    np.testing.assert_allclose(p.log_prob(tuple(stack[0] for stack in data)), p.log_prob(data)[0])
    np.testing.assert_allclose(p.entropy(), np.linalg.slogdet(2 * np.pi * np.e * covariance)[1] / 2, rtol=1e-10)
    inverse, difference = np.linalg.inv(other), mean - other_mean
    divergence = np.trace(inverse @ covariance) + difference @ inverse @ difference - size
    divergence += np.linalg.slogdet(other)[1] - np.linalg.slogdet(covariance)[1]
    np.testing.assert_allclose(p.kl(q), divergence / 2, rtol=1e-9)
    root = np.real(sqrtm(covariance))
    cross = np.real(sqrtm(root @ other @ root))
    np.testing.assert_allclose(
        wasserstein(p, q) ** 2, difference @ difference + np.trace(covariance + other - 2 * cross), rtol=1e-6
    )


@pytest.mark.parametrize("sizes", [(2, 3, 2), (3, 1, 2), (2, 2, 2, 2)])
def test_expectations_against_isserlis_on_the_dense_gaussian(sizes):
    model = random_model(sizes, 2)
    mean, covariance = dense(model)
    start = np.cumsum([0, *(rows * columns for rows, columns in model.symmetry.shapes)])
    graphs = [graph for degree in (1, 2, 3) for graph in model.symmetry.graphs(degree) if graph.nodes <= 4]
    for graph, value in zip(graphs, expectation(model, graphs), strict=True):
        assert isinstance(graph, ChainGraph)
        colour = {n: c for e, cs in zip(graph.edges, graph.colours, strict=True) for n, c in zip(e, cs, strict=True)}
        total = 0.0
        for at in np.ndindex(*(sizes[colour[node]] for node in range(graph.nodes))):
            on = zip(graph.layers, graph.edges, strict=True)
            entries = [start[layer - 1] + at[a] * sizes[layer - 1] + at[b] for layer, (a, b) in on]
            total += isserlis(mean, covariance, entries)
        np.testing.assert_allclose(value, total, rtol=1e-10, atol=1e-10, err_msg=str(graph))


@pytest.mark.parametrize("sizes", SIZES)
def test_coordinates_are_isometric_and_invert(sizes):
    data, symmetry = drawn(sizes, 3), Chain(sizes)
    coordinates = symmetry.project(data)
    for back, stack in zip(symmetry.compose(coordinates), data, strict=True):
        np.testing.assert_allclose(back, stack, rtol=1e-12, atol=1e-13)
    squares = sum(np.sum(np.asarray(part) ** 2) for part in coordinates)
    np.testing.assert_allclose(squares, np.sum(flattened(data) ** 2), rtol=1e-12)
    assert symmetry.size == flattened(data).shape[1]
    assert len(symmetry.parameter_names) == len(symmetry.fitted)


@pytest.mark.parametrize("sizes", SIZES)
def test_a_fit_returns_the_means_it_was_made_from_and_maximises_the_likelihood(sizes):
    data, symmetry = drawn(sizes, 4), Chain(sizes)
    best = fit(data, symmetry).model
    means = evaluate(symmetry.fitted, data).mean(axis=0)
    np.testing.assert_allclose(expectation(best, symmetry.fitted), means, rtol=1e-11)
    np.testing.assert_allclose(fit_invariants(means, symmetry=symmetry).model.parameters, best.parameters, atol=1e-10)
    top = best.log_prob(data).sum()
    np.testing.assert_allclose(top, -30 * best.entropy(), rtol=1e-12)
    for k in np.flatnonzero(symmetry.weights):
        f = best.parameters
        f[k] += 0.02
        assert model_of(symmetry, f).log_prob(data).sum() < top


def test_one_layer_is_a_matrix_under_separate_permutations():
    (stack,) = data = drawn((4, 3), 5)
    chain, separate = fit(data, Chain((4, 3))).model, fit(stack, Separate(3, 4)).model
    unit = separate.symmetry.mean_unit
    np.testing.assert_allclose(chain.parameters, separate.parameters / [unit, 1, 1, 1, 1], rtol=1e-12)
    np.testing.assert_allclose(chain.log_prob(data), separate.log_prob(stack), rtol=1e-12)
    graphs = [ChainGraph.parse(key) for key in ("1:0-0,1:0-0,1:0-1", "1:0-0,1:0-1,1:1-0,1:1-1")]
    bipartite = [parse_bipartite(key) for key in ("0-0,0-0,0-1", "0-0,0-1,1-0,1-1")]
    np.testing.assert_allclose(expectation(chain, graphs), expectation(separate, bipartite), rtol=1e-12)


def test_reversing_a_chain_exchanges_rows_and_columns():
    data, symmetry = drawn((3, 4, 2, 5), 6), Chain((3, 4, 2, 5))
    backwards = fit(tuple(np.swapaxes(stack, 1, 2) for stack in data[::-1])).model
    one = dict(zip(symmetry.parameter_names, fit(data).model.parameters, strict=True))
    other = dict(zip(symmetry.parameter_names, backwards.parameters, strict=True))
    for pair in ("mu1 mu3", "S12 S23", "S13 S13", "T0cc T3rr", "T1rr T2cc", "T1rc T2rc", "T1cc T2rr", "E1 E3", "E2 E2"):
        here, there = pair.split()
        np.testing.assert_allclose([one[here], one[there]], [other[there], other[here]], rtol=1e-11)


def test_independent_layers_are_those_fitted_apart():
    data, symmetry = drawn((3, 4, 2, 5), 7), Chain((3, 4, 2, 5))
    np.testing.assert_array_equal(parameter_counts(symmetry), [6, 15, 20])
    np.testing.assert_array_equal(parameter_counts(Chain((3, 4, 1))), [4, 8, 10])
    full = fit(data).model
    apart = model_of(symmetry, restricted(full.parameters, "independent", symmetry))
    alone = [fit(stack, Separate(*stack.shape[1:])).model for stack in data]
    total = sum(law.log_prob(stack).sum() for law, stack in zip(alone, data, strict=True))
    np.testing.assert_allclose(apart.log_prob(data).sum(), total, rtol=1e-12)
    loglik = fit_family(symmetry.block_moments(data), symmetry).loglik
    np.testing.assert_allclose(loglik[1:], [total, full.log_prob(data).sum()], rtol=1e-12)
    np.testing.assert_allclose(full.log_prob(data).sum() - total, 30 * full.kl(apart), rtol=1e-10)
    others = fit(drawn((3, 4, 2, 5), 8)).model
    others_apart = model_of(symmetry, restricted(others.parameters, "independent", symmetry))
    assert wasserstein(apart, others_apart) <= wasserstein(full, others)
    means = np.array([stack.mean() for stack in data])
    iid = symmetry.unpack(restricted(full.parameters, "iid", symmetry))
    np.testing.assert_allclose(iid.mean / np.sqrt([12, 8, 10]), means, rtol=1e-12)
    np.testing.assert_allclose(np.diag(iid.covariances[0]), [stack.var() for stack in data], rtol=1e-12)


def test_samples_have_the_parameters_of_the_model_within_their_error():
    model, members = random_model((3, 4, 2), 9), 20_000
    symmetry = model.symmetry
    found = fit(model.sample(jax.random.key(1), members), symmetry).model
    for block, ours, theirs in zip(symmetry.blocks, found.covariances, model.covariances, strict=True):
        error = np.sqrt((theirs**2 + np.outer(np.diag(theirs), np.diag(theirs))) / (members * max(block.dimension, 1)))
        assert np.all(np.abs(ours - theirs) <= 4.5 * error)
    assert np.all(np.abs(found.mean - model.mean) < 4.5 * np.sqrt(np.diag(model.covariances[0]) / members))


def test_moments_inside_a_compiled_program():
    data, symmetry = drawn((7, 5, 4), 10), Chain((7, 5, 4))
    compiled = jax.jit(lambda *stacks: symmetry.block_moments(stacks))(*data)
    np.testing.assert_allclose(compiled, symmetry.block_moments(data), rtol=1e-4)
    assert compiled.shape[1] == len(symmetry.moment_names)


def test_statuses_name_cause_and_remedy():
    data = drawn((2, 3, 2), 11, members=5)
    assert fit(data).status == "ok"
    few = fit(tuple(stack[:2] for stack in data))
    assert few.status == "2 members: the covariance on V_0 needs at least 3; add members"
    assert few.model.entropy() == -np.inf
    assert "a layer of one unit: T1rr, T1rc, T1cc, E1, E2 undefined" in fit(drawn((2, 1, 3), 12)).status
    data[1][3, 0, 0] = np.nan
    broken = fit(data)
    assert (broken.excluded, broken.members) == ((3,), 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Chain((3,)), "at least two"),
        (lambda: Chain((3, 0)), "at least 1"),
        (lambda: fit(drawn((2, 3, 2), 0)[:1] * 2), r"no chain: give \[\.\.\., h_l"),
        (
            lambda: fit(drawn((2, 3, 2), 0), Chain((2, 3, 4))),
            r"give stacks \[\.\.\., 3, 2\], \[\.\.\., 4, 3\] of the same",
        ),
        (lambda: fit((drawn((2, 3), 0)[0], drawn((3, 2), 0, 9)[0]), Chain((2, 3, 2))), "of the same members"),
        (lambda: fit(drawn((2, 3), 0)[0], Chain((2, 3))), "no tuple"),
        (lambda: expectation(random_model((2, 3), 0), Graph(((0, 1),))), "not of a chain"),
        (lambda: expectation(random_model((2, 3), 0), ChainGraph.parse("2:0-0")), "chain of 1 layers"),
        (lambda: expectation(fit(np.ones((3, 2, 2))), ChainGraph.parse("1:0-0")), "not of single matrices"),
        (lambda: random_model((2, 3), 0).kl(random_model((3, 2), 0)), "one symmetry and size"),
    ],
)
def test_wrong_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("sizes", [(2, 3), (2, 3, 2)])
def test_the_whole_study_of_a_chain(sizes):
    symmetry = Chain(sizes)
    normal = symmetry.standard_normal(np.random.default_rng(0), 60)
    np.testing.assert_allclose(model_of(symmetry, symmetry.isotropic(0.5, 2.0)).covariances[0], 4 * np.eye(len(normal)))
    found = study(normal, symmetry, EntryLaw.uniform(Fraction(1)))
    assert (str(found.status), len(found.p)) == ("ok", len(symmetry.predicted))
    assert str(found.accepted) == "iid"
    assert found.w2 > 0


def test_default_symmetry_of_a_tuple_is_a_chain():
    assert fit(drawn((2, 3, 2), 0)).model.symmetry == Chain((2, 3, 2))
    assert fit(np.ones((3, 2, 2))).model.symmetry == Simultaneous(2)


def test_public_numbers(fixtures):
    stored = json.loads((fixtures / "public_chain.json").read_text())
    models = {}
    for entry in stored["ensembles"]:
        symmetry = Chain(tuple(entry["h"]))
        layers, keys = symmetry.layers, stored["graph_keys"][str(symmetry.layers)]
        data = tuple(np.array([m[k] for m in entry["entries"]]) / entry["denominator"] for k in range(layers))
        assert list(symmetry.parameter_names) == stored["param_names"][str(layers)]
        model = models[entry["id"]] = fit(data, symmetry).model
        np.testing.assert_allclose(model.parameters, entry["params"], rtol=1e-11, atol=1e-13)
        graphs = [ChainGraph.parse(key) for degree in entry["theory"] for key in keys[degree]]
        listed = [value for values in entry["theory"].values() for value in values]
        np.testing.assert_allclose(expectation(model, graphs), listed, rtol=1e-11, atol=1e-11)
        mean, covariance = dense(model)
        np.testing.assert_allclose(mean[0], entry["structure"]["mean"][0], rtol=1e-11)
        deviation = np.sqrt(np.diag(covariance))[np.cumsum([0, *(m * n for m, n in symmetry.shapes[:-1])])]
        np.testing.assert_allclose(deviation, entry["entry_sd"], rtol=1e-11)
        loglik = fit_family(symmetry.block_moments(data), symmetry).loglik
        np.testing.assert_allclose(loglik[-1], entry["loglik"], rtol=1e-11)
        if layers > 1:
            np.testing.assert_allclose(loglik[1], entry["loglik_independent"], rtol=1e-11)
            np.testing.assert_allclose(2 * (loglik[2] - loglik[1]), entry["lr"], rtol=1e-9, atol=1e-9)
            assert parameter_counts(symmetry)[2] - parameter_counts(symmetry)[1] == entry["lr_df"]
    for pair in stored["pairs"]:
        p, q = models[pair["a"]], models[pair["b"]]
        np.testing.assert_allclose(wasserstein(p, q) ** 2, pair["w2_squared"], rtol=1e-11)
        np.testing.assert_allclose([p.kl(q), q.kl(p)], [pair["kl_ab"], pair["kl_ba"]], rtol=1e-11)
        apart = [model_of(p.symmetry, restricted(law.parameters, "independent", p.symmetry)) for law in (p, q)]
        np.testing.assert_allclose(wasserstein(*apart) ** 2, pair["w2_squared_independent"], rtol=1e-11)
