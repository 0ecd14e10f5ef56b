"""Control of the false-discovery rate when many hypotheses are tested at once."""

import numpy as np
from jaxtyping import Float

LEVEL = 0.05
"""False-discovery rate at which an invariant counts as deviating, or as different between runs."""


def benjamini_hochberg(p: Float[np.ndarray, "*tests"], made: int | None = None) -> Float[np.ndarray, "*tests"]:
    """Adjusted p-values q: rejecting where q <= alpha keeps the expected share of false rejections below alpha.

    Over all m tests of the array, q_(k) = min over j >= k of min(1, m p_(j) / j), for the k-th smallest p. Valid for
    independent and for positively dependent tests. A NaN is a test that was not made: it stays NaN and does not count.

    Args:
        p: of the tests, or of some.
        made: how many were made; those that are not given are taken for larger ones. By default all are given.

    Raises:
        ValueError: if a p-value lies outside [0, 1].

    Source: Benjamini and Hochberg, J. R. Statist. Soc. B 57 (1995), 289.
    """
    return _adjusted(p, inflate=False, count=made)


def hierarchical(p: Float[np.ndarray, "*cells tests"]) -> Float[np.ndarray, "*cells tests"]:
    """Adjusted p-values q over cells, such as epochs and layers, and the tests within each.

    With b_ij the Benjamini-Hochberg p of test j within cell i, s_i = min_j b_ij, and s_(k) the k-th smallest of m
    cells, q_ij = min over k of min(1, (m/k) max(b_ij, s_(k))): Benjamini-Hochberg over the cells, then within the R
    that are rejected at level alpha R/m. It controls the false share within the cells that are shown as deviating, on
    average over them; pooled, many true deviations in some cells would raise the level at which all others are tested.
    A single cell is Benjamini-Hochberg. A NaN is a test that was not made, and a cell of NaN does not count.

    Source: Benjamini and Bogomolov, J. R. Statist. Soc. B 76 (2014), 297.
    """
    cells = p.reshape(-1, p.shape[-1])
    within = np.array([benjamini_hochberg(row) for row in cells])
    made = ~np.all(np.isnan(within), axis=1)
    q = np.full(cells.shape, np.nan)
    if np.any(made):
        smallest = np.sort(np.nanmin(within[made], axis=1))
        factor = len(smallest) / np.arange(1, len(smallest) + 1)
        q[made] = np.minimum(1, np.min(factor * np.maximum(within[made][..., None], smallest), axis=-1))
    return np.where(np.isnan(cells), np.nan, q).reshape(p.shape)


def benjamini_yekutieli(p: Float[np.ndarray, "*tests"]) -> Float[np.ndarray, "*tests"]:
    """As `benjamini_hochberg` but valid under any dependence: m is replaced by m (1 + 1/2 + ... + 1/m).

    Raises:
        ValueError: if a p-value lies outside [0, 1].

    Source: Benjamini and Yekutieli, Ann. Statist. 29 (2001), 1165.
    """
    return _adjusted(p, inflate=True)


def _adjusted(p: np.ndarray, *, inflate: bool, count: int | None = None) -> np.ndarray:
    made = ~np.isnan(p)
    tested = p[made]
    if np.any((tested < 0) | (tested > 1)):
        raise ValueError(f"p-values between {tested.min():g} and {tested.max():g}: give numbers in [0, 1], or NaN")
    rank = np.arange(1, tested.size + 1)
    order = np.argsort(tested)
    factor = (count or tested.size) * (np.sum(1 / rank) if inflate else 1.0)
    stepped = np.minimum.accumulate((tested[order] * factor / rank)[::-1])[::-1]
    adjusted = np.empty(tested.size)
    adjusted[order] = np.minimum(stepped, 1.0)
    q = np.full(p.shape, np.nan)
    q[made] = adjusted
    return q
