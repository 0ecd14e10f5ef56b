"""The figure and the table of singular values beside the law of the fitted model."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.inference.spectrum import Compared, Spectrum
from analysis.model.spectrum import ORDERS
from analysis.show.drawing import Axes, Figure, laid_out, legend
from analysis.show.entries import numbers
from analysis.show.style import COLOURS, NOISE
from analysis.show.tables import Table

BINS = 60
CAPTION = (
    "Above, the singular values of all members; the line is Marchenko and Pastur's law of independent entries of the "
    "fitted variance vE, dashed are the outliers that mean, row and column variances make in large matrices. Below, "
    "the mean of the largest singular value, the second and so on, less what the fitted law expects at this size; in "
    "the grey band lie 95 % of ensembles of that law, each rank by itself."
)
TABLE_CAPTION = (
    "Mean singular value by rank with the expectation of the fitted law and the band of 95 % of as many members of it."
)


def draw_spectra(spectra: Mapping[str, Spectrum]) -> Figure:
    """Histogram with the bulk above, ranks below, one column for each named ensemble.

    Raises:
        ValueError: if there is none.
    """
    if not spectra:
        raise ValueError("no spectrum to draw: give at least one ensemble")
    return laid_out(lambda figure: _paint(figure, spectra))


def ranks(spectra: Mapping[str, Spectrum]) -> Table:
    """Means of singular values by rank, one row a rank."""
    rows = tuple(
        (name, rank + 1, *map(float, row))
        for name, one in spectra.items()
        for rank, row in enumerate(zip(*one.ranks, strict=True))
    )
    return Table(("matrix", "rank", "mean", "expected", "low", "high"), rows, TABLE_CAPTION)


def spectrum_entry(spectrum: Spectrum) -> dict[str, Any]:
    """A spectrum as plain values for JSON, without the single members; NaN becomes null."""
    t, radius = spectrum.traces, spectrum.radius
    return {
        "members": len(spectrum.singular),
        "traces": {
            str(order): numbers(mean=t.mean[k], se=t.se[k], theory=t.theory[k], z=t.z[k], p=t.p[k])
            for k, order in enumerate(ORDERS)
        },
        "bulk": numbers(variance=spectrum.bulk.variance, low=spectrum.bulk.edges[0], high=spectrum.bulk.edges[1]),
        "edge": spectrum.edge,
        "above": _entry(spectrum.above),
        "outliers": spectrum.outliers.tolist(),
        "ranks": [_entry(Compared(*row)) for row in zip(*spectrum.ranks, strict=True)],
        "radius": None if radius is None else _entry(radius) | numbers(circle=spectrum.circle),
        "status": spectrum.status,
    }


def _entry(compared: Compared) -> dict[str, float | None]:
    return numbers(**{name: float(value) for name, value in compared._asdict().items()})


def _paint(figure: Figure, spectra: Mapping[str, Spectrum]) -> Figure:
    figure.set_size_inches(1.4 + 2.6 * len(spectra), 4.6)
    grid = figure.subplots(2, len(spectra), squeeze=False)
    for (name, one), above, below in zip(spectra.items(), *grid, strict=True):
        _histogram(above, one)
        _ranks(below, one)
        above.set_title(f"{name}, {len(one.singular)} members")
        above.set_xlabel("singular value")
        below.set_xlabel("rank")
    grid[0, 0].set_ylabel("density")
    grid[1, 0].set_ylabel("mean − expectation")
    legend(grid[0, -1], *grid[0])
    return figure


def _histogram(ax: Axes, one: Spectrum) -> None:
    top = max(float(one.singular.max()), one.edge, *one.outliers, 1e-300) * 1.04
    ax.hist(
        one.singular.ravel(), bins=BINS, range=(0.0, top), density=True, color=COLOURS[0], alpha=0.35, label="members"
    )
    low, high = one.bulk.edges
    sigma = np.linspace(np.sqrt(low), np.sqrt(high), 400)
    ax.plot(sigma, 2 * sigma * one.bulk.density(sigma**2), color=COLOURS[0], linestyle="-", label="bulk")
    for k, place in enumerate(one.outliers):
        ax.axvline(place, color=COLOURS[1], linestyle="--", label="outliers" if k == 0 else None)
    ax.set_xlim(0, top)


def _ranks(ax: Axes, one: Spectrum) -> None:
    observed, expected, low, high = one.ranks
    rank = np.arange(1, len(observed) + 1)
    ax.axhline(0, color="black", linewidth=0.8)
    ax.fill_between(rank, low - expected, high - expected, **NOISE)
    ax.plot(rank, observed - expected, color=COLOURS[0], linestyle="-", marker=".")
