"""A chart as a printed figure."""

from collections.abc import Mapping
from math import lcm
from typing import Any

import numpy as np

from analysis.show.chart import Chart, Curve, Look, Panel, looks
from analysis.show.drawing import Axes, Figure, epoch_ticks, interval, laid_out, legend, symlog, symlog_across
from analysis.show.style import FEW, NOISE

DOTS: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 4}
OPEN: dict[str, Any] = {"markerfacecolor": "white", "label": None}
CHANCE = (0, (1, 3))
"""The dashes of what shows by chance, apart from those of any curve."""


def painted(chart: Chart) -> Figure:
    """The figure of a chart, in the style of all figures; of a chart with a slider, what is to be printed."""
    return laid_out(lambda figure: _paint(figure, chart))


def _paint(figure: Figure, chart: Chart) -> Figure:
    figure.set_size_inches(*chart.size)
    grid = _axes(figure, chart)
    earlier: list[str] = []
    for row, axes in zip(chart.rows, grid, strict=True):
        look = looks(row)
        for panel, ax in zip(row, axes, strict=True):
            _panel(ax, panel, look, epochs=chart.epochs)
        if list(look) != earlier and list(look) != [""]:
            legend(axes[-1], *axes)
        earlier = list(look)
    for r, (row, axes) in enumerate(zip(chart.rows, grid, strict=True)):
        own = {"all": not r, "row": 1, "none": len(row)}[chart.share]
        for panel, ax in list(zip(row, axes, strict=True))[:own]:
            _scale(ax, panel)
    if chart.label:
        figure.supylabel(chart.label, fontsize=9)
    return figure


def _axes(figure: Figure, chart: Chart) -> list[list[Axes]]:
    """Axes of all panels, those of a shorter row wider."""
    widths = [len(row) for row in chart.rows]
    columns = lcm(*widths)
    spaces = figure.add_gridspec(len(widths), columns)
    grid: list[list[Axes]] = []
    for r, row in enumerate(chart.rows):
        grid.append([])
        for k, panel in enumerate(row):
            first = grid[0][0] if chart.share == "all" and r + k else grid[r][0] if chart.share == "row" and k else None
            step = columns // len(row)
            shared = {"sharex" if panel.places else "sharey": first}
            ax = figure.add_subplot(spaces[r, k * step : (k + 1) * step], **shared)
            if k and (panel.places == row[k - 1].places if panel.places else first is not None):
                ax.tick_params(labelleft=False)
            below = chart.rows[r + 1][k] if len(set(widths)) == 1 and r + 1 < len(widths) else None
            if chart.epochs and below and not below.places:
                ax.tick_params(labelbottom=False)
            grid[r].append(ax)
    return grid


def _panel(ax: Axes, panel: Panel, look: Mapping[str, Look], epochs: bool) -> None:
    for band in panel.bands:
        if band.printed:
            ax.fill_between(band.x, band.low, band.high, **NOISE)
    if panel.level == "diagonal":
        ax.plot(panel.curves[0].x, panel.curves[0].x, color="black", linestyle="-", linewidth=0.8)
    elif panel.level is not None:
        (ax.axvline if panel.places else ax.axhline)(panel.level, color="black", linewidth=0.8)
    for curve in panel.curves:
        if curve.printed:
            _curve(ax, curve, look[curve.name], across=bool(panel.places))
    ax.set(title=panel.title, xlabel=panel.x_label, ylabel=panel.y_label)
    if panel.places:
        _places(ax, panel)
    elif panel.sizes:
        _sizes(ax, panel)
    elif epochs and panel.curves:
        epoch_ticks(ax, panel.curves[0].x)


def _places(ax: Axes, panel: Panel) -> None:
    """Names below each other, as large as they have room, and values across."""
    names = [name.replace("$", r"\$") for name in panel.places]  # which would begin mathematics
    room = 72 * ax.bbox.height / ax.figure.dpi / len(names)
    ax.set(xlabel=panel.y_label, ylabel="", ylim=(len(names) + 0.5, 0.5))
    ax.set_yticks(range(1, len(names) + 1), names, fontsize=min(8.0, 0.8 * room))


def _sizes(ax: Axes, panel: Panel) -> None:
    """A logarithmic scale from left to right with a tick at every point."""
    ticks = np.unique(np.concatenate([curve.x for curve in panel.curves]))
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{size:g}" for size in ticks])
    ax.minorticks_off()


def _curve(ax: Axes, curve: Curve, look: Look, across: bool) -> None:
    style: dict[str, Any] = {"color": look.colour, "linestyle": look.dashes, "label": curve.label or curve.name}
    match curve.mark:
        case "dots":
            _dots(ax, curve, style | DOTS, across)
            return
        case "steps":
            ax.stairs(curve.y[:-1], curve.x, color=look.colour, alpha=0.35, fill=True, label=style["label"])
            return
        case "dotted":
            style |= {"linestyle": CHANCE, "linewidth": 0.8, "label": None}
        case "points":
            style |= {"linestyle": "none", "marker": "."}
        case "ticks":
            style |= {"linestyle": "none", "marker": "^", "markersize": 6, "clip_on": False}
        case "line":
            style["marker"] = "o" if len(curve.x) <= FEW else None
    ax.plot(curve.x, curve.y, **style)
    if curve.low is not None and curve.high is not None:
        interval(ax, curve.x, curve.low, curve.high, look.colour, bars=len(curve.x) <= FEW)


def _dots(ax: Axes, curve: Curve, style: dict[str, Any], across: bool) -> None:
    """Separate dots with bars, open where chance explains them; `across`, with their values from left to right."""
    if curve.low is not None and curve.high is not None:
        (ax.hlines if across else ax.vlines)(curve.x, curve.low, curve.high, color=style["color"], linewidth=1)
    ends = (curve.y, curve.x) if across else (curve.x, curve.y)
    ax.plot(*ends, **style)
    if curve.within_chance is not None:
        ax.plot(*(end[curve.within_chance] for end in ends), **style | OPEN)


def _scale(ax: Axes, panel: Panel) -> None:
    """The scale of the values of a panel, and of those that share it."""
    if panel.linear is not None:
        (symlog_across if panel.places else symlog)(ax, panel.linear)
    limit = ax.set_xlim if panel.places else ax.set_ylim
    if panel.floor is not None:
        limit(panel.floor, None)
    if panel.ceiling is not None:
        limit(None, panel.ceiling)
