"""Table and figure of the singular values of several ensembles side by side."""

from collections.abc import Mapping

import numpy as np

from analysis.inference.spectrum import Spectrum
from analysis.show.drawing import Axes, Figure, laid_out, legend
from analysis.show.style import COLOURS, CONFIDENCE
from analysis.show.tables import Table

TABLE_CAPTION = (
    "Singular values of every ensemble and matrix at its last epoch: mean of the largest with its standard error, the "
    "value that the largest of the bulk alone stays below in 95 %, how many of a member lie above it, the outliers "
    "that large matrices of the fitted law have (none, one or two), and of tr (M M^T)^k the mean, its expectation "
    "under the fitted law and z."
)
CAPTION = (
    "The mean of the largest singular value at the last epoch, ± 1.96 standard errors, over the value that the largest "
    "one of independent entries of the fitted variance stays below in 95 % (the line at 1); open squares: outliers "
    "that mean, row and column variances make in large matrices."
)
Ensembles = Mapping[str, Mapping[str, Spectrum]]
"""By name of the ensemble and of the layer."""


def largest(one: Spectrum) -> tuple[float, float]:
    """Mean of the largest singular value over members, and its standard error; +inf of a single member."""
    values = one.singular[:, 0]
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.inf


def last_spectra(ensembles: Ensembles) -> Table:
    """One row an ensemble and layer."""
    rows = tuple(
        (
            *(name, layer, *one.symmetry.shapes[0], len(one.singular), *largest(one), one.edge),
            *(float(one.above.observed), *map(float, [*one.outliers, np.nan, np.nan][:2])),
            *(float(values[k]) for k in (1, 2) for values in (one.traces.mean, one.traces.theory, one.traces.z)),
        )
        for name, layers in ensembles.items()
        for layer, one in layers.items()
    )
    header = ("run", "matrix", "rows", "columns", "members", "largest", "largest_se", "edge", "above")
    header += ("outlier_1", "outlier_2", *(f"{what}_{k}" for k in (2, 3) for what in ("mean", "theory", "z")))
    return Table(header, rows, TABLE_CAPTION)


def draw_last_spectra(ensembles: Ensembles) -> Figure:
    """The largest singular value of each ensemble, in units of the edge of its bulk; one panel a layer."""
    return laid_out(lambda figure: _paint(figure, ensembles))


def _paint(figure: Figure, ensembles: Ensembles) -> Figure:
    layers = list(dict.fromkeys(layer for one in ensembles.values() for layer in one))
    figure.set_size_inches(1.6 + 2.2 * len(layers), 3.2)
    panels = figure.subplots(1, len(layers), sharey=True, squeeze=False)[0]
    for ax, layer in zip(panels, layers, strict=True):
        _panel(ax, [(name.replace("$", r"\$"), one[layer]) for name, one in ensembles.items() if layer in one])
        ax.set_title(layer)
    panels[0].set_ylabel("largest singular value / edge")
    legend(panels[-1], *panels)
    return figure


def _panel(ax: Axes, spectra: list[tuple[str, Spectrum]]) -> None:
    ax.axhline(1, color="black", linewidth=0.8)
    for place, (_, one) in enumerate(spectra):
        edge, (value, error) = one.edge or np.nan, largest(one)
        bar = CONFIDENCE * error / edge if np.isfinite(error) else 0.0
        look = {"color": COLOURS[0], "markersize": 4, "capsize": 2, "label": "largest"}
        ax.errorbar(place, value / edge, bar, fmt="o", **look)
        outliers = one.outliers / edge
        ax.plot(np.full(len(outliers), place), outliers, "s", color=COLOURS[1], fillstyle="none", label="predicted")
    ax.set_xticks(range(len(spectra)), [name for name, _ in spectra], rotation=90)
