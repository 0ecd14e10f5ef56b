"""D x D matrices under simultaneous permutations of rows and columns, S_D: the paper's symmetry, 13 parameters."""

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
from analysis.symmetry.blocks import Block, pack_symmetric
from analysis.symmetry.single import SingleMatrix
from analysis.symmetry.tensors import Copy, Deltas, I, J, K, L, Number, Tensors
from invariants import PAPER, Graph, enumerate_graphs, name

PARAMETERS = tuple(f"f{k}" for k in range(1, 14))
"""f1, f2: means on V_0; f3..f5: covariance 11, 12, 22 on V_0; f6..f11: covariance 11, 12, 13, 22, 23, 33 on V_H;
f12, f13: variances on V_2 and V_3."""


@dataclass(frozen=True)
class Simultaneous(SingleMatrix):
    """S_D on rows and columns together: V_D (x) V_D = 2 V_0 + 3 V_H + V_2 + V_3.

    Raises:
        ValueError: if D is not a whole number above 1.

    Source: Ramgoolam, arXiv:1809.07559; Hirst and Ramgoolam, arXiv:2510.05218.
    """

    dim: int
    name: ClassVar[str] = "simultaneous"
    full: ClassVar[str] = "pigmm"

    def __post_init__(self) -> None:
        if not isinstance(self.dim, int | np.integer) or self.dim < 2:
            raise ValueError(f"model with dim {self.dim!r}: give a whole number >= 2 (>= 4 for all 13 parameters)")
        # Exact counting needs Python's integers: D^8 overflows NumPy's.
        object.__setattr__(self, "dim", int(self.dim))

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """One square matrix."""
        return ((self.dim, self.dim),)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Dimensions 1, D-1, D(D-3)/2, (D-1)(D-2)/2; V_2 vanishes for D < 4, V_3 and a copy of V_H for D < 3."""
        d = self.dim
        return (
            Block("V_0", 2, 1, 2),
            Block("V_H", min(d, 3), d - 1, 3),
            Block("V_2", 1, max(d * (d - 3) // 2, 0), 1),
            Block("V_3", 1, (d - 1) * (d - 2) // 2, 1),
        )

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """f1..f13."""
        return PARAMETERS

    @property
    def moment_names(self) -> tuple[str, ...]:
        """x_1, x_2; the products of the copies of V_H; the squares of V_2 and V_3."""
        return ("x1", "x2", "h11", "h12", "h13", "h22", "h23", "h33", "v2", "v3")

    def project(self, data: Float[Any, "*batch D D"]) -> Coordinates:
        """Orthonormal coordinates of V_0 [2], V_H [3, D], V_2 [1, D, D], V_3 [1, D, D].

        x_1 = sum M / D, x_2 = (tr M - sum M / D) / sqrt(D-1), and with c, r, d the centred column sums, row sums and
        diagonal: h_1 = c / sqrt(D), h_2 = r / sqrt(D), h_3 = sqrt(D/(D-2)) (d - (c + r)/D). V_2 and V_3 are the
        symmetric and antisymmetric parts of what remains. At D = 2 the third copy of V_H is absent and its coordinates
        are zero.
        """
        xp = data.__array_namespace__()
        dim = self.dim
        mean = xp.mean(data, axis=(-2, -1))
        rest = data - mean[..., None, None]
        columns, rows, diagonal = xp.mean(rest, axis=-2), xp.mean(rest, axis=-1), xp.linalg.diagonal(rest)
        trace = xp.mean(diagonal, axis=-1)
        x = xp.stack([dim * mean, dim / sqrt(dim - 1) * trace], axis=-1)
        h = xp.stack(
            [
                sqrt(dim) * columns,
                sqrt(dim) * rows,
                third_copy(dim) * (diagonal - trace[..., None] - columns - rows),
            ],
            axis=-2,
        )
        residual = data - _compose_low(x, h)
        transposed = xp.matrix_transpose(residual)
        symmetric, antisymmetric = (residual + transposed) / 2, (residual - transposed) / 2
        return x, h, symmetric[..., None, :, :], antisymmetric[..., None, :, :]

    def compose(self, coordinates: Coordinates) -> Float[Any, "*batch D D"]:
        """The matrix with the given block coordinates: the inverse of `project`."""
        x, h, symmetric, antisymmetric = coordinates
        return _compose_low(x, h) + symmetric[..., 0, :, :] + antisymmetric[..., 0, :, :]

    def graphs(self, degree: int) -> tuple[Graph, ...]:
        """Directed multigraphs: 2, 11, 52, 296 of degree 1 to 4."""
        return enumerate_graphs(degree)

    @property
    def fitted(self) -> tuple[Graph, ...]:
        """I1 to I13."""
        return PAPER[:13]

    @property
    def predicted(self) -> tuple[Graph, ...]:
        """I14 to I52."""
        return PAPER[13:]

    def key(self, graph: Graph) -> str:
        """I1 to I52 for the paper's graphs, else the edges, such as "0-1,1-2,2-0"."""
        return name(graph)

    def tensors_at(self, rows: Number, columns: Number, root: Callable[[Number], Any] = sqrt) -> Tensors:
        """What f1..f13 multiply, where D = rows = columns.

        On V_0, with u_1 = J/D and u_2 = (I - J/D)/sqrt(D-1): u_1 u_1, u_1 u_2 + u_2 u_1, u_2 u_2. On V_H, with
        E_ab = sum over an orthonormal basis h of e_a(h) e_b(h)^T: E_aa and E_ab + E_ba. Then the projectors on V_2 and
        V_3, which are the symmetric and the antisymmetric identity less the blocks above.
        """
        dim, half = rows, Fraction(1, 2)
        means, v0 = trivial_tensors(dim)
        vh = {(a, b): _standard(dim, a, b) for a in (1, 2, 3) for b in (1, 2, 3)}
        same, swapped = symmetric_identity()
        aligned = tensors.scale(half, tensors.add(vh[1, 1], vh[2, 2]))
        crossed = tensors.scale(half, tensors.add(vh[1, 2], vh[2, 1]))
        v2 = tensors.add(same, swapped, tensors.scale(-1, tensors.add(v0[0], v0[2], vh[3, 3], aligned, crossed)))
        v3 = tensors.add(same, crossed, tensors.scale(-1, tensors.add(swapped, aligned)))
        # Both orders of a product of two different vectors are the same graphs, hence the factors 2.
        upper = [tensors.scale(1 if a == b else 2, vh[a, b]) for a in (1, 2, 3) for b in range(a, 4)]
        second = 1 / root(dim - 1)
        mixed = 1 / root(dim - 2) if dim != 2 else 1.0
        return Tensors(
            means=tuple(tensors.expand(part, slots=2) for part in means),
            mean_radicals=(1.0, second),
            covariances=tuple(tensors.expand(part, slots=4) for part in (*v0, *upper, v2, v3)),
            radicals=(1.0, second, 1.0, 1.0, 1.0, mixed, 1.0, mixed, 1.0, 1.0, 1.0),
            separate=False,
        )

    @cached_property
    def family(self) -> Mapping[str, tuple[Float[np.ndarray, "13"], ...]]:
        """Eight models between independent entries and the 13 parameters.

        Independent entries of one variance, without and with a mean; a law invariant under M -> O M O^T, O orthogonal;
        entries independent, of two laws on and off the diagonal; a law invariant under separate permutations of rows
        and of columns; like `diagonal`, with a covariance of M_ij and M_ji; the full model invariant under
        transposition; the full model.
        """
        f = dict(zip(PARAMETERS, np.eye(13), strict=True))
        scalar = np.asarray(self.project(np.eye(self.dim))[0]) / sqrt(self.dim)
        probe = np.array([1.0, -1.0, *[0.0] * (self.dim - 2)]) / sqrt(2)
        copies = np.asarray(self.project(np.diag(probe))[1]) @ probe
        identity = _operator(np.eye(2), np.eye(3), 1.0, 1.0)
        transposition = _operator(np.eye(2), np.eye(3)[[1, 0, 2]], 1.0, -1.0)
        trace = _operator(np.outer(scalar, scalar), np.zeros((3, 3)), 0.0, 0.0)
        diagonal = _operator(np.outer(scalar, scalar), np.outer(copies, copies), 0.0, 0.0)
        on_identity = np.concatenate([scalar, np.zeros(11)])
        both = ("f1", "f2", "f3", "f4", "f5", "f7", "f11", "f12", "f13")
        return {
            "iid_zero_mean": (identity,),
            "iid": (f["f1"], identity),
            "conjugation": (on_identity, identity, transposition, trace),
            "diagonal": (f["f1"], f["f2"], identity, diagonal),
            "bipartite": (f["f1"], identity, f["f3"], f["f6"], f["f9"]),
            "reciprocal": (f["f1"], f["f2"], identity, diagonal, transposition),
            "transposition": (*(f[name] for name in both), f["f6"] + f["f9"], f["f8"] + f["f10"]),
            "pigmm": tuple(f.values()),
        }

    @cached_property
    def entries(self) -> tuple[Entries, ...]:
        """Those of V_H for the copies that there are; of V_2 and V_3 the entries above the diagonal."""
        dim, copies = self.dim, self.blocks[1].copies
        off = above_diagonal(dim)
        return Entries(np.arange(2), 2), Entries(np.arange(copies * dim), copies * dim), off, off

    @property
    def remark(self) -> str:
        """Which parameters are undefined at D = 2 and D = 3."""
        absent = {
            2: "V_2, V_3 and one copy of V_H are absent, f8, f10, f11, f12, f13 are undefined and set to 0",
            3: "V_2 is absent, f12 is undefined and set to 0",
        }.get(self.dim)
        return f"at D = {self.dim} {absent}: the other parameters hold; use D >= 4 for all 13" if absent else ""


