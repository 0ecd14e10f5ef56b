"""The tables of what the matrices themselves show: one row an inspection, and one row an invariant."""

from collections.abc import Sequence

import numpy as np

from analysis.inference.gaussianity import Coefficient
from analysis.inference.multiplicity import LEVEL
from analysis.inspection import Inspection
from analysis.show.tables import Row, Table
from analysis.statistics import largest as largest_position
from invariants import Graph, latex


def significant(inspection: Inspection) -> tuple[int, int]:
    """How many invariants deviate from the model: among those predicted elsewhere, and among all of degree 3 and 4."""
    rejected = inspection.q < LEVEL
    return int(np.sum(rejected & inspection.predicted)), int(np.sum(rejected))


def largest(inspection: Inspection) -> tuple[float, Graph]:
    """The largest deviation in standard deviations over members, and its graph."""
    position = int(largest_position(inspection.deviation))
    return float(inspection.deviation[position]), inspection.graphs[position]


def inspection(inspections: Sequence[Inspection]) -> Table:
    """Symmetries, shape of the law and deviating invariants, one row for each epoch and layer."""
    first = inspections[0]
    header = ("epoch", "layer", "members", "accepted_symmetry")
    header += tuple(
        f"{group.name.lower()}_{what}" for group in first.permutations for what in ("p", "effect_mean", "effect_square")
    )
    header += tuple(
        f"{moment}_{block}{what}"
        for moment in ("skewness", "kurtosis")
        for block in first.blocks
        for what in ("", "_se", "_p")
    )
    counts = (f"significant_{int(np.sum(first.predicted))}", f"significant_{len(first.graphs)}")
    header += (*counts, "largest_deviation", "largest_graph", "status")
    caption = (
        "At the inspected epochs: p-values and effect sizes of the randomisation tests of permutations, skewness "
        "and excess kurtosis by block, and how many cubic and quartic invariants deviate at a false-discovery rate of "
        f"{LEVEL:.0%} wherever anything deviates."
    )
    return Table(header, tuple(map(_row, inspections)), caption)


def all_invariants(inspections: Sequence[Inspection]) -> Table:
    """All cubic and quartic invariants at each epoch and layer, measured and predicted."""
    rows = tuple(
        (one.epoch, one.layer, one.symmetry.key(graph), latex(graph), *map(float, numbers))
        for one in inspections
        for graph, *numbers in zip(one.graphs, one.mean, one.std, one.theory, one.deviation, one.z, one.q, strict=True)
    )
    header = ("epoch", "layer", "invariant", "latex", "mean", "std", "theory", "deviation", "z", "q")
    return Table(header, rows, "All cubic and quartic invariants; columns as in the table of the invariants.")


TABLES = {"inspection": inspection, "all_invariants": all_invariants}
"""The tables by file name."""


def _row(one: Inspection) -> Row:
    tests = [value for test in one.permutations.values() for value in test[:3]]
    deviation, graph = largest(one)
    head, tail = (
        (one.epoch, one.layer, one.members, str(one.accepted)),
        (deviation, one.symmetry.key(graph), one.status),
    )
    return (*head, *tests, *_flat(one.shape.skewness), *_flat(one.shape.kurtosis), *significant(one), *tail)


def _flat(coefficient: Coefficient) -> list[float]:
    return np.stack(coefficient, axis=-1).ravel().tolist()
