"""The figure that sets quantiles of the matrices beside those of the fitted Gaussian model."""

from collections.abc import Sequence

import numpy as np

from analysis.inspection import Inspection
from analysis.show.drawing import Axes, Figure, laid_out
from analysis.show.style import COLOURS, NOISE, block_title

CAPTION = (
    "Quantiles beside those of the fitted Gaussian model; points on the line agree with it. Above, the squared "
    "Mahalanobis distance of the members, beside chi squared, at the first and the last inspected epoch: a line "
    "flatter than the diagonal means tails lighter than Gaussian, a steeper one means heavier tails or members of "
    "different scale; 95 % of the quantiles of Gaussian ensembles lie in the grey band, each by itself. Below, the "
    "whitened coordinates of each block, beside the standard normal law, at the last inspected epoch."
)


def draw_quantiles(inspections: Sequence[Inspection]) -> Figure:
    """Squared Mahalanobis distances above, block coordinates below, one column for each inspected layer.

    Raises:
        ValueError: if there is no inspection.
    """
    if not inspections:
        raise ValueError("no inspection to draw: inspect at least one epoch and layer")
    return laid_out(lambda figure: _paint(figure, inspections))


def _paint(figure: Figure, inspections: Sequence[Inspection]) -> Figure:
    layers = dict.fromkeys(one.layer for one in inspections)
    figure.set_size_inches(1.8 + 2.1 * len(layers), 4.8)
    grid = figure.subplots(2, len(layers), squeeze=False)
    for layer, distances, coordinates in zip(layers, *grid, strict=True):
        inspected = {one.epoch: one for one in inspections if one.layer == layer}
        ends = sorted({min(inspected), max(inspected)})
        last = inspected[ends[-1]]
        distances.fill_between(last.distances.expected, *last.band, **NOISE)
        curves = {f"epoch {epoch}": inspected[epoch].distances.observed for epoch in ends}
        _compare(distances, last.distances.expected, curves)
        _compare(
            coordinates,
            last.coordinates.expected,
            dict(zip(map(block_title, last.blocks), last.coordinates.observed, strict=True)),
        )
        distances.set_title(f"{layer}, {last.members} members")
        distances.set_xlabel(r"quantile of $\chi^2$")
        coordinates.set_xlabel("quantile of the normal law")
    grid[0, 0].set_ylabel("squared distance")
    grid[1, 0].set_ylabel(f"block coordinate, epoch {inspections[-1].epoch}")
    for row in grid:
        row[-1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.04))
    return figure


def _compare(ax: Axes, expected: np.ndarray, curves: dict[str, np.ndarray]) -> None:
    """Observed quantiles over expected ones, and the line on which they are equal."""
    ax.plot(expected, expected, color="black", linewidth=0.8)
    for (label, observed), colour in zip(curves.items(), COLOURS, strict=False):
        ax.plot(expected, observed, ".", color=colour, label=label)
