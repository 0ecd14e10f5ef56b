"""How far the law of the same members is from what it was at another time, and what chance makes of that.

The members are the same at both times, so every replicate weights them alike at both, which carries whatever
correlation the two have. With A the squared distance of the fits, A_r that of a replicate, N_r what its errors alone
show and c the inflation of the resampling (`analysis.inference.distance`), members whose law is unchanged show
sqrt(c N_r).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.inference.distance import Distance, debiased_distance, error_lengths
from analysis.inference.resampling import Resampling
from analysis.model.plugin import parameters_from_moments, replicated_parameters
from analysis.model.wasserstein import wasserstein_squared_parts
from analysis.symmetry import Symmetry

FEWEST = 4
"""Members from which on an error can be trusted: resampled, two or three are alike too often."""


class Displacement(NamedTuple):
    """W2 between the fits to the same members at two times, in units of the matrices.

    Of fewer than four members only `w2` is known, and the rest is NaN.
    """

    w2: float
    """Of the fits, to which chance adds."""
    se: float
    """Its standard error, valid far from 0."""
    distance: Distance
    """Without the bias, with an interval valid at every distance."""
    null: float
    """Mean distance that as many members show if their law does not change."""
    null_upper: float
    """95 % quantile of the same."""
    p: float
    """Share of such distances that are at least as large."""


def displacement(moments: Float[np.ndarray, "N 2 moments"], symmetry: Symmetry, resampling: Resampling) -> Displacement:
    """How far a law has moved, from the block moments of members that are finite at both times."""
    if len(moments) < FEWEST:
        resampling = resampling._replace(inflation=np.nan)
    first, last = parameters_from_moments(np.swapaxes(moments, 0, 1), symmetry)
    drawn, moved = (replicated_parameters(moments[:, k], resampling.weights, symmetry) for k in (0, 1))
    squared = 0.0 if np.array_equal(first, last) else float(_squared(last, first, symmetry))
    replicates = _squared(moved, drawn, symmetry)
    errors = error_lengths((first + last) / 2, moved - last, symmetry, drawn - first)
    w2, noise = squared**0.5, np.sqrt(resampling.inflation * errors)
    unknown = not np.isfinite(resampling.inflation)
    return Displacement(
        w2=w2,
        se=float(resampling.error(np.sqrt(replicates))),
        distance=debiased_distance(squared, replicates, errors, resampling, len(moments)),
        null=float(np.mean(noise)),
        null_upper=float(np.quantile(noise, 0.95)),
        p=float("nan") if unknown else float((1 + np.sum(noise >= w2)) / (1 + len(noise))),
    )


def _squared(f: np.ndarray, g: np.ndarray, symmetry: Symmetry) -> np.ndarray:
    return np.asarray(np.sum(wasserstein_squared_parts(f, g, symmetry), axis=-1))
