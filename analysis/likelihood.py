"""Log-likelihood, entropy and Kullback-Leibler divergence as sums over the four blocks, on f-vectors.

All are vectorised over leading axes. A model with a singular (or indefinite) block has no density on matrices:
its cross entropy is +inf, its entropy -inf, and every divergence that involves it +inf; never NaN.
"""

from math import log, pi

import numpy as np
from jaxtyping import Float

from analysis.parameters import Parts, covariance_blocks, singular

Parameters = Float[np.ndarray, "*#batch 13"]


def cross_entropy(data: Parameters, model: Parameters, dim: int) -> Float[np.ndarray, "*batch"]:
    """Minus the mean log-density, in nats, under `model` of data with plug-in parameters `data`.

    With (m, A_b) the plug-in mean and blocks of the data and (mu, S_b) those of the model,
    2 H = D^2 log 2 pi + sum_b n_b (log|S_b| + tr S_b^-1 A_b) + (m-mu)^T S_0^-1 (m-mu).
    The total log-likelihood of N members is -N H.
    """
    total = dim**2 * log(2 * pi) + _mahalanobis(data, model, dim)
    for given, ours in zip(covariance_blocks(data, dim), covariance_blocks(model, dim), strict=True):
        if ours.multiplicity:
            none = singular(ours.covariance)
            regular = np.where(none[..., None, None], np.eye(ours.covariance.shape[-1]), ours.covariance)
            trace = np.einsum("...ij,...ji->...", np.linalg.inv(regular), given.covariance)
            logdet = np.linalg.slogdet(regular)[1]
            total = total + ours.multiplicity * (trace + np.where(none, np.inf, logdet))
    return np.asarray(total / 2)


def entropy(f: Float[np.ndarray, "*batch 13"], dim: int) -> Float[np.ndarray, "*batch"]:
    """Differential entropy in nats: (D^2 (1 + log 2 pi) + sum_b n_b log|S_b|) / 2."""
    total = np.full(f.shape[:-1], dim**2 * (1 + log(2 * pi)))
    for block in covariance_blocks(f, dim):
        if block.multiplicity:
            none = singular(block.covariance)
            total = total + block.multiplicity * np.where(none, -np.inf, _logdet(block.covariance))
    return np.asarray(total / 2)


def kullback_leibler(f: Parameters, g: Parameters, dim: int) -> Float[np.ndarray, "*batch"]:
    """KL(f || g) in nats, the sum of `kullback_leibler_parts`."""
    return np.asarray(sum(kullback_leibler_parts(f, g, dim)))


def kullback_leibler_parts(f: Parameters, g: Parameters, dim: int) -> Parts:
    """The parts of KL(f || g) in nats, each summed so that it cannot come out negative.

    2 KL = d^T T_0^-1 d + sum_b n_b sum_k (l_k - 1 - log l_k), with l_k the eigenvalues of T_b^-1 S_b, S_b and T_b
    the blocks of f and g, and d the difference of means.
    """
    terms = []
    for ours, theirs in zip(covariance_blocks(f, dim), covariance_blocks(g, dim), strict=True):
        none = singular(ours.covariance) | singular(theirs.covariance)
        whitening = np.linalg.inv(np.linalg.cholesky(_or_identity(theirs.covariance)))
        ratio = whitening @ _or_identity(ours.covariance) @ np.swapaxes(whitening, -1, -2)
        excess = np.linalg.eigvalsh(ratio) - 1
        term = np.where(none, np.inf, np.sum(excess - np.log1p(excess), axis=-1))
        terms.append(ours.multiplicity * term / 2 if ours.multiplicity else np.zeros_like(term))
    return Parts(_mahalanobis(f, g, dim) / 2, *terms)


def _mahalanobis(data: np.ndarray, model: np.ndarray, dim: int) -> np.ndarray:
    """(m-mu)^T S_0^-1 (m-mu); finite where S_0 is singular, since the V_0 term is then infinite on its own."""
    inverse = np.linalg.inv(_or_identity(covariance_blocks(model, dim)[0].covariance))
    difference = data[..., :2] - model[..., :2]
    return np.asarray(np.einsum("...i,...ij,...j->...", difference, inverse, difference))


def _logdet(covariance: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.slogdet(_or_identity(covariance))[1])


def _or_identity(covariance: np.ndarray) -> np.ndarray:
    """The covariance, replaced by the identity where it is singular and the caller puts an infinity."""
    return np.where(singular(covariance)[..., None, None], np.eye(covariance.shape[-1]), covariance)