def trivial_tensors(dim: Number) -> tuple[tuple[Deltas, Deltas], tuple[Deltas, Deltas, Deltas]]:
    """J/D and I - J/D, and the products 11, 12 twice, and 22 over D - 1, of which the radical 1/sqrt(D-1) is left."""
    flat = tensors.flat(dim)
    first, second = tensors.centred(dim, I, J), tensors.centred(dim, K, L)
    v0_11 = tensors.product(flat, flat)
    v0_12 = tensors.scale(2, tensors.product(flat, second))
    v0_22 = tensors.scale(Fraction(1) / (dim - 1), tensors.product(first, second))
    return (flat, first), (v0_11, v0_12, v0_22)


def symmetric_identity() -> tuple[Deltas, Deltas]:
    """Half the identity and half the transposition, whose sum is the projector on symmetric matrices."""
    half = Fraction(1, 2)
    return {((I, K), (J, L)): half}, {((I, L), (J, K)): half}


def remaining_diagonal(dim: Number, row: int, column: int) -> Copy:
    """The third copy of V_H, diag(h) - (1 h^T + h 1^T)/D, not normalised."""
    return [(((row, column),), row, Fraction(1)), ((), column, Fraction(-1) / dim), ((), row, Fraction(-1) / dim)]


def third_copy(dim: int) -> float:
    """Normalisation sqrt(D/(D-2)) of diag(h) - (1 h^T + h 1^T)/D, which vanishes identically at D = 2."""
    return sqrt(dim / (dim - 2)) if dim > 2 else 0.0


