"""The figure that sets quantiles of the matrices beside those of the fitted Gaussian model."""

from collections.abc import Sequence

from analysis.inspection import Inspection
from analysis.show.chart import Band, Chart, Curve, Panel, plain
from analysis.show.style import block_title

CAPTION = (
    "Quantiles beside those of the fitted Gaussian model; points on the line agree with it. Above, the squared "
    "Mahalanobis distance of the members, beside chi squared: a line "
    "flatter than the diagonal means tails lighter than Gaussian, a steeper one means heavier tails or members of "
    "different scale; 95 % of the quantiles of Gaussian ensembles lie in the grey band, each by itself. Below, the "
    "whitened coordinates of each block, beside the standard normal law."
)
PRINTED = " Printed, above at the first and last inspected epoch, below at the last one."


def draw_quantiles(inspections: Sequence[Inspection]) -> Chart:
    """Squared Mahalanobis distances above, block coordinates below, one column for each inspected layer.

    Raises:
        ValueError: if there is no inspection.
    """
    if not inspections:
        raise ValueError("no inspection to draw: inspect at least one epoch and layer")
    layers = dict.fromkeys(one.layer for one in inspections)
    columns = [
        sorted((one for one in inspections if one.layer == layer), key=lambda one: one.epoch) for layer in layers
    ]
    above = tuple(_distances(column, "" if k else "squared distance") for k, column in enumerate(columns))
    below = tuple(_coordinates(column, "" if k else "block coordinate") for k, column in enumerate(columns))
    return Chart((above, below), (1.8 + 2.1 * len(layers), 4.8), epochs=False)


def _distances(column: Sequence[Inspection], label: str) -> Panel:
    """Of one layer at every inspected epoch; the first and the last are printed."""
    first, last = column[0], column[-1]
    curves = tuple(
        Curve(
            _when(one),
            one.distances.expected,
            one.distances.observed,
            frame=_when(one),
            mark="points",
            printed=one is first or one is last,
        )
        for one in column
    )
    bands = tuple(Band(one.distances.expected, one.band[0], one.band[1], _when(one), one is last) for one in column)
    title = f"{last.layer}, {last.members} members"
    return Panel(curves, title, r"quantile of $\chi^2$", label, bands, "diagonal")


def _coordinates(column: Sequence[Inspection], label: str) -> Panel:
    """Of the blocks of one layer at every inspected epoch; the last is printed."""
    curves = tuple(
        Curve(
            plain(block_title(block)),
            one.coordinates.expected,
            observed,
            label=block_title(block),
            frame=_when(one),
            mark="points",
            printed=one is column[-1],
        )
        for one in column
        for block, observed in zip(one.blocks, one.coordinates.observed, strict=True)
    )
    return Panel(curves, "", "quantile of the normal law", label, level="diagonal")


def _when(one: Inspection) -> str:
    return f"epoch {one.epoch}"
