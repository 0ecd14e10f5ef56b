"""The groups of a model as a table: for the terminal, a notebook, as CSV, as JSON."""

import math
import textwrap
from collections.abc import Iterator
from html import escape
from typing import Any

import numpy as np

from analysis.show.chains import chain_entry, chain_sentence
from analysis.show.entries import by_name, numbers, one_matrix_entry, statistics_entry
from analysis.show.hidden_units import unit_entry, unit_sentence
from analysis.show.style import model_title
from analysis.show.tables import Table, table_of
from analysis.show.trajectories import move_sentence, moved, moved_texts, trajectory_entry
from analysis.weights.group_study import GroupStudy
from analysis.weights.model_study import ModelStudy
from analysis.weights.traits import NAMES

SCHEMA = 1
MOST_FINDINGS = 3
"""Of a group in a terminal."""
WIDTH = 112
"""Columns of a terminal."""
SIZE = (("shape", 13), ("members", 7))
LAW = (("rms", 8), ("W2/√mn", 8), ("by chance", 9), ("law", 16))
TRAITS = (("skewness", 13), ("kurtosis", 14))
MOVES = (("moved/√mn", 18), ("by chance", 9))
SPREAD = (("outliers", 8), ("odd", 3))
COLUMNS = (*SIZE, *LAW, *TRAITS, *SPREAD)
"""Headings of the numbers in a terminal, and how many characters each has."""
OF_CHECKPOINTS = (*SIZE, *MOVES, *LAW, *SPREAD)
"""The same of a training."""
ORDINARY = "nothing departs from independent entries of one law by more than chance and enough to matter"
LEGEND = (
    "rms: root mean square of an entry. W2/√mn: distance of the Gaussian law of the group from independent entries, "
    "and what chance makes of it. law: i.i.d., or S_m × S_n where rows or columns share their means, S_D where nodes "
    "do. skewness, kurtosis (excess): of an entry, 0 for Gaussian ones. outliers: singular values of a matrix above "
    "those of independent entries. odd: members that do not fit among the others. Errors are over members; of two "
    "members those of independent Gaussian entries, of one those over its rows and columns. Rows are outputs, columns "
    "inputs; they are permuted apart, as different neurons, but in groups of symmetric matrices, whose rows are their "
    "columns."
)
MOVED_LEGEND = (
    "moved/√mn: distance of the Gaussian law of the group from that of the first checkpoint, with standard error, and "
    "what chance makes of it where nothing moves."
)
TABLE_CAPTION = (
    "One row a group: how it was formed; members, and those left out as not finite; root mean square of an entry; "
    "2-Wasserstein distance of the law from the nearest independent entries, per root of the number of "
    "entries, with standard error, mean and 95 % quantile of what chance makes of it; the smallest law that describes "
    "first and second moments; the parameters; each trait with standard error and false-discovery rate; p of the score "
    "tests of couplings, and how many are selected; singular values above the bulk of independent entries per matrix, "
    "how many of them mean, row and column variances make, and the share of the squared norm that they carry; of a "
    "single matrix, whose means of rows and columns are subtracted first, p and false-discovery rate of the largest "
    "one; the size of the largest finding, and all findings as sentences. Of a single matrix the traits of means are "
    "the shares of the squares around the mean beyond chance, and errors give the width of 95 % intervals over rows "
    "and columns."
)


def groups_table(study: ModelStudy) -> Table:
    """All numbers of the table, one row a group, the most unusual first."""
    return table_of([dict(_cells(row)) for row in study.rows], TABLE_CAPTION)


def members_table(study: ModelStudy) -> Table:
    """The members of every group: root mean square, and how odd each is among the others."""
    rows = tuple(
        (row.group.name, title, *map(float, numbers), what)
        for row in study.rows
        for title, *numbers, what in zip(
            row.group.titles, row.rms, row.anomalies.distance, row.anomalies.q, row.anomalies.oddest, strict=True
        )
    )
    caption = (
        "Root mean square of the entries of every member; Mahalanobis distance of its block moments from the law of "
        "the others; the false-discovery rate at which it does not fit; the block moment or cumulant that is oddest."
    )
    return Table(("group", "member", "rms", "distance", "q", "oddest"), rows, caption)


