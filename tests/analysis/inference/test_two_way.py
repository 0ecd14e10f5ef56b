"""The analysis of variance of one matrix: textbook sums of squares, laws of their ratios, intervals that cover."""

import numpy as np
import pytest
from scipy import stats

from analysis import Separate, Symmetric
from analysis.inference.two_way import mean_of, two_way

LAYOUT = Separate(6, 9)


def moments(matrix: np.ndarray, layout: Separate | Symmetric = LAYOUT) -> np.ndarray:
    return np.asarray(layout.block_moments(matrix[None]))[0]


def effects(run: int, of_rows: float, layout=LAYOUT) -> np.ndarray:
    rng = np.random.default_rng([run, 1])
    rows, columns = layout.shapes[0]
    return rng.standard_normal((rows, columns)) + of_rows * rng.standard_normal((rows, 1))


def test_mean_squares_and_p_are_those_of_the_textbook():
    matrix = effects(0, 1.0)
    rows, columns = matrix.mean(axis=1), matrix.mean(axis=0)
    rest = matrix - rows[:, None] - columns + matrix.mean()
    mean_squares = {"rows": 9 * rows.var(ddof=1), "columns": 6 * columns.var(ddof=1), "rest": np.sum(rest**2) / 40}
    found = two_way(moments(matrix), LAYOUT)
    np.testing.assert_allclose(found.variances.value, [mean_squares[name] for name in found.names])
    freedom = {"rows": 5, "columns": 8, "rest": 40}
    for k, name in enumerate(found.names[:-1]):
        ratio = mean_squares[name] / mean_squares["rest"]
        assert found.p[k] == pytest.approx(stats.f(freedom[name], 40).sf(ratio))
        squares = sum(freedom[one] * mean_squares[one] for one in freedom)
        excess = freedom[name] * (mean_squares[name] - mean_squares["rest"])
        assert found.share.value[k] == pytest.approx(excess / squares)
    chi = stats.chi2(40).ppf([0.975, 0.025])
    ends = [found.variances.low[-1], found.variances.high[-1]]
    np.testing.assert_allclose(ends, 40 * mean_squares["rest"] / chi)


def test_without_row_effects_the_mean_is_that_of_independent_entries():
    matrix = np.random.default_rng(3).standard_normal((6, 9))
    matrix -= matrix.mean(axis=1, keepdims=True)
    matrix -= matrix.mean(axis=0)
    matrix += 0.2
    found = mean_of(moments(matrix), LAYOUT)
    se = np.sqrt(np.sum((matrix - 0.2) ** 2) / 40 / 54)
    assert found.value == pytest.approx(0.2)
    assert found.p == pytest.approx(2 * stats.t(40).sf(0.2 / se))
    np.testing.assert_allclose([found.low, found.high], stats.t(40, loc=0.2, scale=se).interval(0.95))


@pytest.mark.parametrize("of_rows", [0.0, 1.2])
def test_intervals_cover_and_p_is_uniform_without_effects(of_rows):
    runs, at = 400, LAYOUT.moment_names.index("rows") - 1
    found = [two_way(moments(effects(run, of_rows)), LAYOUT) for run in range(runs)]
    covered = np.mean([one.mean.low <= 0 <= one.mean.high for one in found])
    of_rest = np.mean([one.variances.low[-1] <= 1 <= one.variances.high[-1] for one in found])
    assert 0.92 < of_rest < 0.98  # three binomial errors
    assert 0.917 < covered < 0.99  # three binomial errors; conservative where there are no effects
    rejected = np.mean([one.p[at] < 0.05 for one in found])
    low, high = (0.9, 1.0) if of_rows else (0.017, 0.083)
    assert low < rejected <= high


def test_the_mean_of_a_symmetric_matrix_whose_nodes_differ():
    """A node adds to a whole row and a whole column: the error of the mean is that of 2 / D times the sum of nodes."""
    layout = Symmetric(12, diagonal=False)
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(300):
        node, noise = rng.standard_normal(12), rng.standard_normal((12, 12))
        matrix = np.where(np.eye(12, dtype=bool), 0.0, noise + noise.T + node + node[:, None])
        found = mean_of(moments(matrix, layout), layout)
        covered.append(found.low <= 0 <= found.high)
    assert 0.91 < np.mean(covered) <= 0.99


def test_heavy_tails_leave_fewer_degrees_of_freedom_and_nothing_left_no_numbers():
    values = moments(effects(0, 0.0))
    plain, heavy = two_way(values, LAYOUT), two_way(values, LAYOUT, kurtosis=6.0)
    assert heavy.freedom[-1] == pytest.approx(plain.freedom[-1] / 4)
    assert heavy.variances.high[-1] > plain.variances.high[-1]
    np.testing.assert_array_equal(heavy.freedom[:-1], plain.freedom[:-1])
    constant = two_way(moments(np.full((6, 9), 2.0)), LAYOUT)
    assert constant.mean.value == pytest.approx(2.0)
    assert np.isnan([*constant.p, *constant.share.value, constant.mean.p]).all()
