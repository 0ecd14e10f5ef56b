"""The 2-Wasserstein distance between permutation-invariant Gaussian models, block by block."""

import numpy as np
from jaxtyping import Float

from analysis.parameters import Parts, covariance_blocks, symmetric_root
from analysis.pigmm import PIGMM, check_same_size


def wasserstein(p: PIGMM, q: PIGMM) -> float:
    """The 2-Wasserstein distance W2 (not squared) between two models.

    Raises:
        ValueError: if the models are of different size.
    """
    check_same_size(p, q)
    return float(np.sqrt(sum(wasserstein_squared_parts(p.parameters, q.parameters, p.dim))))


def wasserstein_squared_parts(
    f: Float[np.ndarray, "*#batch 13"], g: Float[np.ndarray, "*#batch 13"], dim: int
) -> Parts:
    """The parts of W2^2 = |m_f - m_g|^2 + sum_b n_b B(S_b, T_b), vectorised over leading axes.

    Source: Hirst and Ramgoolam, arXiv:2510.05218, whose "Wasserstein distance" is this W2^2.
    """
    means = np.sum((f[..., :2] - g[..., :2]) ** 2, axis=-1)
    blocks = zip(covariance_blocks(f, dim), covariance_blocks(g, dim), strict=True)
    return Parts(means, *(ours.multiplicity * bures(ours.covariance, other.covariance) for ours, other in blocks))


def bures(a: Float[np.ndarray, "*#batch m m"], b: Float[np.ndarray, "*#batch m m"]) -> Float[np.ndarray, "*batch"]:
    """Squared Bures distance tr A + tr B - 2 |A^1/2 B^1/2|_* between covariances; negative eigenvalues count as 0.

    Evaluated as |A^1/2 - B^1/2 U|_F^2 with the aligned root: the same number without the cancellation, exactly 0 or
    positive.

    Source: Bhatia, Jain and Lim, arXiv:1712.01504, theorem 1.
    """
    if a.shape[-1] == 1:  # the same number, without a decomposition of every variance
        return np.asarray((np.sqrt(np.maximum(a, 0)) - np.sqrt(np.maximum(b, 0)))[..., 0, 0] ** 2)
    root = symmetric_root(a)
    return np.asarray(np.sum((root - aligned_root(b, root)) ** 2, axis=(-2, -1)))


def aligned_root(
    b: Float[np.ndarray, "*#batch m m"], root: Float[np.ndarray, "*#batch m m"]
) -> Float[np.ndarray, "*batch m m"]:
    """The root B^1/2 U of a covariance, U orthogonal, that is nearest to a given matrix R of the same size.

    U = W V^T, from the singular value decomposition R^T B^1/2 = V s W^T. For R = A^1/2 the line from R to B^1/2 U is
    the geodesic from A to B.
    """
    root_b = symmetric_root(b)
    left, _, right = np.linalg.svd(np.swapaxes(root, -1, -2) @ root_b)
    return np.asarray(root_b @ np.swapaxes(left @ right, -1, -2))
