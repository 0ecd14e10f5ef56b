"""Standard errors of everything that is fitted to an ensemble, jointly over its members, by resampling them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.inference.distance import Distance, debiased_distance, error_lengths
from analysis.inference.null import squared_distance_to
from analysis.inference.resampling import Resampling
from analysis.model.family import nearest_iid
from analysis.model.gaussian import Gaussian
from analysis.model.plugin import parameters_from_moments, replicated_parameters
from analysis.model.wick import expectations
from analysis.symmetry import Symmetry
from invariants import Graph

ROUNDING = 1e-12
"""Errors below this fraction of the values compared are rounding errors, and count as 0."""


class Uncertainty(NamedTuple):
    """Standard errors over members; all NaN for a single member, which shows no error."""

    parameters: Float[np.ndarray, "parameters"]
    """Standard errors of the plug-in parameters."""
    theory: Float[np.ndarray, "graphs"]
    """Standard errors of the expectations at the plug-in parameters."""
    difference: Float[np.ndarray, "graphs"]
    """Joint standard errors of theory minus mean: both come from the same members, so their errors are correlated."""
    deviation: Float[np.ndarray, "graphs"]
    """Standard errors of (theory - mean) / std, the ratio taken in every replicate: both rest on the same members."""
    w2: float
    """Standard error of the 2-Wasserstein distance (not squared) to the reference, valid far from 0."""
    distance: Distance
    """That distance without the bias of the plug-in one, with an interval valid at every distance."""


def uncertainty(
    values: Float[np.ndarray, "N graphs"],
    block_moments: Float[np.ndarray, "N moments"],
    graphs: Sequence[Graph],
    symmetry: Symmetry,
    reference: Gaussian | None,
    resampling: Resampling,
) -> Uncertainty:
    """Standard errors of an ensemble; the cost is one product of weights and features.

    Args:
        values: value of every graph for every member, all finite.
        block_moments: the `block_moments` of every member.
        graphs: the invariants whose theory is meant.
        symmetry: of the law.
        reference: the law that distances are taken to; None for the nearest i.i.d. law of every replicate.
        resampling: replicates of these N members, from `bootstrap` or `jackknife`.

    Raises:
        ValueError: if the resampling is of another number of members.
    """
    members = resampling.weights.shape[1]
    if members != len(values):
        raise ValueError(f"resampling of {members} members for {len(values)}: make one for as many as there are")
    f = parameters_from_moments(block_moments, symmetry)
    replicates = replicated_parameters(block_moments, resampling.weights, symmetry)
    theory, theories = (expectations(each, graphs, symmetry) for each in (f, replicates))
    mean, std = np.mean(values, axis=0), np.std(values, axis=0)
    means, stds = _replicated(values - mean, resampling)
    differences = theories - mean - means
    scale = ROUNDING * (np.abs(theory) + np.abs(mean) + std)
    error = resampling.error(differences)
    error = np.where(np.abs(error) <= scale, 0.0, error)  # NaN stays
    ratios = differences / np.where(stds > 0, stds, np.nan)
    squared = squared_distance_to(reference, replicates, symmetry)
    return Uncertainty(
        parameters=resampling.error(replicates),
        theory=resampling.error(theories),
        difference=error,
        deviation=np.where(error == 0, 0.0, _error_where_known(ratios, resampling)),
        w2=float(resampling.error(np.sqrt(squared))),
        distance=_distance(f, replicates, squared, reference, symmetry, resampling),
    )


def _distance(
    f: np.ndarray,
    replicates: np.ndarray,
    distances: np.ndarray,
    reference: Gaussian | None,
    symmetry: Symmetry,
    resampling: Resampling,
) -> Distance:
    """Distance to the reference, or to the nearest i.i.d. law; squared `distances` are those of the replicates."""
    squared = float(squared_distance_to(reference, f, symmetry))
    if reference is None:
        # What the errors alone show: those of the fit around the nearest law, and of that law itself.
        nearest = nearest_iid(f, symmetry)
        shifted = nearest + replicates - f
        errors = squared_distance_to(None, shifted, symmetry)
    else:
        errors = error_lengths(f, replicates - f, symmetry)
    return debiased_distance(squared, distances, errors, resampling, resampling.weights.shape[1])


def _error_where_known(values: np.ndarray, resampling: Resampling) -> np.ndarray:
    """Standard errors over the replicates with a value: in few of few members nothing varies."""
    known = np.isfinite(values)
    enough = known.sum(axis=0) > len(values) // 2
    filled = np.where(known, values, np.nan)
    mean = np.nansum(filled, axis=0) / np.maximum(known.sum(axis=0), 1)
    variance = np.nansum((filled - mean) ** 2, axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(enough, np.sqrt(resampling.inflation * variance), np.nan)


def _replicated(
    centred: Float[np.ndarray, "N graphs"], resampling: Resampling
) -> tuple[Float[np.ndarray, "replicates graphs"], Float[np.ndarray, "replicates graphs"]]:
    """Means and population standard deviations of all replicates."""
    features = np.concatenate([centred, centred**2], axis=1)
    means, squares = np.split(resampling.weights @ features, 2, axis=1)
    return means, np.sqrt(np.maximum(squares - means**2, 0))
