"""Graph cumulants of every layer: the table of all of them, and the figure of those that have a name."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from analysis.inference.multiplicity import LEVEL
from analysis.show.chart import Chart, Curve, Panel, series
from analysis.show.patterns import pattern_title, titled_patterns
from analysis.show.style import CONFIDENCE, layer_titles
from analysis.show.tables import Table
from analysis.statistics import Statistics

SHOWN = ("skewness", "excess kurtosis", "row-shared variance", "column-shared variance", "node-shared variance")
"""Cumulants that are drawn over epochs."""
COLUMNS = 2
"""Of their panels."""
MOST = 23
"""Patterns that a page lists; the file has all."""
PATTERNS_CAPTION = "The cumulants of the table, in its order, of each matrix, with 95 % intervals; linear up to 0.1."
PATTERNS_PRINTED = " Printed, at the last epoch."
FIGURE_CAPTION = (
    "Standardised graph cumulants of each matrix over epochs, with 95 % intervals: skewness and excess kurtosis of an "
    "entry, and how much of the spread of its size is shared by the entries of a row or of a column. All are 0 for a "
    "Gaussian law, and none grows with the size of the matrix."
)
TABLE_CAPTION = (
    "Graph cumulants of each matrix at every epoch: the joint cumulant of the entries on the edges of a connected "
    "graph, in units of an entry to the power of its degree, and divided by the standard deviations of the entries, "
    "both with standard errors over members; z, the cumulant over its error; q, the "
    "p-value of 0 adjusted for the false-discovery rate wherever anything deviates. All are 0 for "
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


def draw_cumulants(statistics: Statistics) -> Chart:
    """One panel for each of the cumulants with a name over epochs, one curve a layer."""
    t, titled = statistics, titled_patterns(statistics.symmetry)
    panels = []
    for title in (title for title in SHOWN if title in titled):
        k = titled[title]
        values, errors, q = (field[..., k] for field in (t.standardised, t.standardised_se, t.cumulants_q))
        graphs = (t.symmetry.patterns[k],) * len(t.layers)
        curves = series(t.epochs, values, layer_titles(t), errors, q, graphs=graphs)
        panels.append(Panel(curves, title, level=0.0))
    rows = [tuple(panels[k : k + COLUMNS]) for k in range(0, len(panels), COLUMNS)]
    rows[-1] = tuple(panel._replace(x_label="epoch") for panel in rows[-1])
    return Chart(tuple(rows), (6.4, 0.4 + 2.0 * len(rows)), share="none", symmetry=t.symmetry)


def draw_patterns(statistics: Statistics) -> Chart:
    """All cumulants that are listed, side by side, one panel a layer, at an epoch to choose; printed, at the last."""
    t, chosen = statistics, order(statistics, MOST)
    row = tuple(
        Panel(
            tuple(_patterns_at(t, e, k, degree, chosen) for e in range(len(t.epochs)) for degree in (3, 4)),
            title,
            "number of the cumulant",
            "" if k else "standardised cumulant",
            level=0.0,
            linear=0.1,
        )
        for k, title in enumerate(layer_titles(t))
    )
    return Chart((row,), (1.6 + 2.1 * len(row), 2.8), epochs=False, symmetry=t.symmetry)


def _patterns_at(t: Statistics, e: int, k: int, degree: int, chosen: Int[np.ndarray, "shown"]) -> Curve:
    patterns = t.symmetry.patterns
    places = np.array([n for n, i in enumerate(chosen) if patterns[i].degree == degree], dtype=int)
    some = chosen[places]
    y, se, q = (field[e, k, some] for field in (t.standardised, t.standardised_se, t.cumulants_q))
    return Curve(
        {3: "cubic", 4: "quartic"}[degree],
        1.0 + places,
        y,
        y - CONFIDENCE * se,
        y + CONFIDENCE * se,
        se,
        q,
        graphs=tuple(patterns[i] for i in some),
        points=tuple(pattern_title(t.symmetry, patterns[i]) for i in some),
        mark="dots",
        frame=f"epoch {t.epochs[e]}",
        printed=e == len(t.epochs) - 1,
    )


def order(statistics: Statistics, most: int) -> Int[np.ndarray, "shown"]:
    """Patterns to list at the last epoch: those with a name, then the clearest others, `most` in all at most."""
    z = np.max(np.nan_to_num(np.abs(statistics.cumulants_z[-1]), nan=-1.0), axis=0)
    named: Bool[np.ndarray, "patterns"] = np.zeros(len(z), dtype=bool)
    named[list(titled_patterns(statistics.symmetry).values())] = True
    ranked = sorted(range(len(z)), key=lambda i: (not named[i], i if named[i] else -z[i]))
    return np.array(ranked[:most])
