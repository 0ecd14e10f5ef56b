"""A theory fitted to an ensemble against the means of the same ensemble: errors, z and p, jointly over its members."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import erfc

from analysis.resampling import Resampling

ROUNDING = 1e-12
"""Differences and errors below this fraction of the values compared are rounding errors, and count as 0."""


class Comparison(NamedTuple):
    """Theory minus mean of every observable, with its errors; all but the first NaN for a single member."""

    difference: Float[np.ndarray, "observables"]
    error: Float[np.ndarray, "observables"]
    """Joint standard errors of theory minus mean: both come from the same members, so their errors are correlated."""
    deviation: Float[np.ndarray, "observables"]
    """Standard errors of (theory - mean) / std, to first order."""
    bias: Float[np.ndarray, "observables"]
    """Bias of order 1/N of the theory, a nonlinear function of the fit; subtract it for a nearly unbiased theory."""
    z: Float[np.ndarray, "observables"]
    """difference / error, with its sign; 0 where both vanish, NaN where only the error does."""
    p: Float[np.ndarray, "observables"]
    """Two-sided p-values of z from the normal distribution."""


def compare(
    values: Float[np.ndarray, "N observables"],
    theory: Float[np.ndarray, "observables"],
    theories: Float[np.ndarray, "replicates observables"],
    resampling: Resampling,
) -> Comparison:
    """Compare the means of observables with what a fitted model expects of them.

    Args:
        values: every observable of every member, all finite.
        theory: its expectation under the model fitted to all members.
        theories: its expectation under the fits to the replicates.
        resampling: the replicates of these N members.
    """
    mean, std = np.mean(values, axis=0), np.std(values, axis=0)
    centred = values - mean
    shifts, squares = np.split(resampling.weights @ np.concatenate([centred, centred**2], axis=1), 2, axis=1)
    differences, spreads = theories - (mean + shifts), np.sqrt(np.maximum(squares - shifts**2, 0))
    scale = ROUNDING * (np.abs(theory) + np.abs(mean) + std)
    difference, error = _rounded(theory - mean, scale), _rounded(resampling.error(differences), scale)
    z = np.where((difference == 0) & (error == 0), 0.0, difference / _positive(error))
    deviations = (differences - difference / _positive(std) * spreads) / _positive(std)
    return Comparison(
        difference=difference,
        error=error,
        deviation=np.where(error == 0, 0.0, resampling.error(deviations)),
        bias=resampling.bias(differences, difference),
        z=z,
        p=erfc(np.abs(z) / np.sqrt(2)),
    )


def _rounded(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The values, with 0 for what is smaller than the rounding errors of `scale`; NaN stays."""
    return np.where(np.abs(values) <= scale, 0.0, values)


def _positive(values: np.ndarray) -> np.ndarray:
    """The values, NaN where they are not positive: nothing can be measured in units of them."""
    return np.where(values > 0, values, np.nan)
