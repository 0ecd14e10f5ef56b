"""The distance of laws beyond what chance makes of it: debiased, with an interval that covers at every distance, 0 too.

W2^2, unlike W2, is a smooth function of the parameters, also at 0. Near a fit it is a squared length |v + e|^2, v the
vector from the reference to the truth, |v| = delta, e the error of the fit. Of every replicate r two squared distances
are needed: A_r = W2^2(f_r, reference), and N_r = W2^2(h + f_r - f, h), the squared length of its error alone. With A
that of the ensemble and c the inflation of the resampling:

    debiased W2^2 = A - c (<A_r> - A), which may be negative
    s_r = w sqrt(c) (A_r - A - N_r) / (2 sqrt A), w = t_N-1 / 1.96 at 97.5 %: the error along the direction of the fit
    delta_r = -s_r + sqrt(A + s_r^2 - c N_r), 0 where that is not real

At true distance delta the plug-in W2^2 has the law of delta^2 + 2 delta s_r + c N_r, which is at most A just where
delta <= delta_r. The 95 % interval is [q_2.5, q_97.5] of delta_r: those delta under which A is within the central 95 %.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri, stdtrit

from analysis.inference.resampling import Resampling
from analysis.model.wasserstein import wasserstein_squared_parts
from analysis.symmetry import Symmetry

LEVEL = 0.95


class Distance(NamedTuple):
    """A distance with what is known of it, in units of the matrices; NaN for a single member."""

    debiased: float
    """Root of the debiased squared distance; 0 where that is negative."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end."""


def debiased_distance(
    squared: float,
    replicates: Float[np.ndarray, "replicates"],
    errors: Float[np.ndarray, "replicates"],
    resampling: Resampling,
    members: int,
) -> Distance:
    """Debiased distance and interval from A, A_r, N_r, and the number of members (of the smaller ensemble)."""
    c = resampling.inflation
    if not np.isfinite(c):
        return Distance(np.nan, np.nan, np.nan)
    upper = (1 + LEVEL) / 2
    unbiased = squared - c * (np.mean(replicates) - squared)
    wide = stdtrit(members - 1, upper) / ndtri(upper)
    along = wide * np.sqrt(c) * (replicates - squared - errors) / (2 * np.sqrt(squared)) if squared > 0 else 0.0
    root = squared + along**2 - c * errors
    reach = np.where(root >= 0, np.maximum(-along + np.sqrt(np.maximum(root, 0)), 0), 0.0)
    low, high = np.quantile(reach, [1 - upper, upper])
    return Distance(float(np.sqrt(max(unbiased, 0))), float(low), float(high))


def error_lengths(
    centre: Float[np.ndarray, "parameters"],
    first: Float[np.ndarray, "replicates parameters"],
    symmetry: Symmetry,
    second: Float[np.ndarray, "*#replicates parameters"] | None = None,
) -> Float[np.ndarray, "replicates"]:
    """N_r: squared distances between laws near a centre, `first` and `second` being what is added to it; or to 0."""
    other = centre if second is None else centre + second
    return np.asarray(np.sum(wasserstein_squared_parts(centre + first, other, symmetry), axis=-1))
