"""The tables of what the matrices themselves show: one row an inspection, and one row an invariant."""

from collections.abc import Sequence

import numpy as np

from analysis.false_discovery import LEVEL
from analysis.gaussianity import Coefficient
from analysis.inspection import GRAPHS, IN_PAPER, Inspection
from analysis.randomisation import Symmetry
from analysis.tables import Row, Table
from invariants import Graph, latex, name

BLOCKS = ("V_0", "V_H", "V_2", "V_3")


def significant(inspection: Inspection) -> tuple[int, int]:
    """How many invariants deviate from the model: among the 39 of the paper, and among all 348."""
    rejected = inspection.q < LEVEL
    return int(np.sum(rejected & IN_PAPER)), int(np.sum(rejected))


def largest(inspection: Inspection) -> tuple[float, Graph]:
    """The largest deviation in standard deviations over members, and its graph."""
    position = int(np.argmax(np.where(np.isnan(inspection.deviation), -1.0, inspection.deviation)))
    return float(inspection.deviation[position]), GRAPHS[position]


def inspection(inspections: Sequence[Inspection]) -> Table:
    """Symmetries, shape of the law and deviating invariants, one row for each epoch and layer."""
    header = ("epoch", "layer", "members", "accepted_symmetry")
    header += tuple(f"{s.name.lower()}_{what}" for s in Symmetry for what in ("p", "effect_mean", "effect_square"))
    header += tuple(
        f"{moment}_{block}{what}"
        for moment in ("skewness", "kurtosis")
        for block in BLOCKS
        for what in ("", "_se", "_p")
    )
    header += ("significant_39", "significant_348", "largest_deviation", "largest_graph", "status")
    caption = (
        "At the inspected epochs: p-values and effect sizes of the randomisation tests of four symmetries, skewness "
        "and excess kurtosis by block, and how many cubic and quartic invariants deviate at a false-discovery rate of "
        f"{LEVEL:.0%} over all that was inspected."
    )
    return Table(header, tuple(map(_row, inspections)), caption)


def all_invariants(inspections: Sequence[Inspection]) -> Table:
    """All 348 cubic and quartic invariants at each epoch and layer, measured and predicted."""
    rows = tuple(
        (one.epoch, one.layer, name(graph), latex(graph), *map(float, numbers))
        for one in inspections
        for graph, *numbers in zip(GRAPHS, one.mean, one.std, one.theory, one.deviation, one.z, one.q, strict=True)
    )
    header = ("epoch", "layer", "invariant", "latex", "mean", "std", "theory", "deviation", "z", "q")
    return Table(header, rows, "All cubic and quartic invariants; columns as in the table of the 52 invariants.")


TABLES = {"inspection": inspection, "all_invariants": all_invariants}
"""The tables by file name."""


def _row(one: Inspection) -> Row:
    tests = [value for s in Symmetry for value in one.symmetries[s][:3]]
    deviation, graph = largest(one)
    head, tail = (one.epoch, one.layer, one.members, str(one.accepted)), (deviation, name(graph), one.status)
    return (*head, *tests, *_flat(one.shape.skewness), *_flat(one.shape.kurtosis), *significant(one), *tail)


def _flat(coefficient: Coefficient) -> list[float]:
    return np.stack(coefficient, axis=-1).ravel().tolist()
