"""The figure and the table of singular values beside the law of the fitted model."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from analysis.inference.spectrum import Compared, Spectrum
from analysis.model.marchenko_pastur import Bulk
from analysis.model.spectrum import ORDERS
from analysis.show.chart import Band, Chart, Curve, Panel
from analysis.show.entries import numbers
from analysis.show.tables import Table

BINS, POINTS = 60, 200
"""Of the histogram, and of the line of the bulk."""
LESS = "mean less expectation"
CAPTION = (
    "Above, the singular values of all members; the line is Marchenko and Pastur's law of independent entries of the "
    "fitted variance vE, triangles are the outliers that mean, row and column variances make in large matrices. Below, "
    "the mean of the largest singular value, the second and so on, less what the fitted law expects at this size; in "
    "the grey band lie 95 % of ensembles of that law, each rank by itself."
)
TABLE_CAPTION = (
    "Mean singular value by rank with the expectation of the fitted law and the band of 95 % of as many members of it."
)


def draw_spectra(spectra: Mapping[tuple[str, int], Spectrum]) -> Chart:
    """Histogram with the bulk above, ranks below, one column a layer; printed, at its last epoch.

    Args:
        spectra: by layer and epoch, epochs in order.

    Raises:
        ValueError: if there is none.
    """
    if not spectra:
        raise ValueError("no spectrum to draw: give at least one ensemble")
    layers = dict.fromkeys(layer for layer, _ in spectra)
    columns = [{epoch: one for (layer, epoch), one in spectra.items() if layer == name} for name in layers]
    above = tuple(
        Panel(
            tuple(curve for epoch, one in column.items() for curve in _histogram(one, epoch, epoch == max(column))),
            f"{layer}, {len(column[max(column)].singular)} members",
            "singular value",
            "" if k else "density",
        )
        for k, (layer, column) in enumerate(zip(layers, columns, strict=True))
    )
    below = tuple(_ranks(column, "" if k else "mean − expectation") for k, column in enumerate(columns))
    # Scales differ by far between layers of different shapes.
    return Chart((above, below), (1.4 + 2.6 * len(layers), 4.6), epochs=False, share="none")


def histogram(singular: Float[np.ndarray, "N p"], bulk: Bulk, top: float) -> tuple[Curve, Curve]:
    """The density of the singular values, at least up to some value, and Marchenko and Pastur's law."""
    end = max(float(singular.max()), top, 1e-300) * 1.04
    bins = min(BINS, 4 + singular.size // 4)
    density, edges = np.histogram(singular.ravel(), bins=bins, range=(0.0, end), density=True)
    low, high = bulk.edges
    sigma = np.linspace(np.sqrt(low), np.sqrt(high), POINTS)
    members = Curve("members", edges, np.append(density, density[-1]), mark="steps")
    return members, Curve("bulk", sigma, 2 * sigma * bulk.density(sigma**2))


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


def _histogram(one: Spectrum, epoch: int, printed: bool) -> Iterator[Curve]:
    place: dict[str, Any] = {"frame": f"epoch {epoch}", "printed": printed}
    top = max(one.edge, *one.outliers, 0.0)
    for curve in histogram(one.singular, one.bulk, top):
        yield curve._replace(**place)
    if len(one.outliers):
        outliers = np.sort(np.asarray(one.outliers, np.float64))
        yield Curve("outliers", outliers, np.zeros(len(outliers)), mark="ticks", **place)


def _ranks(column: Mapping[int, Spectrum], label: str) -> Panel:
    curves, bands = [], []
    for epoch, one in column.items():
        observed, expected, low, high = one.ranks
        rank = np.arange(1.0, len(observed) + 1)
        frame, printed = f"epoch {epoch}", epoch == max(column)
        curves.append(Curve(LESS, rank, observed - expected, mark="points", frame=frame, printed=printed))
        bands.append(Band(rank, low - expected, high - expected, frame, printed))
    return Panel(tuple(curves), "", "rank", label, tuple(bands), 0.0)