def sentence(row: GroupStudy, most: int | None = None) -> str:
    """What is unusual about a group, as one sentence, of the largest findings."""
    texts = [finding.text for finding in row.findings]
    left = len(texts) - len(texts[:most])
    text = "; ".join([*texts[:most], *([f"and {left} smaller"] if left else [])]) or ORDINARY
    return f"{text[0].upper()}{text[1:]}."


def law_title(row: GroupStudy) -> str:
    """What people call the law of first and second moments that is accepted."""
    return model_title(row.statistics.symmetry, row.accepted)


def terminal(study: ModelStudy) -> str:
    """The table as text: three lines or more a group, with its name, its numbers, and what is unusual."""
    indent, columns = "   ", columns_of(study)
    head = indent + " ".join(f"{name:>{width}}" for name, width in columns)
    lines = [f"{study.title}: {len(study.rows)} groups, the most unusual first", "", head]
    for number, row in enumerate(study.rows, start=1):
        remark = f"; {row.group.remark}" if row.group.remark else ""
        cells = zip(_texts(row), columns, strict=True)
        lines += [
            f"{number:2} {row.group.name} ({row.group.formed}{remark})",
            indent + " ".join(f"{text:>{width}}" for text, (_, width) in cells),
            *_wrapped(f"{sentence(row, MOST_FINDINGS)} {move_sentence(row)}", indent),
        ]
    told = [*map(chain_sentence, study.chains), *map(unit_sentence, study.units)]
    lines += ["", *(line for text in told for line in _wrapped(text, ""))] if told else []
    return "\n".join([*lines, "", *_wrapped(f"{legend_of(study)} {_remarks(study)}", "")])


def columns_of(study: ModelStudy) -> tuple[tuple[str, int], ...]:
    """Headings of a terminal, and how many characters each has."""
    return OF_CHECKPOINTS if study.steps else COLUMNS


def legend_of(study: ModelStudy) -> str:
    """What the columns are."""
    return f"{MOVED_LEGEND} {LEGEND}" if study.steps else LEGEND


def html(study: ModelStudy) -> str:
    """The table for a notebook."""
    head = "".join(
        f"<th>{escape(name)}</th>" for name in ("group", *(name for name, _ in columns_of(study)), "unusual")
    )
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in (row.group.name, *_texts(row), sentence(row))) + "</tr>"
        for row in study.rows
    )
    caption = escape(f"{study.title}: {len(study.rows)} groups, the most unusual first. {_remarks(study)}")
    return f"<p>{caption}</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def study_entry(study: ModelStudy) -> dict[str, Any]:
    """The study as plain values for JSON; NaN becomes null."""
    return {
        "schema": SCHEMA,
        "title": study.title,
        "notes": list(study.notes),
        "steps": list(study.steps),
        "groups": [_entry(row) for row in study.rows],
        "hidden_units": [unit_entry(one) for one in study.units],
        "chains": [chain_entry(one) for one in study.chains],
        "skipped": [{**one._asdict(), "shape": list(one.shape)} for one in study.skipped],
    }


def skipped_in_short(study: ModelStudy) -> str:
    """How many tensors were left out, by reason."""
    counts: dict[str, int] = {}
    for one in study.skipped:
        counts[one.reason] = counts.get(one.reason, 0) + 1
    return "; ".join(f"{count} x {reason}" for reason, count in counts.items())


def _remarks(study: ModelStudy) -> str:
    skipped = skipped_in_short(study)
    single = "; ".join(dict.fromkeys(row.one.status for row in study.rows if row.one))
    texts = (*study.notes, f"left out: {skipped}" if skipped else "", single)
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in texts if text)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _texts(row: GroupStudy) -> tuple[str, ...]:
    """The numbers of a line."""
    s, (rows, columns) = row.statistics, row.group.shape
    w2, null = (float(value) / float(s.root_size[0]) for value in (s.w2, s.w2_null))
    outliers = f"{row.outliers.count.mean():.3g}" if row.outliers else "–"
    law = (f"{np.sqrt(np.nanmean(row.rms**2)):.3g}", f"{w2:.2g}", f"{null:.2g}", law_title(row))
    spread = (outliers, str(len(row.anomalies.found)) if np.isfinite(row.anomalies.q).any() else "–")
    size = (f"{rows} x {columns}", str(row.group.members))
    if row.trajectory:
        return (*size, *moved_texts(row), *law, *spread)
    return (*size, *law, _measured(row, "skewness"), _measured(row, "kurtosis"), *spread)


