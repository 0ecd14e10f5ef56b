"""Which matrices of a model are draws of one law: trained copies, layers, stacks, heads."""

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.weights.tensors import Orientation, Tensor, Weights
from analysis.weights.views import View, view_of

INDEX = re.compile(r"(?<![A-Za-z0-9])\d+(?![A-Za-z0-9])")
"""A number of its own in a name, as of a layer: that of `layers.3` and `Dense_3`, not that of `fc1` and `conv2`."""
NUMBERED = re.compile(r"([A-Za-z]\w*?)[._ \[]+(\d+)(?![A-Za-z0-9])")
"""A number of its own, with the word before it."""
NEAR = 3
"""Names that are suggested for one that does not exist."""


class Source(NamedTuple):
    """Matrices that are made of the same tensors, which are read once for all of them."""

    tensors: tuple[Tensor, ...]
    titles: tuple[str, ...]
    """Of each matrix."""
    cut: Callable[..., Iterator[Float[np.ndarray, "k m n"]]]
    """From the arrays of the tensors to the matrices, in stacks, in the order of the titles."""


class Group(NamedTuple):
    """Matrices outputs x inputs that are analysed as draws of one law."""

    name: str
    formed: str
    """Of what, in words, such as "6 layers"."""
    shape: tuple[int, int]
    sources: tuple[Source, ...]
    remark: str = ""
    """What was done to the tensors; empty where nothing was."""
    rank: int | None = None
    """Of products of thin matrices, which have no other singular values."""

    @property
    def titles(self) -> tuple[str, ...]:
        """Of the members."""
        return tuple(title for source in self.sources for title in source.titles)

    @property
    def short_titles(self) -> tuple[str, ...]:
        """What tells the members apart, such as "layer 0 head 2"; their titles where that is not enough."""
        short = tuple(" ".join(f"{word} {number}" for word, number in NUMBERED.findall(t)) for t in self.titles)
        return short if len(set(short)) == len(short) and all(short) else self.titles

    @property
    def members(self) -> int:
        """How many matrices."""
        return sum(len(source.titles) for source in self.sources)

    def stacks(self) -> Iterator[Float[np.ndarray, "k m n"]]:
        """The matrices, in the type in which they are stored, of one source after the other."""
        for source in self.sources:
            yield from source.cut(*(tensor.read() for tensor in source.tensors))


