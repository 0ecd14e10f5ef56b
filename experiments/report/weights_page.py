"""The page on a whole model: every group of its matrices in one table, then each with figures and numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from analysis.inference.multiplicity import LEVEL
from analysis.model.status import OK
from analysis.show import trajectories
from analysis.show.chains import CAPTION as CHAINS_CAPTION
from analysis.show.chains import chain_sentence, chain_tables
from analysis.show.hidden_units import CAPTION, HEADER, unit_row, unit_sentence
from analysis.show.patterns import titled_patterns
from analysis.show.tables import Table
from analysis.show.weights_figures import GROUP_CAPTION, SHORT_CAPTION, TRAITS_CAPTION
from analysis.show.weights_table import MOST_FINDINGS, law_title, legend_of, sentence, skipped_in_short
from analysis.weights.group_study import GroupStudy
from analysis.weights.model_study import ModelStudy
from analysis.weights.tensors import sized
from analysis.weights.traits import NAMES
from experiments.report import page
from experiments.report.content import (
    Content,
    Document,
    Files,
    Folded,
    Grid,
    Paragraph,
    Picture,
    Section,
    Tiles,
    Verdicts,
    explained,
)
from experiments.report.outputs import provenance_of
from experiments.report.weights_verdicts import study_verdicts

MOST_FIGURES = 20
"""Groups that get figures of their own, the most unusual ones."""
MOST_MEMBERS = 200
"""Members listed on the page; the file has all."""
MOVES_CAPTION = (
    "How far the law of each group is from that of the first checkpoint, per root of the number of entries; groups are "
    "numbered as in the table, and errors and the level of chance are in the figure of each."
)


def document(study: ModelStudy, config: Mapping[str, Any], hints: Sequence[str], command: str) -> Document:
    """The page: all groups in one table, then each with its numbers, what was left out, and what made it."""
    matrices = sum(row.group.members for row in study.rows)
    unusual = sum(bool(row.findings) for row in study.rows)
    lead = (
        Verdicts(list(study_verdicts(study))),
        Paragraph(" ".join(f"{note[0].upper()}{note[1:]}." for note in study.notes)),
        Tiles(
            {
                "groups": str(len(study.rows)),
                "matrices in them": str(matrices),
                "groups that depart from independent entries": str(unusual),
                "arrays left out": str(len(study.skipped)),
            }
        ),
    )
    sections = [_overview(study), *_chains(study, hints)]
    sections += [_section(k, row) for k, row in enumerate(study.rows, start=1)]
    sections += [*_units(study), _left_out(study), provenance_of(config)]
    return Document(f"Weights of {study.title}", lead, sections, command)


def _overview(study: ModelStudy) -> Section:
    header = ("group", "shape", "members", *(("moved / √(mn)", "by chance") if study.steps else ()))
    header += ("rms", "W2 / √(mn)", "by chance", "law", "skewness", "kurtosis", "couplings", "outliers", "odd members")
    named = [(f"{k} {row.group.name}", row) for k, row in enumerate(study.rows, start=1)]
    links = [("tables/groups.csv", "csv"), ("tables/members.csv", "members"), ("weights.json", "json")]
    links += [(f"tables/{name}.csv", name) for name in ("checkpoints", "paths") if study.steps]
    content: tuple[Content, ...] = (
        Paragraph(f"The most unusual group comes first. {legend_of(study)}"),
        Grid(header, [(name, *_numbers(row)) for name, row in named]),
        Files(links),
        Grid(("group", "what is unusual"), [(name, sentence(row, MOST_FINDINGS)) for name, row in named]),
        *((Picture("moves", MOVES_CAPTION),) if study.steps else ()),
        Picture("traits", TRAITS_CAPTION),
    )
    return Section("The groups", content)


def _numbers(row: GroupStudy) -> tuple[str | int | float, ...]:
    s, size = row.statistics, float(row.statistics.root_size[0])
    couplings = row.couplings
    return (
        *(sized(row.group.shape), row.group.members, *_moved(row), float(np.sqrt(np.nanmean(row.rms**2)))),
        *(page.measured(float(s.w2) / size, float(s.w2_se) / size), float(s.w2_null) / size, law_title(row)),
        *(_trait(row, "skewness"), _trait(row, "kurtosis")),
        "–" if couplings is None else len(couplings.selection.graphs),
        page.short(row.outliers.count.mean()) if row.outliers else "–",
        len(row.anomalies.found) if np.isfinite(row.anomalies.q).any() else "–",
    )


def _moved(row: GroupStudy) -> tuple[str | float, ...]:
    """From the first checkpoint, where there are several."""
    if row.trajectory is None:
        return ()
    move = trajectories.moved(row)
    return page.measured(move["w2"], move["se"]), move["null"]


def _trait(row: GroupStudy, name: str) -> str:
    at = NAMES.index(name)
    star = "\u00a0*" if row.traits_q[at] < LEVEL else ""
    return page.measured(float(row.traits.value[at]), float(row.traits.se[at])) + star


def _section(number: int, row: GroupStudy) -> Section:
    return Section(f"{number}. {row.group.name}", list(_content(number, row)))


def _content(number: int, row: GroupStudy) -> Iterator[Content]:
    group, s = row.group, row.statistics
    moves = trajectories.move_sentence(row)
    remark = f" {group.remark[0].upper()}{group.remark[1:]}." if group.remark else ""
    yield Paragraph(f"{group.members} x {sized(group.shape)}: {group.formed}.{remark} {sentence(row)} {moves}")
    if number <= MOST_FIGURES and row.trajectory:
        caption = trajectories.CAPTION if number == 1 else trajectories.SHORT_CAPTION
        yield Picture(f"trajectory{number}", caption)
    if number <= MOST_FIGURES:
        yield Picture(f"group{number}", GROUP_CAPTION if number == 1 else SHORT_CAPTION)
    values = zip(s.symmetry.parameter_names, s.parameters.tolist(), s.parameters_se.tolist(), strict=True)
    laws = [(name, page.measured(value, error) if error > 1e-6 else value) for name, value, error in values]
    traits = [
        (name, _trait(row, name), page.probability(float(q))) for name, q in zip(NAMES, row.traits_q, strict=True)
    ]
    if row.outliers and row.one:
        largest = page.number(float(row.outliers.singular[0, 0]))
        traits.append(("largest singular value", largest, page.probability(row.largest_q)))
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


def _chains(study: ModelStudy, hints: Sequence[str]) -> Iterator[Section]:
    if study.chains:
        joint, units = (_grid(table) for table in chain_tables(study.chains).values())
        sentences = [Paragraph(chain_sentence(one)) for one in study.chains]
        links = Files([("tables/chains.csv", "csv"), ("tables/chain_units.csv", "hidden units")])
        about = (explained(CHAINS_CAPTION), joint, explained(CAPTION), units, links)
        yield Section("Layers of the same networks", [*sentences, *about, *map(Paragraph, hints)])


def _grid(table: Table) -> Grid:
    return Grid([name.replace("_", " ") for name in table.header], table.rows)


def _units(study: ModelStudy) -> Iterator[Section]:
    if study.units:
        grid = _grid(Table(HEADER, tuple(map(unit_row, study.units)), CAPTION))
        sentences = [Paragraph(unit_sentence(one)) for one in study.units]
        links = Files([("tables/hidden_units.csv", "csv")])
        yield Section("Hidden units", [*sentences, explained(CAPTION), grid, links])


def _left_out(study: ModelStudy) -> Section:
    if not study.skipped:
        return Section("Left out", [Paragraph("No array was left out.")])
    rows = [(one.name, sized(one.shape) or "–", one.dtype, one.reason) for one in study.skipped]
    grid = Grid(("array", "shape", "type", "reason"), rows)
    return Section("Left out", [Paragraph(f"{skipped_in_short(study)}."), Folded("All of them", [grid])])
