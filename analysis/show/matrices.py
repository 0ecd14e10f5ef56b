"""Every weight matrix of a run under separate permutations: one figure and one table for all of them."""

import numpy as np

from analysis.inference.multiplicity import LEVEL
from analysis.show.chart import Chart, Panel, series
from analysis.show.figures import distances
from analysis.show.style import layer_titles
from analysis.show.tables import Table
from analysis.statistics import Statistics, largest_deviation, significant, variance_unit

FIGURE_CAPTION = (
    "Above, the 2-Wasserstein distance of the five-parameter model of each weight matrix from its initial independent "
    "entries, per root of the number of entries, with 95 % intervals; dotted, what as many unchanged members would "
    "show. Below, the four variances relative to that of an initial entry, at which all four start: v0 of the mean "
    "entry, vC of column sums, vR of row sums, vE of the rest, with 95 % intervals (linear up to 1)."
)
TABLE_CAPTION = (
    "The five-parameter model of every weight matrix: 2-Wasserstein distance (not squared) from its initial "
    "independent entries with standard error, 95 % interval of the true one, mean and 95 % quantile of what as many "
    "unchanged members show; the parameters with standard errors; BIC of the models; how many of the 43 cubic and "
    f"quartic bipartite invariants deviate at a false-discovery rate of {LEVEL:.0%} wherever anything deviates, "
    "the largest deviation |theory - mean| / std, and the key of its graph."
)


def draw_matrices(statistics: Statistics) -> Chart:
    """W2 / sqrt(mn) of all matrices above, relative variances below in one panel a matrix."""
    t, titles = statistics, layer_titles(statistics)
    above = Panel(distances(t, t.root_size), "", "epoch", r"$W_2 / \sqrt{mn}$ (weight units)", floor=0.0)
    values, errors = (f[..., 1:] / variance_unit(t)[:, None] for f in (t.parameters, t.parameters_se))
    below = tuple(
        Panel(
            series(t.epochs, values[:, k], t.symmetry.parameter_names[1:], errors[:, k]),
            title,
            "epoch",
            "" if k else "variance / initial variance",
            level=1.0,
            linear=1.0,
            floor=0.0,
        )
        for k, title in enumerate(titles)
    )
    return Chart(((above,), below), (max(1.6 + 2.1 * len(titles), 4.6), 5.0))


def matrices(statistics: Statistics) -> Table:
    """Distances, parameters, criteria and the predictions in short of every matrix at every epoch."""
    t = statistics
    names = t.symmetry.parameter_names
    header = (
        *("epoch", "matrix", "rows", "columns", "members", "w2", "se", "low", "high", "null", "null_upper"),
        *(column for name in names for column in (name, f"{name}_se")),
        *(f"bic_{model}" for model in t.models),
        *("significant", "largest_deviation", "invariant"),
    )
    rows = tuple(
        (
            *(int(epoch), name, *t.symmetries[k].shapes[0], int(t.used[e, k])),
            *(float(value[e, k]) for value in (t.w2, t.w2_se, t.w2_low, t.w2_high, t.w2_null, t.w2_null_upper)),
            *np.stack([t.parameters[e, k], t.parameters_se[e, k]], axis=-1).ravel().tolist(),
            *t.bic[e, k].tolist(),
            *predictions(t, e, k),
        )
        for e, epoch in enumerate(t.epochs)
        for k, name in enumerate(t.layers)
    )
    return Table(header, rows, TABLE_CAPTION)


def predictions(statistics: Statistics, epoch: int, matrix: int) -> tuple[int, float, str]:
    """How many predicted invariants deviate significantly, the largest deviation, and the key of its graph."""
    value, _, position = largest_deviation(statistics)
    name = statistics.names[statistics.high][position[epoch, matrix]]
    return int(significant(statistics)[epoch, matrix]), float(value[epoch, matrix]), name
