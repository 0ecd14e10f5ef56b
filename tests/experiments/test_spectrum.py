"""The section on singular values: what it shows of given matrices and of runs, and says where there are none."""

import json

import numpy as np
import pytest

from analysis import Separate
from analysis.show.spectra import draw_spectra
from experiments.report.content import Grid, Paragraph
from experiments.report.given import recording_of
from experiments.report.spectrum import FILE, Place, spectra_of, spectrum_part


@pytest.fixture(scope="module")
def part():
    stack = np.random.default_rng(0).standard_normal((60, 8, 12)) + 0.7
    return spectrum_part(spectra_of(recording_of(stack, Separate(8, 12)), [stack[:, None]]))


def test_the_outlier_of_a_mean_is_found_where_it_is_predicted(part):
    (grid,) = (shown for shown in part.section.content if isinstance(shown, Grid))
    (row,) = grid.rows
    cells = dict(zip(grid.header, map(str, row), strict=True))
    assert (cells["layer"], cells["epoch"]) == ("M", "0")
    assert float(cells["predicted outliers"]) == pytest.approx(float(cells["largest"]), rel=0.03)
    assert float(cells["above the bulk"]) == pytest.approx(1, abs=0.1)


def test_table_and_json_hold_the_same_numbers(part):
    (entry,) = json.loads(json.dumps(part.json[FILE]))
    assert set(entry["traces"]) == {"1", "2", "3"}
    assert entry["traces"]["1"]["z"] is None
    assert [row[2] for row in part.tables[FILE].rows] == [rank["observed"] for rank in entry["ranks"]]
    assert len(entry["ranks"]) == 8
    assert entry["radius"] is None


def test_the_figure_is_drawn_in_every_format(part):
    assert part.figures[FILE]["png"].startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="no spectrum to draw"):
        draw_spectra({})


def test_first_and_last_epochs_are_shown_and_what_is_missing_is_said():
    stack = np.random.default_rng(1).standard_normal((4, 3, 3))
    one = recording_of(stack, Separate(3, 3))
    twice = one._replace(
        epochs=np.array([0, 5]),
        invariants=np.repeat(one.invariants, 2, axis=1),
        block_moments=np.repeat(one.block_moments, 2, axis=1),
        finite=np.repeat(one.finite, 2, axis=1),
    )
    matrices = [np.stack([stack, 2 * stack], axis=1)]
    spectra = spectra_of(twice, matrices)
    assert list(spectra) == [Place("M", 0), Place("M", 5)]
    np.testing.assert_allclose(spectra[Place("M", 5)].singular, 2 * spectra[Place("M", 0)].singular, rtol=1e-12)
    absent = spectrum_part(spectra_of(one, None)).section.content
    assert isinstance(absent[0], Paragraph)
    assert "--save-weights" in absent[0].text
