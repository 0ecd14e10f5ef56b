"""The five-parameter analysis of every weight matrix: errors, null distances, criteria, and what is told of them."""

import json

import jax
import numpy as np
import pytest
from scipy.stats import norm

from analysis import EntryLaw, Separate, Statistics, expectation, fit, model_of, study, wasserstein
from analysis.inference.null import null_distance, squared_distance_to
from analysis.inference.resampling import bootstrap
from analysis.model.family import fit_family, nearest_iid
from analysis.model.plugin import parameters_from_moments, replicated_parameters
from analysis.recording import Recording
from analysis.show.drawing import render
from analysis.show.entries import statistics_entry
from analysis.show.matrices import draw_matrices, matrices
from analysis.show.painting import painted
from analysis.statistics import variance_unit
from analysis.study import study_recording
from experiments.report.content import Grid
from experiments.report.every_matrix import section
from invariants import BIPARTITE, bipartite_key, evaluate

SYMMETRY = Separate(3, 5)
MODEL = model_of(SYMMETRY, [0.2, 0.5, 1.5, 0.7, 1.1])
SHAPES = ((3, 5), (4, 4))
LAWS = (EntryLaw.gaussian(5**-0.5), None)
NAMES = tuple(map(bipartite_key, BIPARTITE))
LOW, HIGH = slice(0, 5), slice(5, 48)


