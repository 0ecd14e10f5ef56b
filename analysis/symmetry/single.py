"""Symmetries whose members are single matrices: what holds at every size follows from the size as a variable."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import sqrt
from typing import Any

from analysis.symmetry.base import Symmetry
from analysis.symmetry.tensors import Number, Tensors


@dataclass(frozen=True)
class SingleMatrix(Symmetry):
    """A symmetry of one matrix a member."""

    @abstractmethod
    def tensors_at(self, rows: Number, columns: Number, root: Callable[[Number], Any] = sqrt) -> Tensors:
        """The `tensors` at any size, which may be a variable: all blocks are then taken to be there.

        Args:
            rows: of the matrix.
            columns: of the matrix.
            root: square root of such a number.
        """

    @cached_property
    def tensors(self) -> Tensors:
        """Mean and covariance of the entries in the basis of Kronecker deltas, parameter by parameter."""
        return self.tensors_at(*self.shapes[0])

    def at_most(self, size: int) -> "SingleMatrix":
        """The same symmetry, of matrices that have at most so many rows and columns."""
        return replace(self, **{f.name: min(getattr(self, f.name), size) for f in fields(self) if f.type is int})
