"""The score test of the Gaussian law and the couplings: exact numbers, properties, and what a status says."""

import json

import jax
import numpy as np
import pytest

from analysis import Separate, model_of
from analysis.inference.couplings import couplings, couplings_of, separation
from analysis.model.coupling_covariance import coupled_graphs
from invariants import parse_bipartite
from tests.reference import bipartite_invariants

PARAMETERS = [0.3, 0.7, 1.4, 0.4, 0.9]


def of(stack: np.ndarray):
    symmetry, centred = Separate(*stack.shape[1:]), stack - stack.mean()
    values = bipartite_invariants(symmetry.every, centred)
    return couplings_of(values, np.asarray(symmetry.block_moments(centred)), symmetry)


def skewed(members: int, shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).exponential(size=(members, *shape))


def test_scaling_shifting_and_transposing():
    stack, graphs = skewed(30, (4, 6)), coupled_graphs(Separate(4, 6))
    degree = np.array([graph.degree for graph in graphs])
    one, other, moved = of(stack), of(stack * 3), of(stack + 100)
    np.testing.assert_allclose(other.kappa, one.kappa * 3.0**degree, rtol=1e-9)
    np.testing.assert_allclose(other.delta, one.delta * 3.0**degree, rtol=1e-9)
    np.testing.assert_allclose(other.g, one.g / 3.0**degree, rtol=1e-9)
    np.testing.assert_allclose(other.g_se, one.g_se / 3.0**degree, rtol=1e-9)
    for found in (other, moved):
        np.testing.assert_allclose(found.score, one.score, rtol=1e-9)
        np.testing.assert_allclose(found.z, one.z, rtol=1e-8)
    turned = of(stack.swapaxes(1, 2))
    order = [graphs.index(graph.transpose) for graph in graphs]
    np.testing.assert_allclose(turned.g[order], one.g, rtol=1e-9)
    np.testing.assert_allclose(turned.kappa_se[order], one.kappa_se, rtol=1e-9)
    np.testing.assert_allclose(turned.score, one.score, rtol=1e-9)


def test_independent_skewed_entries_couple_to_powers_of_single_entries():
    """g = kappa_3 / 3! on the triple edge and kappa_4 / 4! on the quadruple one, score = N mn kappa_k^2 / k!."""
    members, (m, n) = 2_000, (12, 15)
    found = of(skewed(members, (m, n)))
    expected = np.zeros(23)
    expected[[0, 6]] = 2 / 6, 6 / 24
    # The members of an exponential law vary more than Gaussian ones: wide bounds.
    np.testing.assert_allclose(found.g[[0, 6]], expected[[0, 6]], rtol=0.1)
    np.testing.assert_allclose(found.score, members * m * n * np.array([4 / 6, 36 / 24]), rtol=0.2)
    assert np.abs((found.g - expected) / found.g_se)[np.arange(23) % 6 != 0].max() < 10
    assert found.p.max() == 0
    assert list(found.dof) == [6, 17]


def test_gaussian_members_give_scores_of_their_degrees_of_freedom():
    symmetry, runs = Separate(4, 5), 50
    model = model_of(symmetry, PARAMETERS)
    stack = model.sample(jax.random.key(1), 100 * runs)
    values = bipartite_invariants(symmetry.every, stack).reshape(runs, 100, -1)
    stack = stack.reshape(runs, 100, 4, 5)
    moments = np.asarray(symmetry.block_moments(stack))
    found = [couplings_of(v, b, symmetry) for v, b in zip(values, moments, strict=True)]
    scores, z = np.array([one.score for one in found]), np.array([one.z for one in found])
    pulls = np.array([one.g / one.g_se for one in found])
    error = np.sqrt(2 * found[0].dof / runs)
    np.testing.assert_array_less(np.abs(scores.mean(axis=0) - found[0].dof), 4 * error)
    for each in (z, pulls):
        assert abs(np.mean(each**2) - 1) < 0.2
    assert abs(np.mean([np.mean(one.p < 0.05) for one in found]) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / (2 * runs))


def test_a_common_shift_is_subtracted_before_anything_is_multiplied():
    stack = skewed(40, (4, 5), seed=3)
    found = couplings(stack + 1e4, Separate(4, 5))
    np.testing.assert_allclose(found.g, of(stack).g, rtol=1e-5)
    assert found.status == "ok"


