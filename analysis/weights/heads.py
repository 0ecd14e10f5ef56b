"""The heads of attention as draws of one law: blocks of the weight matrices, and products W_Q^T W_K and W_O W_V."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.weights.grouping import Entry, Group, Source, distinct, pattern_of

ROLES = {
    "query": ("query", "q_proj", "q", "q_lin", "wq", "to_q"),
    "key": ("key", "k_proj", "k", "k_lin", "wk", "to_k"),
    "value": ("value", "v_proj", "v", "v_lin", "wv", "to_v"),
    "output": ("output.dense", "o_proj", "o", "out_proj", "out_lin", "wo", "out", "to_out.0", "c_proj", "proj"),
}
"""What models call the matrices of attention."""
FUSED = ("c_attn", "qkv", "in_proj_weight")
"""What they call query, key and value on top of one another."""
PRODUCTS = {"W_QᵀW_K": ("query", "key"), "W_O W_V": ("output", "value")}
"""Of the blocks of a head: which inputs match, and what is carried from one position to another."""
ATTENTION = re.compile(r"(?:^|.*?[./])[^./]*att[^./]*(?=[./])", re.IGNORECASE)
"""A name up to the first part that says attention."""
ENDING = re.compile(r"[./](weight|kernel)$")


class Part(NamedTuple):
    """One matrix of the attention of one layer, units of all heads x inputs; of the output its transpose."""

    entry: Entry
    units: int
    width: int
    cut: Callable[[np.ndarray], Float[np.ndarray, "units width"]]
    """From the array of the tensor to the matrix."""

    def blocks(self, array: np.ndarray, size: int) -> Float[np.ndarray, "heads size width"]:
        """The matrix of each head."""
        return self.cut(array).reshape(self.units // size, size, self.width)

    def titles(self, size: int) -> tuple[str, ...]:
        """Names of the heads."""
        return tuple(f"{self.entry.label} head {h}" for h in range(self.units // size))


Layer = dict[str, Part]
"""The attention of one layer, by role."""


def head_groups(entries: Sequence[Entry], heads: int | None) -> tuple[Group, ...]:
    """Groups over the heads of all layers; none where there is no attention, or its heads are not known.

    Args:
        entries: tensors that hold matrices.
        heads: how many a layer has, of queries; None for what shapes tell.
    """
    layers: dict[tuple[int, str], Layer] = {}
    for entry in entries:
        match = ATTENTION.match(entry.name)
        if match and entry.view.members == 1:
            layers.setdefault((entry.file, match[0]), {}).update(_parts(entry, entry.name[match.end() + 1 :]))
    sites: dict[tuple[object, ...], list[Layer]] = {}
    for (_, place), layer in layers.items():
        shapes = sorted((role, part.units, part.width) for role, part in layer.items())
        sites.setdefault((pattern_of(place), *shapes), []).append(layer)
    return distinct([group for site, alike in sites.items() for group in _groups(str(site[0]), alike, heads)])


def _parts(entry: Entry, rest: str) -> Iterator[tuple[str, Part]]:
    """The matrices in a tensor of attention, by role; none if it has another one, as that of a norm."""
    words = re.split(r"[./]", ENDING.sub("", rest))
    names, (rows, columns), cut = {words[-1], ".".join(words[-2:])}, entry.view.shape, entry.view.cut
    for role, known in ROLES.items():
        if names & {*known} and role == "output":
            yield role, Part(entry, columns, rows, lambda array: cut(array)[0].T)
        elif names & {*known}:
            yield role, Part(entry, rows, columns, lambda array: cut(array)[0])
    if names & {*FUSED} and rows % 3 == 0:
        for k, role in enumerate(("query", "key", "value")):
            yield role, Part(entry, rows // 3, columns, lambda array, k=k: np.split(cut(array)[0], 3)[k])


def _groups(site: str, layers: Sequence[Layer], heads: int | None) -> Iterator[Group]:
    first = layers[0]
    count = heads or next((part.entry.view.heads for part in first.values() if part.entry.view.heads), 0)
    if not count or "query" not in first or first["query"].units % count or first["query"].units == count:
        return
    size = first["query"].units // count
    whole = [role for role, part in first.items() if part.units % size == 0]
    for role in whole:
        yield _blocks(f"{site}: {role} of a head", [layer[role] for layer in layers], size, flipped=role == "output")
    for title, (left, right) in PRODUCTS.items():
        # Several heads of queries may share one of keys and values.
        if {left, right} <= {*whole} and first[left].units % first[right].units == 0:
            pairs = [(layer[left], layer[right]) for layer in layers]
            yield _products(f"{site}: {title} of a head", pairs, size)


def _blocks(name: str, parts: Sequence[Part], size: int, flipped: bool) -> Group:
    def source(part: Part) -> Source:
        def cut(array: np.ndarray) -> Iterator[np.ndarray]:
            blocks = part.blocks(array, size)
            yield np.swapaxes(blocks, 1, 2) if flipped else blocks

        return Source((part.entry.tensor,), part.titles(size), cut)

    shape = (parts[0].width, size) if flipped else (size, parts[0].width)
    return Group(name, _formed(parts, size), shape, tuple(map(source, parts)))


def _products(name: str, pairs: Sequence[tuple[Part, Part]], size: int) -> Group:
    def source(left: Part, right: Part) -> Source:
        def cut(one: np.ndarray, other: np.ndarray) -> Iterator[np.ndarray]:
            others = right.blocks(other, size).astype(np.float64)
            for head, block in enumerate(left.blocks(one, size)):
                yield (block.T.astype(np.float64) @ others[head * right.units // left.units])[None]

        return Source((left.entry.tensor, right.entry.tensor), left.titles(size), cut)

    left, right = pairs[0]
    return Group(
        name,
        _formed([one for one, _ in pairs], size),
        (left.width, right.width),
        tuple(source(*pair) for pair in pairs),
        f"products of blocks of {size} units, so of rank {size}",
        size,
    )


def _formed(parts: Sequence[Part], size: int) -> str:
    return f"{len(parts)} layers x {parts[0].units // size} heads"
