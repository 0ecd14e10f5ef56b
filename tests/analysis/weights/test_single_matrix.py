"""Groups of one matrix: what they say is what `one_matrix` says, and nothing is told of what is only chance."""

import numpy as np
import pytest

from analysis import Separate, Symmetric, one_matrix
from analysis.show.weights_table import groups_table, study_entry
from analysis.weights.group_study import GroupStudy
from analysis.weights.model_study import study_weights
from analysis.weights.traits import NAMES

SHAPE = (18, 25)
SIDE = 14
"""Of symmetric matrices, one for all: each size is compiled anew."""


def row_of(matrix: np.ndarray) -> GroupStudy:
    (row,) = study_weights({"w": matrix}).rows
    return row


def told(row: GroupStudy) -> str:
    return "; ".join(finding.text for finding in row.findings)


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape or SHAPE)


@pytest.mark.parametrize("kind", ["separate", "symmetric", "correlations"])
def test_the_row_has_the_numbers_of_one_matrix(kind):
    matrix = {
        "separate": normal(0) + 5,
        "symmetric": normal(0, SIDE, SIDE) + normal(0, SIDE, SIDE).T,
        "correlations": np.corrcoef(normal(0, 9, 30)),
    }[kind]
    row, expected = row_of(matrix.astype(np.float32).astype(np.float64)), one_matrix(matrix)
    found, outliers = row.one, row.outliers
    assert found is not None
    assert outliers is not None
    assert expected.spectrum is not None
    assert found.symmetry == expected.symmetry == row.statistics.symmetry
    for name in ("skewness", "kurtosis", "q"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-3, atol=1e-4)
    for name in ("variances", "share", "p", "mean"):
        np.testing.assert_allclose(getattr(found.two_way, name), getattr(expected.two_way, name), rtol=1e-3, atol=1e-4)
    assert row.largest_p == pytest.approx(expected.spectrum.p, rel=1e-3)
    assert outliers.count == [expected.spectrum.above]
    assert row.status == expected.status
    at = NAMES.index("kurtosis")
    reach = (expected.kurtosis.high - expected.kurtosis.low) / 2
    assert 1.96 * row.traits.se[at] == pytest.approx(reach, rel=1e-3)
    assert row.traits.p[at] == pytest.approx(expected.kurtosis.p, rel=1e-3)


def test_shares_of_rows_and_columns_are_the_traits_of_means():
    matrix = normal(1) + normal(2, 18, 1)
    row = row_of(matrix)
    way = one_matrix(matrix).two_way
    for side in ("rows", "columns"):
        at, k = NAMES.index(f"{side[:-1]} means"), way.names.index(side)
        assert row.traits.value[at] == pytest.approx(way.share.value[k])
        assert row.traits.p[at] == pytest.approx(way.p[k])
    assert "outputs (rows) differ in their mean weight" in told(row)
    assert row.accepted == "bipartite"


def test_nodes_of_a_symmetric_matrix_that_differ_are_told_as_nodes():
    noise, node = normal(3, SIDE, SIDE), 1.5 * normal(4, SIDE)
    row = row_of(noise + noise.T + node + node[:, None])
    assert told(row).startswith("nodes differ in their mean weight")
    assert "rows" not in told(row)
    assert np.isnan(row.traits.value[NAMES.index("column means")])


def test_a_planted_direction_is_told_and_chance_is_not():
    spiked = row_of(normal(5) + 1.5 * np.outer(normal(6, 18), normal(7, 25)))
    assert "1 of 18 singular values of a matrix exceed those of independent entries" in told(spiked)
    assert spiked.largest_q < 0.05
    rare = row_of(normal(38))  # one of 25 matrices has so large a singular value, but many things were looked at
    assert rare.largest_p < 0.05 < rare.largest_q
    assert rare.outliers is not None
    assert rare.outliers.count == [1]
    assert "singular" not in told(rare)
    plain = [row_of(normal(seed)) for seed in range(20, 30)]
    assert sum(bool(row.findings) for row in plain) <= 3  # 0.1 % of the time more, at 5 % a matrix


def test_heavy_tails_have_the_errors_of_heavy_tails():
    """The error of Gaussian entries would call the skewness of a symmetric law clear."""
    row = row_of(np.random.default_rng(8).standard_t(3, SHAPE))
    at = NAMES.index("kurtosis")
    assert "heavy tails" in told(row)
    assert row.traits.se[at] > 5 * np.sqrt(24 / np.prod(SHAPE))


def test_rows_of_several_symmetries_are_one_table():
    study = study_weights(
        {"a": normal(9), "b": normal(10, SIDE, SIDE) + normal(10, SIDE, SIDE).T, "c": normal(11, 3, 6, 5)}
    )
    table = groups_table(study)
    assert {len(row) for row in table.rows} == {len(table.header)}
    by_name = {row[0]: dict(zip(table.header, row, strict=True)) for row in table.rows}
    assert np.isnan(by_name["a"]["h11"])
    assert float(by_name["b"]["h11"]) > 0
    assert np.isnan(by_name["b"]["vE"])
    assert np.isnan(by_name["c"]["largest_p"])
    entries = {entry["name"]: entry for entry in study_entry(study)["groups"]}
    assert entries["c"]["one_matrix"] is None
    assert set(entries["a"]["one_matrix"]["shares"]) == {"rows", "columns"}
    assert "need several members" in repr(study)


def test_the_symmetry_of_a_group_of_one():
    assert row_of(normal(12, 8, 8)).statistics.symmetry == Separate(8, 8)
    graph = np.triu(np.random.default_rng(13).integers(0, 2, (8, 8)), 1).astype(float)
    assert row_of(graph + graph.T).statistics.symmetry == Symmetric(8, diagonal=False)
