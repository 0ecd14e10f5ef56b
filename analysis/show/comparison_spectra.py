"""Table and figure of the singular values of several ensembles side by side."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from analysis.inference.spectrum import Spectrum
from analysis.show.chart import Chart, Curve, Panel
from analysis.show.style import CONFIDENCE
from analysis.show.tables import Table

TABLE_CAPTION = (
    "Singular values of every ensemble and matrix at its last epoch: mean of the largest with its standard error, the "
    "value that the largest of the bulk alone stays below in 95 %, how many of a member lie above it, the outliers "
    "that large matrices of the fitted law have (none, one or two), and of tr (M M^T)^k the mean, its expectation "
    "under the fitted law and z."
)
CAPTION = (
    "The mean of the largest singular value at the last epoch, ± 1.96 standard errors, over the value that the largest "
    "one of independent entries of the fitted variance stays below in 95 % (the line at 1); predicted: outliers that "
    "mean, row and column variances make in large matrices."
)
APART = 0.25
"""Of the distance between two ensembles, what lies between the dots of one."""
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


def draw_last_spectra(ensembles: Ensembles) -> Chart:
    """The largest singular value of each ensemble, in units of the edge of its bulk; one panel a layer."""
    layers = dict.fromkeys(layer for one in ensembles.values() for layer in one)
    row = tuple(
        Panel(
            tuple(_curves([one.get(layer) for one in ensembles.values()])),
            layer,
            "ensemble",
            "largest singular value / edge",
            level=1.0,
            places=tuple(ensembles),
        )
        for layer in layers
    )
    return Chart((row,), (2.4 + 2.2 * len(row), 1.4 + 0.3 * len(ensembles)), "all", epochs=False)


def _curves(spectra: Sequence[Spectrum | None]) -> Iterator[Curve]:
    """Of one layer: the largest singular value of each ensemble, and the first and second predicted outlier."""
    found = {place: one for place, one in enumerate(spectra, start=1) if one is not None}
    edges = np.array([one.edge or np.nan for one in found.values()])
    values, errors = np.array([largest(one) for one in found.values()]).T / edges
    errors[~np.isfinite(errors)] = np.nan
    at, half = np.array(list(found), float), CONFIDENCE * errors
    yield Curve("largest", at, values, values - half, values + half, errors, mark="dots")
    for k in range(max(len(one.outliers) for one in found.values())):
        has = np.array([len(one.outliers) > k for one in found.values()])
        outliers = np.array([one.outliers[k] for one in found.values() if len(one.outliers) > k])
        yield Curve("predicted", at[has] + APART, outliers / edges[has], mark="dots")
