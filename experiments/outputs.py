"""The files made of the fitted statistics: fit.json, tables, figures, report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis import plots, tables
from analysis.trajectories import Trajectories, to_json_entry
from experiments import models
from experiments.figures import write_figure
from experiments.report import render
from experiments.run_folder import RunFolder


def write_outputs(
    folder: RunFolder,
    fitted: Trajectories,
    config: dict[str, Any],
    provenance: dict[str, Any],
    sections: Sequence[str] = (),
) -> Path:
    """Write everything a reader looks at, all from the same numbers; returns the path of the report.

    `sections` are further parts of the report, already HTML.
    """
    epochs, layers = fitted.w2.shape
    folder.write_json("models.json", models.to_json(fitted))
    folder.write_json("fit.json", [to_json_entry(fitted, e, layer) for e in range(epochs) for layer in range(layers)])
    for name, table in tables.TABLES.items():
        folder.write_text(f"tables/{name}.csv", table(fitted).csv())
    pictures = {name: write_figure(folder, name, plots.draw(fitted, name)) for name in plots.available(fitted)}
    return folder.write_text("report.html", render(fitted, config, provenance, pictures, sections))
