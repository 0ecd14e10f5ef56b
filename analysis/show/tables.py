"""The tables of a run: one row per epoch, layer and quantity, as plain rows and as CSV text."""

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from analysis.inference.multiplicity import LEVEL
from analysis.model.geometry import path
from analysis.recording import finite_values
from analysis.statistics import Statistics, largest_deviation, significant
from analysis.symmetry import Symmetry

Row = tuple[str | int | float, ...]
BLOCKS = {
    "V_0": "what permutations leave alone: sums over all entries, or over the diagonal",
    "V_H": "differences among rows, columns and diagonal entries in their sums",
    "V_2": "the symmetric remainder",
    "V_3": "the antisymmetric remainder",
    "H_n": "differences among column means",
    "H_m": "differences among row means",
    "H_m (x) H_n": "the remainder",
}
"""What of a matrix lies in an isotypic block."""


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


def table_of(cells: Sequence[Mapping[str, Any]], caption: str) -> Table:
    """Rows given by column, with NaN where one lacks a column of others, as laws of other parameters do."""
    header = tuple(dict.fromkeys(name for row in cells for name in row))
    return Table(header, tuple(tuple(row.get(name, math.nan) for name in header) for row in cells), caption)


def parameters(statistics: Statistics) -> Table:
    """The parameters of each layer at the first and the last epoch, with standard errors."""
    t = statistics
    rows = tuple(
        (epoch, layer, name, float(t.parameters[*at, k]), float(t.parameters_se[*at, k]))
        for at, epoch, layer in _cells(t, _ends(t))
        for k, name in enumerate(t.symmetry.parameter_names)
    )
    caption = (
        f"The {len(t.symmetry.parameter_names)} parameters of the model: {parameter_key(t.symmetry)}. Means are in "
        f"units of the weights, covariances in their squares.{block_key(t.symmetry)}"
    )
    return Table(("epoch", "layer", "parameter", "value", "se"), rows, caption)


def parameter_key(symmetry: Symmetry) -> str:
    """Which parameters are means, and which the covariances of the copies of a block."""
    trivial, names = symmetry.blocks[0], list(symmetry.parameter_names)
    sizes = [("means on", trivial, trivial.slots)]
    sizes += [("covariances of", block, block.entries) for block in symmetry.blocks if block.slots]
    parts, start = [], 0
    for kind, block, size in sizes:
        own, start = names[start : start + size], start + size
        parts.append(f"{own[0] if size == 1 else f'{own[0]} to {own[-1]}'} {kind} {block.name}")
    return "; ".join(parts)


def block_key(symmetry: Symmetry) -> str:
    """What of a matrix lies in each block; "" for the blocks of whole networks."""
    known = [f"{block.name}: {BLOCKS[block.name]}" for block in symmetry.blocks if block.name in BLOCKS]
    return f" {'; '.join(known)}." if len(known) == len(symmetry.blocks) else ""


def invariants(statistics: Statistics) -> Table:
    """The invariants of each layer at the first and the last epoch, measured and, the predicted ones, predicted."""
    t = statistics
    measured = np.stack([t.mean, t.std, t.se], axis=-1)
    predicted = np.full((*t.mean.shape, 4), np.nan)
    predicted[:, :, t.high] = np.stack([t.theory, t.deviation, t.z, t.q], axis=-1)
    rows = tuple(
        (epoch, layer, name, *measured[*at, i].tolist(), *predicted[*at, i].tolist())
        for at, epoch, layer in _cells(t, _ends(t))
        for i, name in enumerate(t.names)
    )
    caption = (
        "The invariants: mean, standard deviation and standard error over members; of degree 3 and 4 the model's "
        "exact expectation, its deviation |theory - mean| / std, z, the difference over its standard error, and q, the "
        "p-value adjusted for the false-discovery rate wherever anything deviates."
    )
    return Table(("epoch", "layer", "invariant", "mean", "std", "se", "theory", "deviation", "z", "q"), rows, caption)


def wasserstein(statistics: Statistics) -> Table:
    """The 2-Wasserstein distance to the initial i.i.d. Gaussian at every epoch and layer, and its square by block."""
    t = statistics
    rows = tuple(
        (
            epoch,
            layer,
            *(float(value[at]) for value in (t.w2, t.w2_se, t.w2_debiased, t.w2_low, t.w2_high)),
            *(float(value[at]) for value in (t.w2_null, t.w2_null_upper)),
            *t.w2_squared_parts[at].tolist(),
        )
        for at, epoch, layer in _cells(t, range(len(t.epochs)))
    )
    caption = (
        "The 2-Wasserstein distance (not squared) of the fitted model to the initial i.i.d. Gaussian, its standard "
        "error; the same without what chance adds to its square, with a 95 % interval that holds near 0, too; mean and "
        "95 % quantile of the distance that as many members show without any change; and the parts of "
        "its square: mean and covariances of the blocks."
    )
    header = ("epoch", "layer", "w2", "se", "debiased", "low", "high", "null", "null_upper")
    header += tuple(f"squared_{part}" for part in t.parts)
    return Table(header, rows, caption)


