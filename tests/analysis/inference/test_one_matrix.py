"""What one matrix allows: against plain sums over the whole matrix, other ways to the same law, and simulation."""

import numpy as np
import pytest
from scipy import stats

from analysis import Separate, Simultaneous, Symmetric, cumulants, one_matrix
from analysis.inference.cumulants import Estimates
from analysis.inference.one_matrix import FEW, UNKNOWN, LargestSingular, OneMatrix, _normal_rest, with_cumulants
from analysis.inference.two_way import mean_of, two_way
from analysis.symmetry.choice import single_with_symmetry
from invariants import Graph

ENTRY = Graph(((0, 1),) * 4)


@pytest.fixture(autouse=True)
def _small_blocks_and_few_draws(monkeypatch):
    monkeypatch.setattr("analysis.inference.entry_sums.BLOCK", 50)
    monkeypatch.setattr("analysis.inference.one_matrix.DRAWS", 499)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def symmetric(dim: int, seed: int = 0) -> np.ndarray:
    matrix = normal(dim, dim, seed=seed)
    return matrix + matrix.T


def spectrum_of(found: OneMatrix) -> LargestSingular:
    assert found.spectrum is not None
    return found.spectrum


def moments(matrix: np.ndarray, layout) -> np.ndarray:
    return np.asarray(layout.block_moments(matrix[None]))[0]


def test_skewness_and_kurtosis_are_those_of_the_entries_with_intervals_of_what_each_adds():
    matrix = np.random.default_rng(1).exponential(size=(7, 11)) + 3
    found, layout = one_matrix(matrix), Separate(7, 11)
    u = (matrix - matrix.mean()) / matrix.std()
    g, k = stats.skew(matrix.ravel()), stats.kurtosis(matrix.ravel())
    expected = (
        mean_of(moments(u**3 - 3 * u - 1.5 * g * (u**2 - 1), layout), layout),
        mean_of(moments(u**4 - 3 - 4 * g * u - 2 * (k + 3) * (u**2 - 1), layout), layout),
    )
    assert found.skewness.value == pytest.approx(g)
    assert found.kurtosis.value == pytest.approx(k)
    np.testing.assert_allclose([found.skewness, found.kurtosis], expected)


def test_of_many_entries_the_intervals_are_those_of_a_leave_one_out_error():
    matrix = np.random.default_rng(2).exponential(size=(50, 60))
    found = one_matrix(matrix)
    flat = matrix.ravel()
    for statistic, interval in ((stats.skew, found.skewness), (stats.kurtosis, found.kurtosis)):
        groups = np.arange(len(flat)) % 100  # a hundredth of the entries at a time
        without = np.array([statistic(flat[groups != k]) for k in range(100)])
        se = np.sqrt(99 / 100 * np.sum((without - without.mean()) ** 2))
        assert (interval.high - interval.low) / 3.92 == pytest.approx(se, rel=0.3)


@pytest.mark.parametrize("shape", [(7, 11), (11, 7), (2, 5)])
def test_singular_values_and_variances_are_those_of_what_remains(shape):
    matrix = normal(*shape, seed=3) + 2
    found, layout = one_matrix(matrix), Separate(*shape)
    rest = matrix - matrix.mean(axis=0) - matrix.mean(axis=1, keepdims=True) + matrix.mean()
    singular = np.linalg.svd(rest, compute_uv=False)
    np.testing.assert_allclose(spectrum_of(found).singular[:-1], singular[:-1], rtol=1e-7)
    assert spectrum_of(found).bulk.variance == pytest.approx(np.sum(rest**2) / ((shape[0] - 1) * (shape[1] - 1)))
    heavy = stats.kurtosis(rest.ravel())
    expected = two_way(moments(matrix, layout), layout, heavy)
    np.testing.assert_allclose(found.two_way.variances, expected.variances)
    np.testing.assert_allclose(found.two_way.p, expected.p)
    np.testing.assert_allclose(found.two_way.mean, expected.mean)


def test_cumulants_are_those_of_an_ensemble_of_one():
    matrix = normal(6, 7, seed=4)
    found = one_matrix(matrix)
    one = cumulants(matrix[None], 4)
    at = found.symmetry.pattern_names.index("0-0,0-0,0-0,0-0")
    graph = next(graph for graph in one if graph == found.symmetry.canonical(ENTRY))
    assert found.cumulants.p[at] == pytest.approx(one[graph].p)
    assert found.kurtosis.value == pytest.approx(found.cumulants.standardised[at], rel=1e-6)
    assert found.status == f"{UNKNOWN}; {FEW}"
    assert one_matrix(normal(10, 10)).status == UNKNOWN


