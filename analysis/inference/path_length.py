"""The length of the path of an ensemble through its epochs: what chance makes of it, and an interval for the true one.

The members are the same at all epochs, so every replicate weights them alike at all, which carries whatever
correlation the epochs have. Of each step e the squared distance A_e, that of a replicate A_er, and N_er, what the
replicate shows if the law is unchanged (`analysis.inference.distance`), with c the inflation of the resampling. An
unchanged law shows the lengths sum_e sqrt(c N_er). For the interval the observed path, scaled by lambda, is taken for
the truth: its squared steps have the law of lambda^2 A_e + 2 lambda sqrt(A_e) s_er + c N_er, and lambda_r is where the
sum of their roots is the length observed.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri, stdtrit

from analysis.inference.distance import LEVEL, error_lengths
from analysis.inference.resampling import Resampling
from analysis.model.geometry import path
from analysis.model.plugin import parameters_from_moments, replicated_parameters
from analysis.symmetry import Symmetry

BISECTIONS = 30


class PathLength(NamedTuple):
    """Sum of the W2 between consecutive fits, in units of the matrices; NaN for a single member or epoch."""

    length: float
    """Of the fits, which chance lengthens."""
    low: float
    """Lower end of the 95 % interval of the true length."""
    middle: float
    """Its middle: half of the replicates lie below."""
    high: float
    """Upper end."""
    chance: float
    """Mean length that as many members show if their law does not change."""
    p: float
    """Share of such lengths that are at least as large."""


def path_length(moments: Float[np.ndarray, "N E moments"], symmetry: Symmetry, resampling: Resampling) -> PathLength:
    """The path of one layer, from the block moments of members that are finite at all epochs."""
    epochs = moments.shape[1]
    f = parameters_from_moments(np.swapaxes(moments, 0, 1), symmetry)
    replicates = [replicated_parameters(moments[:, e], resampling.weights, symmetry) for e in range(epochs)]
    fitted, c = path(f, symmetry), resampling.inflation
    length = float(fitted.length)
    if epochs < 2 or not np.isfinite(c):
        return PathLength(length, *[float("nan")] * 5)
    drawn = path(np.stack(replicates, axis=1), symmetry).steps.T
    errors = [replicate - fit for replicate, fit in zip(replicates, f, strict=True)]
    chance = np.array(
        [error_lengths((f[e] + f[e + 1]) / 2, errors[e], symmetry, errors[e + 1]) for e in range(epochs - 1)]
    )
    noise = np.sum(np.sqrt(c * chance), axis=0)
    low, middle, high = _interval(fitted.steps**2, drawn**2, chance, c, len(moments))
    p = (1 + np.sum(noise >= length)) / (1 + len(noise))
    return PathLength(length, low, middle, high, float(np.mean(noise)), float(p))


def _interval(
    steps: Float[np.ndarray, "S"],
    drawn: Float[np.ndarray, "S replicates"],
    chance: Float[np.ndarray, "S replicates"],
    inflation: float,
    members: int,
) -> tuple[float, float, float]:
    """Quantiles 2.5 %, 50 % and 97.5 % of lambda_r, times the observed length."""
    upper = (1 + LEVEL) / 2
    root = np.sqrt(steps)[:, None]
    wide = stdtrit(members - 1, upper) / ndtri(upper)
    along = wide * np.sqrt(inflation) * (drawn - steps[:, None] - chance) / (2 * np.where(root > 0, root, 1.0))
    low, high = np.zeros(drawn.shape[1]), np.full(drawn.shape[1], 2.0)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        square = middle**2 * steps[:, None] + 2 * middle * root * along + inflation * chance
        longer = np.sum(np.sqrt(np.maximum(square, 0)), axis=0) > np.sum(root)
        low, high = np.where(longer, low, middle), np.where(longer, middle, high)
    ends = np.quantile(low, [1 - upper, 0.5, upper]) * np.sum(root)
    return float(ends[0]), float(ends[1]), float(ends[2])
