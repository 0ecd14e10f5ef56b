"""Standard errors, z and p-values of everything that is fitted to an ensemble, jointly over its members."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.comparison import compare
from analysis.fitting import parameters_from_moments
from analysis.null_distance import distance_to
from analysis.parameters import pack_symmetric
from analysis.pigmm import PIGMM
from analysis.resampling import Resampling
from analysis.wick import expectations
from invariants import Graph


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
    fitted = parameters_from_moments(block_moments, dim)
    replicates = replicated_parameters(block_moments, resampling.weights)
    theories = expectations(replicates, graphs, dim)
    comparison = compare(invariants, expectations(fitted, graphs, dim), theories, resampling)
    return Uncertainty(
        parameters=resampling.error(replicates),
        theory=resampling.error(theories),
        difference=comparison.error,
        deviation=comparison.deviation,
        bias=comparison.bias,
        z=comparison.z,
        p=comparison.p,
        w2=resampling.error(distance_to(reference, replicates, dim)),
    )


def replicated_parameters(
    block_moments: Float[np.ndarray, "N 10"], weights: Float[np.ndarray, "replicates N"]
) -> Float[np.ndarray, "replicates 13"]:
    """Plug-in f1..f13 of all replicates at once: f3..f5 = <x x^T> - <x> <x>^T, with x centred on the mean over all."""
    centre = np.mean(block_moments, axis=0)
    centred = block_moments - centre
    features = np.concatenate([centred, _products(centred[:, :2])], axis=1)
    shifts, products = np.split(weights @ features, [10], axis=1)
    covariance, moments = products - _products(shifts[:, :2]), centre + shifts
    return np.concatenate([moments[:, :2], covariance, moments[:, 2:]], axis=1)


def _products(x: Float[np.ndarray, "rows 2"]) -> Float[np.ndarray, "rows 3"]:
    """x_1 x_1, x_1 x_2, x_2 x_2 of every row."""
    return pack_symmetric(x[:, :, None] * x[:, None, :])
