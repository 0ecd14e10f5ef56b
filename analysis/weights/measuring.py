"""What is kept of a group of matrices: a few numbers of each member, while one tensor at a time is in memory."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from analysis.symmetry import Separate
from analysis.weights.grouping import Group

CHUNK = 2**20
"""Entries treated at once, unless a matrix has more."""
WORK = 2**37
"""Products of numbers spent on the singular values of a group at most: a minute or two."""
SMALL = 0.1
"""Mean of the entries, in their root mean square, up to which no cumulant loses digits to it."""


class Measured(NamedTuple):
    """Of every member of a group, under separate permutations of rows and columns; NaN for those not finite."""

    symmetry: Separate
    finite: Bool[np.ndarray, "N"]
    rms: Float[np.ndarray, "N"]
    """Root mean square of the entries."""
    block_moments: Float[np.ndarray, "N moments"]
    invariants: Float[np.ndarray, "N graphs"]
    """All of degree 1 to 4."""
    centred: Float[np.ndarray, "N graphs"]
    """The same of the members less `shift`."""
    shift: float
    """One constant for all members: about their mean where that is large, else 0."""
    singular: Float[np.ndarray, "N p"] | None
    """Singular values from the largest, those below 1e-8 of it lost in rounding; None where they take too long."""

    @property
    def kept(self) -> "Measured":
        """The finite members alone."""
        chosen = {name: part[self.finite] for name, part in self._asdict().items() if isinstance(part, np.ndarray)}
        return self._replace(**chosen)


def measured(group: Group) -> Measured:
    """Read the matrices of a group, one source after the other, and keep what the statistics need."""
    symmetry, (rows, columns) = Separate(*group.shape), group.shape
    spectral = group.rank is None and group.members * rows * columns * min(rows, columns) <= WORK
    shift: float | None = None
    parts: list[dict[str, np.ndarray]] = []
    for stack in _chunks(group):
        finite = np.isfinite(stack).all(axis=(1, 2))
        kept = stack if finite.all() else stack[finite]
        del stack  # else it stays in memory while the next tensor is read
        if not finite.any():
            parts.append({"finite": finite})
            continue
        mean, rms = kept.mean(), np.sqrt(np.mean(kept**2))
        shift = (float(mean) if abs(mean) > SMALL * rms else 0.0) if shift is None else shift
        parts.append({"finite": finite} | _numbers(kept, shift, symmetry, spectral))
        del kept
    finite = np.concatenate([part["finite"] for part in parts])
    names = [name for name in Measured._fields if any(name in part for part in parts) and name != "finite"]
    columns = {name: _all_rows([part[name] for part in parts if name in part], finite) for name in names}
    if not columns:
        raise ValueError(f"none of the {len(finite)} matrices of {group.name} is finite: nothing to study")
    return Measured(symmetry=symmetry, finite=finite, shift=shift or 0.0, **({"singular": None} | columns))


def _numbers(
    stack: Float[np.ndarray, "k m n"], shift: float, symmetry: Separate, spectral: bool
) -> dict[str, np.ndarray]:
    """What is kept of some members, all finite."""
    invariants = symmetry.evaluate(symmetry.every, stack)
    found = {
        "rms": np.sqrt(np.mean(stack**2, axis=(1, 2))),
        "block_moments": np.asarray(symmetry.block_moments(stack)),
        "invariants": invariants,
        "centred": symmetry.evaluate(symmetry.every, stack - shift) if shift else invariants,
    }
    return found | ({"singular": singular_values(stack)} if spectral else {})


def singular_values(stack: Float[np.ndarray, "N m n"]) -> Float[np.ndarray, "N p"]:
    """Singular values from the largest, from the eigenvalues of M M^T or M^T M: to 1e-8 of the largest."""
    other = np.swapaxes(stack, -1, -2)
    gram = stack @ other if stack.shape[-2] <= stack.shape[-1] else other @ stack
    return np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[..., ::-1], 0.0))


def _chunks(group: Group) -> Iterator[Float[np.ndarray, "k m n"]]:
    step = max(1, CHUNK // (group.shape[0] * group.shape[1]))
    for stack in group.stacks():
        for start in range(0, len(stack), step):
            yield np.asarray(stack[start : start + step], np.float64)
        del stack


def _all_rows(parts: list[np.ndarray], finite: Bool[np.ndarray, "N"]) -> Float[np.ndarray, "N *rest"]:
    """Rows for all members from those of the finite ones; NaN elsewhere."""
    values = np.concatenate(parts)
    rows = np.full((len(finite), *values.shape[1:]), np.nan)
    rows[finite] = values
    return rows