def _measured(row: GroupStudy, trait: str) -> str:
    at = NAMES.index(trait)
    value, se = float(row.traits.value[at]), float(row.traits.se[at])
    if not np.isfinite(value) or not se > 0:
        return "–"
    digits = min(max(0, -math.floor(math.log10(se))), 4)
    return f"{value:.{digits}f} ± {se:.{digits}f}"


def _cells(row: GroupStudy) -> Iterator[tuple[str, str | int | float]]:
    group, s, size = row.group, row.statistics, float(row.statistics.root_size[0])
    yield from (("group", group.name), ("formed", group.formed), ("rows", group.shape[0]), ("columns", group.shape[1]))
    yield from (("members", group.members), ("excluded", int(s.excluded)))
    yield "rms", float(np.sqrt(np.nanmean(row.rms**2)))
    for name, value in {"w2": s.w2, "w2_se": s.w2_se, "w2_null": s.w2_null, "w2_null_upper": s.w2_null_upper}.items():
        yield name, float(value) / size
    if row.trajectory:
        yield from ((f"moved_{name}", value) for name, value in moved(row).items())
    yield "accepted", row.accepted
    for name, value, se in zip(s.symmetry.parameter_names, s.parameters, s.parameters_se, strict=True):
        yield from ((name, float(value)), (f"{name}_se", float(se)))
    for k, name in enumerate(NAMES):
        key = name.replace(" ", "_")
        yield from ((key, float(row.traits.value[k])), (f"{key}_se", float(row.traits.se[k])))
        yield f"{key}_q", float(row.traits_q[k])
    yield from _couplings(row)
    yield from _outliers(row)
    yield "odd", len(row.anomalies.found)
    yield from (("unusual", row.unusual), ("findings", sentence(row)), ("status", row.status))


def _couplings(row: GroupStudy) -> Iterator[tuple[str, float]]:
    one = row.couplings
    for k, degree in enumerate((3, 4)):
        yield f"couplings_p{degree}", np.nan if one is None else float(one.couplings.p[k])
    yield "couplings", np.nan if one is None else float(len(one.selection.graphs))


def _outliers(row: GroupStudy) -> Iterator[tuple[str, float]]:
    one = row.outliers
    yield "outliers", np.nan if one is None else float(one.count.mean())
    yield "outliers_predicted", np.nan if one is None else float(one.predicted)
    yield "outliers_share", np.nan if one is None else float(one.share.mean())
    yield "largest_p", row.largest_p
    yield "largest_q", row.largest_q


def _entry(row: GroupStudy) -> dict[str, Any]:
    odd = row.anomalies
    members = zip(row.group.titles, row.rms, odd.distance, odd.q, odd.oddest, strict=True)
    return {
        "name": row.group.name,
        "formed": row.group.formed,
        "remark": row.group.remark,
        "shape": list(row.group.shape),
        "members": [
            {"name": title} | numbers(rms=rms, distance=distance, q=q) | {"oddest": oddest}
            for title, rms, distance, q, oddest in members
        ],
        "accepted": row.accepted,
        "traits": by_name(NAMES, **row.traits._asdict(), q=row.traits_q),
        "outliers": numbers(**dict(_outliers(row))),
        "couplings": numbers(**dict(_couplings(row))),
        "one_matrix": row.one and one_matrix_entry(row.one),
        "findings": [finding._asdict() for finding in row.findings],
        "unusual": row.unusual,
        "statistics": statistics_entry(row.statistics),
        "status": row.status,
        **({"trajectory": trajectory_entry(row)} if row.trajectory else {}),
    }
