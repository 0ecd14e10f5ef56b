"""The part of a run folder that is made of the matrices themselves: tables, a figure, and a section of the report."""

from collections.abc import Iterator, Sequence

import numpy as np

from analysis.inference.multiplicity import LEVEL
from analysis.inference.randomisation import Permutations
from analysis.inspection import PERMUTATIONS, Findings, Inspection
from analysis.model.status import OK
from analysis.show.inspection_tables import TABLES, largest, significant
from analysis.show.quantiles import CAPTION, draw_quantiles
from experiments.report import page
from experiments.report.content import Cell, Content, Files, Grid, Paragraph, Picture, Section, drawn_graph
from experiments.report.figures import picture
from experiments.report.outputs import Part
from invariants import Graph, latex

TITLE = "Which symmetry, how Gaussian?"
FIGURE = "quantiles"


def inspection_part(findings: Findings) -> Part:
    """What was inspected as a part of the report, with tables and a figure."""
    if not findings.inspections:
        return Part(section(findings), {}, {}, {})
    written = {name: table(findings.inspections) for name, table in TABLES.items()}
    return Part(section(findings), written, {FIGURE: picture(draw_quantiles, findings.inspections)}, {})


def section(findings: Findings) -> Section:
    """The section of the report: a sentence for each layer, a table, the figure, and what was left out."""
    inspections, remarks = findings
    remarks += tuple(f"{one.layer} at epoch {one.epoch}: {one.status}." for one in inspections if one.status != OK)
    shown: list[Content] = [Paragraph(sentence) for sentence in _sentences(inspections)]
    if inspections:
        shown += [*_table(inspections), Picture(FIGURE, CAPTION)]
    return Section(TITLE, [*shown, *map(Paragraph, remarks)])


def _sentences(inspections: Sequence[Inspection]) -> Iterator[str]:
    """What holds of each layer at its last inspected epoch."""
    for one in {one.layer: one for one in inspections}.values():
        paper, every = significant(one)
        deviation, graph = largest(one)
        yield (
            f"{one.layer} at epoch {one.epoch}: by a test of the whole law of the entries, {_symmetry(one.accepted)}; "
            f"{_tails(one)}. Of the cubic and quartic invariants {paper} of the {int(np.sum(one.predicted))} predicted "
            f"above and {every} of all {len(one.graphs)} deviate from the Gaussian model, the most by "
            f"{_short(deviation)} standard deviations ({_formula(graph)})."
        )


def _symmetry(accepted: str) -> str:
    return {
        "none": "every permutation symmetry is rejected, since positions in the matrix differ",
        "not tested": "permutation symmetries were not tested",
        Permutations.SIMULTANEOUS: "the data agree with rows and columns permuted simultaneously, as the model "
        "supposes, but not independently",
        Permutations.INDEPENDENT: "the data agree even with rows and columns permuted independently, more than the "
        "model supposes",
    }.get(accepted, f"the data agree only with permutations of {accepted}, less than the model supposes")


def _tails(one: Inspection) -> str:
    """Whether a block has tails other than a Gaussian's, at 5 % after Bonferroni's correction for the four blocks."""
    kurtosis, block = one.shape.kurtosis, _clearest(one)
    if np.isnan(kurtosis.p[block]):
        return "tails were not tested"
    if len(one.blocks) * kurtosis.p[block] >= LEVEL:
        return "no block has tails that differ clearly from a Gaussian's"
    kind = "heavier" if kurtosis.value[block] > 0 else "lighter"
    return f"tails are {kind} than a Gaussian's, most clearly in {one.blocks[block]} (excess kurtosis {_kurtosis(one)})"


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
        "number of invariants that deviate at a false-discovery rate of 5 % within the epochs and layers that deviate "
        "at all, and the largest deviation |theory − mean| / std."
    )
    return Paragraph(about), Grid(header, rows), Files([(f"tables/{table}.csv", f"{table}.csv") for table in TABLES])


def _row(one: Inspection) -> tuple[Cell, ...]:
    words = {group.value: group.name.lower() for group in Permutations}
    p = tuple(test.p for test in one.permutations.values())
    tails = f"{_kurtosis(one)}\u00a0({one.blocks[_clearest(one)]})"
    deviation, graph = largest(one)
    worst = (_short(deviation), drawn_graph(one.symmetry, graph))
    return (one.layer, one.epoch, words.get(one.accepted, one.accepted), *p, tails, *significant(one), *worst)


def _short(value: float) -> str:
    """Two significant digits."""
    return page.number(float(f"{value:.2g}"))


def _formula(graph: Graph) -> str:
    """The polynomial in plain text."""
    return latex(graph).replace(r"\sum", "Σ").translate(str.maketrans("", "", "{}"))
