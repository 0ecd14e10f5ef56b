"""The part of a run folder that is made of the matrices themselves: tables, a figure, and a section of the report."""

from collections.abc import Iterator, Sequence

import numpy as np

from analysis.inspection import Findings, Inspection
from analysis.inspection_tables import BLOCKS, LEVEL, TABLES, largest, significant
from analysis.quantile_plot import CAPTION, draw_quantiles
from analysis.randomisation import Symmetry
from experiments.report import page
from experiments.report.figures import figure_on_page, picture, write_picture
from experiments.store.run_folder import RunFolder
from invariants import Graph, latex, name

TITLE = "Which symmetry, how Gaussian?"
FIGURE = "quantiles"


def write_inspection(folder: RunFolder, findings: Findings) -> str:
    """Draw and write what was inspected, tables and figure; returns the section of the report as HTML."""
    if not findings.inspections:
        return section(findings)
    for table_name, table in TABLES.items():
        folder.write_text(f"tables/{table_name}.csv", table(findings.inspections).csv())
    png = write_picture(folder, FIGURE, picture(draw_quantiles, findings.inspections))
    return section(findings, figure_on_page(FIGURE, png, CAPTION))


def section(findings: Findings, figure: str = "") -> str:
    """The section of the report: a sentence for each layer, a table, the figure (HTML), and what was left out."""
    inspections, remarks = findings
    remarks += tuple(f"{one.layer} at epoch {one.epoch}: {one.status}." for one in inspections if one.status != "ok")
    return page.section(
        TITLE,
        *map(page.paragraph, _sentences(inspections)),
        *([_table(inspections), figure] if inspections else []),
        *map(page.paragraph, remarks),
    )


def _sentences(inspections: Sequence[Inspection]) -> Iterator[str]:
    """What holds of each layer at its last inspected epoch."""
    for one in {one.layer: one for one in inspections}.values():
        paper, every = significant(one)
        deviation, graph = largest(one)
        yield (
            f"{one.layer} at epoch {one.epoch}: {_symmetry(one.accepted)}; {_tails(one)}. Of the cubic and quartic "
            f"invariants {paper} of the paper's 39 and {every} of all 348 deviate from the Gaussian model, the most by "
            f"{_short(deviation)} standard deviations ({_formula(graph)})."
        )


def _symmetry(accepted: str) -> str:
    return {
        "none": "every permutation symmetry is rejected, since positions in the matrix differ",
        "not tested": "permutation symmetries were not tested",
        Symmetry.SIMULTANEOUS: "the data agree with rows and columns permuted simultaneously, as the model supposes, "
        "but not independently",
        Symmetry.INDEPENDENT: "the data agree even with rows and columns permuted independently, more than the model "
        "supposes",
    }.get(accepted, f"the data agree only with permutations of {accepted}, less than the model supposes")


def _tails(one: Inspection) -> str:
    """Whether a block has tails other than a Gaussian's, at 5 % after Bonferroni's correction for the four blocks."""
    kurtosis, block = one.shape.kurtosis, _clearest(one)
    if np.isnan(kurtosis.p[block]):
        return "tails were not tested"
    if len(BLOCKS) * kurtosis.p[block] >= LEVEL:
        return "no block has tails that differ clearly from a Gaussian's"
    kind = "heavier" if kurtosis.value[block] > 0 else "lighter"
    return f"tails are {kind} than a Gaussian's, most clearly in {BLOCKS[block]} (excess kurtosis {_kurtosis(one)})"


def _clearest(one: Inspection) -> int:
    """The block whose excess kurtosis has the smallest p-value."""
    return int(np.argmin(np.nan_to_num(one.shape.kurtosis.p, nan=np.inf)))


def _kurtosis(one: Inspection) -> str:
    """Value and standard error of the clearest excess kurtosis."""
    kurtosis, block = one.shape.kurtosis, _clearest(one)
    return page.measured(float(kurtosis.value[block]), float(kurtosis.se[block]))


def _table(inspections: Sequence[Inspection]) -> str:
    p_values, counts = ("p independent", "p simultaneous"), ("of 39", "of 348")
    header = ("layer", "epoch", "accepted", *p_values, "excess kurtosis", *counts, "largest deviation")
    layers = dict.fromkeys(one.layer for one in inspections)
    rows = [_row(one) for layer in layers for one in inspections if one.layer == layer]
    about = page.paragraph(
        "The largest symmetry accepted at 5 % a test, with two of the p-values of the randomisation tests; excess "
        "kurtosis, 0 for a Gaussian law, of the block where it is clearest; number of invariants that deviate at a "
        "false-discovery rate of 5 % over all of this table, and the largest deviation |theory − mean| / std."
    )
    links = ", ".join(page.link(f"tables/{table}.csv", f"{table}.csv") for table in TABLES)
    return about + page.table(header, rows) + links


def _row(one: Inspection) -> tuple[page.Cell, ...]:
    words = {symmetry.value: symmetry.name.lower() for symmetry in Symmetry}
    p = (one.symmetries[symmetry].p for symmetry in (Symmetry.INDEPENDENT, Symmetry.SIMULTANEOUS))
    tails = f"{_kurtosis(one)}\u00a0({BLOCKS[_clearest(one)]})"
    deviation, graph = largest(one)
    worst = f"{_short(deviation)}\u00a0({name(graph)})"
    return (one.layer, one.epoch, words.get(one.accepted, one.accepted), *p, tails, *significant(one), worst)


def _short(value: float) -> str:
    """Two significant digits."""
    return page.number(float(f"{value:.2g}"))


def _formula(graph: Graph) -> str:
    """The polynomial in plain text."""
    return latex(graph).replace(r"\sum", "Σ").translate(str.maketrans("", "", "{}"))
