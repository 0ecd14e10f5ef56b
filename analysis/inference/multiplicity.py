"""Control of the false-discovery rate when many hypotheses are tested at once."""

import numpy as np
from jaxtyping import Float

LEVEL = 0.05
"""False-discovery rate at which an invariant counts as deviating, or as different between runs."""


def benjamini_hochberg(p: Float[np.ndarray, "*tests"]) -> Float[np.ndarray, "*tests"]:
    """Adjusted p-values q: rejecting where q <= alpha keeps the expected share of false rejections below alpha.

    Over all m tests of the array, q_(k) = min over j >= k of min(1, m p_(j) / j), for the k-th smallest p. Valid for
    independent and for positively dependent tests. A NaN is a test that was not made: it stays NaN and does not count.

    Raises:
        ValueError: if a p-value lies outside [0, 1].

    Source: Benjamini and Hochberg, J. R. Statist. Soc. B 57 (1995), 289.
    """
    return _adjusted(p, inflate=False)


def benjamini_yekutieli(p: Float[np.ndarray, "*tests"]) -> Float[np.ndarray, "*tests"]:
    """As `benjamini_hochberg` but valid under any dependence: m is replaced by m (1 + 1/2 + ... + 1/m).

    Raises:
        ValueError: if a p-value lies outside [0, 1].

    Source: Benjamini and Yekutieli, Ann. Statist. 29 (2001), 1165.
    """
    return _adjusted(p, inflate=True)


def _adjusted(p: np.ndarray, *, inflate: bool) -> np.ndarray:
    made = ~np.isnan(p)
    tested = p[made]
    if np.any((tested < 0) | (tested > 1)):
        raise ValueError(f"p-values between {tested.min():g} and {tested.max():g}: give numbers in [0, 1], or NaN")
    rank = np.arange(1, tested.size + 1)
    order = np.argsort(tested)
    count = tested.size * (np.sum(1 / rank) if inflate else 1.0)
    stepped = np.minimum.accumulate((tested[order] * count / rank)[::-1])[::-1]
    adjusted = np.empty(tested.size)
    adjusted[order] = np.minimum(stepped, 1.0)
    q = np.full(p.shape, np.nan)
    q[made] = adjusted
    return q
