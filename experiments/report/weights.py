"""The analysis of a whole model: what `pigmm analyze` writes and says of its groups of matrices."""

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from analysis.inference.multiplicity import LEVEL
from analysis.model.status import OK
from analysis.show.patterns import titled_patterns
from analysis.show.weights_figures import GROUP_CAPTION, SHORT_CAPTION, TRAITS_CAPTION, draw_group, draw_traits
from analysis.show.weights_table import (
    LEGEND,
    MOST_FINDINGS,
    groups_table,
    law_title,
    members_table,
    sentence,
    skipped_in_short,
    study_entry,
    terminal,
)
from analysis.weights.chains import chains
from analysis.weights.group_study import GroupStudy
from analysis.weights.grouping import Group
from analysis.weights.model_study import ModelStudy, grouping_of, study_weights
from analysis.weights.tensors import Orientation, Weights
from analysis.weights.traits import NAMES
from experiments.errors import UserError
from experiments.report import page
from experiments.report.content import Content, Document, Files, Folded, Grid, Paragraph, Picture, Section, Tiles
from experiments.report.figures import Drawn, picture, write_picture
from experiments.report.outputs import REPORT
from experiments.run.provenance import versions
from experiments.store import atomic
from experiments.store.run_folder import RunFolder
from experiments.weights.config import heads_of
from experiments.weights.opening import open_weights

MOST_FIGURES = 24
"""Groups that get a figure of their own, the most unusual ones."""
MOST_MEMBERS = 200
"""Members listed on the page; the file has all."""


class Choice(NamedTuple):
    """What to look at, and how."""

    select: Sequence[str] = ()
    group: Sequence[str] = ()
    heads: int | None = None
    orientation: Orientation | None = None


def open_all(paths: Sequence[Path]) -> tuple[Weights, ...]:
    """All models in some files and folders; files of one array each are the arrays of one model.

    Raises:
        UserError: nothing is there, or it is damaged, or holds no weights.
    """
    opened = [weights for path in paths for weights in open_weights(path)]
    if len(opened) == 1 or any(len(one.tensors) > 1 for one in opened):
        return tuple(opened)
    tensors = tuple(tensor._replace(name=one.title) for one in opened for tensor in one.tensors)
    return (Weights(f"{opened[0].title} to {opened[-1].title}", tensors, opened[0].orientation),)


def is_one_ensemble(paths: Sequence[Path]) -> bool:
    """Whether what is given is a single array [members, rows, columns] of several, which gets the full analysis.

    Raises:
        UserError: nothing is there, or it is damaged, or holds no weights.
    """
    if len(paths) > 1:
        return False
    tensors = [tensor for weights in open_weights(paths[0]) for tensor in weights.tensors]
    return len(tensors) == 1 and len(tensors[0].shape) == 3 and tensors[0].shape[0] != 1


def list_weights(paths: Sequence[Path], choice: Choice) -> str:
    """Names, shapes and types of all arrays, and the groups that are formed of them, without reading numbers.

    Raises:
        UserError: the files cannot be opened, or a pattern fits no name.
    """
    weights = open_all(paths)
    choice = choice._replace(heads=choice.heads or heads_of(paths[0]))
    try:
        grouping = grouping_of(weights, *choice)
    except ValueError as error:
        raise UserError(f"{paths[0]}: {error}") from error
    reasons = {one.name: f"  ({one.reason})" for one in grouping.skipped}
    lines = []
    for one in weights:
        lines += [f"{one.title}: {len(one.tensors)} arrays, matrices stored {one.orientation.replace('_', ' x ')}"]
        lines += [
            f"  {_shape(tensor.shape) or '–':16} {tensor.dtype:9} {tensor.name}{reasons.get(tensor.name, '')}"
            for tensor in one.tensors
        ]
    lines += ["", f"{len(grouping.groups)} groups: {'; '.join(grouping.notes)}"]
    lines += [
        f"  {group.members:6} of {_shape(group.shape):14} {group.name}  ({group.formed})" for group in grouping.groups
    ]
    return "\n".join([*lines, *_chains(grouping.groups, paths)])


