"""A law fitted to an ensemble against the means of the same ensemble: errors, z and p, jointly over its members."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import erfc

from analysis.inference.null import distance_to
from analysis.inference.resampling import Resampling
from analysis.model.gaussian import Gaussian
from analysis.model.plugin import parameters_from_moments, replicated_parameters
from analysis.model.wick import expectations
from analysis.symmetry import Symmetry
from invariants import Graph

ROUNDING = 1e-12
"""Differences and errors below this fraction of the values compared are rounding errors."""


class Uncertainty(NamedTuple):
    """Standard errors over members, and tests of the theory; all NaN for a single member, which shows no error."""

    parameters: Float[np.ndarray, "parameters"]
    """Standard errors of the plug-in parameters."""
    theory: Float[np.ndarray, "graphs"]
    """Standard errors of the expectations at the plug-in parameters."""
    difference: Float[np.ndarray, "graphs"]
    """Joint standard errors of theory minus mean: both come from the same members, so their errors are correlated."""
    deviation: Float[np.ndarray, "graphs"]
    """Standard errors of (theory - mean) / std, to first order."""
    bias: Float[np.ndarray, "graphs"]
    """Bias of order 1/N of the theory, a nonlinear function of the fit; subtract it for a nearly unbiased theory."""
    z: Float[np.ndarray, "graphs"]
    """(theory - mean) / difference, with its sign; 0 where there is none by construction, NaN where the error is all rounding."""
    p: Float[np.ndarray, "graphs"]
    """Two-sided p-values of z from the normal distribution."""
    w2: float
    """Standard error of the 2-Wasserstein distance (not squared) to the reference."""


def uncertainty(
    values: Float[np.ndarray, "N graphs"],
    block_moments: Float[np.ndarray, "N moments"],
    graphs: Sequence[Graph],
    symmetry: Symmetry,
    reference: Gaussian | None,
    resampling: Resampling,
) -> Uncertainty:
    """Standard errors and tests of an ensemble; the cost is one product of weights and features.

    Args:
        values: value of every graph for every member, all finite.
        block_moments: the `block_moments` of every member.
        graphs: the invariants whose theory is tested.
        symmetry: of the law.
        reference: the law that distances are taken to; None for the nearest i.i.d. law of every replicate.
        resampling: replicates of these N members, from `bootstrap` or `jackknife`.

    Raises:
        ValueError: if the resampling is of another number of members.
    """
    members = resampling.weights.shape[1]
    if members != len(values):
        raise ValueError(f"resampling of {members} members for {len(values)}: make one for as many as there are")
    theory = expectations(parameters_from_moments(block_moments, symmetry), graphs, symmetry)
    replicates = replicated_parameters(block_moments, resampling.weights, symmetry)
    theories = expectations(replicates, graphs, symmetry)
    mean, std = np.mean(values, axis=0), np.std(values, axis=0)
    means, stds = _replicated(values - mean, resampling)
    difference = theory - mean
    differences = theories - mean - means
    scale = ROUNDING * (np.abs(theory) + np.abs(mean) + std)
    spread = resampling.error(differences)
    error = np.where(np.abs(spread) <= scale, 0.0, spread)  # what is rounding; NaN stays
    positive = np.where(std > 0, std, np.nan)
    deviations = (differences - difference / positive * stds) / positive
    # Degree 1 and 2 are fitted, and what does not vary is predicted exactly or not at all. Elsewhere an error that is
    # all rounding, as at a large common mean, says nothing.
    exact = np.array([graph.degree <= 2 for graph in graphs]) | (std <= scale)
    no_difference = exact & (error == 0) & (np.abs(difference) <= scale)
    z = np.where(no_difference, 0.0, difference / np.where(error > 0, error, np.nan))
    return Uncertainty(
        parameters=resampling.error(replicates),
        theory=resampling.error(theories),
        difference=error,
        deviation=np.where(error == 0, 0.0, resampling.error(deviations)),
        bias=resampling.bias(differences, difference),
        z=z,
        p=erfc(np.abs(z) / np.sqrt(2)),
        w2=float(resampling.error(distance_to(reference, replicates, symmetry))),
    )


def _replicated(
    centred: Float[np.ndarray, "N graphs"], resampling: Resampling
) -> tuple[Float[np.ndarray, "replicates graphs"], Float[np.ndarray, "replicates graphs"]]:
    """Means and population standard deviations of all replicates."""
    features = np.concatenate([centred, centred**2], axis=1)
    means, squares = np.split(resampling.weights @ features, 2, axis=1)
    return means, np.sqrt(np.maximum(squares - means**2, 0))