def recorded(stack: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Invariants and block moments of every matrix."""
    return np.asarray(evaluate(BIPARTITE, stack)), np.asarray(Separate(*stack.shape[-2:]).block_moments(stack))


def described(stack: np.ndarray, variance: float | None = None) -> Statistics:
    return study(stack, Separate(*stack.shape[1:]), None if variance is None else EntryLaw.gaussian(variance**0.5))


def iid(variance: float, shape: tuple[int, int]):
    """Independent entries of mean 0."""
    return model_of(Separate(*shape), [0, *[variance] * 4])


def section_text(t: Statistics) -> str:
    """The names of the rows in the section of a report."""
    return " ".join(str(row[0]) for item in section(t).content if isinstance(item, Grid) for row in item.rows)


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Twelve members, two epochs, two shapes; one member diverges, one has an infinite invariant at first only."""
    rng = np.random.default_rng(0)
    stacks = [[rng.normal(0.1, 1, (12, *shape)) for shape in SHAPES] for _ in range(2)]
    invariants, moments = (
        np.moveaxis(np.array([[recorded(stack)[which] for stack in row] for row in stacks]), 2, 0) for which in (0, 1)
    )
    finite = np.ones((12, 2), bool)
    finite[3, 1], invariants[7, 0, 1, 40] = False, np.inf
    symmetries = tuple(Separate(*shape) for shape in SHAPES)
    return Recording(np.arange(12), np.array([0, 1]), ("L0", "L1"), symmetries, invariants, moments, finite)


def test_the_graphs_are_split_into_fitted_and_predicted():
    assert {graph.degree for graph in BIPARTITE[LOW]} == {1, 2}
    assert {graph.degree for graph in BIPARTITE[HIGH]} == {3, 4}
    assert len(NAMES) == len(set(NAMES)) == 48


def test_replicates_are_fits_to_resampled_members():
    stack = np.asarray(MODEL.sample(jax.random.key(0), 9))
    weights = bootstrap(9, 5, 1).weights
    found = replicated_parameters(recorded(stack)[1], weights, SYMMETRY)
    for row, counts in zip(found, np.rint(9 * weights).astype(int), strict=True):
        resampled = np.repeat(stack, counts, axis=0)
        np.testing.assert_allclose(row, fit(resampled).model.parameters, rtol=1e-11)


def test_standard_errors_are_the_spread_of_ensembles():
    """A spread over 300 ensembles is known to 4 %, the errors are averaged over 20 and know theirs to 2 % each."""
    draws = np.asarray(MODEL.sample(jax.random.key(1), 300 * 100)).reshape(300, 100, 3, 5)
    f = np.array([fit(stack).model.parameters for stack in draws])
    cells = [described(stack, 0.2) for stack in draws[:20]]
    np.testing.assert_allclose(np.mean([cell.parameters_se for cell in cells], axis=0), f.std(axis=0), rtol=0.2)
    spread = np.sqrt(squared_distance_to(iid(0.2, (3, 5)), f, SYMMETRY)).std()
    np.testing.assert_allclose(np.mean([cell.w2_se for cell in cells]), spread, rtol=0.2)


def test_the_theory_holds_for_the_model_and_is_refused_for_other_entries():
    true = described(np.asarray(MODEL.sample(jax.random.key(2), 2000)))
    false = described(np.random.default_rng(0).exponential(size=(2000, 3, 5)))
    assert np.min(true.p) * 43 > 0.05
    assert np.sum(false.p * 43 < 0.05) > 20
    theory = expectation(model_of(SYMMETRY, true.parameters), BIPARTITE[HIGH])
    np.testing.assert_allclose(true.theory, theory, rtol=1e-12)


@pytest.mark.parametrize("shape", [(1, 4), (2, 3), (6, 2)], ids=str)
@pytest.mark.parametrize("nearest", [False, True])
def test_null_distance_is_that_of_simulated_matrices(shape, nearest):
    """Two means over 1000 and 2000 ensembles, each with a spread below its half."""
    stacks = 0.5 * np.random.default_rng(3).standard_normal((2000, 2, *shape))
    symmetry, law = Separate(*shape), EntryLaw.gaussian(0.5)
    f = parameters_from_moments(np.asarray(symmetry.block_moments(stacks)), symmetry)
    simulated = np.sqrt(squared_distance_to(None if nearest else iid(0.25, shape), f, symmetry))
    null = null_distance(law, symmetry, 2, nearest=nearest)
    assert null.mean == pytest.approx(simulated.mean(), rel=4 * 0.5 * np.hypot(1000**-0.5, 2000**-0.5))
    assert np.mean(simulated > null.upper) == pytest.approx(0.05, abs=0.03)
    with pytest.raises(ValueError, match="0 members"):
        null_distance(law, symmetry, 0)


def test_the_null_distance_is_to_the_law_where_it_is_known_and_else_to_the_nearest_one():
    stack, law = np.asarray(MODEL.sample(jax.random.key(6), 9)), EntryLaw.gaussian(0.5)
    nearest = null_distance(EntryLaw.gaussian(stack.std()), SYMMETRY, 9, nearest=True)
    np.testing.assert_allclose(study(stack, SYMMETRY, law).w2_null, null_distance(law, SYMMETRY, 9).mean)
    np.testing.assert_allclose(study(stack, SYMMETRY).w2_null, nearest.mean, rtol=1e-12)


def test_the_distance_is_to_the_gaussian_law_of_the_initial_entries():
    stack = np.asarray(MODEL.sample(jax.random.key(6), 9))
    gaussian = model_of(SYMMETRY, SYMMETRY.isotropic(0.0, 0.5))
    for law in (EntryLaw.gaussian(0.5), EntryLaw.uniform(np.sqrt(0.75))):  # both of variance 1/4
        assert study(stack, SYMMETRY, law).w2 == pytest.approx(wasserstein(fit(stack, SYMMETRY), gaussian))


def test_likelihoods_are_sums_of_densities():
    stack = np.asarray(MODEL.sample(jax.random.key(4), 30))
    fitted = fit(stack).model
    found = fit_family(recorded(stack)[1], SYMMETRY)
    independent = [norm.logpdf(stack, mean, np.sqrt(np.mean((stack - mean) ** 2))).sum() for mean in (0, stack.mean())]
    np.testing.assert_allclose(found.loglik, [*independent, fitted.log_prob(stack).sum()], rtol=1e-11)
    np.testing.assert_allclose(found.aic, 2 * np.array([1, 2, 5]) - 2 * found.loglik)
    np.testing.assert_allclose(found.bic, np.log(30) * np.array([1, 2, 5]) - 2 * found.loglik)


def test_nearest_independent_entries_have_mean_and_variance_of_all_entries():
    stack = np.asarray(MODEL.sample(jax.random.key(5), 20))
    nearest = nearest_iid(fit(stack).model.parameters, SYMMETRY)
    np.testing.assert_allclose(nearest, [stack.mean(), *[stack.var()] * 4], rtol=1e-12)


def test_a_member_is_left_out_from_where_it_is_not_finite(recording):
    t = study_recording(recording, LAWS)
    assert t.excluded.tolist() == [[0, 1], [1, 2]]
    assert t.status[0][0] == "ok"
    assert t.status[1][1].startswith("2 members excluded")
    rest = np.delete(recording.invariants[:, 1, 0], 3, axis=0)
    np.testing.assert_allclose(t.mean[1, 0], rest.mean(axis=0))
    np.testing.assert_allclose(variance_unit(t)[0], 1 / 5, rtol=1e-15)


def test_what_is_told_comes_from_the_trajectories(recording):
    t = study_recording(recording, LAWS)
    entry = json.loads(json.dumps(statistics_entry(t, (1, 0)), allow_nan=False))
    assert (entry["schema"], entry["epoch"], entry["layer"]) == (1, 1, "L0")
    assert entry["symmetry"]["shapes"] == [[3, 5]]
    assert "dim" not in entry
    assert entry["parameters"]["vR"]["value"] == t.parameters[1, 0, 3]
    assert entry["theory"][NAMES[9]]["q"] == t.q[1, 0, 4]
    assert list(entry["models"]) == ["iid_zero_mean", "iid", "bipartite"]
    squared = entry["wasserstein"]["to_iid"]["w2_squared"]
    assert sum(entry["wasserstein"]["squared_parts"].values()) == pytest.approx(squared, rel=1e-12)
    table = matrices(t)
    row = dict(zip(table.header, table.rows[2], strict=True))
    assert (row["epoch"], row["matrix"], row["members"], row["vE"]) == (1, "L0", 11, t.parameters[1, 0, 4])
    figure = painted(draw_matrices(t))
    above, *below = figure.axes
    np.testing.assert_allclose(np.asarray(above.get_lines()[0].get_ydata()), t.w2[:, 0] / np.sqrt(15))
    assert [ax.get_title().split("\u00a0")[0] for ax in below] == ["L0", "L1"]
    assert render(figure, "png") == render(painted(draw_matrices(t)), "png")
    assert "L1\u00a0(4\u00a0×\u00a04)" in section_text(t)


@pytest.mark.parametrize("stack", [np.ones((4, 2, 3)), MODEL.sample(jax.random.key(0), 1)], ids=["constant", "single"])
def test_what_has_no_number_is_null(stack):
    stack = np.asarray(stack)
    finite = np.ones((len(stack), 1), bool)
    invariants, blocks = (values[:, None, None] for values in recorded(stack))
    symmetry = Separate(*stack.shape[1:])
    recording = Recording(np.arange(len(stack)), np.array([0]), ("M",), (symmetry,), invariants, blocks, finite)
    t = study_recording(recording, (None,))
    assert t.status[0][0] != "ok"
    assert statistics_entry(t, (0, 0))["models"]["bipartite"]["loglik"] is None
    assert len(matrices(t).rows) == 1
    assert "M\u00a0(" in section_text(t)
    assert render(painted(draw_matrices(t)), "png")