def test_a_symmetric_matrix_is_one_of_nodes_without_its_diagonal():
    matrix = symmetric(9)
    found = one_matrix(matrix)
    assert found.symmetry == Symmetric(9)
    assert found.layout == Symmetric(9, diagonal=False)
    above = matrix[np.triu_indices(9, 1)]
    assert found.skewness.value == pytest.approx(stats.skew(above))
    assert found.kurtosis.value == pytest.approx(stats.kurtosis(above))
    moved = one_matrix(matrix + np.diag(normal(9, seed=5)))
    np.testing.assert_allclose(spectrum_of(moved).singular, spectrum_of(found).singular)
    # 9 nodes have 36 entries, and their sums leave 27 free, each of which counts twice among the squares.
    assert spectrum_of(found).bulk.variance == pytest.approx(np.sum(spectrum_of(found).singular ** 2) / (2 * 27))


def test_correlations_have_no_diagonal():
    correlations = np.corrcoef(normal(8, 30, seed=6))
    matrix, symmetry = single_with_symmetry(correlations)
    assert symmetry == Symmetric(8, diagonal=False)
    np.testing.assert_array_equal(matrix, np.where(np.eye(8, dtype=bool), 0.0, correlations))
    assert np.isfinite(one_matrix(correlations).cumulants.p).all()
    square = normal(70, 70, seed=7)
    square[:64, :64] += square[:64, :64].T
    assert single_with_symmetry(square)[1] == Separate(70, 70)


@pytest.mark.parametrize(("p", "q"), [(3, 8), (6, 6)])
def test_triangles_have_the_singular_values_of_normal_matrices(p, q):
    generator = np.random.default_rng(11)
    squares = np.linalg.svd(_normal_rest(Separate(q + 1, p + 1), 4000, generator), compute_uv=False) ** 2
    plain = np.linalg.svd(generator.standard_normal((4000, p, q)), compute_uv=False) ** 2
    for rank in (0, -1):
        far = stats.kstest(squares[:, rank], plain[:, rank])
        assert float(far.pvalue) > 0.001


@pytest.mark.parametrize("size", [12, 60], ids=["simulated", "by the limit"])
@pytest.mark.parametrize("symmetric", [False, True])
def test_p_of_the_largest_singular_value_is_uniform_and_small_for_a_planted_one(size, symmetric, monkeypatch):
    monkeypatch.setattr("analysis.inference.entry_sums.BLOCK", 1 << 13)
    generator = np.random.default_rng(size)
    symmetry = Symmetric(size, diagonal=False) if symmetric else Separate(size, size + 5)
    unknown = Estimates(*[np.full(len(symmetry.patterns), np.nan)] * len(Estimates._fields))

    def largest(signal: float) -> LargestSingular:
        matrix = symmetry.standard_normal(generator, 1)[0]
        first, second = (generator.standard_normal(side) for side in symmetry.shapes[0])
        matrix += signal * np.outer(first, first if symmetric else second)
        return spectrum_of(with_cumulants(matrix, symmetry, unknown))

    p = np.array([largest(0.0).p for _ in range(200)])
    assert abs(np.mean(p) - 0.5) < 0.08  # four standard errors
    assert np.mean(p < 0.05) < 0.12
    assert largest(1.0).p < 0.01
    assert largest(1.0).above >= 1


def test_what_is_not_known_is_nan():
    constant = one_matrix(np.full((4, 5), 3.0))
    assert constant.two_way.mean.value == 3.0
    assert np.isnan([*constant.skewness, *constant.kurtosis, spectrum_of(constant).p]).all()
    two = one_matrix(symmetric(2))
    assert np.isnan(spectrum_of(two).p)
    assert np.isfinite(one_matrix(normal(2, 2)).kurtosis.high)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones((2, 3, 4)), r"matrix of shape \(2, 3, 4\): give a single one, with at least 2 rows and 2 columns"),
        (np.ones((1, 5)), "give a single one"),
        (np.array([[1.0, np.nan], [np.inf, 2.0]]), "2 entries are not finite"),
    ],
)
def test_mistakes(matrix, message):
    with pytest.raises(ValueError, match=message):
        one_matrix(matrix)


def test_another_symmetry_may_be_asked_for():
    found = one_matrix(normal(1, 6, 6), Simultaneous(6))
    assert len(found.q) == len(Simultaneous(6).patterns)
    assert found.layout == Separate(6, 6)


def test_rounding_errors_are_no_variance():
    constant, rng = one_matrix(np.full((33, 29), 0.3)), np.random.default_rng(4)
    additive = one_matrix(rng.standard_normal((20, 1)) + rng.standard_normal(15))
    assert np.isnan([constant.skewness.value, constant.kurtosis.value]).all()
    for one in (constant, additive):
        assert one.spectrum is not None
        assert (np.isnan(one.spectrum.p), one.spectrum.above) == (True, 0)
