"""The tensors of the block decomposition as exact combinations of graphs.

A permutation-invariant tensor with two slots (a mean) or four (a covariance) is a combination of products of
Kronecker deltas, one for each set partition of its slots. Contracted with the matrix, a product of deltas becomes the
invariant of a graph; so every block tensor is a table graph -> rational coefficient. The irrational normalisations
1/sqrt(D-1) and 1/sqrt(D-2) factor out and are kept apart, see `radicals`.
"""

from fractions import Fraction
from functools import cache
from math import sqrt

import numpy as np
from jaxtyping import Float

from analysis.partitions import identify
from analysis.representation import dimensions
from invariants import Graph

Expansion = dict[Graph, Fraction]
Pairs = tuple[tuple[int, int], ...]
Deltas = dict[Pairs, Fraction]
"""Coefficient of each product of Kronecker deltas, given by the pairs of slots they join."""

I, J, K, L = range(4)  # noqa: E741
"""Slots: the tensors act on M[i, j], or on M[i, j] M[k, l]."""


def radicals(dim: int) -> Float[np.ndarray, "13"]:
    """The irrational factor of each block tensor: multiply f1..f13 by it to use the rational expansions."""
    factors = np.ones(13)
    factors[[1, 3]] = 1 / sqrt(dim - 1)
    if dim > 2:
        factors[[7, 9]] = 1 / sqrt(dim - 2)
    return factors


def norms(dim: int) -> tuple[int, ...]:
    """Squared norm of the covariance tensor of each of f3..f13, of which absent blocks have 0."""
    trivial, standard, v2, v3 = dimensions(dim)
    third = standard if dim > 2 else 0
    v0 = (trivial, 2 * trivial, trivial)
    return (*v0, standard, 2 * standard, 2 * third, standard, 2 * third, third, v2, v3)


def mean_tensors(dim: int) -> tuple[Expansion, Expansion]:
    """J/D and I - J/D, whose multiples by f1 and f2 (and radicals) add up to the mean of the model."""
    return _graphs(_flat(dim), slots=2), _graphs(_diagonal(dim, I, J), slots=2)


def covariance_tensors(dim: int) -> tuple[Expansion, ...]:
    """The 11 tensors whose multiples by f3..f13 (and radicals) add up to the covariance of the model.

    On V_0, with u_1 = J/D and u_2 = (I - J/D)/sqrt(D-1): u_1 u_1, u_1 u_2 + u_2 u_1, u_2 u_2. On V_H, with
    E_ab = sum over an orthonormal basis h of e_a(h) e_b(h)^T: E_aa and E_ab + E_ba. Then the projectors on V_2 and
    V_3, which are the symmetric and the antisymmetric identity less the blocks above.
    """
    half = Fraction(1, 2)
    v0_11 = _product(_flat(dim), _flat(dim))
    v0_12 = _product(_flat(dim), _diagonal(dim, K, L))
    v0_22 = _scale(Fraction(1, dim - 1), _product(_diagonal(dim, I, J), _diagonal(dim, K, L)))
    vh = {(a, b): _standard(dim, a, b) for a in (1, 2, 3) for b in (1, 2, 3)}
    same, swapped = {((I, K), (J, L)): half}, {((I, L), (J, K)): half}
    aligned = _scale(half, _sum(vh[1, 1], vh[2, 2]))
    crossed = _scale(half, _sum(vh[1, 2], vh[2, 1]))
    v2 = _sum(same, swapped, _scale(-1, _sum(v0_11, v0_22, vh[3, 3], aligned, crossed)))
    v3 = _sum(same, crossed, _scale(-1, _sum(swapped, aligned)))
    # Both orders of a product of two different vectors are the same graphs, hence the factors 2.
    upper = [_scale(1 if a == b else 2, vh[a, b]) for a in (1, 2, 3) for b in range(a, 4)]
    return tuple(_graphs(part, slots=4) for part in (v0_11, _scale(2, v0_12), v0_22, *upper, v2, v3))


@cache
def graph_of_slots(labels: tuple[int, ...]) -> Graph:
    """The graph with edges (slot 0, slot 1), (slot 2, slot 3), ..., where slots of equal label are one node."""
    return Graph(tuple(zip(labels[::2], labels[1::2], strict=True)))


def _standard(dim: int, a: int, b: int) -> Deltas:
    """E_ab, less its radical: contract the two vectors h by sum_h h_s h_t = delta_st - 1/D."""
    terms = (
        _product({(*p, *q): c * d}, _diagonal(dim, s, t))
        for p, s, c in _copy(dim, a, I, J)
        for q, t, d in _copy(dim, b, K, L)
    )
    return _scale(_squared_norm(dim, a, b), _sum(*terms))


def _copy(dim: int, a: int, row: int, column: int) -> list[tuple[Pairs, int, Fraction]]:
    """How copy a of V_H puts a vector h into a matrix, not normalised: terms (deltas, slot of h, coefficient).

    Copies 1, 2, 3 are 1 h^T, h 1^T and diag(h) - (1 h^T + h 1^T)/D.
    """
    on_columns, on_rows = ((), column), ((), row)
    if a == 1:
        return [(*on_columns, Fraction(1))]
    if a == 2:
        return [(*on_rows, Fraction(1))]
    return [(((row, column),), row, Fraction(1)), (*on_columns, Fraction(-1, dim)), (*on_rows, Fraction(-1, dim))]


def _squared_norm(dim: int, a: int, b: int) -> Fraction:
    """Product of the normalisations 1/sqrt(D), 1/sqrt(D), sqrt(D/(D-2)) of two copies, less its radical."""
    if 3 not in (a, b):
        return Fraction(1, dim)
    if dim == 2:
        return Fraction(0)
    return Fraction(dim, dim - 2) if a == b else Fraction(1)


def _flat(dim: int) -> Deltas:
    """J / D."""
    return {(): Fraction(1, dim)}


def _diagonal(dim: int, row: int, column: int) -> Deltas:
    """I - J / D."""
    return {((row, column),): Fraction(1), (): Fraction(-1, dim)}


def _sum(*parts: Deltas) -> Deltas:
    keys = {pairs for part in parts for pairs in part}
    return {pairs: sum((part.get(pairs, Fraction(0)) for part in parts), Fraction(0)) for pairs in keys}


def _scale(factor: Fraction | int, part: Deltas) -> Deltas:
    return {pairs: factor * coefficient for pairs, coefficient in part.items()}


def _product(a: Deltas, b: Deltas) -> Deltas:
    return {(*p, *q): c * d for p, c in a.items() for q, d in b.items()}


def _graphs(deltas: Deltas, slots: int) -> Expansion:
    """Join the slots that the deltas identify: the tensor contracted with one matrix or two."""
    total: Expansion = {}
    for pairs, coefficient in deltas.items():
        graph = graph_of_slots(tuple(identify(slots, pairs)))
        total[graph] = total.get(graph, Fraction(0)) + coefficient
    return total
