"""Resampling of members, the sampling unit, as a matrix of weights.

A replicate of an ensemble only reweights its members, so that the means of many features in all replicates are one
matrix product; whatever is a function of means follows from it.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Resampling(NamedTuple):
    """Replicates of an ensemble of N members."""

    weights: Float[np.ndarray, "replicates N"]
    """Weight of each member in the means of each replicate."""
    inflation: float
    """Variance of a mean over members divided by the variance of its replicates; NaN for a single member."""

    def error(self, values: Float[np.ndarray, "replicates *rest"]) -> Float[np.ndarray, "*rest"]:
        """Standard error of a statistic with values v_r in the replicates: sqrt(inflation <(v - <v>)^2>)."""
        return np.asarray(np.sqrt(self.inflation * np.var(values, axis=0)))


@lru_cache(maxsize=4)
def bootstrap(members: int, replicates: int = 1000, seed: int = 0) -> Resampling:
    """Members drawn with replacement; the same draws whenever all arguments are equal, whatever the data.

    Weights are multinomial counts over N. The inflation N/(N-1) R/(R-1) makes the squared error of a mean the unbiased
    variance over N. The Monte Carlo error of a standard error is about 1/sqrt(2 replicates) of it.

    Raises:
        ValueError: if there are no members or fewer than two replicates.

    Source: Efron, Ann. Statist. 7 (1979), 1.
    """
    if members < 1 or replicates < 2:
        raise ValueError(f"{replicates} bootstrap replicates of {members} members: give at least 2 of at least 1")
    generator, equal = np.random.default_rng(seed), np.full(members, 1 / members)
    weights = np.empty((replicates, members))
    for row in weights:  # one by one, since all counts at once would take as much memory again
        row[:] = generator.multinomial(members, equal)
    weights /= members
    inflation = members / (members - 1) * replicates / (replicates - 1) if members > 1 else np.nan
    return _read_only(weights, inflation)


@lru_cache(maxsize=4)
def jackknife(members: int) -> Resampling:
    """Members left out one by one: no seed and no Monte Carlo error, and cheaper than a bootstrap of more replicates.

    Weights are 1/(N-1) for all members but one; the inflation is N-1. Prefer the bootstrap for distances close
    to zero, which are not differentiable there, and for more than a few thousand members: it holds N^2 weights.

    Raises:
        ValueError: if there are no members.

    Source: Efron, Ann. Statist. 7 (1979), 1.
    """
    if members < 1:
        raise ValueError("jackknife of 0 members: give at least 1")
    if members == 1:
        return _read_only(np.ones((2, 1)), np.nan)
    return _read_only((1 - np.eye(members)) / (members - 1), members - 1.0)


def _read_only(weights: np.ndarray, inflation: float) -> Resampling:
    """Results that are cached, and so shared, must not be changed by who receives them."""
    weights.flags.writeable = False
    return Resampling(weights, inflation)
