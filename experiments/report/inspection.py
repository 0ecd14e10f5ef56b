"""The part of a run folder that is made of the matrices themselves: tables, a figure, and a section of the report."""

from collections.abc import Callable, Sequence

import numpy as np

from analysis.inference.multiplicity import LEVEL
from analysis.inference.randomisation import Permutations
from analysis.inspection import PERMUTATIONS, Findings, Inspection
from analysis.model.status import OK
from analysis.show.inspection_tables import TABLES, largest, significant
from analysis.show.quantiles import CAPTION, PRINTED, draw_quantiles
from analysis.show.tables import block_key
from experiments.report import page
from experiments.report.content import (
    Cell,
    Content,
    Files,
    Paragraph,
    Picture,
    Section,
    Verdict,
    by_epoch,
    drawn_graph,
    explained,
)
from experiments.report.figures import picture
from experiments.report.outputs import Part

TITLE = "Which symmetry, how Gaussian?"
FIGURE = "quantiles"
QUESTION, TAILS = "Which permutations?", "How heavy are the tails?"
AGREED: dict[str, str] = {
    "none": "no permutation, since positions in the matrix differ",
    "not tested": "permutations that were not tested",
    Permutations.SIMULTANEOUS: "rows and columns permuted together, not apart",
    Permutations.INDEPENDENT: "rows and columns permuted apart",
}
"""The accepted permutations in words; others are permutations of what they name."""


def inspection_part(findings: Findings) -> Part:
    """What was inspected as a part of the report, with tables and a figure."""
    if not findings.inspections:
        return Part(section(findings), {}, {}, {})
    written = {name: table(findings.inspections) for name, table in TABLES.items()}
    return Part(section(findings), written, {FIGURE: picture(draw_quantiles, findings.inspections)}, {})


def section(findings: Findings) -> Section:
    """The section of the report: a table, the figure, and what was left out."""
    inspections, remarks = findings
    remarks += tuple(f"{one.layer} at epoch {one.epoch}: {one.status}." for one in inspections if one.status != OK)
    caption = CAPTION + PRINTED * _several(inspections)
    shown: list[Content] = [*_table(inspections), Picture(FIGURE, caption)] if inspections else []
    verdicts = (whole_law_verdict(inspections), tails_verdict(inspections)) if inspections else ()
    return Section(TITLE, [*shown, *map(Paragraph, remarks)], verdicts)


def whole_law_verdict(inspections: Sequence[Inspection]) -> Verdict:
    """The permutations that the whole law of the entries agrees with at the last inspected epoch, layers together."""
    found = (
        f"{_layers(group)} with {AGREED.get(accepted, f'permutations of {accepted} only')}{_chance(group)}"
        for accepted, group in _grouped(inspections, lambda one: one.accepted).items()
    )
    text = f"By the whole law of the entries{_when(inspections)}, the data agree: {'; '.join(found)}."
    return Verdict(QUESTION, [text])


def tails_verdict(inspections: Sequence[Inspection]) -> Verdict:
    """Whether tails differ from a Gaussian's at the last inspected epoch, layers of one answer together."""
    found = (f"{_layers(group)}: {text}" for text, group in _grouped(inspections, _tails).items())
    return Verdict(TAILS, [f"{'; '.join(found)}{_when(inspections)}."])


def _grouped(inspections: Sequence[Inspection], answer: Callable[[Inspection], str]) -> dict[str, list[Inspection]]:
    """The last inspection of every layer, by what is to be said of it."""
    groups: dict[str, list[Inspection]] = {}
    for one in {one.layer: one for one in inspections}.values():
        groups.setdefault(answer(one), []).append(one)
    return groups


def _layers(group: Sequence[Inspection]) -> str:
    return ", ".join(one.layer for one in group)


def _when(inspections: Sequence[Inspection]) -> str:
    return f" at epoch {max(one.epoch for one in inspections)}" if _several(inspections) else ""


def _several(inspections: Sequence[Inspection]) -> bool:
    return len({one.epoch for one in inspections}) > 1


def _tails(one: Inspection) -> str:
    """Whether a block has tails other than a Gaussian's, at 5 % after Bonferroni's correction for the blocks."""
    kurtosis, block = one.shape.kurtosis, _clearest(one)
    if np.isnan(kurtosis.p[block]):
        return "tails were not tested"
    if len(one.blocks) * kurtosis.p[block] >= LEVEL:
        return "no block has tails that differ clearly from a Gaussian's"
    kind = "heavier" if kurtosis.value[block] > 0 else "lighter"
    return f"tails are {kind} than a Gaussian's, most clearly in {one.blocks[block]} (excess kurtosis {_kurtosis(one)})"


def _chance(group: Sequence[Inspection]) -> str:
    """The smallest p-value of the permutations that are accepted for all of them."""
    p = [test.p for one in group for kind, test in one.permutations.items() if kind == one.accepted]
    return f" (p = {page.probability(min(p))})" if p else ""


def _clearest(one: Inspection) -> int:
    """The block whose excess kurtosis has the smallest p-value."""
    return int(np.argmin(np.nan_to_num(one.shape.kurtosis.p, nan=np.inf)))


def _kurtosis(one: Inspection) -> str:
    """Value and standard error of the clearest excess kurtosis."""
    kurtosis, block = one.shape.kurtosis, _clearest(one)
    return page.measured(float(kurtosis.value[block]), float(kurtosis.se[block]))


def _table(inspections: Sequence[Inspection]) -> tuple[Content, ...]:
    first = inspections[0]
    tested = tuple(f"p {group.name.lower()}" for group in first.permutations)
    counts = (f"of {int(np.sum(first.predicted))}", f"of {len(first.graphs)}")
    header = ("layer", "epoch", "accepted", *tested, "excess kurtosis", *counts, "largest deviation", "of")
    layers = dict.fromkeys(one.layer for one in inspections)
    rows = [_row(one) for layer in layers for one in inspections if one.layer == layer]
    about = (
        "The largest group of permutations accepted at 5 % a test, with the p-values of the randomisation tests, which "
        f"are at least 1/{1 + PERMUTATIONS}; excess kurtosis, 0 for a Gaussian law, of the block where it is clearest; "
        "number of invariants that deviate at a false-discovery rate of 5 % wherever anything deviates, "
        f"and the largest deviation |theory − mean| / std.{block_key(first.symmetry)}"
    )
    several, links = _several(inspections), Files([(f"tables/{table}.csv", f"{table}.csv") for table in TABLES])
    return explained(about), by_epoch(header, rows, several), links


def _row(one: Inspection) -> tuple[Cell, ...]:
    words = {group.value: group.name.lower() for group in Permutations}
    p = tuple(test.p for test in one.permutations.values())
    tails = f"{_kurtosis(one)}\u00a0({one.blocks[_clearest(one)]})"
    deviation, graph = largest(one)
    worst = (page.short(deviation, 2), drawn_graph(one.symmetry, graph))
    return (one.layer, one.epoch, words.get(one.accepted, one.accepted), *p, tails, *significant(one), *worst)
