"""What is kept of a group of symmetric matrices under permutations of their nodes: they are read once more."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from analysis.model.wigner import with_level_diagonal
from analysis.symmetry import Symmetric
from analysis.symmetry.single import SingleMatrix
from analysis.weights.grouping import Group
from analysis.weights.measuring import SMALL, Measured, chunks
from analysis.weights.mirror import together


def by_nodes_if_all(groups: Sequence[Group], measures: Sequence[Measured]) -> list[Measured]:
    """Groups of one shape under permutations of nodes, if all of their matrices are symmetric; else as they are."""
    mirror = together(one.mirror for one in measures)
    symmetry = mirror and mirror.symmetry(groups[0].shape[0])
    if not symmetry:
        return [*measures]
    return [by_nodes(one, group, symmetry) for one, group in zip(measures, groups, strict=True)]


def by_nodes(whole: Measured, group: Group, symmetry: Symmetric) -> Measured:
    """The same under permutations of nodes, with zeros in place of a diagonal that is one constant.

    Args:
        whole: the group under separate permutations.
        group: its matrices, which are read again, one source after the other.
        symmetry: that of nodes.
    """
    shift: Float[np.ndarray, "means"] | None = None
    parts: list[dict[str, np.ndarray]] = []
    start = 0
    for stack in chunks(group):
        finite = whole.finite[start : start + len(stack)]
        start += len(stack)
        nodes = of_nodes(np.where(finite[:, None, None], stack, 0.0), symmetry)
        moments = np.asarray(symmetry.block_moments(nodes))
        if shift is None and finite.any():
            shift = _mean(nodes[finite], moments[finite], symmetry)
        found = _numbers(nodes, shift, symmetry) | {"block_moments": moments}
        if whole.singular is not None:
            found["singular"] = np.sort(np.abs(np.linalg.eigvalsh(with_level_diagonal(nodes))), axis=1)[:, ::-1]
        for values in found.values():
            values[~finite] = np.nan
        parts.append(found)
        del stack, nodes  # else they stay in memory while the next tensor is read
    kept: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return whole._replace(symmetry=symmetry, shift=() if shift is None else tuple(shift.tolist()), **kept)


def of_nodes(stack: np.ndarray, symmetry: SingleMatrix) -> Float[np.ndarray, "k D D"]:
    """The matrices with zeros in place of the diagonal, if the symmetry has none."""
    assert isinstance(symmetry, Symmetric)
    nodes = np.array(stack, dtype=np.float64)
    if not symmetry.diagonal:
        nodes[:, *np.diag_indices(symmetry.dim)] = 0.0
    return nodes


def _mean(
    nodes: Float[np.ndarray, "k D D"], moments: Float[np.ndarray, "k moments"], symmetry: Symmetric
) -> Float[np.ndarray, "means"]:
    """The mean of the first finite matrices on the trivial block, 0 where it is small."""
    mean = moments[:, : symmetry.copies].mean(axis=0)
    size = np.sqrt(np.mean(np.sum(nodes**2, axis=(1, 2))))
    return mean if np.linalg.norm(mean) > SMALL * size else np.zeros_like(mean)


def _numbers(
    nodes: Float[np.ndarray, "k D D"], shift: Float[np.ndarray, "means"] | None, symmetry: Symmetric
) -> dict[str, np.ndarray]:
    """The invariants of the matrices, and of the same less the shift."""
    invariants = np.array(symmetry.evaluate(symmetry.every, nodes))
    if shift is None or not shift.any():
        return {"invariants": invariants, "centred": invariants.copy()}
    trivial, *others = symmetry.project(np.zeros((1, symmetry.dim, symmetry.dim)))
    common = symmetry.compose((trivial + shift, *others))
    return {"invariants": invariants, "centred": np.array(symmetry.evaluate(symmetry.every, nodes - common))}
