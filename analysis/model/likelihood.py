"""Log-likelihood, entropy and Kullback-Leibler divergence as sums over the blocks, on parameter vectors.

All are vectorised over leading axes. A law with a singular (or indefinite) block has no density: its cross entropy is
+inf, its entropy -inf, and every divergence that involves it +inf; never NaN. Densities are with respect to the
coordinates of the blocks, whose volume is the Frobenius one.
"""

from math import log, pi

import numpy as np
from jaxtyping import Float

from analysis.model.covariance import or_identity, singular
from analysis.symmetry import Symmetry

Parameters = Float[np.ndarray, "*#batch parameters"]


def cross_entropy(data: Parameters, model: Parameters, symmetry: Symmetry) -> Float[np.ndarray, "*batch"]:
    """Minus the mean log-density, in nats, under `model` of data with plug-in parameters `data`.

    With (m, A_b) the plug-in mean and blocks of the data and (mu, S_b) those of the model,
    2 H = n (1 + log 2 pi) + sum_b d_b (log|S_b| + tr S_b^-1 (A_b - S_b)) + (m-mu)^T S_0^-1 (m-mu), with n the dimension
    of the space. The total log-likelihood of N members is -N H.
    """
    total = symmetry.size * (1 + log(2 * pi)) + _mahalanobis(data, model, symmetry)
    # Of A - S, not of A: at the fit the trace is then exactly 0, however ill-conditioned a block is.
    for block, given, ours in zip(
        symmetry.blocks, symmetry.unpack(data).covariances, symmetry.unpack(model).covariances, strict=True
    ):
        if block.dimension:
            root = np.linalg.cholesky(or_identity(ours))
            excess = np.linalg.solve(root, np.swapaxes(np.linalg.solve(root, given - ours), -1, -2))
            trace = np.trace(excess, axis1=-2, axis2=-1)
            total = total + block.dimension * np.where(singular(ours), np.inf, trace + _logdet(root))
    return np.asarray(total / 2)


def entropy(parameters: Float[np.ndarray, "*batch parameters"], symmetry: Symmetry) -> Float[np.ndarray, "*batch"]:
    """Differential entropy in nats: (n (1 + log 2 pi) + sum_b d_b log|S_b|) / 2, n the dimension of the space."""
    total = np.full(parameters.shape[:-1], symmetry.size * (1 + log(2 * pi)))
    for block, covariance in zip(symmetry.blocks, symmetry.unpack(parameters).covariances, strict=True):
        if block.dimension:
            logdet = _logdet(np.linalg.cholesky(or_identity(covariance)))
            total = total + block.dimension * np.where(singular(covariance), -np.inf, logdet)
    return np.asarray(total / 2)


def kullback_leibler(p: Parameters, q: Parameters, symmetry: Symmetry) -> Float[np.ndarray, "*batch"]:
    """KL(p || q) in nats, the sum of `kullback_leibler_parts`."""
    return np.asarray(np.sum(kullback_leibler_parts(p, q, symmetry), axis=-1))


def kullback_leibler_parts(p: Parameters, q: Parameters, symmetry: Symmetry) -> Float[np.ndarray, "*batch parts"]:
    """KL(p || q) in nats split over the mean and the blocks, each summed so that it cannot come out negative.

    2 KL = e^T T_0^-1 e + sum_b d_b sum_k (l_k - 1 - log l_k), with l_k the eigenvalues of T_b^-1 S_b, S_b and T_b
    the blocks of p and q, and e the difference of means.
    """
    parts = [_mahalanobis(p, q, symmetry)]
    for block, ours, theirs in zip(
        symmetry.blocks, symmetry.unpack(p).covariances, symmetry.unpack(q).covariances, strict=True
    ):
        root = np.linalg.cholesky(or_identity(theirs))
        ratio = np.linalg.solve(root, np.swapaxes(np.linalg.solve(root, or_identity(ours)), -1, -2))
        excess = np.linalg.eigvalsh(ratio) - 1
        with np.errstate(divide="ignore"):  # a singular block may have an eigenvalue that is exactly 0
            term = np.sum(excess - np.log1p(excess), axis=-1)
        term = np.where(singular(ours) | singular(theirs), np.inf, term)
        parts.append(block.dimension * term if block.dimension else np.zeros_like(term))
    return np.stack(np.broadcast_arrays(*parts), axis=-1) / 2


def _mahalanobis(data: np.ndarray, model: np.ndarray, symmetry: Symmetry) -> np.ndarray:
    """(m-mu)^T S_0^-1 (m-mu); finite where S_0 is singular, since the term of V_0 is then infinite on its own."""
    theirs = symmetry.unpack(model)
    difference = symmetry.unpack(data).mean - theirs.mean
    root = np.linalg.cholesky(or_identity(theirs.covariances[0]))
    return np.asarray(np.sum(np.linalg.solve(root, difference[..., None])[..., 0] ** 2, axis=-1))


def _logdet(root: np.ndarray) -> np.ndarray:
    """log|L L^T| of a Cholesky factor L."""
    return np.asarray(2 * np.sum(np.log(np.diagonal(root, axis1=-2, axis2=-1)), axis=-1))
