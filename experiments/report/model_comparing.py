"""`pigmm compare` of two models: what it writes and says of the groups that both have."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from analysis.show.model_contrast_figure import CAPTION as FIGURE_CAPTION
from analysis.show.model_contrast_figure import draw_contrast
from analysis.show.model_contrast_table import (
    CAPTION,
    COLUMNS,
    LEGEND,
    contrast_entry,
    contrast_sentence,
    contrast_table,
    contrast_terminal,
    contrast_texts,
)
from analysis.weights.model_contrast import ModelContrast, contrast_weights
from experiments.cli.progress import Steps
from experiments.errors import UserError
from experiments.report import page
from experiments.report.content import Content, Document, Files, Grid, Paragraph, Picture, Section, Verdicts
from experiments.report.figures import picture, write_picture
from experiments.report.outputs import REPORT, provenance_of
from experiments.report.weights import open_all
from experiments.report.weights_verdicts import contrast_verdicts
from experiments.store.run_folder import RunFolder, is_ours

COMPARISON = {"kind": "comparison of models"}
"""What a folder of such a comparison is recognised by."""
FIGURE = "distances"


def are_models(paths: Sequence[Path]) -> bool:
    """Whether none of the paths is a folder of a run or of an analysis, which have a comparison of their own."""
    return not any(map(is_ours, paths))


def compare_models(first: Path, second: Path, out: Path) -> str:
    """Compare two models, files or folders of weights; write numbers, table and report; returns the table.

    Raises:
        UserError: they cannot be opened, have nothing in common, or the results cannot be written.
    """
    base, other = (open_all([path]) for path in (first, second))
    steps = Steps("weights", plain=False)
    try:
        found = contrast_weights(base, other, steps.begin)
    except ValueError as error:
        raise UserError(str(error)) from error
    steps.end()
    with RunFolder.open(out, COMPARISON) as folder:  # an earlier one there is replaced
        folder.write_json("comparison.json", contrast_entry(found))
        folder.write_text("tables/groups.csv", contrast_table(found).csv())
        drawn = {FIGURE: write_picture(folder, FIGURE, picture(draw_contrast, found))}
        report = folder.write_text(REPORT, page.document(_document(found, (first, second), out), drawn))
    return f"{contrast_terminal(found)}\n{report}"


def _document(found: ModelContrast, paths: Sequence[Path], out: Path) -> Document:
    named = [(f"{k} {row.group.name}", row) for k, row in enumerate(found.rows, start=1)]
    header = ("group", *(name for name, _ in COLUMNS))
    content: tuple[Content, ...] = (
        Paragraph(LEGEND),
        Grid(header, [(name, *contrast_texts(row)) for name, row in named]),
        Files([("tables/groups.csv", "csv"), ("comparison.json", "json")]),
        Picture(FIGURE, FIGURE_CAPTION),
        Grid(("group", "what differs"), [(name, contrast_sentence(row)) for name, row in named]),
        Paragraph(CAPTION),
    )
    alone = Section("Groups that are not compared", [Paragraph("; ".join(found.alone) or "There are none.")])
    origin = provenance_of({"models": ", ".join(map(str, paths))})
    command = shlex.join(("pigmm", "compare", *map(str, paths), "--out", str(out)))
    lead = [Verdicts(list(contrast_verdicts(found)))]
    title = f"{found.titles[1]} against {found.titles[0]}"
    return Document(title, lead, (Section("The groups", content), alone, origin), command)