def _standard(dim: Number, a: int, b: int) -> Deltas:
    """E_ab of V_H, less its radical."""
    return tensors.scale(_squared_norm(dim, a, b), tensors.hook(dim, _copy(dim, a, I, J), _copy(dim, b, K, L)))


def _copy(dim: Number, a: int, row: int, column: int) -> Copy:
    """Copies 1, 2, 3 of V_H are 1 h^T, h 1^T and diag(h) - (1 h^T + h 1^T)/D, not normalised."""
    one = Fraction(1)
    return {1: [((), column, one)], 2: [((), row, one)], 3: remaining_diagonal(dim, row, column)}[a]


def _squared_norm(dim: Number, a: int, b: int) -> Number:
    """Product of the normalisations 1/sqrt(D), 1/sqrt(D), sqrt(D/(D-2)) of two copies, less its radical."""
    if 3 not in (a, b):
        return Fraction(1) / dim
    if dim == 2:
        return Fraction(0)
    return Fraction(1) * dim / (dim - 2) if a == b else Fraction(1)


def _operator(trivial: np.ndarray, standard: np.ndarray, v2: float, v3: float) -> np.ndarray:
    return np.concatenate([[0, 0], pack_symmetric(trivial), pack_symmetric(standard), [v2, v3]])


def _compose_low(x: Any, h: Any) -> Any:
    """The V_0 and V_H part of a matrix."""
    xp = x.__array_namespace__()
    dim = h.shape[-1]
    remainder = h[..., 2, :] * third_copy(dim)
    ramp = x[..., 1] / sqrt(dim - 1)
    columns = h[..., 0, :] / sqrt(dim) - remainder / dim
    rows = h[..., 1, :] / sqrt(dim) - remainder / dim
    constant = (x[..., 0] - ramp) / dim
    full = constant[..., None, None] + columns[..., None, :] + rows[..., :, None]
    # A mask instead of `+ eye`: ranks stay equal, as strict JAX asks.
    on_diagonal = xp.broadcast_to(xp.eye(dim, dtype=bool), full.shape)
    return xp.where(on_diagonal, full + (ramp[..., None] + remainder)[..., None, :], full)
