"""Standard errors, z and p-values of everything that is fitted to an ensemble, jointly over its members."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import erfc

from analysis.fitting import parameters_from_moments
from analysis.null_distance import distance_to
from analysis.parameters import pack_symmetric
from analysis.pigmm import PIGMM
from analysis.resampling import Resampling
from analysis.wick import expectations
from invariants import Graph

ROUNDING = 1e-12
"""Differences and errors below this fraction of the values compared are rounding errors, and count as 0."""


class Uncertainty(NamedTuple):
    """Standard errors over members, and tests of the theory; all NaN for a single member, which shows no error."""

    parameters: Float[np.ndarray, "13"]
    """Standard errors of the plug-in f1..f13."""
    theory: Float[np.ndarray, "graphs"]
    """Standard errors of the expectations at the plug-in parameters."""
    difference: Float[np.ndarray, "graphs"]
    """Joint standard errors of theory minus mean: both come from the same members, so their errors are correlated."""
    deviation: Float[np.ndarray, "graphs"]
    """Standard errors of (theory - mean) / std, to first order."""
    bias: Float[np.ndarray, "graphs"]
    """Bias of order 1/N of the theory, a nonlinear function of the fit; subtract it for a nearly unbiased theory."""
    z: Float[np.ndarray, "graphs"]
    """(theory - mean) / difference, with its sign; 0 where both vanish, NaN where only `difference` does."""
    p: Float[np.ndarray, "graphs"]
    """Two-sided p-values of z from the normal distribution."""
    w2: float
    """Standard error of the 2-Wasserstein distance (not squared) to the reference."""


def uncertainty(
    invariants: Float[np.ndarray, "N graphs"],
    block_moments: Float[np.ndarray, "N 10"],
    graphs: Sequence[Graph],
    dim: int,
    reference: PIGMM | None,
    resampling: Resampling,
) -> Uncertainty:
    """Standard errors and tests of an ensemble of D x D matrices; the cost is one product of weights and features.

    Args:
        invariants: value of every graph for every member, all finite.
        block_moments: the `block_moments` of every member.
        graphs: the invariants whose theory is tested.
        dim: D.
        reference: the model that distances are taken to; None for the nearest i.i.d. model of every replicate.
        resampling: replicates of these N members, from `bootstrap` or `jackknife`.
    """
    mean, std = np.mean(invariants, axis=0), np.std(invariants, axis=0)
    means, spreads = _replicate_moments(invariants, resampling)
    fitted, replicates = parameters_from_moments(block_moments, dim), _replicate_parameters(block_moments, resampling)
    theory, theories = expectations(fitted, graphs, dim), expectations(replicates, graphs, dim)
    difference, differences = theory - mean, theories - means
    scale = ROUNDING * (np.abs(theory) + np.abs(mean) + std)
    difference, error = _rounded(difference, scale), _rounded(resampling.error(differences), scale)
    z = np.where((difference == 0) & (error == 0), 0.0, difference / _positive(error))
    deviations = (differences - difference / _positive(std) * spreads) / _positive(std)
    return Uncertainty(
        parameters=resampling.error(replicates),
        theory=resampling.error(theories),
        difference=error,
        deviation=np.where(error == 0, 0.0, resampling.error(deviations)),
        bias=resampling.bias(differences, difference),
        z=z,
        p=erfc(np.abs(z) / np.sqrt(2)),
        w2=float(resampling.error(distance_to(reference, replicates, dim))),
    )


def _replicate_moments(
    values: Float[np.ndarray, "N features"], resampling: Resampling
) -> tuple[Float[np.ndarray, "replicates features"], Float[np.ndarray, "replicates features"]]:
    """Means and population standard deviations over the members of every replicate."""
    mean = np.mean(values, axis=0)
    centred = values - mean
    shift, square = np.split(resampling.weights @ np.concatenate([centred, centred**2], axis=1), 2, axis=1)
    return mean + shift, np.sqrt(np.maximum(square - shift**2, 0))


def _replicate_parameters(
    block_moments: Float[np.ndarray, "N 10"], resampling: Resampling
) -> Float[np.ndarray, "replicates 13"]:
    """Plug-in f1..f13 of every replicate: with x centred, f3..f5 = <x x^T> - <x> <x>^T."""
    mean = np.mean(block_moments, axis=0)
    centred = block_moments - mean
    x = centred[:, :2]
    products = pack_symmetric(x[:, :, None] * x[:, None, :])
    means = resampling.weights @ np.concatenate([centred, products], axis=1)
    shift = means[:, :2]
    covariance = means[:, 10:] - pack_symmetric(shift[:, :, None] * shift[:, None, :])
    return np.concatenate([mean[:2] + shift, covariance, mean[2:] + means[:, 2:10]], axis=1)


def _rounded(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The values, with 0 for what is smaller than the rounding errors of `scale`; NaN stays."""
    return np.where(np.abs(values) <= scale, 0.0, values)


def _positive(values: np.ndarray) -> np.ndarray:
    """The values, NaN where they are not positive: nothing can be measured in units of them."""
    return np.where(values > 0, values, np.nan)
