"""The tables of several runs side by side: what each became, and how each two of them differ."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from analysis.false_discovery import LEVEL
from analysis.runs import Between, SideBySide
from analysis.tables import Row, Table, largest_deviation, mean_sd, significant
from analysis.trajectories import HIGH, PARTS, Trajectories, finite_values, members_used
from invariants import NAMES

NORM = NAMES.index("I3")
"""The invariant sum_ij M_ij^2, the squared norm of a matrix."""


def relative_distances(t: Trajectories) -> Float[np.ndarray, "3 E L"]:
    """W2 to the initial Gaussian, its standard error and its null level, so that matrices of any size are comparable.

    All over the root mean square norm of the matrices at the first epoch, sqrt(<I3>); NaN where that is 0.
    """
    squared_norm = t.mean[0, :, NORM]
    return np.stack([t.w2, t.w2_se, t.w2_null]) / np.sqrt(np.where(squared_norm > 0, squared_norm, np.nan))


def layers_of(several: SideBySide) -> list[str]:
    """Names of the layers that at least one run has."""
    return list(dict.fromkeys(layer for t in several.runs.values() for layer in t.layers))


def runs(several: SideBySide) -> Table:
    """What each run became, at every epoch and layer."""
    header = ("run", "epoch", "layer", "dim", "members", "accuracy", "accuracy_sd", "w2", "w2_se", "w2_null")
    header += ("relative_w2", "accepted", "significant", "largest_deviation", "largest_deviation_se", "invariant")
    rows = tuple(row for name, t in several.runs.items() for row in _of_run(name, t))
    caption = (
        "Of each run: members used, mean and standard deviation of the test accuracy, the 2-Wasserstein distance to "
        "the initial i.i.d. Gaussian with its standard error and its mean without any change, the same relative to "
        "the norm of the initial matrices, the smallest accepted model, how many of the 39 predicted invariants "
        "deviate at a false-discovery rate of 5 %, and the largest deviation in standard deviations."
    )
    return Table(header, rows, caption)


def _of_run(name: str, t: Trajectories) -> list[Row]:
    used, counts, relative = members_used(t), significant(t), relative_distances(t)[0]
    value, error, position = largest_deviation(t)
    rows: list[Row] = []
    for e, epoch in enumerate(t.epochs):
        told = mean_sd(finite_values(t, t.test_accuracy, e))
        for i, layer in enumerate(t.layers):
            distances = (float(t.w2[e, i]), float(t.w2_se[e, i]), float(t.w2_null[e, i]), float(relative[e, i]))
            deviation = (float(value[e, i]), float(error[e, i]), t.names[HIGH][position[e, i]])
            size = (int(t.dims[i]), int(used[e, i]))
            rows.append(
                (name, int(epoch), layer, *size, *told, *distances, t.accepted[e][i], int(counts[e, i]), *deviation)
            )
    return rows


def between(several: SideBySide) -> Table:
    """How far each two runs are apart, at every common epoch and layer."""
    header = ("first", "second", "epoch", "layer", "dim", "first_members", "second_members", "paired")
    header += ("w2", "se", "null", "p", *(f"squared_{part}" for part in PARTS))
    header += ("differing", "largest_effect", "invariant")
    rows = tuple(
        (
            *(*names, int(epoch), layer, b.dims[i], *b.members[e, i].tolist(), str(b.paired).lower()),
            *(float(values[e, i]) for values in (b.w2, b.w2_se, b.w2_null, b.w2_p)),
            *b.w2_squared_parts[e, i].tolist(),
            *differing(b, e, i),
        )
        for names, b in several.pairs.items()
        for e, epoch in enumerate(b.epochs)
        for i, layer in enumerate(b.layers)
    )
    caption = (
        "The 2-Wasserstein distance between the models fitted to two runs, its standard error, its mean and p-value "
        "when members are assigned to the runs at random, the parts of its square, how many of the 52 mean invariants "
        "differ at a false-discovery rate of 5 % over all epochs and layers, and the largest difference in standard "
        "deviations over members."
    )
    return Table(header, rows, caption)


def differing(b: Between, epoch: int, layer: int) -> tuple[int, float, str]:
    """How many of the 52 mean invariants differ, the largest difference in standard deviations, and of which."""
    effect = b.invariants.effect[epoch, layer]
    largest = int(np.argmax(np.where(np.isnan(effect), -1.0, np.abs(effect))))
    return int(np.sum(b.q[epoch, layer] < LEVEL)), float(effect[largest]), NAMES[largest]


def differences(several: SideBySide) -> Table:
    """The difference of every mean invariant between each two runs."""
    rows = tuple(
        (*names, int(epoch), layer, invariant, *map(float, numbers))
        for names, b in several.pairs.items()
        for e, epoch in enumerate(b.epochs)
        for i, layer in enumerate(b.layers)
        for invariant, *numbers in zip(NAMES, *(column[e, i] for column in (*b.invariants[:4], b.q)), strict=True)
    )
    caption = "Second minus first mean of each invariant: standard error, effect in standard deviations, z, adjusted p."
    return Table(
        ("first", "second", "epoch", "layer", "invariant", "difference", "se", "effect", "z", "q"), rows, caption
    )


TABLES: dict[str, Callable[[SideBySide], Table]] = {"runs": runs, "between": between, "differences": differences}
"""The tables by file name."""