class Skipped(NamedTuple):
    """A tensor that is not analysed."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    reason: str


class Grouping(NamedTuple):
    """All tensors of some weights: in groups, or skipped."""

    groups: tuple[Group, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    """How it was grouped, in sentences."""


class Entry(NamedTuple):
    """A tensor that holds matrices."""

    file: int
    label: str
    """Name of the tensor, with that of its file where there are several."""
    tensor: Tensor
    view: View

    @property
    def name(self) -> str:
        """Of the tensor."""
        return self.tensor.name


def pattern_of(name: str) -> str:
    """The name with an asterisk for every number that stands for itself: the same for all layers."""
    return INDEX.sub("*", name)


def grouped(
    weights: Sequence[Weights],
    select: Sequence[str] = (),
    together: Sequence[str] = (),
    orientation: Orientation | None = None,
) -> Grouping:
    """Group tensors by shape, and by name over several files or by pattern of the name in one.

    Args:
        weights: one model, or several of which equal names are copies.
        select: patterns, with * for any text, of the names that are looked at; all if there are none.
        together: patterns each of whose tensors, of one shape, form a group; no others are then formed.
        orientation: of stored matrices; None for what the format has by habit.

    Raises:
        ValueError: if a pattern fits no name.
    """
    entries, skipped = entries_of(weights, together or select, orientation)
    if select and together:
        entries = tuple(entry for entry in entries if any(fits(entry.name, pattern) for pattern in select))
    key, note = _key(weights, entries, together)
    found: dict[tuple[str, tuple[int, int]], list[Entry]] = {}
    for entry in entries:
        found.setdefault((key(entry), entry.view.shape), []).append(entry)
    groups = [group_of(name, shape, members) for (name, shape), members in found.items()]
    return Grouping(distinct(groups), skipped, (note, *_mixed(groups, together)))


def entries_of(
    weights: Sequence[Weights], patterns: Sequence[str], orientation: Orientation | None = None
) -> tuple[tuple[Entry, ...], tuple[Skipped, ...]]:
    """The tensors that hold matrices and those that do not, of the names that fit a pattern.

    Raises:
        ValueError: if a pattern fits no name.
    """
    _all_known(patterns, [tensor.name for one in weights for tensor in one.tensors])
    entries, skipped = [], []
    for file, one in enumerate(weights):
        for tensor in sorted(one.tensors, key=lambda tensor: natural(tensor.name)):
            if patterns and not any(fits(tensor.name, pattern) for pattern in patterns):
                continue
            view = view_of(tensor, orientation or one.orientation)
            if isinstance(view, str):
                skipped.append(Skipped(tensor.name, tensor.shape, tensor.dtype, view))
            else:
                label = f"{one.title}: {tensor.name}" if len(weights) > 1 else tensor.name
                entries.append(Entry(file, label, tensor, view))
    return tuple(entries), tuple(dict.fromkeys(skipped))


def fits(name: str, pattern: str) -> bool:
    """Whether a name fits a pattern in which * stands for any text; other characters stand for themselves."""
    return fnmatchcase(name, pattern.replace("[", "[[]").replace("?", "[?]"))


def natural(name: str) -> list[tuple[int, str]]:
    """Sorts layer 2 before layer 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def unknown(wanted: str, names: Sequence[str], what: str) -> str:
    """One line on a name that does not exist, with those that are near."""
    known = names if INDEX.search(wanted) else map(pattern_of, names)
    near = difflib.get_close_matches(wanted, list(dict.fromkeys(known)), NEAR, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "--list shows the names"
    return f"no {what} {wanted!r}; {hint}"


def _all_known(patterns: Sequence[str], names: Sequence[str]) -> None:
    for pattern in patterns:
        if not any(fits(name, pattern) for name in names):
            raise ValueError(unknown(pattern, names, "tensor fits"))


def _key(
    weights: Sequence[Weights], entries: Sequence[Entry], together: Sequence[str]
) -> tuple[Callable[[Entry], str], str]:
    """What the tensors of a group have in common besides their shape, as a function and as a sentence."""
    if together:
        listed = ", ".join(together)
        return lambda entry: next(p for p in together if fits(entry.name, p)), f"grouped as asked for, by {listed}"
    files: dict[str, set[int]] = {}
    for entry in entries:
        files.setdefault(entry.name, set()).add(entry.file)
    if any(len(own) > 1 for own in files.values()):
        return lambda entry: entry.name, f"matrices of the same name and shape in {len(weights)} files are draws"
    # Keras calls the first layer of a kind dense, the second dense_1.
    patterns = {pattern_of(name) for name in files}
    numbered = {pattern.replace("_*", ""): pattern for pattern in sorted(patterns) if "_*" in pattern}
    return (
        lambda entry: numbered.get(pattern_of(entry.name), pattern_of(entry.name)),
        "matrices of the same shape whose names differ only in numbers are draws",
    )


def group_of(name: str, shape: tuple[int, int], entries: Sequence[Entry]) -> Group:
    """The matrices of some tensors as one group, by the name of the tensors if they have one."""
    remarks = dict.fromkeys(entry.view.remark for entry in entries if entry.view.remark)
    name = entries[0].name if len({entry.name for entry in entries}) == 1 else name
    return Group(name, _formed(entries), shape, tuple(map(_source, entries)), "; ".join(remarks))


def _source(entry: Entry) -> Source:
    count = entry.view.members
    titles = tuple(f"{entry.label}[{i}]" for i in range(count)) if count > 1 else (entry.label,)
    return Source((entry.tensor,), titles, lambda array: iter((entry.view.cut(array),)))


def _formed(entries: Sequence[Entry]) -> str:
    files, names = len({entry.file for entry in entries}), len({entry.name for entry in entries})
    parts = [f"{files} files"] * (files > 1) + [f"{names} layers"] * (names > 1)
    if any(entry.view.members > 1 for entry in entries):
        parts.append(f"{entries[0].view.members} in an array")
    return " x ".join(parts) or "one matrix"


def distinct(groups: Sequence[Group]) -> tuple[Group, ...]:
    """The groups, with the shape in the name of those that share it."""
    names = [group.name for group in groups]
    return tuple(
        group._replace(name=f"{group.name} ({group.shape[0]} x {group.shape[1]})")
        if names.count(group.name) > 1
        else group
        for group in groups
    )


def _mixed(groups: Sequence[Group], together: Sequence[str]) -> Iterator[str]:
    """Which patterns fit matrices that cannot be one group."""
    for pattern in together:
        shapes = sum(any(fits(t.name, pattern) for s in group.sources for t in s.tensors) for group in groups)
        if shapes > 1:
            yield f"{pattern} fits matrices of {shapes} shapes, each a group of its own"
