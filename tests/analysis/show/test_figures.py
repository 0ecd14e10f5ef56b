"""Figures: panels, curves, labels and limits, for whole runs and for the smallest ones."""

import ast
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.show.drawing import Figure, render, smaller
from analysis.show.figures import FIGURES, available
from analysis.show.figures import draw as chart
from analysis.show.painting import painted
from analysis.show.style import invariant_labels
from analysis.show.style import panels as groups_of
from analysis.statistics import initial_deviation, normalised_change
from tests.synthetic import synthetic, with_diverged_members

SOURCES = Path(__file__).resolve().parents[3]


def draw(t, name) -> Figure:
    """The printed figure."""
    return painted(chart(t, name))


def solid_curves(ax):
    """The curves that carry a legend entry."""
    return [line for line in ax.get_lines() if not str(line.get_label()).startswith("_")]


def test_matplotlib_is_imported_in_one_file_only_and_never_through_its_global_state():
    importers = {}
    for package in ("analysis", "ensemble", "experiments", "invariants"):
        for path in (SOURCES / package).rglob("*.py"):
            nodes = ast.walk(ast.parse(path.read_text()))
            names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
            nodes = ast.walk(ast.parse(path.read_text()))
            names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
            if found := [name for name in names if name.split(".")[0] == "matplotlib"]:
                importers[path.name] = found
    assert list(importers) == ["drawing.py"]
    assert not any("pyplot" in name for name in importers["drawing.py"])


def test_initial_deviations_draw_thirteen_labelled_curves_a_layer():
    t = synthetic(epochs=20)
    panels = draw(t, "initial_deviations").axes
    assert [ax.get_title().split() for ax in panels] == [[layer, "(10", "×", "10)"] for layer in t.layers]
    for layer, ax in enumerate(panels):
        drawn = np.stack([np.asarray(line.get_ydata()) for line in solid_curves(ax)], axis=-1)
        np.testing.assert_array_equal(drawn, initial_deviation(t)[:, layer])
    assert [line.get_label() for line in solid_curves(panels[0])] == invariant_labels(t, t.low)


def test_deviations_show_each_of_the_39_once_a_layer_at_most_ten_a_panel_on_one_scale():
    t = synthetic(epochs=20)
    figure = draw(t, "deviations")
    grid = np.array(figure.axes).reshape(5, 3)
    for layer, column in enumerate(grid.T):
        curves = [line for ax in column for line in solid_curves(ax)]
        assert [line.get_label() for line in curves] == invariant_labels(t, t.high)
        for k, line in enumerate(curves):
            np.testing.assert_array_equal(line.get_ydata(), t.deviation[:, layer, k])
    assert max(len(solid_curves(ax)) for ax in grid.flat) == 10
    assert len({ax.get_ylim() for ax in grid.flat}) == 1
    bottom, top = grid[0, 0].get_ylim()
    assert bottom == 0
    assert top > t.deviation.max()


def test_the_band_of_deviations_is_what_95_percent_of_the_least_certain_stay_below():
    t = synthetic(epochs=5)
    t.deviation_chance[2, 1, 3] = np.nan
    for row, members in zip(chart(t, "deviations").rows, groups_of(t.symmetry).values(), strict=True):
        for layer, panel in enumerate(row):
            expected = np.nanmax(t.deviation_chance[:, layer, members], axis=-1)
            np.testing.assert_array_equal(panel.bands[0].high, expected)


def test_curves_of_a_panel_differ_in_colour_or_line_style():
    ax = draw(synthetic(epochs=20), "deviations").axes[0]
    assert len({(line.get_color(), line.get_linestyle()) for line in solid_curves(ax)}) == 10


def test_changes_are_dots_beside_their_invariants_and_open_where_they_are_noise():
    t = synthetic(epochs=20)
    t.deviation[[0, -1], :, 0] = 1e-6
    (row,) = chart(t, "changes").rows
    for panel, expected in zip(row, normalised_change(t), strict=True):
        np.testing.assert_array_equal(np.concatenate([curve.y for curve in panel.curves]), expected)
        assert [graph for curve in panel.curves for graph in curve.graphs] == list(t.graphs[t.high])
    assert row[0].curves[0].within_chance is not None
    assert row[0].curves[0].within_chance[:2].tolist() == [True, False]
    names = [tick.get_text() for tick in draw(t, "changes").axes[0].get_yticklabels()]
    assert names == list(t.names[t.high])


