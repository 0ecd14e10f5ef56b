"""Graph cumulants of every layer: the table of all of them, and the figure of those that have a name."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from analysis.inference.multiplicity import LEVEL
from analysis.show.drawing import Figure, curves, laid_out, legend
from analysis.show.patterns import pattern_title, titled_patterns
from analysis.show.style import layer_titles
from analysis.show.tables import Table
from analysis.statistics import Statistics

SHOWN = ("skewness", "excess kurtosis", "row-shared variance", "column-shared variance", "node-shared variance")
"""Cumulants that are drawn over epochs."""
FIGURE_CAPTION = (
    "Standardised graph cumulants of each matrix over epochs, with 95 % intervals: skewness and excess kurtosis of an "
    "entry, and how much of the spread of its size is shared by the entries of a row or of a column. All are 0 for a "
    "Gaussian law, and none grows with the size of the matrix."
)
TABLE_CAPTION = (
    "Graph cumulants of each matrix at every epoch: the joint cumulant of the entries on the edges of a connected "
    "graph, in units of an entry to the power of its degree, and divided by the standard deviations of the entries, "
    "both with standard errors over members; z, the cumulant over its error; q, the "
    "p-value of 0 adjusted for the false-discovery rate within the epochs and matrices that deviate. All are 0 for "
    "every Gaussian law."
)


class Tally(NamedTuple):
    """How many cumulants differ from 0 at one epoch and layer."""

    found: int
    tested: int


def known(statistics: Statistics) -> bool:
    """Whether there are cumulants."""
    return bool(np.isfinite(statistics.standardised).any())


def tally(statistics: Statistics, at: tuple[int, int]) -> Tally:
    """Cumulants that differ from 0 at a false-discovery rate of 5 %, and those that were tested."""
    q = statistics.cumulants_q[at]
    return Tally(int(np.sum(q < LEVEL)), int(np.sum(np.isfinite(q))))


def cumulants_table(statistics: Statistics) -> Table:
    """All patterns at every epoch and layer."""
    t = statistics
    columns = np.stack(
        [t.cumulants, t.cumulants_se, t.standardised, t.standardised_se, t.cumulants_z, t.cumulants_q], axis=-1
    )
    patterns = [
        (key, pattern_title(t.symmetry, graph))
        for key, graph in zip(t.symmetry.pattern_names, t.symmetry.patterns, strict=True)
    ]
    rows = tuple(
        (int(epoch), layer, *pattern, *columns[e, k, i].tolist())
        for e, epoch in enumerate(t.epochs)
        for k, layer in enumerate(t.layers)
        for i, pattern in enumerate(patterns)
    )
    header = ("epoch", "layer", "graph", "name", "cumulant", "se", "standardised", "standardised_se", "z", "q")
    return Table(header, rows, TABLE_CAPTION)


def draw_cumulants(statistics: Statistics) -> Figure:
    """One panel for each of the cumulants shown, one curve a layer."""
    return laid_out(lambda figure: _paint(figure, statistics))


def order(statistics: Statistics, most: int) -> Int[np.ndarray, "shown"]:
    """Patterns to list at the last epoch: those with a name, then the clearest others, `most` in all at most."""
    z = np.max(np.nan_to_num(np.abs(statistics.cumulants_z[-1]), nan=-1.0), axis=0)
    named: Bool[np.ndarray, "patterns"] = np.zeros(len(z), dtype=bool)
    named[list(titled_patterns(statistics.symmetry).values())] = True
    ranked = sorted(range(len(z)), key=lambda i: (not named[i], i if named[i] else -z[i]))
    return np.array(ranked[:most])


def _paint(figure: Figure, t: Statistics) -> Figure:
    titled = titled_patterns(t.symmetry)
    shown = [title for title in SHOWN if title in titled]
    columns = 2
    rows = -(-len(shown) // columns)
    figure.set_size_inches(6.4, 0.4 + 2.0 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for ax, title in zip(panels.flat, shown, strict=False):
        position = titled[title]
        ax.axhline(0.0, color="black", linewidth=0.8)
        values, errors = (f[..., position] for f in (t.standardised, t.standardised_se))
        curves(ax, t.epochs, values, layer_titles(t), errors).set_title(title)
    for ax in panels.flat[len(shown) :]:
        ax.set_axis_off()
    for ax in panels[-1]:
        ax.set_xlabel("epoch")
    legend(panels[0, -1])
    return figure
