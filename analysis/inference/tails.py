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
