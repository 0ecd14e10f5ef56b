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

    parameters: Float[np.ndarray, "*batch 13"]
    """Standard errors of the plug-in f1..f13."""
    theory: Float[np.ndarray, "*batch graphs"]
    """Standard errors of the expectations at the plug-in parameters."""
    difference: Float[np.ndarray, "*batch graphs"]
    """Joint standard errors of theory minus mean: both come from the same members, so their errors are correlated."""
    deviation: Float[np.ndarray, "*batch graphs"]
    """Standard errors of (theory - mean) / std, to first order."""
    bias: Float[np.ndarray, "*batch graphs"]
    """Bias of order 1/N of the theory, a nonlinear function of the fit; subtract it for a nearly unbiased theory."""
    z: Float[np.ndarray, "*batch graphs"]
    """(theory - mean) / difference, with its sign; 0 where both vanish, NaN where only `difference` does."""
    p: Float[np.ndarray, "*batch graphs"]
    """Two-sided p-values of z from the normal distribution."""
    w2: Float[np.ndarray, "*batch"]
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

    Raises:
        ValueError: if the resampling is of another number of members.
    """
    members = resampling.weights.shape[1]
    if members != len(invariants):
        raise ValueError(f"resampling of {members} members for {len(invariants)}: make one for as many as there are")
    mean, std = np.mean(invariants, axis=0), np.std(invariants, axis=0)
    fitted = parameters_from_moments(block_moments, dim)
    means, spreads, replicates = _replicates(invariants, block_moments, resampling.weights)
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
        w2=resampling.error(distance_to(reference, replicates, dim)),
    )


class _Replicates(NamedTuple):
    """Statistics of the members of every replicate."""

    means: Float[np.ndarray, "replicates graphs"]
    spreads: Float[np.ndarray, "replicates graphs"]
    """Population standard deviations."""
    parameters: Float[np.ndarray, "replicates 13"]
    """Plug-in f1..f13: f3..f5 = <x x^T> - <x> <x>^T, with x centred on the mean over all members."""


def _replicates(
    invariants: Float[np.ndarray, "N graphs"],
    block_moments: Float[np.ndarray, "N 10"],
    weights: Float[np.ndarray, "replicates N"],
) -> _Replicates:
    """All replicates at once, by one product of weights and centred features."""
    mean, centre = np.mean(invariants, axis=0), np.mean(block_moments, axis=0)
    values, blocks = invariants - mean, block_moments - centre
    features = np.concatenate([blocks, _products(blocks[:, :2]), values, values**2], axis=1)
    blocks, products, shifts, squares = np.split(weights @ features, [10, 13, 13 + len(mean)], axis=1)
    covariance = products - _products(blocks[:, :2])
    moments = centre + blocks
    parameters = np.concatenate([moments[:, :2], covariance, moments[:, 2:]], axis=1)
    return _Replicates(mean + shifts, np.sqrt(np.maximum(squares - shifts**2, 0)), parameters)


def _products(x: Float[np.ndarray, "rows 2"]) -> Float[np.ndarray, "rows 3"]:
    """x_1 x_1, x_1 x_2, x_2 x_2 of every row."""
    return pack_symmetric(x[:, :, None] * x[:, None, :])


def _rounded(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The values, with 0 for what is smaller than the rounding errors of `scale`; NaN stays."""
    return np.where(np.abs(values) <= scale, 0.0, values)


def _positive(values: np.ndarray) -> np.ndarray:
    """The values, NaN where they are not positive: nothing can be measured in units of them."""
    return np.where(values > 0, values, np.nan)
