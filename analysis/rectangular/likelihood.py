"""Likelihood, divergence and distance of the five-parameter model: sums over four scalar blocks.

Parameters are vectors (mean of an entry, v0, vC, vR, vE) over any leading axes. A model with a zero variance has no
density: its cross entropy is +inf, its entropy -inf, and every divergence that involves it +inf; never NaN.
"""

from math import log, pi

import numpy as np
from jaxtyping import Bool, Float

from analysis.rectangular.representation import Shape, dimensions

Parameters = Float[np.ndarray, "*#batch 5"]


def cross_entropy(data: Parameters, model: Parameters, shape: Shape) -> Float[np.ndarray, "*batch"]:
    """Minus the mean log-density, in nats, under `model` of data with plug-in parameters `data`.

    2 H = mn log 2 pi + mn (mean - mu)^2 / s_0 + sum_b n_b (log s_b + a_b / s_b), with data variances a_b and model
    variances s_b. The total log-likelihood of N members is -N H.
    """
    s = _or_one(model, shape)
    terms = np.log(s) + data[..., 1:] / s
    half = (shape[0] * shape[1] * log(2 * pi) + _mean_term(data, model, s, shape) + _sum(terms, shape)) / 2
    return np.where(degenerate(model, shape), np.inf, half)


def entropy(parameters: Float[np.ndarray, "*batch 5"], shape: Shape) -> Float[np.ndarray, "*batch"]:
    """Differential entropy in nats: (mn (1 + log 2 pi) + sum_b n_b log v_b) / 2."""
    half = (shape[0] * shape[1] * (1 + log(2 * pi)) + _sum(np.log(_or_one(parameters, shape)), shape)) / 2
    return np.where(degenerate(parameters, shape), -np.inf, half)


def kullback_leibler(p: Parameters, q: Parameters, shape: Shape) -> Float[np.ndarray, "*batch"]:
    """KL(p || q) in nats: 2 KL = mn (mean_p - mean_q)^2 / q_0 + sum_b n_b (p_b/q_b - 1 - log p_b/q_b)."""
    q_variances = _or_one(q, shape)
    excess = (_or_one(p, shape) - q_variances) / q_variances
    half = (_mean_term(p, q, q_variances, shape) + _sum(excess - np.log1p(excess), shape)) / 2
    return np.where(degenerate(p, shape) | degenerate(q, shape), np.inf, half)


def wasserstein_squared_parts(p: Parameters, q: Parameters, shape: Shape) -> Float[np.ndarray, "*batch 5"]:
    """Squared 2-Wasserstein distance split over the mean and the blocks v0, vC, vR, vE; it is their sum.

    mn (mean_p - mean_q)^2, and n_b (sqrt p_b - sqrt q_b)^2 for each block.
    """
    mean = shape[0] * shape[1] * (p[..., :1] - q[..., :1]) ** 2
    blocks = np.array(dimensions(shape)) * (np.sqrt(p[..., 1:]) - np.sqrt(q[..., 1:])) ** 2
    return np.concatenate([mean, blocks], axis=-1)


def degenerate(parameters: Float[np.ndarray, "*batch 5"], shape: Shape) -> Bool[np.ndarray, "*batch"]:
    """Whether the variance of a block that is present vanishes."""
    return np.asarray(np.any((parameters[..., 1:] <= 0) & (np.array(dimensions(shape)) > 0), axis=-1))


def _mean_term(p: np.ndarray, q: np.ndarray, q_variances: np.ndarray, shape: Shape) -> np.ndarray:
    return np.asarray(shape[0] * shape[1] * (p[..., 0] - q[..., 0]) ** 2 / q_variances[..., 0])


def _sum(terms: np.ndarray, shape: Shape) -> np.ndarray:
    return np.asarray(terms @ np.array(dimensions(shape), dtype=np.float64))


def _or_one(parameters: np.ndarray, shape: Shape) -> np.ndarray:
    """The variances, replaced by 1 where the block is absent, or zero so that the caller puts an infinity."""
    variances = parameters[..., 1:]
    return np.where((np.array(dimensions(shape)) > 0) & (variances > 0), variances, 1.0)
