"""Trace moments, bulk and outliers against dense computation and sampled models."""

import jax
import numpy as np
import pytest

from analysis import Gaussian, Separate, Simultaneous, Symmetric, model_of
from analysis.model.marchenko_pastur import Bulk
from analysis.model.spectrum import bulk_of, cycle, outliers, trace_moments, two_way
from invariants import PAPER, Graph, evaluate

SYMMETRIES = [
    Simultaneous(4),
    Separate(3, 5),
    Separate(1, 3),
    Symmetric(4),
    Symmetric(5, diagonal=False),
    Simultaneous(2),
]


def generic(symmetry) -> Gaussian:
    parameters = symmetry.isotropic(0.3, 1.0)
    return model_of(symmetry, parameters * np.linspace(0.7, 1.4, len(parameters)) * (symmetry.weights > 0))


def traces(stack: np.ndarray) -> np.ndarray:
    squared = np.linalg.svd(stack, compute_uv=False) ** 2
    return np.stack([np.sum(squared**k, axis=-1) for k in (1, 2, 3)], axis=-1)


def test_cycles_are_the_graphs_of_traces():
    stack = np.random.default_rng(0).standard_normal((3, 4, 5))
    graphs = tuple(map(cycle, (1, 2, 3)))
    np.testing.assert_allclose(evaluate(graphs, np.swapaxes(stack, 1, 2)), traces(stack), rtol=1e-12)
    assert cycle(1) == PAPER[2]
    assert cycle(2) == Graph(((0, 1), (2, 1), (2, 3), (0, 3)))
    with pytest.raises(ValueError, match="at least 1"):
        cycle(0)


@pytest.mark.parametrize("symmetry", SYMMETRIES, ids=str)
def test_moments_are_those_of_sampled_matrices(symmetry):
    """Within four standard errors of 40,000 draws, which are about one per cent."""
    model = generic(symmetry)
    drawn = traces(model.sample(jax.random.key(3), 40_000))
    error = drawn.std(axis=0) / np.sqrt(len(drawn))
    assert np.all(np.abs(drawn.mean(axis=0) - trace_moments(model)) < 4 * error)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 3), (7, 4)])
def test_moments_of_independent_entries_in_closed_form(m, n):
    """Those of Wishart matrices: mn, mn (m + n + 1), mn (m^2 + n^2 + 3mn + 3m + 3n + 4)."""
    expected = [1, m + n + 1, m**2 + n**2 + 3 * m * n + 3 * m + 3 * n + 4]
    model = model_of(Separate(m, n), Separate(m, n).isotropic(0.0, 2.0))
    np.testing.assert_allclose(trace_moments(model), m * n * np.array(expected) * 4.0 ** np.arange(1, 4), rtol=1e-12)


def test_moments_scale_with_the_matrices():
    model = generic(Simultaneous(6))
    doubled = Gaussian(model.symmetry, 2 * model.mean, tuple(4 * covariance for covariance in model.covariances))
    np.testing.assert_allclose(trace_moments(doubled), trace_moments(model) * [4, 16, 64], rtol=1e-12)
    assert bulk_of(doubled).variance == pytest.approx(4 * bulk_of(model).variance)


def test_the_nearest_two_way_law_is_the_model_itself_where_it_is_one():
    values = np.array([0.2, 1.0, 2.0, 3.0, 0.5])
    np.testing.assert_allclose(two_way(model_of(Separate(3, 5), values)), values, rtol=1e-12)
    assert trace_moments(generic(Simultaneous(5)), (1,)) == pytest.approx(
        trace_moments(model_of(Separate(5, 5), two_way(generic(Simultaneous(5)))), (1,))
    )


