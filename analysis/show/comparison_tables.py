"""The tables of several runs side by side: what each became, and how each two of them differ."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from analysis.comparison import Between, SideBySide
from analysis.inference.multiplicity import LEVEL
from analysis.recording import finite_values
from analysis.show.tables import Row, Table, mean_sd
from analysis.statistics import Statistics, largest, largest_deviation, significant
from analysis.symmetry import Symmetry
from invariants import Graph

NORM = Graph.parse("0-1,0-1")
"""The invariant sum_ij M_ij^2, the squared norm of a matrix."""


def relative_distances(t: Statistics) -> Float[np.ndarray, "3 E L"]:
    """W2 to the initial Gaussian, its standard error and its null level, so that matrices of any size are comparable.

    All over the root mean square norm of the matrices at the first epoch; NaN where that is 0.
    """
    squared_norm = t.mean[0, :, t.graphs.index(NORM)]
    return np.stack([t.w2, t.w2_se, t.w2_null]) / np.sqrt(np.where(squared_norm > 0, squared_norm, np.nan))


def layers_of(several: SideBySide) -> list[str]:
    """Names of the layers that at least one run has."""
    return list(dict.fromkeys(layer for t in several.runs.values() for layer in t.layers))


def test_accuracy(t: Statistics, epoch: int) -> tuple[float, float]:
    """Mean and standard deviation over the members that have not diverged; NaN where nothing was trained."""
    record = t.training
    return mean_sd(np.array([]) if record is None else finite_values(record, record.test_accuracy, epoch))


def size_of(symmetry: Symmetry) -> str:
    """Rows x columns."""
    return ", ".join(f"{rows}x{columns}" for rows, columns in symmetry.shapes)


def runs(several: SideBySide) -> Table:
    """What each run became, at every epoch and layer."""
    header = ("run", "epoch", "layer", "size", "members", "accuracy", "accuracy_sd", "w2", "w2_se", "w2_null")
    header += ("relative_w2", "accepted", "significant", "largest_deviation", "largest_deviation_se", "invariant")
    rows = tuple(row for name, t in several.runs.items() for row in _of_run(name, t))
    caption = (
        "Of each run: members used, mean and standard deviation of the test accuracy, the 2-Wasserstein distance to "
        "the initial i.i.d. Gaussian with its standard error and its mean without any change, the same relative to "
        "the norm of the initial matrices, the smallest accepted model, how many of the predicted invariants "
        "deviate at a false-discovery rate of 5 %, and the largest deviation in standard deviations."
    )
    return Table(header, rows, caption)


def _of_run(name: str, t: Statistics) -> list[Row]:
    used, counts, relative = t.used, significant(t), relative_distances(t)[0]
    value, error, position = largest_deviation(t)
    rows: list[Row] = []
    for e, epoch in enumerate(t.epochs):
        accuracy = test_accuracy(t, e)
        for i, layer in enumerate(t.layers):
            distances = (float(t.w2[e, i]), float(t.w2_se[e, i]), float(t.w2_null[e, i]), float(relative[e, i]))
            deviation = (float(value[e, i]), float(error[e, i]), t.names[t.high][position[e, i]])
            size = (size_of(t.symmetries[i]), int(used[e, i]))
            rows.append(
                (
                    name,
                    int(epoch),
                    layer,
                    *size,
                    *accuracy,
                    *distances,
                    str(t.accepted[e, i]),
                    int(counts[e, i]),
                    *deviation,
                )
            )
    return rows


def between(several: SideBySide) -> Table:
    """How far each two runs are apart, at every common epoch and layer."""
    header = ("first", "second", "epoch", "layer", "size", "first_members", "second_members", "paired")
    parts = next(iter(several.pairs.values())).parts if several.pairs else ()
    header += ("w2", "se", "null", "p", *(f"squared_{part}" for part in parts), "kl", "kl_se", "kl_null")
    header += ("differing", "largest_effect", "invariant")
    rows = tuple(
        (
            *(*names, int(epoch), layer, size_of(b.symmetries[i]), *b.members[e, i].tolist(), str(b.paired).lower()),
            *(float(values[e, i]) for values in (b.w2, b.w2_se, b.w2_null, b.w2_p)),
            *b.w2_squared_parts[e, i].tolist(),
            *(float(values[e, i]) for values in (b.kl, b.kl_se, b.kl_null)),
            *differing(b, e, i),
        )
        for names, b in several.pairs.items()
        for e, epoch in enumerate(b.epochs)
        for i, layer in enumerate(b.layers)
    )
    caption = (
        "The 2-Wasserstein distance between the models fitted to two runs, its standard error, its mean and p-value "
        "when members are assigned to the runs at random, the parts of its square, the Kullback-Leibler divergence of "
        "the second model from the first with error and mean, how many of the mean invariants differ at a "
        "false-discovery rate of 5 % within the epoch and layer, and the largest difference in standard deviations."
    )
    return Table(header, rows, caption)


def differing(b: Between, epoch: int, layer: int) -> tuple[int, float, str]:
    """How many of the mean invariants differ, the largest difference in standard deviations, and of which."""
    effect = b.invariants.effect[epoch, layer]
    most = int(largest(effect))
    return int(np.sum(b.q[epoch, layer] < LEVEL)), float(effect[most]), b.names[most]


def differences(several: SideBySide) -> Table:
    """The difference of every mean invariant between each two runs."""
    rows = tuple(
        (*names, int(epoch), layer, invariant, *map(float, numbers))
        for names, b in several.pairs.items()
        for e, epoch in enumerate(b.epochs)
        for i, layer in enumerate(b.layers)
        for invariant, *numbers in zip(b.names, *(column[e, i] for column in (*b.invariants[:4], b.q)), strict=True)
    )
    caption = "Second minus first mean of each invariant: standard error, effect in standard deviations, z, adjusted p."
    return Table(
        ("first", "second", "epoch", "layer", "invariant", "difference", "se", "effect", "z", "q"), rows, caption
    )


def learning(several: SideBySide) -> Table:
    """How each two runs differ in test accuracy and test loss, at every common epoch."""
    rows = tuple(
        (
            *(*names, int(epoch), *b.trained[e].tolist(), str(b.paired).lower()),
            *(float(column[e]) for column in (*b.accuracy, *b.loss)),
        )
        for names, b in several.pairs.items()
        for e, epoch in enumerate(b.epochs)
        if b.trained[e].all()
    )
    caption = (
        "Second minus first mean of test accuracy (a fraction) and of test loss (nats) over the members that have not "
        "diverged: standard error, effect in standard deviations over members, z, p of each row by itself."
    )
    what = ("difference", "se", "effect", "z", "p")
    header = ("first", "second", "epoch", "first_members", "second_members", "paired")
    return Table((*header, *(f"{name}_{each}" for name in ("accuracy", "loss") for each in what)), rows, caption)


TABLES: dict[str, Callable[[SideBySide], Table]] = {
    "runs": runs,
    "between": between,
    "differences": differences,
    "learning": learning,
}
"""The tables by file name."""