def test_statuses_name_cause_and_remedy():
    rng = np.random.default_rng(4)
    stack = rng.standard_normal((40, 4, 5))
    assert of(stack).status == "ok"
    few = of(stack[:3])
    assert few.status == "3 members: couplings need at least 5; add members"
    assert np.isnan(few.score).all()
    assert np.isfinite(few.kappa).all()
    assert of(stack[:4]).status == "4 members: couplings need at least 5; add members"
    assert of(stack[:5]).status == "ok"
    one = of(stack[:1])
    assert one.status.startswith("1 member:")
    assert np.isnan(one.g).all()
    constant = of(np.full((10, 4, 5), 0.1))
    assert "a fitted variance vanishes" in constant.status
    assert np.isnan(constant.p).all()
    assert np.isnan(constant.delta).all()
    rowless = of(stack - stack.mean(axis=2, keepdims=True))
    assert "a fitted variance vanishes" in rowless.status
    small = of(stack[:, :3, :2])
    assert small.status.startswith("6 of 23 couplings are not defined for matrices of 3 x 2")
    assert np.isnan(small.g).sum() == 6
    assert list(small.dof) == [5, 12]
    assert np.isfinite(small.p).all()
    vectors = of(stack[:, :1])
    assert list(vectors.dof) == [3, 5]
    assert np.isfinite(vectors.score).all()


def test_square_matrices_without_separate_symmetry_are_pointed_out():
    stack, symmetry = np.random.default_rng(5).standard_normal((60, 5, 5)), Separate(5, 5)
    assert couplings(stack, symmetry).status == "ok"
    rejected = couplings(stack + 2 * np.eye(5), symmetry)
    assert "separate permutations are rejected within simultaneous ones (p = " in rejected.status
    assert np.isfinite(rejected.score).all()
    assert separation(stack[:, :3], Separate(3, 5)) == ""
    assert "could not be tested" in separation(stack[:6], symmetry)


def test_matrices_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"give a stack \[\.\.\., 5, 4\]"):
        couplings(np.zeros((3, 4, 5)), Separate(5, 4))


def test_public_scores(fixtures):
    data = json.loads((fixtures / "public_couplings.json").read_text())
    files = {name: json.loads((fixtures / name).read_text()) for name in ("public_ensembles.json", "public_rect.json")}
    entries = {
        e["id"]: e for e in (*files["public_ensembles.json"]["ensembles"], *files["public_rect.json"]["rectangular"])
    }
    cumulants = json.loads((fixtures / "public_cumulants.json").read_text())
    kappas = {e["id"]: e["separate"]["kappa"] for part in ("ensembles", "rectangular") for e in cumulants[part]}
    for case in data["cases"]:
        entry = entries[case["id"]]
        found = of(np.array(entry["entries"]) / entry["denominator"])
        np.testing.assert_array_equal(found.dof, [case["dof"][degree] for degree in "34"])
        np.testing.assert_allclose(found.score, [case["score"][degree] for degree in "34"], rtol=1e-10)
        for degree, part in (("3", slice(6)), ("4", slice(6, None))):
            delta, g, kappa_se = (np.array(case[name][degree], dtype=float) for name in ("delta", "g", "kappa_se"))
            np.testing.assert_allclose(found.delta[part], delta, atol=1e-11 * np.abs(delta).max())
            np.testing.assert_allclose(found.g[part], g, atol=1e-10 * np.nanmax(np.abs(g)))
            np.testing.assert_allclose(found.kappa_se[part], kappa_se, rtol=1e-11)
            listed = dict(zip(cumulants["graph_keys_separate"][degree], kappas[case["id"]][degree], strict=True))
            kappa = np.array([listed[key] for key in data["graph_keys"][degree]], dtype=float)
            np.testing.assert_allclose(found.kappa[part], kappa, atol=1e-12)
        assert found.graphs == tuple(parse_bipartite(key) for degree in "34" for key in data["graph_keys"][degree])


def test_members_that_are_not_finite_are_left_out_and_said():
    stack = np.random.default_rng(8).standard_normal((12, 4, 5))
    stack[3, 1, 1] = np.nan
    found, kept = couplings(stack, Separate(4, 5)), couplings(np.delete(stack, 3, axis=0), Separate(4, 5))
    np.testing.assert_array_equal(found.g, kept.g)
    assert "1 of 12 members" in found.status
    with pytest.raises(ValueError, match="none of 2 members is finite"):
        couplings(np.full((2, 4, 5), np.nan), Separate(4, 5))
