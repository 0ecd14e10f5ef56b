"""Every weight matrix of a run, whatever its shape: the five-parameter analysis, its files, its part of the report."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from analysis.rectangular.figure import CAPTION, draw_matrices, matrix_titles
from analysis.rectangular.pipeline import trajectories
from analysis.rectangular.table import matrices, predictions
from analysis.rectangular.trajectories import (
    RectangularRecording,
    RectangularTrajectories,
    entry_variance,
    to_json_entry,
    variance_unit,
)
from experiments.report import page
from experiments.report.figures import Picture, figure_on_page, picture, write_picture
from experiments.run.laws import initial_law
from experiments.store.run_folder import RunFolder

TITLE = "Every weight matrix"
FIGURE = "rectangular"
SHOWN = (0, 1, 10)
"""Epochs in the table of the report, beside the last."""


def analyse(results: xr.Dataset, config: dict[str, Any]) -> RectangularTrajectories:
    """The five-parameter statistics of all weight matrices in results.nc."""
    shapes = tuple(zip(results["rows"].values.tolist(), results["columns"].values.tolist(), strict=True))
    recording = RectangularRecording(
        epochs=results["epoch"].values,
        matrices=tuple(str(name) for name in results["matrix"].values),
        shapes=shapes,
        invariants=results["bipartite_invariants"].values,
        block_moments=results["rectangular_moments"].values.astype(np.float64),
        finite=results["finite"].values.astype(bool),
    )
    started = config.get("start") or {}
    laws = (
        None if name in started else initial_law(config["train"]["init"], *shape)
        for name, shape in zip(recording.matrices, shapes, strict=True)
    )
    return trajectories(recording, tuple(law and float(law.cumulant(2)) for law in laws))


def write_matrices(folder: RunFolder, fitted: RectangularTrajectories, drawn: Picture | None = None) -> str:
    """Write rectangular.json, its table and its figure (where it is drawn already, that one); returns the section of
    the report as HTML.
    """
    epochs, count = fitted.w2.shape
    folder.write_json("rectangular.json", [to_json_entry(fitted, e, k) for e in range(epochs) for k in range(count)])
    folder.write_text("tables/rectangular.csv", matrices(fitted).csv())
    png = write_picture(folder, FIGURE, drawn or picture(draw_matrices, fitted))
    return section(fitted, figure_on_page(FIGURE, png, CAPTION))


def section(fitted: RectangularTrajectories, figure: str) -> str:
    """The section of the report: what was fitted, a sentence on each matrix, a compact table, the figure (HTML)."""
    about = (
        "The five-parameter Gaussian model, invariant under separate permutations of rows and columns, describes "
        "matrices of any shape: the mean of an entry, and the variances v0 of the overall mean, vC of column sums, vR "
        "of row sums and vE of the rest. It is fitted to the linear and quadratic bipartite invariants and predicts "
        "the 43 cubic and quartic ones. Where rows or columns are not exchangeable, as pixels and classes are not, it "
        "describes the average over their permutations."
    )
    if np.isnan(fitted.initial_variance).any():
        about += (
            " Of a matrix whose initial entries are dependent or unknown, distances are to the nearest independent "
            "entries, and variances relative to that of an entry at the first epoch."
        )
    links = f"{page.link('tables/rectangular.csv', 'csv')}, {page.link('rectangular.json', 'json')}"
    return page.section(
        TITLE, *map(page.paragraph, (about, " ".join(_sentences(fitted)))), _table(fitted), links, figure
    )


def _sentences(t: RectangularTrajectories) -> Iterator[str]:
    growth = entry_variance(t)[-1] / variance_unit(t)
    for k, title in enumerate(matrix_titles(t)):
        distance, null = (page.number(float(values[-1, k] / t.root_size[k])) for values in (t.w2, t.w2_null_upper))
        yield (
            f"At epoch {t.epochs[-1]}, W2 / √(mn) of {title} is {distance} (95 % of unchanged ensembles stay below "
            f"{null}) and the variance of its entries {page.number(float(growth[k]))} times the initial one."
        )


def _table(t: RectangularTrajectories) -> str:
    header = (
        *("matrix", "epoch", "W2 / √(mn)", "± se", "by chance", "v0", "vC", "vR", "vE"),
        *("of 43", "largest deviation", "invariant"),
    )
    shown = [e for e, epoch in enumerate(t.epochs) if epoch in (*SHOWN, t.epochs[-1])]
    relative = t.parameters[..., 1:] / variance_unit(t)[:, None]
    rows = [
        (
            *(title, int(t.epochs[e])),
            *(float(values[e, k] / t.root_size[k]) for values in (t.w2, t.w2_se, t.w2_null)),
            *relative[e, k].tolist(),
            *predictions(t, e, k),
        )
        for k, title in enumerate(matrix_titles(t))
        for e in shown
    ]
    about = page.paragraph(
        "Distance from the initial independent entries with its standard error and its mean by chance; variances "
        "relative to that of an initial entry; number of predicted invariants that deviate at a false-discovery rate "
        "of 5 % over all epochs and matrices; the largest deviation |theory − mean| / std and its graph, as edges "
        "row-column."
    )
    return about + page.table(header, rows)
