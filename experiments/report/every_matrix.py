"""Every weight matrix of a run, whatever its shape: the five-parameter analysis, its files, its part of the report."""

import numpy as np

from analysis.inspection import key_epochs
from analysis.show.entries import statistics_entry
from analysis.show.matrices import FIGURE_CAPTION, draw_matrices, matrices
from analysis.show.style import layer_titles
from analysis.statistics import Statistics, largest_deviation, significant, variance_unit
from experiments.report import page
from experiments.report.content import Cell, Content, Files, Grid, Picture, Section, drawn_invariant, explained
from experiments.report.figures import Drawn, picture
from experiments.report.outputs import Part

TITLE = "Every weight matrix"
FIGURE = "rectangular"


def matrices_part(statistics: Statistics, drawn: Drawn | None = None) -> Part:
    """The part of the report with its table, its figure (where it is drawn already, that one) and rectangular.json."""
    epochs, count = statistics.w2.shape
    return Part(
        section=section(statistics),
        tables={FIGURE: matrices(statistics)},
        figures={FIGURE: drawn or picture(draw_matrices, statistics)},
        json={FIGURE: [statistics_entry(statistics, (e, k)) for e in range(epochs) for k in range(count)]},
    )


def section(statistics: Statistics) -> Section:
    """The section of the report: what was fitted, a sentence on each matrix, a compact table, the figure."""
    about = (
        "The five-parameter Gaussian model, invariant under separate permutations of rows and columns, describes "
        "matrices of any shape: the mean of an entry, and the variances v0 of the overall mean, vC of column sums, vR "
        "of row sums and vE of the rest. It is fitted to the linear and quadratic bipartite invariants and predicts "
        "the 43 cubic and quartic ones. Where rows or columns are not exchangeable, as pixels and classes are not, it "
        "describes the average over their permutations."
    )
    if np.isnan(statistics.initial_variance).any():
        about += (
            " Of a matrix whose initial entries are dependent or unknown, distances are to the nearest independent "
            "entries, and variances relative to that of an entry at the first epoch."
        )
    links = Files([(f"tables/{FIGURE}.csv", "csv"), (f"{FIGURE}.json", "json")])
    shown: tuple[Content, ...] = (*_table(statistics), links, Picture(FIGURE, FIGURE_CAPTION))
    return Section(TITLE, (explained(about), *shown))


def _table(t: Statistics) -> tuple[Content, ...]:
    header = (
        *("matrix", "epoch", "W2 / √(mn)", "95 % interval", "by chance", "v0", "vC", "vR", "vE"),
        *("of 43", "largest deviation", "invariant"),
    )
    relative = t.parameters[..., 1:] / variance_unit(t)[:, None]
    rows = [
        (
            *(title, int(t.epochs[e])),
            *_distance(t, e, k),
            *relative[e, k].tolist(),
            *_worst(t, e, k),
        )
        for k, title in enumerate(layer_titles(t))
        for e in key_epochs(t.epochs)
    ]
    about = explained(
        "Distance from the initial independent entries, the 95 % interval of the true one, and what chance makes of it "
        "on average; variances relative to that of an initial entry; number of predicted invariants that deviate at a "
        "false-discovery rate of 5 % wherever anything deviates; the largest deviation "
        "|theory − mean| / std and its graph."
    )
    return about, Grid(header, rows)


def _worst(t: Statistics, e: int, k: int) -> tuple[Cell, ...]:
    """How many invariants deviate, and the largest deviation with its graph."""
    value, _, position = (one[e, k] for one in largest_deviation(t))
    graph = drawn_invariant(t.symmetry, t.names[t.high][position])
    return int(significant(t)[e, k]), page.short(value, 2), graph if np.isfinite(value) else "–"


def _distance(t: Statistics, e: int, k: int) -> tuple[float, str, float]:
    """W2 / sqrt(mn), its interval, and its mean by chance."""
    w2, low, high, null = (float(value[e, k] / t.root_size[k]) for value in (t.w2, t.w2_low, t.w2_high, t.w2_null))
    return w2, page.between(low, high), null
