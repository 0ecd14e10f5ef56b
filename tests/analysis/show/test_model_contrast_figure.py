"""The figure of two models compared has the numbers of their table."""

import numpy as np
import pytest

from analysis.show.model_contrast_figure import draw_contrast
from analysis.show.model_contrast_table import contrast_table
from analysis.show.painting import painted
from analysis.weights.model_contrast import ModelContrast, contrast_weights


@pytest.fixture(scope="module")
def found() -> ModelContrast:
    rng = np.random.default_rng(0)
    first = {f"{k}.{name}": rng.normal(size=(5, 4)) for k in range(9) for name in ("moved", "still")}
    second = {name: matrix + 2.0 * ("moved" in name) for name, matrix in first.items()}
    return contrast_weights(first, second)


def test_distances_are_those_of_the_table_and_open_where_laws_are_not_apart(found):
    (laws, pairs) = draw_contrast(found).rows[0]
    distance, chance, moved = (*laws.curves, *pairs.curves)
    columns = dict(zip(contrast_table(found).header, zip(*contrast_table(found).rows, strict=True), strict=True))
    shown = {"w2": distance.y, "se": distance.se, "q": distance.q, "null": chance.y, "moved": moved.y}
    for name, values in shown.items():
        np.testing.assert_allclose(values, columns[name], rtol=1e-12)
    assert [name.split("  ")[0] for name in laws.places] == list(columns["group"]) == ["*.moved", "*.still"]
    assert distance.within_chance is not None
    assert distance.within_chance.tolist() == [False, True]
    assert len(painted(draw_contrast(found)).axes) == 2


def test_groups_without_pairs_have_no_move(found):
    apart = found._replace(rows=tuple(row._replace(pairs=None) for row in found.rows))
    ((laws,),) = draw_contrast(apart).rows
    assert [curve.name for curve in laws.curves] == ["distance", "by chance"]
