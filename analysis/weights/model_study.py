"""A model to a row for each group of its matrices: what `study_weights` returns, one tensor in memory at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from analysis.inference.multiplicity import hierarchical
from analysis.weights.chain_study import ChainStudy, study_chain
from analysis.weights.chains import chains
from analysis.weights.checkpoints import Files, checkpoints_of, comparable
from analysis.weights.findings import findings_of
from analysis.weights.group_study import GroupStudy, study_group
from analysis.weights.grouping import Group, Grouping, Skipped, entries_of, grouped
from analysis.weights.heads import head_groups
from analysis.weights.hidden_units import UnitStudy, links, study_units
from analysis.weights.measuring import NoneFiniteError
from analysis.weights.state import weights_of
from analysis.weights.tensors import Orientation, Weights


@dataclass(frozen=True, repr=False)
class ModelStudy:
    """The groups of a model, the most unusual first, and what was left out."""

    title: str
    rows: tuple[GroupStudy, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    """How matrices were grouped and oriented, in sentences."""
    steps: tuple[int, ...] = ()
    """Of the checkpoints of a training, of which the rows show the last; empty where there are none."""
    units: tuple[UnitStudy, ...] = ()
    """What connects groups that share hidden units and are no layers of a chain."""
    chains: tuple[ChainStudy, ...] = ()
    """The joint law of consecutive layers of the same networks, at the last checkpoint."""

    def __repr__(self) -> str:
        from analysis.show.weights_table import terminal

        return terminal(self)

    def _repr_html_(self) -> str:
        from analysis.show.weights_table import html

        return html(self)

    def to_pandas(self) -> Any:
        """The table as a `pandas.DataFrame`, one row a group."""
        from analysis.notebook import table_to_pandas
        from analysis.show.weights_table import groups_table

        table = groups_table(self)
        return table_to_pandas(table.header, table.rows)


def study_weights(
    state: Any,
    select: Sequence[str] = (),
    group: Sequence[str] = (),
    heads: int | None = None,
    orientation: Orientation | None = None,
    files: Files | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> ModelStudy:
    """Study every group of matrices of a model as an ensemble: one call, one table.

    Rows and columns are permuted apart: they are different neurons, unless all matrices of a group are symmetric.
    Consecutive layers of several networks are studied as a chain, too.

    Args:
        state: what `weights_of` takes, or several `Weights`: checkpoints of one training, whose matrices are followed
            through its steps, or copies of one model.
        select: patterns, with * for any text, of the names that are looked at; all if there are none.
        group: patterns each of whose tensors form a group; by default those whose names differ only in numbers.
        heads: of attention in a layer; blocks and products of heads are then groups, too.
        orientation: whether stored matrices are outputs x inputs ("out_in") or the other way round ("in_out"); by
            default what the format has by habit.
        files: whether several `Weights` are checkpoints or copies; by default what their titles say.
        progress: is told of each group before it is read.

    Raises:
        ValueError: if there is no array, no matrix, no finite one, no name that fits a pattern, or checkpoints that
            cannot be told apart.
    """
    weights = several(state)
    course = course_of(weights, select, group, heads, orientation, files)
    refuse_none(weights, course)
    found: list[GroupStudy] = []
    damaged: list[Skipped] = []
    for number, (*earlier, one) in enumerate(course.groups, start=1):
        progress(f"group {number} of {len(course.groups)}: {one.members} x {one.name}")
        try:
            found.append(study_group(one, earlier, course.steps))
        except NoneFiniteError as error:  # one damaged layer is no reason to say nothing of the others
            damaged.append(Skipped(one.name, one.shape, f"{one.members} matrices", str(error)))
    if not found:
        raise ValueError(f"{_title(weights)}: {damaged[0].reason}; look for divergence in training")
    judged = _adjusted(found)
    rows = [row._replace(findings=findings_of(row)) for row in judged]
    rows.sort(key=lambda row: -row.unusual)
    title = f"{weights[0].title} to {weights[-1].title}" if course.steps else _title(weights)
    joint = tuple(_chains(course, progress))
    units = tuple(_units([row.group for row in found], joint))
    return ModelStudy(title, tuple(rows), (*damaged, *course.skipped), course.notes, course.steps, units, joint)


def _chains(course: "Course", progress: Callable[[str], None]) -> Iterator[ChainStudy]:
    """Of all chains that are some."""
    for number, chain in enumerate(course.chains, start=1):
        progress(f"chain {number} of {len(course.chains)}: {chain[0].name} to {chain[-1].name}")
        if found := study_chain(chain):
            yield found


def _units(groups: Sequence[Group], joint: Sequence[ChainStudy]) -> Iterator[UnitStudy]:
    """Of all groups that share hidden units, but those of which a chain tells the same."""
    told = {pair for one in joint for pair in pairwise(one.names)}
    for link in links(groups):
        if (link.below.name, link.above.name) not in told and (found := study_units(link)):
            yield found


def _title(weights: Sequence[Weights]) -> str:
    return ", ".join(one.title for one in weights)


def _adjusted(rows: Sequence[GroupStudy]) -> list[GroupStudy]:
    """The same, with the p of traits and largest singular values adjusted over all groups."""
    p = np.array([[*row.traits.p, row.largest_p] for row in rows])
    return [
        row._replace(traits_q=own[:-1], largest_q=float(own[-1]))
        for row, own in zip(rows, hierarchical(p), strict=True)
    ]


def several(state: Any) -> tuple[Weights, ...]:
    """The weights of one model in memory, or of several that were opened.

    Raises:
        ValueError: if there is no array.
    """
    if isinstance(state, list | tuple) and state and all(isinstance(one, Weights) for one in state):
        return tuple(state)
    return (weights_of(state),)


class Course(NamedTuple):
    """The groups of matrices of a model, or of a training at every checkpoint."""

    groups: tuple[tuple[Group, ...], ...]
    """Of each the group at every step, the last one last; a single one where there are no checkpoints."""
    steps: tuple[int, ...]
    """Of the checkpoints; empty where there are none."""
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    """What the files are, and how their matrices were grouped, in sentences."""
    chains: tuple[tuple[Group, ...], ...]
    """Consecutive layers of the same networks, at the last step; none where groups are asked for."""


def course_of(
    weights: Sequence[Weights],
    select: Sequence[str] = (),
    group: Sequence[str] = (),
    heads: int | None = None,
    orientation: Orientation | None = None,
    files: Files | None = None,
) -> Course:
    """What `study_weights` studies, without reading any numbers.

    Raises:
        ValueError: if a pattern fits no name, or checkpoints cannot be told apart.
    """
    checkpoints, note = checkpoints_of(weights, files)
    states = [one.weights for one in comparable(checkpoints, orientation)] or [tuple(weights)]
    at = [grouping_of(state, select, group, heads, orientation) for state in states]
    skipped = {one.name: one for grouping in at for one in grouping.skipped}
    return Course(
        groups=tuple(zip(*(grouping.groups for grouping in at), strict=True)),
        steps=tuple(one.step for one in checkpoints),
        skipped=tuple(skipped.values()),
        notes=tuple(filter(None, (note, *at[-1].notes))),
        chains=() if group else chains(states[-1], select, orientation),
    )


def grouping_of(
    weights: Sequence[Weights],
    select: Sequence[str] = (),
    group: Sequence[str] = (),
    heads: int | None = None,
    orientation: Orientation | None = None,
) -> Grouping:
    """The groups of a model, or of several of which equal names are copies, without reading any numbers.

    Raises:
        ValueError: if a pattern fits no name.
    """
    grouping = grouped(weights, select, group, orientation)
    if group:
        return grouping
    entries, _ = entries_of(weights, select, orientation)
    found = head_groups(entries, heads)
    notes = () if found or not heads else (f"no matrices of attention were found that split into {heads} heads",)
    return grouping._replace(groups=(*grouping.groups, *found), notes=(*grouping.notes, *notes))


def refuse_none(weights: Sequence[Weights], found: Grouping | Course) -> None:
    """Raise a `ValueError` if there are no groups."""
    if not found.groups:
        reasons = dict.fromkeys(one.reason for one in found.skipped)
        raise ValueError(
            f"{_title(weights)} holds no matrix of real numbers among its {len(found.skipped)} arrays "
            f"({', '.join(reasons)}): give arrays of two or three axes"
        )
