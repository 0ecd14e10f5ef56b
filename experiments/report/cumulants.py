"""How Gaussian the law is, by graph cumulants: a part of the report."""

from collections.abc import Iterator, Sequence

import numpy as np

from analysis.inference.multiplicity import LEVEL
from analysis.show.cumulants import (
    FIGURE_CAPTION,
    MOST,
    PATTERNS_CAPTION,
    PATTERNS_PRINTED,
    cumulants_table,
    draw_cumulants,
    draw_patterns,
    known,
    order,
    tally,
)
from analysis.show.patterns import pattern_title
from analysis.show.style import layer_titles
from analysis.statistics import Statistics
from experiments.report import page
from experiments.report.content import (
    Cell,
    Content,
    Files,
    Grid,
    Paragraph,
    Picture,
    Section,
    drawn_graph,
    explained,
)
from experiments.report.figures import Drawn, picture
from experiments.report.outputs import Part
from experiments.report.verdicts import gaussian_verdict, when

TITLE = "How Gaussian?"
NAME, PATTERNS = "cumulants", "cumulant_patterns"
"""The table and the figure of those with a name over epochs, and the figure of all that are listed."""


def cumulants_part(statistics: Statistics, drawn: Drawn | None = None, remarks: Sequence[str] = ()) -> Part:
    """The part of the report with its table and, of several epochs, its figure: where it is drawn already, that."""
    if not known(statistics):
        return Part(Section(TITLE, (Paragraph(_why_not(statistics)),)), {}, {}, {})
    figures = {PATTERNS: picture(draw_patterns, statistics)}
    if len(statistics.epochs) > 1:
        figures[NAME] = drawn or picture(draw_cumulants, statistics)
    return Part(section(statistics, remarks), {NAME: cumulants_table(statistics)}, figures, {})


def section(statistics: Statistics, remarks: Sequence[str] = ()) -> Section:
    """The table at the last epoch, and the figures."""
    about = (
        "A graph cumulant is the joint cumulant of the entries on the edges of a graph whose nodes are different "
        "indices, divided by their standard deviations: for a single entry its skewness and excess kurtosis. All are 0 "
        "for every invariant Gaussian law, do not depend on a common mean, and do not grow with the size of the "
        "matrix. Where rows or columns are not exchangeable, as pixels and classes are not, it is that of the average "
        "over their permutations."
    )
    shown: list[Content] = [explained(about), *map(Paragraph, remarks), *_table(statistics)]
    several = len(statistics.epochs) > 1
    shown.append(Picture(PATTERNS, PATTERNS_CAPTION + PATTERNS_PRINTED * several))
    if several:
        shown.append(Picture(NAME, FIGURE_CAPTION))
    return Section(TITLE, shown, (gaussian_verdict(statistics),))


def rejected_separate(square: Statistics) -> list[str]:
    """Where rows and columns are not permuted apart: a Gaussian law then is, after that average, a mixture."""
    rejected = [
        f"{layer} (p = {p:.2g})"
        for layer, p in zip(layer_titles(square), square.identities_p[-1].tolist(), strict=True)
        if p < LEVEL
    ]
    if square.symmetry.full != "pigmm" or not rejected:
        return []
    return [
        f"Separate permutations of rows and columns are rejected for {', '.join(rejected)}: there a cumulant can "
        "differ from 0 even if the law is Gaussian. Cumulants under simultaneous permutations decide (--graphs all)."
    ]


def _table(t: Statistics) -> tuple[Content, ...]:
    symmetry, separate = t.symmetry, t.symmetry.tensors.separate
    header = ("graph", "cumulant", *layer_titles(t))
    rows: list[tuple[Cell, ...]] = [
        (
            drawn_graph(symmetry, symmetry.patterns[i]),
            pattern_title(symmetry, symmetry.patterns[i]),
            *_values(t, int(i)),
        )
        for i in order(t, MOST)
    ]
    tallies = [tally(t, (-1, k)) for k in range(len(t.layers))]
    rows.append(("all", "how many differ from 0", *(f"{one.found} of {one.tested}" for one in tallies)))
    nodes = "filled dots are rows, open ones columns" if separate else "dots are indices, lines entries"
    left = len(symmetry.patterns) - len(rows) + 1
    about = (
        f"Standardised cumulants{when(t)} ± standard error over members; in the drawings {nodes}. An "
        f"asterisk marks those that differ from 0 at a false-discovery rate of {LEVEL:.0%} wherever anything deviates."
    )
    more = f" The {left} without a name that are least clear are in the file only." if left else ""
    said = Paragraph(about + more)
    return said, Grid(header, rows), Files([(f"tables/{NAME}.csv", "csv")])


def _values(t: Statistics, pattern: int) -> Iterator[str]:
    at = (-1, slice(None), pattern)
    for value, error, q in zip(t.standardised[at], t.standardised_se[at], t.cumulants_q[at], strict=True):
        yield (
            page.measured(float(value), float(error)) + ("\u00a0*" if q < LEVEL else "") if np.isfinite(value) else "–"
        )


def _why_not(t: Statistics) -> str:
    return (
        f"Cumulants under {t.symmetry.name} permutations need all invariants up to degree 4: run again with --graphs "
        "all to see them."
    )
