"""Is the law symmetric under rows and columns permuted independently? Eight identities of f1..f13 that this forces."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from analysis.representation import dimensions
from analysis.wald import Wald, pseudo_values, wald_of_means

ROUNDING = 1e-14
"""Relative error of block coordinates: some tens of roundings."""


class Contrasts(NamedTuple):
    """Linear combinations of f1..f13, one a row."""

    names: tuple[str, ...]
    matrix: Float[np.ndarray, "k 13"]


def identity_contrasts(dim: int) -> Contrasts:
    """The contrasts that vanish for a law invariant under independent permutations of rows and columns.

    f2, f4, f7, f8, f10, and f5, f11, f12 less f13, all four being the variance on V_H (x) V_H. Those of parameters
    absent at D < 4 are left out: 8 contrasts for D >= 4, 7 for D = 3 and 3 for D = 2.
    """
    absent = {2: {8, 10, 11, 12, 13}, 3: {12}}.get(dim, set())
    zero = [(k,) for k in (2, 4, 7, 8, 10)]
    equal = [(k, 13) for k in (5, 11, 12)]
    kept = [pair for pair in (*zero, *equal) if not absent & set(pair)]
    unit = np.eye(13)
    rows = [unit[first - 1] - sum(unit[other - 1] for other in rest) for first, *rest in kept]
    return Contrasts(tuple(" - ".join(f"f{k}" for k in pair) for pair in kept), np.array(rows))


def identity_test(moments: Float[np.ndarray, "*batch N 10"], dim: int) -> Wald:
    """Joint test of f2 = f4 = f7 = f8 = f10 = 0 and f5 = f11 = f12 = f13, from the `block_moments` of N members.

    The contrasts are those of `identity_contrasts`, at unbiased parameters, with the covariance of the members'
    pseudo-values: Gaussian entries are not assumed. Rejection tells the 13-parameter model from its 5-parameter
    sub-model; a law that is not permutation-invariant at all may still satisfy the identities.

    The level is asymptotic, a variance on V_0 and its error being dependent: at 5 % it rejects 8 to 10 % of true nulls
    with 100 members, 6 % with 300 and 5 % with 1000.
    """
    matrix = identity_contrasts(dim).matrix
    values = pseudo_values(moments) @ matrix.T
    linear = np.any(matrix[:, :2] != 0, axis=1)
    return wald_of_means(np.where(np.abs(values) <= _rounding(moments, dim, linear), 0.0, values))


def _rounding(
    moments: Float[np.ndarray, "*batch N 10"], dim: int, linear: Bool[np.ndarray, "k"]
) -> Float[np.ndarray, "*batch 1 k"]:
    """Size below which contrasts of means (linear) and of covariances are rounding errors of a coordinate that is 0.

    Coordinates are rounded in proportion to |M|, and multiplied by others of the size of |M - <M>|.
    """
    _, standard, v2, v3 = dimensions(dim)
    x = moments[..., :2]
    rest = np.mean(moments[..., 2:] @ np.array([standard, 0, 0, standard, 0, standard, v2, v3]), axis=-1)
    size = np.sqrt(np.sum(np.mean(x**2, axis=-2), axis=-1) + rest)
    spread = np.sqrt(np.sum(np.var(x, axis=-2), axis=-1) + rest)
    return ROUNDING * size[..., None, None] * np.where(linear, 1.0, spread[..., None, None])