def training(statistics: Statistics) -> Table:
    """Mean and standard deviation over finite members of accuracy and losses at every epoch."""
    record = statistics.training
    rows = (
        ()
        if record is None
        else tuple(
            (
                int(epoch),
                int(record.finite[:, e].sum()),
                *mean_sd(finite_values(record, record.test_accuracy, e)),
                *mean_sd(finite_values(record, record.train_loss, e)),
                *mean_sd(finite_values(record, record.test_loss, e)),
            )
            for e, epoch in enumerate(statistics.epochs)
        )
    )
    quantities = ("test_accuracy", "train_loss", "test_loss")
    header = ("epoch", "members", *(f"{name}_{what}" for name in quantities for what in ("mean", "sd")))
    return Table(
        header, rows, "Mean and standard deviation of accuracy (a fraction) and losses (nats) over finite members."
    )


def models(statistics: Statistics) -> Table:
    """Which model of the family the data accept at every epoch and layer, with the tests and criteria behind it."""
    t = statistics
    rows = tuple(
        (
            epoch,
            layer,
            str(t.accepted[at]),
            *(float(value[at]) for value in (t.identities_p, t.identities_effect, t.normality_p, t.normality_effect)),
            *(t.models[best] if best is not None else math.nan for best in _best(t, at)),
            int(significant(t)[at]),
            float(largest_deviation(t)[0][at]),
            "AIC, BIC: not Gaussian" if t.normality_p[at] < LEVEL else "",
        )
        for at, epoch, layer in _cells(t, range(len(t.epochs)))
    )
    header = (
        "epoch",
        "layer",
        "accepted",
        "identities_p",
        "identities_effect",
        "normality_p",
        "normality_effect",
        "best_aic",
        "best_bic",
        "best_held_out",
        "significant",
        "largest_deviation",
        "remark",
    )
    caption = (
        "The smallest model of the family that Wald tests accept at 5 % together with all models that contain it; the "
        "eight identities of independent row and column permutations, and the Gaussian law, each with p-value and "
        "effect size; the models that AIC, BIC and the held-out likelihood prefer; how many of the predicted "
        "invariants deviate at a false-discovery rate of 5 % wherever anything deviates, and the "
        "largest deviation in standard deviations. Where the Gaussian law is rejected, AIC and BIC prefer too many "
        "parameters, and best_held_out is to be trusted."
    )
    return Table(header, rows, caption)


def geometry(statistics: Statistics) -> Table:
    """How far the law of each layer travels over training, and how far it gets."""
    t = statistics
    rows = []
    for layer, symmetry, f, travelled in zip(
        t.layers, t.symmetries, np.moveaxis(t.parameters, 1, 0), t.paths, strict=True
    ):
        net = path(f, symmetry)
        rows.append((layer, *travelled, float(net.net), *map(float, net.squared_net)))
    caption = (
        "Length of the path of fitted models from epoch to epoch in the 2-Wasserstein distance, which chance "
        "lengthens; a 95 % interval and its middle for the true length; mean length that as many members show if "
        "their law does not change, and the share p of such lengths that are at least as large; net displacement of "
        "the fits from first to last epoch, and the parts of its square."
    )
    header = ("layer", "length", "low", "middle", "high", "chance", "p", "net")
    header += tuple(f"squared_{part}" for part in t.parts)
    return Table(header, tuple(rows), caption)


TABLES: dict[str, Callable[[Statistics], Table]] = {
    "parameters": parameters,
    "invariants": invariants,
    "wasserstein": wasserstein,
    "models": models,
    "geometry": geometry,
    "training": training,
}
"""The tables of a run folder by file name."""


def _best(t: Statistics, at: tuple[int, int]) -> Iterator[int | None]:
    """Positions of the models preferred by AIC, BIC and held-out likelihood; None where none is available."""
    for criterion in (-t.aic[at], -t.bic[at], t.held_out[at]):
        yield int(np.nanargmax(criterion)) if np.isfinite(criterion).any() else None


def _ends(t: Statistics) -> list[int]:
    """Positions of the first and, where it is another one, the last epoch."""
    return sorted({0, len(t.epochs) - 1})


def _cells(t: Statistics, positions: Iterable[int]) -> Iterator[tuple[tuple[int, int], int, str]]:
    """Position (epoch, layer), epoch and name of every layer at the given epochs."""
    for e in positions:
        for i, layer in enumerate(t.layers):
            yield (e, i), int(t.epochs[e]), layer


def mean_sd(values: np.ndarray) -> tuple[float, float]:
    """Mean and population standard deviation; NaN for no values."""
    return (float(values.mean()), float(values.std())) if values.size else (math.nan, math.nan)


def _missing(cell: str | int | float) -> bool:
    return isinstance(cell, float) and math.isnan(cell)
