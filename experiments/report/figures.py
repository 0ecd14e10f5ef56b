"""A figure as files of a run folder, and as what the page draws it from."""

from collections.abc import Callable, Mapping
from typing import Any

from analysis.show.chart import Chart, points
from analysis.show.drawing import render, smaller
from analysis.show.painting import painted
from experiments.report.interactive import chart_json
from experiments.report.page import FORMATS
from experiments.store.run_folder import RunFolder

Drawn = Mapping[str, bytes]
"""A chart as the content of a file in every format and as "csv"; the page shows "webp", or draws "json"."""


def picture(draw: Callable[..., Chart], *arguments: Any) -> Drawn:
    """Draw a chart, in whichever process, and render it in every format."""
    return rendered(draw(*arguments))


def rendered(chart: Chart) -> Drawn:
    """A chart in every format."""
    figure = painted(chart)
    files = {kind: render(figure, kind) for kind in FORMATS}
    files["webp"] = smaller(files["png"])
    return {**files, "csv": points(chart).csv().encode(), "json": chart_json(chart).encode()}


def write_picture(folder: RunFolder, name: str, drawn: Drawn) -> Drawn:
    """Write figures/NAME in every format; returns what the page shows.

    Raises:
        UserError: if a file cannot be written.
    """
    for kind in (*FORMATS, "csv"):
        folder.write_bytes(f"figures/{name}.{kind}", drawn[kind])
    return drawn
