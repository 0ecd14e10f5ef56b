"""The part of a run folder on couplings: which terms beyond the Gaussian law the matrices need, what they explain."""

from collections.abc import Iterator, Sequence

from analysis.coupling_study import CouplingStudy
from analysis.model.status import OK
from analysis.show.couplings import coupling_entry, score_table, selected_table
from analysis.show.patterns import pattern_title
from experiments.report import page
from experiments.report.content import Cell, Content, Files, Paragraph, Section, by_epoch, drawn_graph, explained
from experiments.report.outputs import Part

TITLE = "Which couplings?"
NAME = "couplings"
MOST = 4
"""Couplings of a matrix in the table of the page; the file has all."""
LARGE = 1.0
"""Score / N from which couplings are too large for the first order."""
ABOUT = (
    "The simplest law beyond the Gaussian one multiplies its density by exp(sum of g :I:), with a coupling g for each "
    "connected cubic or quartic invariant. The score tests the Gaussian law against all couplings of a degree with one "
    "number. As few couplings as raise the likelihood of members held out are then selected; explained is how many of "
    "the 43 cubic and quartic invariants do not deviate from the law, at a false-discovery rate of 5 %: from the "
    "Gaussian law, then from that with the couplings. Rows and columns are permuted apart."
)
ABOUT_SELECTED = (
    f"The first {MOST} couplings selected of each matrix{{when}}, ± standard error over members; gain is the rise of "
    "the log-likelihood of all members, each held out, in nats."
)
LAST = ", at the last of these epochs at which the first order holds"
ABOUT_LARGE = (
    "Too far from the Gaussian law for couplings to first order (score / N above 1): {where}. There the score says "
    "that the law is another one, and the cumulants how it differs; do not trust couplings and what they explain."
)


def couplings_part(studies: Sequence[CouplingStudy], remarks: Sequence[str] = ()) -> Part:
    """The section with its tables and JSON."""
    tables = {NAME: score_table(studies), "selected_couplings": selected_table(studies)}
    entries = {NAME: [coupling_entry(one) for one in studies]}
    return Part(Section(TITLE, list(_content(studies, remarks))), tables, {}, entries)


def _content(studies: Sequence[CouplingStudy], remarks: Sequence[str]) -> Iterator[Content]:
    yield explained(ABOUT)
    yield from map(Paragraph, remarks)
    by_layer, timed = sorted(studies, key=lambda one: one.layer), len({one.epoch for one in studies}) > 1
    header = ("matrix", "epoch", "cubic score", "p", "quartic score", "p", "selected", "explained")
    yield by_epoch(header, [tuple(_row(one)) for one in by_layer], timed)
    shown = {one.layer: one for one in by_layer if one.selection.graphs and not one.tilt > LARGE}
    rows = [row for one in shown.values() for row in _selected(one)]
    if rows:
        yield Paragraph(ABOUT_SELECTED.format(when=LAST if timed else ""))
        yield by_epoch(("matrix", "epoch", "graph", "coupling", "g", "gain"), rows, timed)
    large = [_place(one, timed) for one in by_layer if one.tilt > LARGE]
    if large:
        yield Paragraph(ABOUT_LARGE.format(where=", ".join(large)))
    yield Files([(f"tables/{name}.csv", name) for name in (NAME, "selected_couplings")] + [(f"{NAME}.json", "json")])
    for one in by_layer:
        if one.status != OK:
            yield Paragraph(f"{_place(one, timed)}: {one.status}.")


def _place(one: CouplingStudy, timed: bool) -> str:
    return f"{one.layer} at epoch {one.epoch}" if timed else one.layer


def _row(one: CouplingStudy) -> Iterator[Cell]:
    yield from (one.layer, one.epoch)
    for value, dof, p in zip(one.couplings.score, one.couplings.dof, one.couplings.p, strict=True):
        yield f"{page.short(value)} / {dof}" if p >= 0 else "–"
        yield page.probability(float(p))
    yield len(one.selection.graphs)
    explained = one.predictions.explained
    yield f"{explained[0]} → {explained[1]}" if explained else "–"


def _selected(one: CouplingStudy) -> Iterator[tuple[Cell, ...]]:
    chosen = one.selection
    for k, graph in enumerate(chosen.graphs[:MOST]):
        yield (
            *(one.layer, one.epoch, drawn_graph(one.symmetry, graph)),
            pattern_title(one.symmetry, graph),
            page.measured(float(chosen.g[k]), float(chosen.g_se[k])),
            page.measured(float(chosen.gain[k]), float(chosen.gain_se[k])),
        )
