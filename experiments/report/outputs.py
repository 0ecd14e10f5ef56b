"""The files made of the statistics: fit.json, tables, figures, report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from analysis.show import figures, tables
from analysis.show.entries import statistics_entry
from analysis.statistics import Statistics
from experiments.report.content import Grid, Section
from experiments.report.figures import Drawn, picture, write_picture
from experiments.report.page import document
from experiments.report.report import report_document
from experiments.run import models
from experiments.run.provenance import versions
from experiments.store.run_folder import RunFolder

REPORT = "report.html"


def provenance_of(config: Mapping[str, Any]) -> Section:
    """What given matrices are and how they were looked at, and the versions of the programs."""
    listed = {**config, **{f"version of {name}": version for name, version in versions().items()}}
    return Section("Provenance", [Grid(("setting", "value"), [(name, str(value)) for name, value in listed.items()])])


class Part(NamedTuple):
    """A section of the report and what belongs to it: tables as CSV, figures, JSON, by name."""

    section: Section
    tables: Mapping[str, tables.Table]
    figures: Mapping[str, Drawn]
    json: Mapping[str, Any]


def write_outputs(
    folder: RunFolder,
    statistics: Statistics,
    config: Mapping[str, Any],
    provenance: Mapping[str, Any],
    parts: Sequence[Part] = (),
    pictures: Mapping[str, Drawn] | None = None,
    first: Sequence[Part] = (),
    command: str = "",
) -> Path:
    """Write everything a reader looks at, all from the same numbers; returns the path of the report.

    Args:
        folder: where to write.
        statistics: the numbers.
        config: the settings that the report lists.
        provenance: the circumstances that it lists.
        parts: further sections.
        pictures: the figures, where they are drawn already.
        first: sections that stand above all others.
        command: what makes the report again.
    """
    if pictures is None:
        pictures = {name: picture(figures.draw, statistics, name) for name in figures.available(statistics)}
    epochs, layers = statistics.w2.shape
    if statistics.symmetry.full == "pigmm":
        folder.write_json("models.json", models.to_json(statistics))
    entries = [statistics_entry(statistics, (e, layer)) for e in range(epochs) for layer in range(layers)]
    folder.write_json("fit.json", entries)
    for name, table in tables.TABLES.items():
        folder.write_text(f"tables/{name}.csv", table(statistics).csv())
    shown = {name: write_picture(folder, name, drawn) for name, drawn in pictures.items()}
    for part in (*first, *parts):
        shown |= write_part(folder, part)
    sections, opening = ([part.section for part in some] for some in (parts, first))
    content = report_document(statistics, config, provenance, tuple(pictures), sections, opening, command)
    return folder.write_text(REPORT, document(content, shown))


def write_part(folder: RunFolder, part: Part) -> dict[str, Drawn]:
    """Write the files of a section; returns its figures."""
    for name, table in part.tables.items():
        folder.write_text(f"tables/{name}.csv", table.csv())
    for name, value in part.json.items():
        folder.write_json(f"{name}.json", value)
    return {name: write_picture(folder, name, drawn) for name, drawn in part.figures.items()}
