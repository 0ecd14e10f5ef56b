"""Matrices that are their own transposes: rows and columns are the same nodes, and are permuted together."""

from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple

import numpy as np

from analysis.symmetry import Symmetric
from analysis.symmetry.choice import CORNER
from analysis.symmetry.symmetric import ROUNDING, is_symmetric


class Mirror(NamedTuple):
    """What tells whether matrices are symmetric, and have a diagonal that is one constant, kept while they are read."""

    apart: float
    """The largest difference of an entry and its mirror image."""
    largest: float
    """The largest size of an entry off the diagonal."""
    low: float
    """The least entry of a diagonal."""
    high: float
    """The largest one."""

    def symmetry(self, dim: int) -> Symmetric | None:
        """That of nodes, without a diagonal where it is one constant; None if the matrices are not symmetric."""
        size = max(self.largest, abs(self.low), abs(self.high))
        constant = dim > 2 and self.high - self.low <= ROUNDING * size
        if constant:  # nothing of it is kept
            size = self.largest
        return Symmetric(dim, diagonal=not constant) if size > 0 and self.apart <= ROUNDING * size else None


NONE_YET = Mirror(0.0, 0.0, np.inf, -np.inf)


def mirror_of(stack: np.ndarray) -> Mirror | None:
    """Of some finite matrices [k, m, n] of any type; None if they are clearly not symmetric."""
    if stack.shape[1] != stack.shape[2] or stack.shape[1] < 2:
        return None
    if not len(stack):
        return NONE_YET
    if not is_symmetric(np.asarray(stack[:, :CORNER, :CORNER], np.float64)):
        return None
    values = np.asarray(stack, np.float64)
    diagonal = np.diagonal(values, axis1=1, axis2=2)
    off = ~np.eye(stack.shape[1], dtype=bool)
    return Mirror(
        float(np.max(np.abs(values - np.swapaxes(values, 1, 2)))),
        float(np.max(np.abs(values), where=off, initial=0.0)),
        float(diagonal.min()),
        float(diagonal.max()),
    )


def together(mirrors: Iterable[Mirror | None]) -> Mirror | None:
    """Of all matrices; None if some are clearly not symmetric."""
    return reduce(_both, mirrors, NONE_YET)


def _both(one: Mirror | None, other: Mirror | None) -> Mirror | None:
    if one is None or other is None:
        return None
    return Mirror(
        max(one.apart, other.apart),
        max(one.largest, other.largest),
        min(one.low, other.low),
        max(one.high, other.high),
    )
