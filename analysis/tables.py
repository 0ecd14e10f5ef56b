"""The tables of a run: one row per epoch, layer and quantity, as plain rows and as CSV text."""

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from analysis.trajectories import HIGH, PARAMETERS, Trajectories, finite_values

Row = tuple[str | int | float, ...]


class Table(NamedTuple):
    """Rows under one header, and the sentence that explains them; NaN where a number is not available."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]
    caption: str

    def csv(self) -> str:
        """The table as CSV text with all digits; a number that is not available is an empty field."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.header)
        writer.writerows(tuple("" if _missing(cell) else cell for cell in row) for row in self.rows)
        return text.getvalue()


def parameters(trajectories: Trajectories) -> Table:
    """The thirteen parameters of each layer at the first and the last epoch, with standard errors."""
    t = trajectories
    rows = tuple(
        (epoch, layer, name, float(t.parameters[*at, k]), float(t.parameters_se[*at, k]))
        for at, epoch, layer in _cells(t, _ends(t))
        for k, name in enumerate(PARAMETERS)
    )
    caption = "The thirteen parameters of the model: f1, f2 are means in units of the weights, the rest covariances."
    return Table(("epoch", "layer", "parameter", "value", "se"), rows, caption)


def invariants(trajectories: Trajectories) -> Table:
    """The 52 invariants of each layer at the first and the last epoch, measured and, from I14 on, predicted."""
    t = trajectories
    measured = np.stack([t.mean, t.std, t.se], axis=-1)
    predicted = np.full((*t.mean.shape, 4), np.nan)
    predicted[:, :, HIGH] = np.stack([t.theory, t.deviation, t.z, t.q], axis=-1)
    rows = tuple(
        (epoch, layer, name, *measured[*at, i].tolist(), *predicted[*at, i].tolist())
        for at, epoch, layer in _cells(t, _ends(t))
        for i, name in enumerate(t.names)
    )
    caption = (
        "The invariants: mean, standard deviation and standard error over members; from I14 on the model's exact "
        "expectation, its deviation |theory - mean| / std, z, the difference over its standard error, and q, the "
        "p-value adjusted for the false-discovery rate."
    )
    return Table(("epoch", "layer", "invariant", "mean", "std", "se", "theory", "deviation", "z", "q"), rows, caption)


def wasserstein(trajectories: Trajectories) -> Table:
    """The 2-Wasserstein distance to the initial i.i.d. Gaussian at every epoch and layer."""
    t = trajectories
    rows = tuple(
        (epoch, layer, float(t.w2[at]), float(t.w2_se[at]), float(t.w2_null[at]))
        for at, epoch, layer in _cells(t, range(len(t.epochs)))
    )
    caption = (
        "The 2-Wasserstein distance (not squared) of the fitted model to the initial i.i.d. Gaussian, its standard "
        "error, and null, the distance that as many members show without any change."
    )
    return Table(("epoch", "layer", "w2", "se", "null"), rows, caption)


def training(trajectories: Trajectories) -> Table:
    """Mean and standard deviation over finite members of accuracy and losses at every epoch."""
    t = trajectories
    rows = tuple(
        (
            int(epoch),
            int(t.finite[:, e].sum()),
            *_mean_sd(finite_values(t, t.test_accuracy, e)),
            *_mean_sd(finite_values(t, t.train_loss, e)),
            *_mean_sd(finite_values(t, t.test_loss, e)),
        )
        for e, epoch in enumerate(t.epochs)
    )
    quantities = ("test_accuracy", "train_loss", "test_loss")
    header = ("epoch", "members", *(f"{name}_{what}" for name in quantities for what in ("mean", "sd")))
    return Table(
        header, rows, "Mean and standard deviation of accuracy (a fraction) and losses (nats) over finite members."
    )


TABLES: dict[str, Callable[[Trajectories], Table]] = {
    "parameters": parameters,
    "invariants": invariants,
    "wasserstein": wasserstein,
    "training": training,
}
"""The tables of a run folder by file name."""


def _ends(t: Trajectories) -> list[int]:
    """Positions of the first and, where it is another one, the last epoch."""
    return sorted({0, len(t.epochs) - 1})


def _cells(t: Trajectories, positions: Iterable[int]) -> Iterator[tuple[tuple[int, int], int, str]]:
    """Position (epoch, layer), epoch and name of every layer at the given epochs."""
    for e in positions:
        for i, layer in enumerate(t.layers):
            yield (e, i), int(t.epochs[e]), layer


def _mean_sd(values: np.ndarray) -> tuple[float, float]:
    return (float(values.mean()), float(values.std())) if values.size else (math.nan, math.nan)


def _missing(cell: str | int | float) -> bool:
    return isinstance(cell, float) and math.isnan(cell)
