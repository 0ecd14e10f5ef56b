"""The figure of two models compared: how far apart the laws of each group are, and how far its matrices have moved."""

import numpy as np

from analysis.inference.multiplicity import LEVEL
from analysis.show.chart import Chart, Curve, Panel
from analysis.show.model_contrast_table import root_mean_square
from analysis.show.style import CONFIDENCE, height_of
from analysis.show.weights_figures import short
from analysis.weights.model_contrast import ModelContrast

APART = 0.25
"""Of the distance between two groups, what lies between the dots of one."""
CAPTION = (
    "Left, the distance between the laws of each group in the two models per root of the number of entries, with its "
    "95 % interval, open where the laws are not shown to be apart, and what chance makes of it: members that trade "
    "places. Right, of groups of pairs, |B − A| / |A|, root mean square over members. Groups are numbered as in the "
    "table."
)


def draw_contrast(found: ModelContrast) -> Chart:
    """Dots beside the names of the groups."""
    places = tuple(f"{short(row.group.name)}  {k}" for k, row in enumerate(found.rows, start=1))
    laws = Panel(_distances(found), "", "group", r"$W_2 / \sqrt{mn}$ (weight units)", floor=0.0, places=places)
    moved = np.array([root_mean_square(row.pairs.moved) if row.pairs else np.nan for row in found.rows])
    curve = Curve("moved", 1.0 + np.arange(len(moved)), moved, mark="dots")
    pairs = Panel((curve,), "", "group", "|B − A| / |A|", floor=0.0, places=places)
    row = (laws, pairs) if np.isfinite(moved).any() else (laws,)
    return Chart((row,), (9.6, height_of(places, dots=2)), "none", epochs=False)


def _distances(found: ModelContrast) -> tuple[Curve, Curve]:
    """The distances, and what chance makes of them."""
    sizes = np.array([np.sqrt(np.prod(row.group.shape)) for row in found.rows])
    w2, se, null = np.array([(c.w2, c.w2_se, c.w2_null) for c in (row.contrast for row in found.rows)]).T / sizes
    q, x = np.array([row.q for row in found.rows]), 1.0 + np.arange(len(w2))
    ends = w2 - CONFIDENCE * se, w2 + CONFIDENCE * se
    distance = Curve("distance", x, w2, *ends, se, q, within_chance=~(q < LEVEL), mark="dots")
    return distance, Curve("by chance", x + APART, null, mark="dots")