@pytest.mark.parametrize(("m", "n"), [(60, 60), (30, 90), (90, 30)])
def test_the_bulk_is_that_of_large_matrices(m, n):
    bulk = Bulk(1.7, m, n)
    squared = np.linalg.svd(np.sqrt(1.7) * np.random.default_rng(1).standard_normal((60, m, n)), compute_uv=False) ** 2
    low, high = bulk.edges
    grid = np.linspace(np.sqrt(low), np.sqrt(high), 4001)
    per_root = 2 * grid * bulk.density(grid**2)
    assert np.trapezoid(per_root, grid) == pytest.approx(1, abs=2e-3)
    shares = np.cumsum(per_root) * (grid[1] - grid[0])
    observed = np.searchsorted(np.sort(squared.ravel()), grid**2) / squared.size
    assert np.abs(observed - shares).max() < 0.02
    z = 1.3 * high
    first, second = bulk.resolvents(z)
    nonzero = np.mean(np.sum(1 / (squared - z), axis=1))
    assert first == pytest.approx(nonzero - (m - min(m, n)) / z, rel=0.02)
    assert second == pytest.approx(nonzero - (n - min(m, n)) / z, rel=0.02)


@pytest.mark.parametrize(("m", "n"), [(3, 3), (10, 10), (10, 40)])
def test_the_largest_of_the_bulk_stays_below_as_often_as_promised(m, n):
    squared = np.linalg.svd(np.random.default_rng(2).standard_normal((4000, m, n)), compute_uv=False)[:, 0] ** 2
    assert np.mean(squared > Bulk(1.0, m, n).largest) == pytest.approx(0.05, abs=0.02)
    assert Bulk(1.0, n, m).largest == pytest.approx(Bulk(1.0, m, n).largest)


@pytest.mark.parametrize(
    "parameters",
    [(0, 1, 1, 1, 1), (0, 1, 4, 1, 1), (0, 1, 4, 10, 1), (0, 150, 4, 5, 1), (0.3, 0, 1, 1, 1), (0.3, 0, 0.5, 6, 2)],
)
def test_outliers_are_where_large_matrices_have_them(parameters):
    m, n = 80, 120
    values = np.array(parameters, dtype=float)
    stack = model_of(Separate(m, n), values).sample(jax.random.key(0), 60)
    if parameters[1] > 100:  # a corner of one size, as the prediction takes it
        stack = stack + (np.sqrt(150) * np.sign(stack.sum(axis=(1, 2))) - stack.sum(axis=(1, 2)) / np.sqrt(m * n))[
            :, None, None
        ] / np.sqrt(m * n)
    largest = np.linalg.svd(stack, compute_uv=False).mean(axis=0)
    predicted = outliers(values, m, n)
    edge = np.sqrt(Bulk(values[4], m, n).largest)
    np.testing.assert_allclose(largest[: len(predicted)], predicted, rtol=0.02)
    assert np.all(predicted > 0.98 * edge)
    assert largest[len(predicted)] < edge


def test_outliers_appear_at_the_thresholds():
    m, n = 50, 90
    ratio = np.sqrt((m - 1) / (n - 1))
    for share, count in ((0.99, 0), (1.01, 1)):
        columns, rows = share * (1 + ratio), share * (1 + 1 / ratio)
        corner = share * np.sqrt((m - 1) * (n - 1))
        assert len(outliers(np.array([0.0, 0.0, columns, 1, 1]), m, n)) == count
        assert len(outliers(np.array([0.0, 0.0, 1, rows, 1]), m, n)) == count
        assert len(outliers(np.array([0.0, corner, 1, 1, 1]), m, n)) == count


def test_a_border_without_a_bulk_is_exact():
    """Two singular values, whose squares have the sum and the product that their matrix has."""
    x, columns, rows, m, n = 3.0, 2.0, 0.5, 4, 6
    squared = outliers(np.array([x / np.sqrt(m * n), 0.0, columns, rows, 0.0]), m, n) ** 2
    assert squared.sum() == pytest.approx(x**2 + columns * (n - 1) + rows * (m - 1))
    assert squared.prod() == pytest.approx(columns * (n - 1) * rows * (m - 1))
    assert not len(outliers(np.zeros(5), m, n))
