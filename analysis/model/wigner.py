"""The eigenvalues of a large symmetric matrix of independent entries: Wigner's law, and what lies outside of it.

Their sizes, the singular values, follow the law of Marchenko and Pastur of a square matrix with entries of the same
variance; but the largest is the larger one of two ends.
"""

import numpy as np
from jaxtyping import Float

from analysis.model.marchenko_pastur import Bulk
from analysis.symmetry import Symmetric, Symmetry

TRACY_WIDOM = 1.4417
"""The quantile of Tracy and Widom's law of real matrices that the larger of two independent draws is below in 95 %."""


def entry_variance(parameters: Float[np.ndarray, "parameters"]) -> float:
    """Variance s of an entry off the diagonal beyond means of nodes: half of that along V_2, where it counts twice."""
    return float(parameters[-1]) / 2


def spectrum(parameters: Float[np.ndarray, "parameters"], symmetry: Symmetry) -> tuple[Bulk, float, int]:
    """Law of the squared singular values, what the largest of them stays below in 95 %, and how many lie beyond.

    Args:
        parameters: of the law.
        symmetry: of symmetric matrices.
    """
    assert isinstance(symmetry, Symmetric)
    s = entry_variance(parameters)
    return Bulk(s, *symmetry.shapes[0]), largest(s, symmetry) ** 2, outliers(parameters, symmetry)


def largest(variance: float, symmetry: Symmetric) -> float:
    """What the largest singular value of independent entries stays below in 95 % of matrices, or somewhat more.

    sqrt(s) (2 sqrt(p) + 1.44 p^(-1/6)), p = D - 1/2, without a diagonal D - 2; tried by simulation at D = 4 to 80.

    Source: Tracy and Widom, Commun. Math. Phys. 177 (1996), 727.
    """
    p = symmetry.dim - 0.5 if symmetry.diagonal else max(symmetry.dim - 2.0, 1.0)
    return float(np.sqrt(variance) * (2 * np.sqrt(p) + TRACY_WIDOM * p ** (-1 / 6)))


def with_level_diagonal(stack: Float[np.ndarray, "k D D"]) -> Float[np.ndarray, "k D D"]:
    """The matrices with the mean of each diagonal moved to that of the entries off it.

    Else, as of correlations, whose diagonal is 1, all eigenvalues would be shifted by the difference of the two.
    """
    dim = stack.shape[-1]
    diagonal = np.trace(stack, axis1=1, axis2=2)
    off = (stack.sum(axis=(1, 2)) - diagonal) / (dim * (dim - 1))
    return stack + (off - diagonal / dim)[:, None, None] * np.eye(dim)


def outliers(parameters: Float[np.ndarray, "parameters"], symmetry: Symmetric) -> int:
    """How many eigenvalues mean and means of nodes push out of the law, 0 to 2, as matrices with a level diagonal grow.

    In an orthonormal basis whose first vector is constant the corner is x, the rest of the first row has the squared
    length R, and the rest is a matrix of its own with the resolvent g(z) on either side of its edges +-e,
    e = 2 sqrt(D s), where g = 2/e. Eigenvalues solve z = x + R g(z): one lies above where x + 2 R/e > e, and one below
    where -x + 2 R/e > e.

    Source: by Schur's complement, as Benaych-Georges and Nadakuditi, Adv. Math. 227 (2011), 494.
    """
    law, dim = symmetry.unpack(parameters), symmetry.dim
    # Of the sum of all entries over D, which a level diagonal makes D times the mean of those off it.
    level = np.array([1, -1 / np.sqrt(dim - 1)]) if symmetry.diagonal else np.array([np.sqrt(dim / (dim - 1))])
    x = np.sqrt((level @ law.mean) ** 2 + level @ law.covariances[0] @ level)
    squares = (dim - 1) * law.covariances[1][0, 0] if dim > 2 else 0.0
    row = squares / 2 if symmetry.diagonal else squares * (dim - 2) / (2 * dim)
    edge = 2 * np.sqrt(dim * entry_variance(parameters))
    pushed = 2 * row / edge if edge > 0 else 0.0
    return int(x + pushed > edge) + int(pushed - x > edge)
