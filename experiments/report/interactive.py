"""A chart as the JSON from which the page draws it: the numbers of the printed figure, with the digits that show."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from analysis.show.chart import Chart, Curve, Panel, frames, looks, plain
from analysis.symmetry import Symmetry
from experiments.report.content import drawn_graph
from experiments.report.sketch import sketch
from invariants import Graph

DIGITS = 5
"""Significant ones of a number on the page; the CSV file has all."""
MOST = 101
"""Points of a curve over epochs on the page: of a longer run every second one, or fewer; the CSV file has all."""


def chart_json(chart: Chart) -> str:
    """Rows of panels, each with its curves; graphs, by number, as small drawings."""
    graphs: dict[Graph, int] = {}
    rows = [[_panel(panel, graphs, looks(row), chart.epochs) for panel in row] for row in chart.rows]
    content = {
        "rows": rows,
        "share": chart.share,
        "label": chart.label,
        "frames": frames(chart),
        "graphs": [] if chart.symmetry is None else _drawings(chart.symmetry, graphs),
    }
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _drawings(symmetry: Symmetry, graphs: Iterable[Graph]) -> list[str]:
    drawn = (drawn_graph(symmetry, graph) for graph in graphs)
    return [sketch(one.graph, one.separate, one.directed) for one in drawn]


def _panel(panel: Panel, graphs: dict[Graph, int], look: Any, epochs: bool) -> dict[str, Any]:
    return {
        "title": plain(panel.title),
        "x": plain(panel.x_label) or ("epoch" if epochs else ""),
        "y": plain(panel.y_label).replace("\n", ", "),
        "level": panel.level,
        "linear": panel.linear,
        "floor": panel.floor,
        "ceiling": panel.ceiling,
        "sizes": panel.sizes,
        "places": panel.places,
        "curves": [_curve(curve, graphs, epochs) | look[curve.name]._asdict() for curve in panel.curves],
        "bands": [
            {"x": _short(band.x, epochs), "low": _short(band.low, epochs), "high": _short(band.high, epochs)}
            | {"frame": band.frame}
            for band in panel.bands
        ],
    }


def _curve(curve: Curve, graphs: dict[Graph, int], epochs: bool) -> dict[str, Any]:
    numbers = {name: getattr(curve, name) for name in ("x", "y", "low", "high", "se", "q")}
    known = {name: _short(values, epochs) for name, values in numbers.items() if values is not None}
    some = curve.graphs or (() if curve.graph is None else (curve.graph,))
    return {
        "name": curve.name,
        "mark": curve.mark,
        "frame": curve.frame,
        "graphs": [graphs.setdefault(graph, len(graphs)) for graph in some],
        "points": curve.points,
        "within": [] if curve.within_chance is None else curve.within_chance.astype(int).tolist(),
        **known,
    }


def _short(values: np.ndarray, epochs: bool) -> list[float | int | None]:
    """With the digits that show; None where a number is not available."""
    step = -(-len(values) // MOST) if epochs else 1
    kept = sorted({*range(0, len(values), step), len(values) - 1}) if len(values) else []
    return [_number(float(value)) for value in values[kept]]


def _number(value: float) -> float | int | None:
    if not np.isfinite(value):
        return None
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 1e6 else short
