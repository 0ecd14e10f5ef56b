"""The 2-Wasserstein distance between invariant Gaussian laws, block by block."""

from typing import Any

import numpy as np
from jaxtyping import Float

from analysis.model.covariance import aligned_root, symmetric_root
from analysis.model.gaussian import Gaussian, check_same_symmetry
from analysis.symmetry import Symmetry


def wasserstein(p: Gaussian | Any, q: Gaussian | Any) -> float:
    """The 2-Wasserstein distance W2 (not squared) between two laws; fits stand for their models.

    Raises:
        ValueError: if the laws are of different symmetries or sizes.
    """
    p, q = (getattr(law, "model", law) for law in (p, q))
    check_same_symmetry(p, q)
    return float(np.sqrt(np.sum(wasserstein_squared_parts(p.parameters, q.parameters, p.symmetry))))


def wasserstein_squared_parts(
    p: Float[np.ndarray, "*#batch parameters"], q: Float[np.ndarray, "*#batch parameters"], symmetry: Symmetry
) -> Float[np.ndarray, "*batch parts"]:
    """W2^2 = |m_p - m_q|^2 + sum_b d_b B(S_b, T_b), split over the mean and the blocks, vectorised over leading axes.

    Source: Hirst and Ramgoolam, arXiv:2510.05218, whose "Wasserstein distance" is this W2^2.
    """
    ours, theirs = symmetry.unpack(p), symmetry.unpack(q)
    parts = [np.sum((ours.mean - theirs.mean) ** 2, axis=-1)]
    for block, a, b in zip(symmetry.blocks, ours.covariances, theirs.covariances, strict=True):
        parts.append(block.dimension * bures(a, b))
    return np.stack(np.broadcast_arrays(*parts), axis=-1)


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
