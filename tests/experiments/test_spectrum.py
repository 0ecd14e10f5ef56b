"""The section on singular values: what it shows of given matrices and of runs, and says where there are none."""

import json

import numpy as np
import pytest

from analysis import Separate, Simultaneous
from analysis.recording import SpectraRecording
from analysis.show.spectra import draw_spectra
from experiments.report.content import Grid, Paragraph
from experiments.report.given import recording_of
from experiments.report.spectrum import FILE, Place, spectra_of, spectrum_part
from experiments.run.spectra import spectra_of_matrices


def given(stack: np.ndarray, *positions: int) -> SpectraRecording:
    return spectra_of_matrices([stack], list(positions), ["M"])


@pytest.fixture(scope="module")
def part():
    stack = np.random.default_rng(0).standard_normal((60, 8, 12)) + 0.7
    return spectrum_part(spectra_of([recording_of(stack, Separate(8, 12))], [given(stack[:, None], 0)]))


def test_the_outlier_of_a_mean_is_found_where_it_is_predicted(part):
    (grid,) = (shown for shown in part.section.content if isinstance(shown, Grid))
    (row,) = grid.rows
    cells = dict(zip(grid.header, map(str, row), strict=True))
    assert cells["layer"] == "M"
    assert "epoch" not in cells
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


def test_epochs_are_shown_in_order_and_what_is_missing_is_said():
    """The last of three epochs is known twice, the second only where matrices were kept."""
    stack = np.random.default_rng(1).standard_normal((4, 3, 3))
    one = recording_of(stack, Separate(3, 3))
    thrice = one._replace(
        epochs=np.array([0, 1, 5]),
        invariants=np.repeat(one.invariants, 3, axis=1),
        block_moments=np.repeat(one.block_moments, 3, axis=1),
        finite=np.array([[True, True, True]] * 3 + [[True, True, False]]),
    )
    recorded = given(np.stack([stack, 7 * stack], axis=1), 0, 2)
    kept = given(np.stack([3 * stack, 2 * stack], axis=1), 1, 2)
    spectra = spectra_of([thrice], [recorded, kept], simulate=False)
    assert list(spectra) == [Place("M", 0), Place("M", 1), Place("M", 5)]
    for (_, epoch), found in spectra.items():
        expected = {0: 1, 1: 3, 5: 2}[epoch] * np.linalg.svd(stack, compute_uv=False)
        np.testing.assert_allclose(found.singular, expected[: 3 if epoch == 5 else 4], rtol=1e-6)
        assert np.isnan(found.ranks.expected).all()
    *_, absent = spectrum_part(spectra, ["L0", "M", "L9"]).section.content
    assert isinstance(absent, Paragraph)
    assert absent.text.startswith("Singular values of L0, L9 were not recorded")
    (absent,) = spectrum_part({}, ["M"]).section.content
    assert isinstance(absent, Paragraph)
    assert absent.text.startswith("Singular values of M were not recorded")


def test_the_law_of_a_layer_is_that_of_the_first_recording_that_has_it():
    stack = np.random.default_rng(2).standard_normal((6, 4, 4))
    simultaneous, separate = recording_of(stack, Simultaneous(4)), recording_of(stack, Separate(4, 4))
    for recordings in ((simultaneous, separate), (separate, simultaneous)):
        (found,) = spectra_of(recordings, [given(stack[:, None], 0)], simulate=False).values()
        assert found.symmetry == recordings[0].symmetries[0]
