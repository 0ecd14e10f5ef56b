"""What connects the matrices on both sides of hidden units: as a sentence, a row of a table, and JSON."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from analysis.inference.multiplicity import LEVEL
from analysis.layers import Layers
from analysis.show.layers import balance_scales, layers_entry
from analysis.weights.hidden_units import UnitStudy

HEADER = ("below", "above", "members", "units", "rho", "low", "high", "p_sums", "balance", "balance_se", "p_squares")
CAPTION = (
    "Hidden units that two groups share: correlation rho of the sums of their incoming and outgoing weights over "
    "units with its 95 % interval; balance of incoming and outgoing squares of a unit, less that of different units, "
    "over the variances of the entries; p of both when units are relabelled on one side, which holds whatever the law."
)


Row = tuple[str | int | float, ...]


def unit_row(one: UnitStudy) -> Row:
    """The numbers, in the order of `HEADER`."""
    (row,) = junction_rows(one.layers, (one.link.below.name, one.link.above.name))
    return row


def junction_rows(found: Layers, names: Sequence[str]) -> tuple[Row, ...]:
    """The same of every hidden layer of a chain of layers with these names."""
    rho, balance, moved = found.correlation, found.balance, found.randomisation
    scales, members = balance_scales(found), int(found.fit.members or 0)
    return tuple(
        (
            *(below, above, members, found.fit.model.symmetry.shapes[k][0]),
            *(float(values[k]) for values in (rho.rho, rho.low, rho.high, moved.relabelled_sums)),
            *(float(balance.difference[k] / scales[k]), float(balance.se[k] / scales[k])),
            float(moved.relabelled_squares[k]),
        )
        for k, (below, above) in enumerate(pairwise(names))
    )


def unit_sentence(one: UnitStudy) -> str:
    """Whether incoming and outgoing weights of a unit belong together."""
    row = dict(zip(HEADER, unit_row(one), strict=True))
    name = f"{row['units']} hidden units between {row['below']} and {row['above']} ({row['members']} members)"
    parts = [
        _part("sums", "rho", float(row["rho"]), float(row["p_sums"])),
        _part("squares", "balance", float(row["balance"]), float(row["p_squares"])),
    ]
    return f"{name}: {'; '.join(parts)}."


def unit_entry(one: UnitStudy) -> dict[str, Any]:
    """Everything as plain values for JSON; NaN becomes null."""
    return {"units": one.link.units, **layers_entry(one.layers, (one.link.below.name, one.link.above.name))}


def _part(what: str, name: str, value: float, p: float) -> str:
    if not np.isfinite(p):
        return f"{what} of incoming and outgoing weights were not tested"
    verb = "belong together" if p < LEVEL else "are not seen to belong together"
    return f"{what} of incoming and outgoing weights {verb} ({name} {value:.2g}, p = {p:.2g})"
