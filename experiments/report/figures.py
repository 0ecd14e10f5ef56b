"""A figure as files of a run folder, and as what the page draws it from."""

from collections.abc import Callable, Mapping
from typing import Any

from analysis.show.chart import Chart, points
from analysis.show.drawing import Figure, render
from analysis.show.painting import painted
from experiments.report.interactive import chart_json
from experiments.report.page import FORMATS
from experiments.store.run_folder import RunFolder

Drawn = Mapping[str, bytes]
"""A figure as the content of a file in every format; of a chart also its numbers, "csv", and those of the page,
"json"."""


def picture(draw: Callable[..., Chart | Figure], *arguments: Any) -> Drawn:
    """Draw a figure, in whichever process, and render it in every format."""
    return rendered(draw(*arguments))


def rendered(drawing: Chart | Figure) -> Drawn:
    """A chart, or a figure that is drawn, in every format."""
    if not isinstance(drawing, Chart):
        return {kind: render(drawing, kind) for kind in FORMATS}
    data = {"csv": points(drawing).csv().encode(), "json": chart_json(drawing).encode()}
    return {**rendered(painted(drawing)), **data}


def write_picture(folder: RunFolder, name: str, drawn: Drawn) -> Drawn:
    """Write figures/NAME in every format; returns what the page shows.

    Raises:
        UserError: if a file cannot be written.
    """
    for kind in (*FORMATS, "csv"):
        if kind in drawn:
            folder.write_bytes(f"figures/{name}.{kind}", drawn[kind])
    return drawn
