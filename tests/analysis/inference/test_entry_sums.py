"""Sums over the entries of one matrix, in blocks of rows: against whole matrices and the symmetry's own projections."""

import numpy as np
import pytest

from analysis import Separate, Symmetric
from analysis.inference.entry_sums import counted, effects_of, entry_count, entry_sums, moments_of, row_blocks

LAYOUTS = (
    *(Separate(5, 7), Separate(9, 4), Separate(2, 2)),
    *(Symmetric(6, diagonal=False), Symmetric(3, diagonal=False), Symmetric(2, diagonal=False)),
)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr("analysis.inference.entry_sums.BLOCK", 23)


def drawn(layout) -> tuple[np.ndarray, np.ndarray]:
    """A matrix, with a diagonal that does not count where it is symmetric; and the same without."""
    matrix = np.random.default_rng(0).standard_normal(layout.shapes[0]) + 0.3
    if layout.name == "symmetric":
        matrix += matrix.T
        return matrix, np.where(np.eye(len(matrix), dtype=bool), 0.0, matrix)
    return matrix, matrix


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_sums_moments_and_effects_are_those_of_the_whole_matrix(layout):
    matrix, without = drawn(layout)
    first, second = entry_sums(matrix, layout, [lambda block, at: block, lambda block, at: block**2 + 1])
    np.testing.assert_allclose(first.rows, without.sum(axis=1))
    np.testing.assert_allclose(first.columns, without.sum(axis=0))
    assert first.squares == pytest.approx(np.sum(without**2))
    assert second.total == pytest.approx(np.sum(without**2) + entry_count(layout))
    np.testing.assert_allclose(moments_of(first, layout), layout.block_moments(without[None])[0], atol=1e-12)
    rows, columns = effects_of(first, layout)
    rest = counted(matrix - rows[:, None] - columns, slice(0, len(matrix)), layout)
    np.testing.assert_allclose(rest, layout.project(without[None])[-1].reshape(matrix.shape), atol=1e-12)


def test_blocks_are_all_rows_in_order_in_double_precision():
    matrix = np.arange(40, dtype=np.float32).reshape(10, 4)
    places, blocks = zip(*row_blocks(matrix), strict=True)
    assert [at.start for at in places] == [0, 5]
    assert all(block.dtype == np.float64 for block in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks), matrix)
