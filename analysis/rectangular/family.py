"""The five-parameter model beside those of independent entries: likelihood and criteria of each."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from analysis.rectangular.likelihood import cross_entropy, degenerate
from analysis.rectangular.representation import Shape, dimensions

MODELS = ("iid_zero_mean", "iid", "bipartite")
"""Independent entries of one variance without and with a mean, and the full model; names as in `analysis.family`."""


class FamilyFit(NamedTuple):
    """Each of `MODELS` fitted by maximum likelihood; NaN where a variance vanishes and there is no density."""

    parameters: Int[np.ndarray, "models"]
    loglik: Float[np.ndarray, "models"]
    aic: Float[np.ndarray, "models"]
    """2 k - 2 log L for k parameters."""
    bic: Float[np.ndarray, "models"]
    """k log N - 2 log L."""


def fit_family(f: Float[np.ndarray, "5"], shape: Shape, members: int) -> FamilyFit:
    """Fit every model to N members with plug-in parameters f, by pooling their variances."""
    fitted = np.stack([nearest_iid(f, shape, zero_mean=True), nearest_iid(f, shape), f])
    loglik = np.where(degenerate(fitted, shape), np.nan, -members * cross_entropy(f, fitted, shape))
    counts = parameter_counts(shape)
    return FamilyFit(counts, loglik, 2 * counts - 2 * loglik, counts * np.log(members) - 2 * loglik)


def parameter_counts(shape: Shape) -> Int[np.ndarray, "models"]:
    """Number of parameters of every model: 1, 2, 5, and fewer of the last where blocks are absent at m = 1 or n = 1."""
    return np.array([1, 2, 1 + sum(dimension > 0 for dimension in dimensions(shape))])


def nearest_iid(
    f: Float[np.ndarray, "*batch 5"], shape: Shape, *, zero_mean: bool = False
) -> Float[np.ndarray, "*batch 5"]:
    """The law of independent Gaussian entries most likely for each model.

    Mean mu and variance sum_b n_b v_b / mn; without a mean, the variance is larger by mu^2.
    """
    mean, variance = (
        f[..., :1],
        (f[..., 1:] @ np.array(dimensions(shape), dtype=np.float64) / np.prod(shape))[..., None],
    )
    if zero_mean:
        mean, variance = np.zeros_like(mean), variance + mean**2
    return np.concatenate([mean, np.repeat(variance, 4, axis=-1)], axis=-1)
