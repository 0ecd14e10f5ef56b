"""Singular values of ensembles side by side: the numbers of each, and a sentence for those that have none."""

import json

import numpy as np
import pytest

from analysis import Separate
from analysis.inference.spectrum import recorded_spectrum
from analysis.model.singular_values import spectral_values
from experiments.report.comparing_spectra import NAME, compared_spectra_part
from experiments.report.content import Grid, Paragraph

STACKS = {
    "narrow": np.random.default_rng(0).standard_normal((30, 4, 8)) + 1,
    "one": np.random.default_rng(1).standard_normal((1, 6, 3)),
}


def spectrum_of(stack: np.ndarray):
    symmetry = Separate(*stack.shape[1:])
    moments = np.asarray(symmetry.block_moments(stack))
    return recorded_spectrum(spectral_values(stack), moments, symmetry, simulate=False)


@pytest.fixture(scope="module")
def part():
    spectra = {name: {"L0": spectrum_of(stack)} for name, stack in STACKS.items()}
    return compared_spectra_part({**spectra, "old": {}})


def test_the_table_has_the_numbers_of_each_ensemble(part):
    table = part.tables[NAME]
    for row, (name, stack) in zip(table.rows, STACKS.items(), strict=True):
        cells, largest = dict(zip(table.header, row, strict=True)), np.linalg.svd(stack, compute_uv=False)[:, 0]
        assert (cells["run"], cells["rows"], cells["columns"]) == (name, *stack.shape[1:])
        assert cells["members"] == len(stack)
        assert cells["largest"] == pytest.approx(largest.mean(), rel=1e-12)
        gram = stack @ np.swapaxes(stack, 1, 2)
        assert cells["mean_2"] == pytest.approx(np.trace(gram @ gram, axis1=1, axis2=2).mean(), rel=1e-12)
        error = largest.std(ddof=1) / np.sqrt(len(stack)) if len(stack) > 1 else np.inf
        assert cells["largest_se"] == pytest.approx(error)
    assert dict(zip(table.header, table.rows[0], strict=True))["outlier_1"] == pytest.approx(
        table.rows[0][table.header.index("largest")], rel=0.1
    )


def test_the_section_shows_them_and_says_of_which_there_are_none(part):
    (grid,) = (shown for shown in part.section.content if isinstance(shown, Grid))
    assert [row[:2] for row in grid.rows] == [("narrow", "L0\u00a0(4x8)"), ("one", "L0\u00a0(6x3)")]
    last = part.section.content[-1]
    assert isinstance(last, Paragraph)
    assert last.text == "Singular values are not recorded of old."
    entries = json.loads(json.dumps(part.json[NAME]))
    assert [(entry["run"], entry["layer"], entry["members"]) for entry in entries] == [
        ("narrow", "L0", 30),
        ("one", "L0", 1),
    ]
    assert part.figures[NAME]["png"].startswith(b"\x89PNG")


def test_the_figure_sets_the_largest_and_the_predicted_beside_the_name_of_each(part):
    (panel,) = json.loads(part.figures[NAME]["json"])["rows"][0]
    table = [dict(zip(part.tables[NAME].header, row, strict=True)) for row in part.tables[NAME].rows]
    assert panel["places"] == list(STACKS)
    largest, *predicted = panel["curves"]
    np.testing.assert_allclose(largest["y"], [row["largest"] / row["edge"] for row in table], rtol=1e-4)
    assert largest["se"] == [pytest.approx(table[0]["largest_se"] / table[0]["edge"], rel=1e-4), None]
    found = [
        (row[f"outlier_{k}"] / row["edge"], place)
        for k in (1, 2)
        for place, row in enumerate(table, start=1)
        if np.isfinite(row[f"outlier_{k}"])
    ]
    shown = [(y, round(x)) for curve in predicted for x, y in zip(curve["x"], curve["y"], strict=True)]
    np.testing.assert_allclose(shown, found, rtol=1e-4)


def test_where_none_has_any_a_sentence_says_so():
    part = compared_spectra_part({"old": {}, "older": {}})
    (absent,) = part.section.content
    assert isinstance(absent, Paragraph)
    assert "Of none of the ensembles singular values are recorded" in absent.text
    assert not part.tables
