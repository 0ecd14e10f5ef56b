"""The law of the singular values of a Gaussian model: exact moments, and its bulk and outliers where it is large.

In orthonormal bases whose first vectors are constant, a matrix M of the model of separate permutations consists of
independent entries: a corner x = sum M / sqrt(mn) of mean sqrt(mn) mean and variance v0, a first row of variance vC, a
first column of variance vR, and the rest E of variance vE. So it is a bulk of m - 1 rows and n - 1 columns with a
border, of rank at most 2, which can push one or two singular values out of it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import root_scalar

from analysis.model.gaussian import Gaussian
from analysis.model.marchenko_pastur import Bulk
from analysis.model.plugin import parameters_from_invariants
from analysis.model.wick import expectation, expectations
from analysis.symmetry.choice import separate_of
from invariants import Graph

ORDERS = (1, 2, 3)
"""Powers k of the trace moments tr (M M^T)^k that are looked at; their degree as invariants is 2k."""
NEAR = 1e-9
"""Roots are sought from this fraction above the edge on, where resolvents have an infinite slope."""


def cycle(order: int) -> Graph:
    """The graph of tr (M M^T)^k: a cycle of 2k edges in alternating directions; two parallel edges for k = 1.

    Raises:
        ValueError: if k is below 1.
    """
    if order < 1:
        raise ValueError(f"trace moment of order {order}: give a whole number, at least 1")
    return Graph(tuple(edge for a in range(order) for edge in ((2 * a, 2 * a + 1), (2 * ((a + 1) % order), 2 * a + 1))))


def trace_moments(model: Gaussian | Any, orders: Sequence[int] = ORDERS) -> Float[np.ndarray, "orders"]:
    """E tr (M M^T)^k under the model (or that of a fit), exactly at every size, by Wick contraction.

    Args:
        model: of matrices of any shape, in units u; the moments are in u^(2k).
        orders: the powers k; up to 3 within a second, each further one takes many times longer.

    Raises:
        ValueError: if an order is below 1.
    """
    return expectation(model, tuple(map(cycle, orders)))


def two_way(model: Gaussian) -> Float[np.ndarray, "5"]:
    """mean, v0, vC, vR, vE of the law of separate permutations that is nearest: with the same mean invariants.

    The model itself where it is such a law; of others it leaves out, for example, that M_ij and M_ji may be correlated.
    """
    symmetry = separate_of(model.symmetry)
    means = expectations(model.parameters, symmetry.fitted, model.symmetry)
    return parameters_from_invariants(means, symmetry)


def bulk_of(model: Gaussian) -> Bulk:
    """Marchenko and Pastur's law of m x n independent entries of the variance vE of the nearest two-way law."""
    rows, columns = model.symmetry.shapes[0]
    return Bulk(float(two_way(model)[-1]), rows, columns)


def outliers(parameters: Float[np.ndarray, "5"], rows: int, columns: int) -> Float[np.ndarray, "outliers"]:
    """Where singular values lie outside the bulk, largest first: none, one or two, as the matrix becomes large.

    The roots z = sigma^2 above the edge of z (1 + vC T_n) (1 + vR T_m) = x^2, T_n and T_m the resolvent traces of E^T E
    and E E^T at z, x^2 = mn mean^2 + v0. Alone, columns make one from vC > vE (1 + sqrt((m-1)/(n-1))) on, rows from
    vR > vE (1 + sqrt((n-1)/(m-1))), and the corner, with vC = vR = vE, from x^2 > vE sqrt((m-1)(n-1)); below, none.

    Args:
        parameters: mean, v0, vC, vR, vE.
        rows: m.
        columns: n.

    Source: by Schur's complement, as Benaych-Georges and Nadakuditi, J. Multivariate Anal. 111 (2012), 120.
    """
    mean, v0, v_columns, v_rows, rest = map(float, parameters)
    corner, bulk = rows * columns * mean**2 + v0, Bulk(rest, rows - 1, columns - 1)

    def on_columns(z: float) -> float:
        return 1 + v_columns * bulk.resolvents(z)[1]

    def on_rows(z: float) -> float:
        return 1 + v_rows * bulk.resolvents(z)[0]

    def gap(z: float) -> float:
        return z * on_columns(z) * on_rows(z) - corner

    top = bulk.edges[1] + corner + v_columns * (columns - 1) + v_rows * (rows - 1)
    if top == 0:
        return np.array([])
    edge, top = bulk.edges[1] * (1 + NEAR) or NEAR * top, 4 * top
    # Between the zeros of the two factors, which increase with z, their product is negative: no root lies there.
    zeros = sorted(_root(factor, edge, top) for factor in (on_columns, on_rows) if factor(edge) < 0)
    found = []
    if zeros or gap(edge) < 0:
        found.append(_root(gap, max([edge, *zeros]), top))
    if len(zeros) == 2 and gap(edge) > 0:
        found.append(_root(gap, edge, zeros[0]))
    return np.sqrt(found)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """A zero between two points; where rounding gives both the same sign, the one that is nearly a zero itself."""
    ends = function(low), function(high)
    if np.sign(ends[0]) == np.sign(ends[1]):
        return low if abs(ends[0]) < abs(ends[1]) else high
    return float(root_scalar(function, bracket=(low, high), method="brentq").root)