@pytest.mark.parametrize(("complete", "nulls"), [(True, 3), (False, 0)])
def test_wasserstein_draws_null_levels_only_where_they_are_known(complete, nulls):
    t = synthetic(epochs=20, complete=complete)
    (ax,) = draw(t, "wasserstein").axes
    assert len(solid_curves(ax)) == 3
    assert len(ax.get_lines()) == 3 + nulls


def test_parameters_fill_a_grid_of_blocks_and_layers():
    t = synthetic(epochs=20, layers=2)
    grid = np.array(draw(t, "parameters").axes).reshape(4, 2)
    drawn = [np.asarray(line.get_ydata()) for ax in grid[:, 1] for line in solid_curves(ax)]
    np.testing.assert_array_equal(np.stack(drawn, axis=-1), t.parameters[:, 1])


def test_training_draws_the_median_over_finite_members():
    t = with_diverged_members(synthetic(epochs=20, members=31), 4)
    assert t.training is not None
    accuracy, loss = draw(t, "training").axes
    (line,) = solid_curves(accuracy)
    assert np.asarray(line.get_ydata())[-1] == np.median(t.training.test_accuracy[4:, -1])
    assert [line.get_label() for line in solid_curves(loss)] == ["test", "training"]


SHAPES = {
    "two snapshots, one layer": synthetic(epochs=2, layers=1, members=20, complete=False),
    "three snapshots, one member": synthetic(epochs=3, layers=1, members=1),
    "diverged members": with_diverged_members(synthetic(epochs=13, layers=2, members=10), 3),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FIGURES)
def test_figures_of_every_shape_have_axis_labels_and_render(shape, name):
    figure = draw(SHAPES[shape], name)
    assert render(figure, "png").startswith(b"\x89PNG")
    assert figure.axes[-1].get_xlabel() == ("normalised change" if name == "changes" else "epoch")
    assert figure.axes[0].get_ylabel() or name == "changes"


def test_available_names_the_figures_that_would_not_be_empty():
    t = synthetic(epochs=3)
    assert available(t) == tuple(FIGURES)
    lost = replace(t, w2=np.full_like(t.w2, np.nan), expected_initial=np.full_like(t.expected_initial, np.nan))
    assert set(FIGURES) - set(available(lost)) == {"wasserstein", "initial_deviations"}
    assert available(synthetic(epochs=1)) == ("deviations", "parameters")


@pytest.mark.parametrize("members", [1, 20])
def test_an_ensemble_without_epochs_is_drawn_by_number(members):
    t = synthetic(epochs=1, layers=2, members=members)
    (row,) = chart(t, "deviations").rows
    for layer, panel in enumerate(row):
        numbers, values = (np.concatenate([getattr(curve, axis) for curve in panel.curves]) for axis in "xy")
        np.testing.assert_array_equal(numbers, np.arange(14, 53))
        np.testing.assert_array_equal(values, t.deviation[0, layer])
    for layer, panels in enumerate(chart(t, "parameters").rows):
        names = [name for panel in panels for curve in panel.curves for name in curve.points]
        assert names == list(t.symmetry.parameter_names)
        values = np.concatenate([curve.y for panel in panels for curve in panel.curves])
        np.testing.assert_array_equal(values, t.parameters[0, layer])
    for name in available(t):
        figure = draw(t, name)
        assert "epoch" not in {ax.get_xlabel() for ax in figure.axes}
        assert render(figure, "png").startswith(b"\x89PNG")


def test_files_are_reproducible_and_pdf_text_stays_text():
    t = synthetic(epochs=3, layers=1)
    for kind in ("pdf", "svg", "png"):
        assert render(draw(t, "wasserstein"), kind) == render(draw(t, "wasserstein"), kind)
    pdf = render(draw(t, "wasserstein"), "pdf")
    assert b"/Type0" in pdf, "fonts of type 42 are embedded as composite fonts"
    assert b"/Type3" not in pdf, "fonts of type 3 are refused by some journals"


def test_the_picture_of_a_page_is_that_of_the_file():
    png = render(draw(synthetic(epochs=3, layers=1), "wasserstein"), "png")
    webp = smaller(png)
    assert len(webp) < 0.8 * len(png)
    first, second = (np.asarray(Image.open(io.BytesIO(one)).convert("RGB")) for one in (png, webp))
    np.testing.assert_array_equal(first, second)


def test_an_unknown_figure_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'histogram': choose one of training"):
        draw(synthetic(epochs=2), "histogram")
