"""Charts: one structure of numbers for the printed figure, the page and the CSV file."""

import json

import numpy as np
import pytest

from analysis.show.chart import Band, Chart, Curve, Panel, frames, looks, plain, points, series
from analysis.show.cumulants import draw_patterns
from analysis.show.figures import FIGURES, draw
from analysis.show.painting import painted
from experiments.report.interactive import MOST, chart_json
from tests.synthetic import synthetic

X = np.arange(3.0)


def curves_of(chart: Chart) -> list[Curve]:
    return [curve for row in chart.rows for panel in row for curve in panel.curves]


@pytest.mark.parametrize("name", FIGURES)
def test_page_csv_and_printed_figure_have_the_same_numbers(name):
    chart = draw(synthetic(epochs=4, layers=2, members=20), name)
    assert isinstance(chart, Chart)
    curves = curves_of(chart)
    shown = [curve for row in json.loads(chart_json(chart))["rows"] for panel in row for curve in panel["curves"]]
    assert [curve["name"] for curve in shown] == [curve.name for curve in curves]
    for curve, known in zip(curves, shown, strict=True):
        for field in ("x", "y", "low", "high", "se", "q"):
            values = getattr(curve, field)
            assert (field in known) == (values is not None)
            if values is not None:
                np.testing.assert_allclose(np.array(known[field], float), values, rtol=1e-4)
    table, expected = points(chart), np.concatenate([curve.y for curve in curves])
    np.testing.assert_array_equal([row[table.header.index("y")] for row in table.rows], expected)
    lines = [line for ax in painted(chart).axes for line in ax.get_lines()]
    drawn = [line.get_xdata() if name == "changes" else line.get_ydata() for line in lines]
    for curve in curves:
        assert any(np.array_equal(np.asarray(line), curve.y) for line in drawn)


def test_curves_of_one_name_look_alike_in_a_row_and_those_of_two_names_do_not():
    names = [f"curve {k}" for k in range(20)]
    row = tuple(Panel(series(X, np.zeros((3, 20 - k)), names[k:])) for k in range(2))
    look = looks(row)
    assert list(look) == names
    assert len(set(look.values())) == len(names)


def test_intervals_are_those_of_the_standard_errors_or_left_out():
    values, se = np.ones((3, 1)), np.full((3, 1), 0.5)
    (curve,) = series(X, values, ["a"], se)
    assert curve.low is not None
    assert curve.high is not None
    np.testing.assert_allclose([curve.low, curve.high], [1 - 0.98 * np.ones(3), 1 + 0.98 * np.ones(3)])
    (curve,) = series(X, values, ["a"], se, intervals=False)
    assert (curve.low, curve.high) == (None, None)
    np.testing.assert_array_equal(curve.se, se[:, 0])


def test_a_slider_goes_through_the_epochs_and_the_last_is_printed():
    t = synthetic(epochs=3, layers=1, members=20)
    chart = draw_patterns(t)
    assert frames(chart) == ("epoch 0", "epoch 1", "epoch 2")
    assert {curve.frame for curve in curves_of(chart) if curve.printed} == {"epoch 2"}
    for curve in curves_of(chart):
        e = frames(chart).index(curve.frame)
        for graph, value in zip(curve.graphs, curve.y, strict=True):
            assert t.standardised[e, 0, t.symmetry.patterns.index(graph)] == value


def test_dots_beside_names_run_down_and_are_open_within_chance():
    within, names = np.array([False, True, False]), ("a", "$b", "c")
    curve = Curve("dots", 1 + X, np.array([3.0, 2.0, 5.0]), X, 2 * X, within_chance=within, mark="dots")
    panel = Panel((curve,), x_label="name", y_label="value", level=1.0, floor=0.0, ceiling=6.0, places=names)
    chart = Chart(((panel, panel),), (4.0, 3.0), "all", epochs=False)
    left, right = painted(chart).axes
    _, full, opened = left.get_lines()
    np.testing.assert_array_equal(full.get_xydata(), [[3, 1], [2, 2], [5, 3]])
    np.testing.assert_array_equal(opened.get_xydata(), [[2, 2]])
    assert opened.get_markerfacecolor() == "white"
    assert (left.get_xlabel(), left.get_xlim(), left.get_ylim()) == ("value", (0.0, 6.0), (3.5, 0.5))
    assert [label.get_text() for label in left.get_yticklabels()] == ["a", r"\$b", "c"]
    assert not right.yaxis.get_tick_params()["labelleft"]
    assert [row[points(chart).header.index("point")] for row in points(chart).rows] == [*names] * 2
    (shown, _) = json.loads(chart_json(chart))["rows"][0]
    assert shown["places"] == list(names)
    assert shown["curves"][0]["within"] == [0, 1, 0]


def test_numbers_that_are_not_available_are_null_on_the_page_and_empty_in_the_file():
    missing = np.array([1.0, np.nan, np.inf])
    chart = Chart(((Panel((Curve("a", X, missing),), bands=(Band(X, X, missing),)),),), (2, 2))
    (panel,) = json.loads(chart_json(chart))["rows"][0]
    assert panel["curves"][0]["y"] == panel["bands"][0]["high"] == [1, None, None]
    assert points(chart).csv().splitlines()[2].startswith(",a,,1.0,,")


def test_a_page_shows_every_second_epoch_of_a_long_run_and_always_the_last():
    x = np.arange(150.0)
    chart = Chart(((Panel((Curve("a", x, x),)),),), (2, 2))
    shown = json.loads(chart_json(chart))["rows"][0][0]["curves"][0]["x"]
    assert shown == [*range(0, 150, 2), 149]
    assert len(shown) <= MOST
    assert len(points(chart).rows) == 150


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"$W_2 / \sqrt{mn}$ (weight units)", "W₂ / √(mn) (weight units)"),
        (r"quantile of $\chi^2$", "quantile of χ²"),
        (r"covariance on $V_H \otimes H_n$", "covariance on V_H ⊗ H_n"),
        ("$f_{10}$ (rd)", "f₁₀ (rd)"),
        ("L1 (10 × 10)", "L1 (10 × 10)"),
    ],
)
def test_latex_becomes_text(latex, text):
    assert plain(latex) == text


def test_frames_are_in_order_where_a_panel_has_only_some():
    panels = [
        Panel(tuple(Curve("a", np.zeros(1), np.zeros(1), frame=f"epoch {e}") for e in epochs), "", "", "")
        for epochs in ((0, 20), (0, 1, 10, 20))
    ]
    assert frames(Chart((tuple(panels),), (4.0, 3.0))) == ("epoch 0", "epoch 1", "epoch 10", "epoch 20")
