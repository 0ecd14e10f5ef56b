"""`pigmm compare` of two models: what it writes and says of the groups that both have."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

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
from experiments.errors import UserError
from experiments.report import page
from experiments.report.content import Content, Document, Files, Grid, Paragraph, Section, Verdicts
from experiments.report.outputs import REPORT
from experiments.report.weights import open_all
from experiments.report.weights_verdicts import contrast_verdicts
from experiments.run.provenance import versions
from experiments.store.run_folder import CONFIG, RunFolder

KIND = "comparison of models"


def are_models(paths: Sequence[Path]) -> bool:
    """Whether none of the paths is a folder of a run or of an analysis, which have a comparison of their own."""
    return not any((path / CONFIG).exists() for path in paths)


def compare_models(paths: Sequence[Path], out: Path) -> str:
    """Compare two models, files or folders of weights; write numbers, table and report; returns the table.

    Raises:
        UserError: there are not two, they cannot be opened, have nothing in common, or the results cannot be written.
    """
    if len(paths) != 2:
        raise UserError(f"{len(paths)} models: give two to compare, the base one first")
    try:
        base, other = (open_all([path]) for path in paths)
        found = contrast_weights(base, other)
    except ValueError as error:
        raise UserError(str(error)) from error
    numbers = repr(contrast_entry(found)).encode()
    config = {"kind": KIND, "models": [str(path) for path in paths], "digest": hashlib.sha256(numbers).hexdigest()}
    with RunFolder.open(out, config) as folder:
        folder.write_json("comparison.json", contrast_entry(found))
        folder.write_text("tables/groups.csv", contrast_table(found).csv())
        report = folder.write_text(REPORT, page.document(_document(found, config), {}))
    return f"{contrast_terminal(found)}\n{report}"


def _document(found: ModelContrast, config: dict[str, object]) -> Document:
    named = [(f"{k} {row.group.name}", row) for k, row in enumerate(found.rows, start=1)]
    header = ("group", *(name for name, _ in COLUMNS))
    content: tuple[Content, ...] = (
        Paragraph(LEGEND),
        Grid(header, [(name, *contrast_texts(row)) for name, row in named]),
        Files([("tables/groups.csv", "csv"), ("comparison.json", "json")]),
        Grid(("group", "what differs"), [(name, contrast_sentence(row)) for name, row in named]),
        Paragraph(CAPTION),
    )
    alone = Section("Groups that are not compared", [Paragraph("; ".join(found.alone) or "There are none.")])
    listed = {**config, **{f"version of {name}": version for name, version in versions().items()}}
    origin = Section("Provenance", [Grid(("setting", "value"), [(name, str(value)) for name, value in listed.items()])])
    title = f"{found.titles[1]} against {found.titles[0]}"
    return Document(title, [Verdicts(list(contrast_verdicts(found)))], (Section("The groups", content), alone, origin))
