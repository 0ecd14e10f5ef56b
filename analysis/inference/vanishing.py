"""Tests that statistics of mean invariants vanish which are 0 if layers are independent, such as joint cumulants.

t = value / s with s the jackknife's error. Up to `EXACT` members p is the rank of t among ensembles whose layers are
joined anew, each of the layers of another member: exact if layers are independent, whatever their laws, and close for
any law under which the statistic vanishes, because t is studentised. Above, p is that of Student's law.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri, stdtr

from analysis.inference.leaving_out import error_of
from analysis.inference.networks import Networks
from analysis.inference.tails import tail
from analysis.model.status import OK
from invariants import Graph

EXACT = 40
"""Members up to which ensembles are joined anew."""
FEWEST, MOST = 250, 1_000
"""Limits on their number."""
MOST_ENTRIES = 1 << 22
"""Entries that are joined anew at most."""
ROUNDING = 1e-12
"""An error below this part of the value is a rounding error."""

Statistic = Callable[[Float[np.ndarray, "*batch needed"]], Float[np.ndarray, "*batch statistics"]]
"""Of mean invariants."""


class VanishingTest(NamedTuple):
    """A test of each statistic; NaN where it is undefined or `status` says why."""

    value: Float[np.ndarray, "statistics"]
    se: Float[np.ndarray, "statistics"]
    """Jackknife over members."""
    z: Float[np.ndarray, "statistics"]
    """As a normal quantile, with its sign."""
    p: Float[np.ndarray, "statistics"]
    """Two-sided."""
    status: str


def vanishing_test(statistic: Statistic, needed: tuple[Graph, ...], networks: Networks, seed: int = 0) -> VanishingTest:
    """Test that statistics of the means of the invariants needed vanish.

    Args:
        statistic: vectorised over leading axes.
        needed: graphs of the invariants.
        networks: the members.
        seed: of the joining.

    Source: Miller, Biometrika 61 (1974), 1 (jackknife); Chung and Romano, Ann. Statist. 41 (2013), 484 (studentised
    permutation tests).
    """
    members = networks.members
    values = networks.invariants(needed)
    value = statistic(values.mean(axis=0))
    nan = np.full(value.shape, np.nan)
    if members < 3:
        return VanishingTest(value, nan, nan, nan, f"{members} members: tested from 3 members on; add members")
    se = _jackknife_error(statistic, values)
    t = value / _positive(se, value)
    if members > EXACT:
        p = 2 * stdtr(members - 1, -np.abs(t))
        return VanishingTest(value, se, -np.sign(t) * ndtri(p / 2), p, OK)
    draws = min(MOST_ENTRIES // (members * networks.symmetry.size), MOST)
    if draws < FEWEST or networks.joined_anew is None:
        kind = "recorded networks" if networks.joined_anew is None else "matrices of this size"
        status = f"{members} members: {kind} are tested from {EXACT + 1} on; add members"
        return VanishingTest(value, se, nan, nan, status)
    drawn = []
    for values in networks.joined_anew(needed, draws, seed):
        one = statistic(values.mean(axis=-2))
        drawn.append(one / _positive(_jackknife_error(statistic, values), one))
    null = np.concatenate(drawn)
    tested = np.flatnonzero(np.isfinite(t) & np.all(np.isfinite(null), axis=0))
    z, p = nan.copy(), nan.copy()
    t, null = t[tested], null[:, tested]
    middle = np.median(null, axis=0)
    p[tested] = np.minimum(1.0, 2 * np.minimum(tail(t - middle, null - middle), tail(middle - t, middle - null)))
    z[tested] = -np.sign(t - middle) * ndtri(p[tested] / 2)
    return VanishingTest(value, se, z, p, OK)


def _jackknife_error(
    statistic: Statistic, values: Float[np.ndarray, "*batch N needed"]
) -> Float[np.ndarray, "*batch statistics"]:
    """Standard error from leaving out each member."""
    members = values.shape[-2]
    without = statistic((np.sum(values, axis=-2, keepdims=True) - values) / (members - 1))
    return error_of(np.moveaxis(without, -2, 0))


def _positive(error: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The error, or NaN where it is rounding only."""
    return np.where(error > ROUNDING * np.abs(value), error, np.nan)
