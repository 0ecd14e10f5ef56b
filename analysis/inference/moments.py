"""Moments of observables over an ensemble, and how far a theory lies from them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

ROUNDING = 1e-12
"""Differences below this part of the mean are rounding errors."""


class Moments(NamedTuple):
    """Moments over members."""

    mean: Float[np.ndarray, "*rest"]
    std: Float[np.ndarray, "*rest"]
    """Population standard deviation (divided by N), as published."""
    se: Float[np.ndarray, "*rest"]
    """Standard error of the mean; +inf for a single member."""


def moments(values: Float[np.ndarray, "members *rest"]) -> Moments:
    """Mean, population standard deviation and standard error of the mean over the leading axis.

    std^2 = sum_i (v_i - mean)^2 / N, in two passes; se = std / sqrt(N - 1), the unbiased variance over N.

    Raises:
        ValueError: if there is no member.
    """
    members = len(values)
    if not members:
        raise ValueError("no members: give values of shape [members, ...] with at least one member")
    mean = np.mean(values, axis=0)
    std = np.sqrt(np.mean((values - mean) ** 2, axis=0))
    se = std / np.sqrt(members - 1) if members > 1 else np.full_like(std, np.inf)
    return Moments(mean, std, se)


def deviation(
    theory: Float[np.ndarray, "*#rest"], mean: Float[np.ndarray, "*#rest"], std: Float[np.ndarray, "*#rest"]
) -> Float[np.ndarray, "*rest"]:
    """Effect size |theory - mean| / std: 0 where difference and std both vanish, +inf where only std does.

    Either vanishes below `ROUNDING` of the mean: members that are copies of one another have no spread but rounding.

    Source: Hirst and Ramgoolam, arXiv:2510.05218.
    """
    rounding = ROUNDING * np.abs(mean)
    difference = np.abs(np.asarray(theory) - mean)
    difference, std = (np.where(size <= rounding, 0.0, size) for size in (difference, std))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(difference == 0, 0.0, difference / std)
