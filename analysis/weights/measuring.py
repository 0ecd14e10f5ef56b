"""What is kept of a group of matrices: a few numbers of each member, while one tensor at a time is in memory."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from analysis.symmetry import Separate
from analysis.symmetry.single import SingleMatrix
from analysis.weights.grouping import Group
from analysis.weights.mirror import NONE_YET, Mirror, mirror_of, together
from analysis.weights.row_blocks import BLOCK, Sums, block_moments_of, invariants_of, singular_values, sums_of

WORK = 2**37
"""Products of numbers spent on the singular values of a group at most: some minutes."""
SMALL = 0.1
"""Mean of the entries, in their root mean square, up to which no cumulant loses digits to it."""


class NoneFiniteError(ValueError):
    """No matrix of a group is finite."""


class Measured(NamedTuple):
    """Of every member of a group, under separate permutations of rows and columns; NaN for those not finite.

    Of symmetric matrices `analysis.weights.nodes` makes the same under permutations of nodes.
    """

    symmetry: SingleMatrix
    finite: Bool[np.ndarray, "N"]
    """Whether all entries are, and so small that their fourth powers are."""
    rms: Float[np.ndarray, "N"]
    """Root mean square of the entries."""
    block_moments: Float[np.ndarray, "N moments"]
    invariants: Float[np.ndarray, "N graphs"]
    """All of degree 1 to 4."""
    centred: Float[np.ndarray, "N graphs"]
    """The same of the members less `shift`."""
    shift: tuple[float, ...]
    """Of all members, on the trivial block: about their mean where that is large, else 0."""
    singular: Float[np.ndarray, "N p"] | None
    """Singular values from the largest, those below 1e-8 of it lost in rounding; None where they take too long."""
    mirror: Mirror | None
    """What tells whether the matrices are symmetric; None where they are not, and of products of thin matrices."""

    @property
    def kept(self) -> "Measured":
        """The finite members alone."""
        chosen = {name: part[self.finite] for name, part in self._asdict().items() if isinstance(part, np.ndarray)}
        return self._replace(**chosen)


def measured(group: Group, spectral: bool = True) -> Measured:
    """Read the matrices of a group, one source after the other, and keep what the statistics need.

    Args:
        group: the matrices.
        spectral: whether singular values are wanted, where they do not take too long.

    Raises:
        NoneFiniteError: no member is.
    """
    symmetry, (rows, columns) = Separate(*group.shape), group.shape
    spectral = spectral and group.rank is None and group.members * rows * columns * min(rows, columns) <= WORK
    shift: float | None = None
    mirror: Mirror | None = None if group.rank else NONE_YET
    parts: list[dict[str, np.ndarray]] = []
    for stack in chunks(group):
        with np.errstate(invalid="ignore", over="ignore"):
            sums = sums_of(stack)
            shift = _mean(sums, symmetry) if shift is None else shift
            parts.append(_numbers(sums, sums_of(stack, shift) if shift else sums, shift or 0.0, symmetry, spectral))
        if mirror:
            mirror = together([mirror, mirror_of(stack[parts[-1]["finite"]])])
        del stack, sums  # else they stay in memory while the next tensor is read
    kept: dict[str, Any] = {"singular": None}
    kept |= {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if not kept["finite"].any():
        raise NoneFiniteError(f"none of the {group.members} matrices of {group.name} is finite")
    x = float(np.sqrt(rows * columns)) * (shift or 0.0)
    return Measured(symmetry=symmetry, shift=(x,), mirror=mirror, **kept)


def _mean(sums: Sums, symmetry: Separate) -> float | None:
    """The mean of the entries of the first finite matrices, 0 where it is small; None if there are none."""
    entries = symmetry.rows * symmetry.columns
    means, squares = (sums.rows[power].sum(axis=1) / entries for power in (0, 1))
    finite = np.isfinite(squares)
    if not finite.any():
        return None
    mean = float(means[finite].mean())
    return mean if abs(mean) > SMALL * np.sqrt(squares[finite].mean()) else 0.0


def _numbers(sums: Sums, centred: Sums, shift: float, symmetry: Separate, spectral: bool) -> dict[str, np.ndarray]:
    """What is kept of some members."""
    invariants = invariants_of(sums, symmetry)
    found = {
        "rms": np.sqrt(sums.rows[1].sum(axis=1) / (symmetry.rows * symmetry.columns)),
        "block_moments": block_moments_of(centred, shift, symmetry),
        "invariants": invariants,
        "centred": invariants_of(centred, symmetry) if shift else invariants,
    }
    finite = np.asarray(np.isfinite(invariants).all(axis=1))
    found |= {"singular": singular_values(sums)} if spectral else {}
    for values in found.values():
        values[~finite] = np.nan
    return {"finite": finite} | found


def chunks(group: Group) -> Iterator[np.ndarray]:
    """Stacks of as many matrices as are treated at once."""
    step = max(1, BLOCK // (group.shape[0] * group.shape[1]))
    for stack in group.stacks():
        for start in range(0, len(stack), step):
            yield stack[start : start + step]
        del stack