def analyze_model(paths: Sequence[Path], choice: Choice, json_file: Path | None, out: Path | None) -> str:
    """Study every group of matrices of a model; write what is asked for and return the table.

    Args:
        paths: files or folders, of which equal names are copies.
        choice: what to look at.
        json_file: where to write the numbers.
        out: where to write numbers, tables, figures and the report.

    Raises:
        UserError: the files cannot be opened, hold no matrix, or a pattern fits no name, or the results cannot be
            written.
    """
    weights = open_all(paths)
    choice = choice._replace(heads=choice.heads or heads_of(paths[0]))
    try:
        study = study_weights(weights, **choice._asdict(), progress=_tell)
    except ValueError as error:
        raise UserError(f"{paths[0]}: {error}") from error
    hints = _chains([row.group for row in study.rows], paths)
    said = "\n".join([terminal(study), *hints])
    if json_file is not None:
        atomic.write_json(json_file, study_entry(study))
    if out is None:
        return said
    config = {
        "matrices": [one.title for one in weights],
        **choice._asdict(),
        "digest": hashlib.sha256(b"".join(row.rms.tobytes() for row in study.rows)).hexdigest(),
    }
    with RunFolder.open(out, config) as folder:
        return f"{said}\n{write_study(folder, study, config, hints)}"


def write_study(folder: RunFolder, study: ModelStudy, config: Mapping[str, Any], hints: Sequence[str]) -> Path:
    """Fill the folder of an analysis; returns the path of the report."""
    folder.write_json("weights.json", study_entry(study))
    tables = {"groups": groups_table(study), "members": members_table(study)}
    for name, table in tables.items():
        folder.write_text(f"tables/{name}.csv", table.csv())
    drawn: dict[str, Drawn] = {"traits": picture(draw_traits, study)}
    shown = study.rows[:MOST_FIGURES]
    drawn |= {f"group{k}": picture(draw_group, row) for k, row in enumerate(shown, start=1)}
    pngs = {name: write_picture(folder, name, one) for name, one in drawn.items()}
    return folder.write_text(REPORT, page.document(_document(study, config, hints), pngs))


def _chains(groups: Sequence[Group], paths: Sequence[Path]) -> list[str]:
    """One line for each chain: how to analyse it as one."""
    files = {path.name: str(path) for path in paths}
    hints = []
    for run in chains(groups):
        names = [group.name for group in run]
        given = [files[name] for name in names if name in files]
        call = [*given, "--chain"] if len(given) == len(names) else [*map(str, paths), "--chain", *names]
        hints.append(
            f"{', '.join(names)} look like consecutive layers of {run[0].members} networks; their joint law: "
            f"pigmm analyze {' '.join(call)}"
        )
    return hints


