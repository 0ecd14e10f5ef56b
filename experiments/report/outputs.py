"""The files made of the fitted statistics: fit.json, tables, figures, report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis import plots, tables
from analysis.trajectories import Trajectories, to_json_entry
from experiments.report.figures import Picture, picture, write_picture
from experiments.report.report import render
from experiments.run import models
from experiments.store.run_folder import RunFolder

REPORT = "report.html"


def write_outputs(
    folder: RunFolder,
    fitted: Trajectories,
    config: dict[str, Any],
    provenance: dict[str, Any],
    sections: Sequence[str] = (),
    pictures: Mapping[str, Picture] | None = None,
) -> Path:
    """Write everything a reader looks at, all from the same numbers; returns the path of the report.

    `sections` are further parts of the report, already HTML; `pictures` the figures, where they are drawn already.
    """
    if pictures is None:
        pictures = {name: picture(plots.draw, fitted, name) for name in plots.available(fitted)}
    epochs, layers = fitted.w2.shape
    folder.write_json("models.json", models.to_json(fitted))
    folder.write_json("fit.json", [to_json_entry(fitted, e, layer) for e in range(epochs) for layer in range(layers)])
    for name, table in tables.TABLES.items():
        folder.write_text(f"tables/{name}.csv", table(fitted).csv())
    pngs = {name: write_picture(folder, name, drawn) for name, drawn in pictures.items()}
    return folder.write_text(REPORT, render(fitted, config, provenance, pngs, sections))
