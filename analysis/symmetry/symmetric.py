"""Symmetric D x D matrices under simultaneous permutations, with a free diagonal (9 parameters) or a zero one (4)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import sqrt
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from analysis.symmetry import tensors
from analysis.symmetry.base import Coordinates, Entries, Shape, above_diagonal
from analysis.symmetry.blocks import Block, Law
from analysis.symmetry.simultaneous import remaining_diagonal, symmetric_identity, third_copy, trivial_tensors
from analysis.symmetry.single import SingleMatrix
from analysis.symmetry.tensors import Copy, Deltas, Expansion, I, J, K, L, Number, Tensors
from invariants import Graph, enumerate_undirected, undirected

ROUNDING = 1e-9
"""Entries that differ from their mirror images, or diagonals from 0, by less than this part of the largest count as
equal to them."""


@dataclass(frozen=True)
class Symmetric(SingleMatrix):
    """S_D on symmetric matrices, whose space is 2 V_0 + 2 V_H + V_2, or V_0 + V_H + V_2 where the diagonal is 0.

    Lengths and densities are those of the Frobenius norm: an entry off the diagonal counts twice.

    Raises:
        ValueError: if D is not a whole number above 1.
    """

    dim: int
    diagonal: bool = True
    name: ClassVar[str] = "symmetric"
    full: ClassVar[str] = "symmetric"

    def __post_init__(self) -> None:
        if not isinstance(self.dim, int | np.integer) or self.dim < 2:
            raise ValueError(f"symmetric matrices of size {self.dim!r}: give a whole number, at least 2")
        object.__setattr__(self, "dim", int(self.dim))

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """One square matrix."""
        return ((self.dim, self.dim),)

    @property
    def copies(self) -> int:
        """Copies of V_0 and of V_H: one more where the diagonal is free."""
        return 2 if self.diagonal else 1

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Dimensions 1, D-1, D(D-3)/2; V_2 vanishes for D < 4, and at D = 2 one copy of V_H."""
        dim, copies = self.dim, self.copies
        on_rows = copies if dim > 2 else copies - 1
        return (
            Block("V_0", copies, 1, copies),
            Block("V_H", max(on_rows, 1), dim - 1 if on_rows else 0, copies),
            Block("V_2", 1, max(dim * (dim - 3) // 2, 0), 1),
        )

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Means and covariance on V_0, covariance on V_H, variance on V_2."""
        return ("m1", "m2", "a11", "a12", "a22", "h11", "h12", "h22", "v2") if self.diagonal else _ZERO_DIAGONAL

    @property
    def moment_names(self) -> tuple[str, ...]:
        """Coordinates of V_0, products of the copies of V_H, the square of V_2."""
        return ("x1", "x2", "h11", "h12", "h22", "v2") if self.diagonal else ("x1", "h11", "v2")

    def project(self, data: Float[Any, "*batch D D"]) -> Coordinates:
        """Orthonormal coordinates of V_0 [copies], V_H [copies, D], V_2 [1, D, D] of the symmetric part.

        With a diagonal, V_0 as for matrices without symmetry; with c and d the centred row sums and diagonal,
        V_H: sqrt(2/D) c and sqrt(D/(D-2)) (d - 2c/D). Without: sum M / sqrt(D(D-1)) and sqrt(2/(D-2)) c.
        """
        xp = data.__array_namespace__()
        dim = self.dim
        stack = (data + xp.matrix_transpose(data)) / 2
        if not self.diagonal:
            on_diagonal = xp.broadcast_to(xp.eye(dim, dtype=bool), stack.shape)
            mean = xp.sum(xp.where(on_diagonal, 0.0, stack), axis=(-2, -1)) / (dim * (dim - 1))
            rest = xp.where(on_diagonal, 0.0, stack - mean[..., None, None])
            x = (sqrt(dim * (dim - 1)) * mean)[..., None]
            h = (sqrt(2 / (dim - 2)) if dim > 2 else 0.0) * xp.sum(rest, axis=-1)[..., None, :]
        else:
            mean = xp.mean(stack, axis=(-2, -1))
            rest = stack - mean[..., None, None]
            rows, diagonal = xp.mean(rest, axis=-1), xp.linalg.diagonal(rest)
            trace = xp.mean(diagonal, axis=-1)
            x = xp.stack([dim * mean, dim / sqrt(dim - 1) * trace], axis=-1)
            remainder = third_copy(dim) * (diagonal - trace[..., None] - 2 * rows)
            h = xp.stack([sqrt(2 * dim) * rows, remainder], axis=-2)
        residual = stack - self._compose_low(x, h)
        if not self.diagonal:
            residual = xp.where(on_diagonal, 0.0, residual)
        return x, h, residual[..., None, :, :]

    def compose(self, coordinates: Coordinates) -> Float[Any, "*batch D D"]:
        """The matrix with the given block coordinates: the inverse of `project`."""
        x, h, rest = coordinates
        return self._compose_low(x, h) + rest[..., 0, :, :]

    def _compose_low(self, x: Any, h: Any) -> Any:
        """The V_0 and V_H part of a matrix."""
        xp = x.__array_namespace__()
        dim = self.dim
        if self.diagonal:
            remainder, ramp = h[..., 1, :] * third_copy(dim), x[..., 1] / sqrt(dim - 1)
            rows = h[..., 0, :] / sqrt(2 * dim) - remainder / dim
            constant, on_diagonal = (x[..., 0] - ramp) / dim, ramp[..., None] + remainder
        else:
            rows = h[..., 0, :] / sqrt(2 * (dim - 2)) if dim > 2 else h[..., 0, :]
            constant = x[..., 0] / sqrt(dim * (dim - 1))
            on_diagonal = -2 * rows - constant[..., None]
        full = constant[..., None, None] + rows[..., None, :] + rows[..., :, None]
        mask = xp.broadcast_to(xp.eye(dim, dtype=bool), full.shape)
        return xp.where(mask, full + on_diagonal[..., None, :], full)

    def read(self, data: Any) -> Float[np.ndarray, "*batch D D"]:
        """The matrices as float64 arrays.

        Raises:
            ValueError: if they are not D x D, or one of finite entries is not symmetric, or has a diagonal where it is
                said to be zero.
        """
        stack = super().read(data)
        finite = stack[np.isfinite(stack).all(axis=(-2, -1))]
        if not is_symmetric(finite):
            raise ValueError(
                "matrices that are not symmetric: average each with its transpose, or choose another symmetry"
            )
        if not self.diagonal and not has_zero_diagonal(finite):
            raise ValueError("matrices with a diagonal: set it to 0, or give Symmetric(D, diagonal=True)")
        return stack

    def standard_normal(self, generator: np.random.Generator, members: int) -> Float[np.ndarray, "N D D"]:
        """Symmetric matrices, standard normal in every block."""
        normal = super().standard_normal(generator, members)
        return self.compose(self.project(normal))

    def graphs(self, degree: int) -> tuple[Graph, ...]:
        """Undirected multigraphs: 2, 7, 23, 79 of degree 1 to 4; without loops 1, 3, 8, 23."""
        return enumerate_undirected(degree, loops=self.diagonal)

    @property
    def fitted(self) -> tuple[Graph, ...]:
        """Those of degree 1 and 2."""
        return (*self.graphs(1), *self.graphs(2))

    @property
    def predicted(self) -> tuple[Graph, ...]:
        """Those of degree 3 and 4."""
        return (*self.graphs(3), *self.graphs(4))

    def canonical(self, graph: Graph) -> Graph:
        """Direction of edges does not matter."""
        return undirected(graph)

    def key(self, graph: Graph) -> str:
        """The edges, in the least of all orders and directions."""
        return str(undirected(graph))

    def tensors_at(self, rows: Number, columns: Number, root: Callable[[Number], Any] = sqrt) -> Tensors:
        """On V_0 and V_H products of the unit vectors; the projector on V_2 is the identity less all others."""
        return _tensors_with_diagonal(rows, root) if self.diagonal else _tensors_without_diagonal(rows, root)

    @cached_property
    def family(self) -> Mapping[str, tuple[Float[np.ndarray, "parameters"], ...]]:
        """Independent entries of one variance (half off the diagonal), without and with a mean; all parameters."""
        count = len(self.parameter_names)
        constant = np.asarray(self.project(np.ones((self.dim, self.dim)))[0])
        zero = tuple(np.zeros((block.copies, block.copies)) for block in self.blocks)
        mean, identity = self.pack(Law(constant, zero)), self.isotropic(0.0, 1.0)
        return {"iid_zero_mean": (identity,), "iid": (mean, identity), "symmetric": tuple(np.eye(count))}

    @cached_property
    def entries(self) -> tuple[Entries, ...]:
        """Those of V_H for the copies that there are; of V_2 the entries above the diagonal."""
        on_rows = self.blocks[1].copies * self.dim
        trivial = Entries(np.arange(self.copies), self.copies)
        return trivial, Entries(np.arange(on_rows), on_rows), above_diagonal(self.dim)

    @property
    def remark(self) -> str:
        """Which parameters are undefined at D = 2 and D = 3."""
        absent = [name for name, weight in zip(self.parameter_names, self.weights, strict=True) if weight == 0]
        if not absent:
            return ""
        undefined = f"at D = {self.dim} {', '.join(absent)} undefined and set to 0"
        return f"{undefined}: the other parameters hold; use D >= 4 for all"


_ZERO_DIAGONAL = ("mu", "v0", "vH", "v2")


def is_symmetric(stack: Float[np.ndarray, "N D D"]) -> bool:
    """Whether each matrix is its own transpose, up to rounding."""
    return bool(np.all(np.abs(stack - np.swapaxes(stack, 1, 2)) <= ROUNDING * np.max(np.abs(stack), initial=0.0)))


def has_zero_diagonal(stack: Float[np.ndarray, "N D D"]) -> bool:
    """Whether all diagonal entries are 0, up to rounding."""
    diagonal = np.diagonal(stack, axis1=1, axis2=2)
    return bool(np.all(np.abs(diagonal) <= ROUNDING * np.max(np.abs(stack), initial=0.0)))


def constant_diagonal(stack: Float[np.ndarray, "N D D"]) -> float | None:
    """The number that all diagonal entries of all matrices are, such as 1 of correlations; None if they differ."""
    diagonal = np.diagonal(stack, axis1=1, axis2=2)
    if not diagonal.size or np.ptp(diagonal) > ROUNDING * np.max(np.abs(stack)):
        return None
    return float(np.median(diagonal))


def less_constant_diagonal(stack: Float[np.ndarray, "N D D"]) -> Float[np.ndarray, "N D D"]:
    """The same with 0 on the diagonal if that is one constant in all of them."""
    return stack if constant_diagonal(stack) is None else np.where(np.eye(stack.shape[1], dtype=bool), 0.0, stack)


def _tensors_with_diagonal(dim: Number, root: Callable[[Number], Any]) -> Tensors:
    means, v0 = trivial_tensors(dim)
    rows, rest = (
        (_both_ways(I, J), _both_ways(K, L)),
        tuple(remaining_diagonal(dim, *at) for at in ((I, J), (K, L))),
    )
    squared_third = Fraction(1) * dim / (dim - 2) if dim != 2 else Fraction(0)
    h11 = tensors.scale(Fraction(1, 2) / dim, tensors.hook(dim, *rows))
    h12 = tensors.add(tensors.hook(dim, rows[0], rest[1]), tensors.hook(dim, rest[0], rows[1]))
    h22 = tensors.scale(squared_third, tensors.hook(dim, *rest))
    v2 = _less(tensors.add(*symmetric_identity()), v0[0], v0[2], h11, h22)
    second, mixed = 1 / root(dim - 1), 1 / root(2 * (dim - 2)) if dim != 2 else 0.0
    return Tensors(
        means=tuple(tensors.expand(part, slots=2) for part in means),
        mean_radicals=(1.0, second),
        covariances=_expanded(*v0, h11, h12, h22, v2),
        radicals=(1.0, second, 1.0, 1.0, mixed, 1.0, 1.0),
        separate=False,
    )


def _tensors_without_diagonal(dim: Number, root: Callable[[Number], Any]) -> Tensors:
    off = tuple({(): Fraction(1), (pair,): Fraction(-1)} for pair in ((I, J), (K, L)))
    hollow = tuple(
        [*_both_ways(row, column), (((row, column),), row, Fraction(-2))] for row, column in ((I, J), (K, L))
    )
    v0 = tensors.scale(Fraction(1) / (dim * (dim - 1)), tensors.product(*off))
    vh = tensors.scale(Fraction(1, 2) / (dim - 2) if dim != 2 else Fraction(0), tensors.hook(dim, *hollow))
    on_diagonal: Deltas = {((I, J), (I, K), (I, L)): Fraction(1)}
    v2 = _less(tensors.add(*symmetric_identity()), on_diagonal, v0, vh)
    return Tensors(
        means=(tensors.expand(off[0], slots=2),),
        mean_radicals=(1 / root(dim * (dim - 1)),),
        covariances=_expanded(v0, vh, v2),
        radicals=(1.0, 1.0, 1.0),
        separate=False,
    )


def _both_ways(row: int, column: int) -> Copy:
    """1 h^T + h 1^T."""
    return [((), column, Fraction(1)), ((), row, Fraction(1))]


def _less(whole: Deltas, *parts: Deltas) -> Deltas:
    return tensors.add(whole, *(tensors.scale(-1, part) for part in parts))


def _expanded(*parts: Deltas) -> tuple[Expansion, ...]:
    return tuple(tensors.expand(part, slots=4) for part in parts)