def _tell(line: str) -> None:
    """Progress, for a person who waits."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line[:100]}", end="", file=sys.stderr, flush=True)


def _document(study: ModelStudy, config: Mapping[str, Any], hints: Sequence[str]) -> Document:
    matrices = sum(row.group.members for row in study.rows)
    unusual = sum(bool(row.findings) for row in study.rows)
    lead = (
        Paragraph(" ".join(f"{note[0].upper()}{note[1:]}." for note in study.notes)),
        Tiles(
            {
                "groups": str(len(study.rows)),
                "matrices in them": str(matrices),
                "groups that depart from independent entries": str(unusual),
                "arrays left out": str(len(study.skipped)),
            }
        ),
        *map(Paragraph, hints),
    )
    sections = [_overview(study), *(_section(k, row) for k, row in enumerate(study.rows, start=1))]
    return Document(f"Weights of {study.title}", lead, (*sections, _left_out(study), _provenance(config)))


def _overview(study: ModelStudy) -> Section:
    header = ("group", "shape", "members", "rms", "W2 / √(mn)", "by chance", "law", "skewness", "kurtosis")
    header += ("couplings", "outliers", "odd members")
    named = [(f"{k} {row.group.name}", row) for k, row in enumerate(study.rows, start=1)]
    files = Files([("tables/groups.csv", "csv"), ("tables/members.csv", "members"), ("weights.json", "json")])
    content: tuple[Content, ...] = (
        Paragraph(f"The most unusual group comes first. {LEGEND}"),
        Grid(header, [(name, *_numbers(row)) for name, row in named]),
        files,
        Grid(("group", "what is unusual"), [(name, sentence(row, MOST_FINDINGS)) for name, row in named]),
        Picture("traits", TRAITS_CAPTION),
    )
    return Section("The groups", content)


def _numbers(row: GroupStudy) -> tuple[str | int | float, ...]:
    s, size = row.statistics, float(row.statistics.root_size[0])
    couplings = row.couplings
    return (
        *(_shape(row.group.shape), row.group.members, float(np.sqrt(np.nanmean(row.rms**2)))),
        *(page.measured(float(s.w2) / size, float(s.w2_se) / size), float(s.w2_null) / size, law_title(row)),
        *(_trait(row, "skewness"), _trait(row, "kurtosis")),
        "–" if couplings is None else len(couplings.selection.graphs),
        page.number(float(f"{row.outliers.count.mean():.3g}")) if row.outliers else "–",
        len(row.anomalies.found) if np.isfinite(row.anomalies.q).any() else "–",
    )


def _trait(row: GroupStudy, name: str) -> str:
    at = NAMES.index(name)
    star = "\u00a0*" if row.traits_q[at] < LEVEL else ""
    return page.measured(float(row.traits.value[at]), float(row.traits.se[at])) + star


def _section(number: int, row: GroupStudy) -> Section:
    return Section(f"{number}. {row.group.name}", list(_content(number, row)))


def _content(number: int, row: GroupStudy) -> Iterator[Content]:
    group, s = row.group, row.statistics
    remark = f" {group.remark[0].upper()}{group.remark[1:]}." if group.remark else ""
    yield Paragraph(f"{group.members} x {_shape(group.shape)}: {group.formed}.{remark} {sentence(row)}")
    if number <= MOST_FIGURES:
        yield Picture(f"group{number}", GROUP_CAPTION if number == 1 else SHORT_CAPTION)
    values = zip(s.symmetry.parameter_names, s.parameters.tolist(), s.parameters_se.tolist(), strict=True)
    laws = [(name, page.measured(value, error) if error > 1e-6 else value) for name, value, error in values]
    traits = [
        (name, _trait(row, name), page.probability(float(q))) for name, q in zip(NAMES, row.traits_q, strict=True)
    ]
    if row.one:
        traits += [
            (
                "largest singular value",
                "–" if row.outliers is None else row.outliers.singular[0, 0],
                page.probability(row.largest_q),
            )
        ]
    cumulants = [
        (title, page.number(float(s.standardised[at])), page.probability(float(s.cumulants_q[at])))
        for title, at in titled_patterns(s.symmetry).items()
    ]
    grids = [
        Grid(("trait", "value", "q"), traits),
        Grid(("standardised cumulant", "value", "q"), cumulants),
        Grid(("parameter", "value"), laws),
    ]
    yield Folded("Numbers", grids)
    yield _members(row)
    if row.status != OK:
        yield Paragraph(f"{row.status}.")


def _members(row: GroupStudy) -> Content:
    """The oddest first, where that is known."""
    odd, titles = row.anomalies, row.group.titles
    order = [*odd.ranking.tolist(), *sorted({*range(len(titles))} - {*odd.ranking.tolist()})]
    rows = [
        (titles[k], float(row.rms[k]), float(odd.distance[k]), page.probability(float(odd.q[k])), odd.oddest[k])
        for k in order[:MOST_MEMBERS]
    ]
    more = f", the first {MOST_MEMBERS}" if len(order) > MOST_MEMBERS else ""
    grid = Grid(("member", "root mean square", "distance", "q", "oddest in"), rows)
    return Folded(f"Members, the oddest first{more}", [grid])


def _left_out(study: ModelStudy) -> Section:
    if not study.skipped:
        return Section("Left out", [Paragraph("No array was left out.")])
    rows = [(one.name, _shape(one.shape) or "–", one.dtype, one.reason) for one in study.skipped]
    grid = Grid(("array", "shape", "type", "reason"), rows)
    return Section("Left out", [Paragraph(f"{skipped_in_short(study)}."), Folded("All of them", [grid])])


def _provenance(config: Mapping[str, Any]) -> Section:
    listed = {**config, **{f"version of {name}": version for name, version in versions().items()}}
    return Section("Provenance", [Grid(("setting", "value"), [(name, str(value)) for name, value in listed.items()])])


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
