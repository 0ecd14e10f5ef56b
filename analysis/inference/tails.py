"""Shares of simulated draws beyond an observed value, extrapolated where draws become rare."""

import numpy as np
from jaxtyping import Float


def tail(
    t: Float[np.ndarray, "statistics"],
    null: Float[np.ndarray, "draws statistics"],
    outer: float = 0.1,
    power: float = 1.5,
) -> Float[np.ndarray, "statistics"]:
    """Share of the draws, and t itself, that are at least as large as t.

    Beyond the outer share u the tail is exp(-(t^power - u^power) / scale), the scale by maximum likelihood.
    """
    draws = len(null)
    ordered = np.sort(null, axis=0)
    beyond = max(int(outer * draws), 1)
    u = ordered[draws - beyond - 1]
    scale = np.mean(np.abs(ordered[draws - beyond :]) ** power - np.abs(u) ** power, axis=0)
    ranked = (1 + np.sum(null >= t, axis=0)) / (1 + draws)
    excess = np.abs(np.maximum(t, u)) ** power - np.abs(u) ** power
    fitted = (beyond + 1) / (draws + 1) * np.exp(-excess / np.where(scale > 0, scale, np.inf))
    return np.where((t > u) & (scale > 0) & (u > 0), fitted, ranked)


def power_tail(
    t: Float[np.ndarray, "values"], null: Float[np.ndarray, "draws"], outer: float = 0.1
) -> Float[np.ndarray, "values"]:
    """Share of the draws, all positive, and t itself, that are at least as large as each t.

    Beyond the outer share u the tail is (t/u)^(-1/scale), the scale by maximum likelihood: larger than the truth where
    tails are lighter than a power, so that a rare value is never called rarer than it is.

    Source: Hill, Ann. Statist. 3 (1975), 1163.
    """
    draws, ordered = len(null), np.sort(null)
    beyond = max(int(outer * draws), 1)
    u = ordered[draws - beyond - 1]
    scale = np.mean(np.log(ordered[draws - beyond :] / u)) if u > 0 else 0.0
    ranked = (1 + draws - np.searchsorted(ordered, t)) / (1 + draws)
    if scale == 0:
        return ranked
    return np.where(t > u, (beyond + 1) / (draws + 1) * (np.maximum(t, u) / u) ** (-1 / scale), ranked)
