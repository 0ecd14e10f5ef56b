"""Shape of the law beyond its first two moments, block by block, from the matrices whitened by a model."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri, stdtr

from analysis.normality import Quantiles, energy_dimensions
from analysis.parameters import singular
from analysis.pigmm import PIGMM
from analysis.representation import project
from analysis.transport import whitening


class Coefficient(NamedTuple):
    """A standardised moment of the coordinates of V_0, V_H, V_2, V_3, which is 0 for a Gaussian law."""

    value: Float[np.ndarray, "4"]
    se: Float[np.ndarray, "4"]
    """Standard error over members: coordinates of one member need not be independent."""
    p: Float[np.ndarray, "4"]
    """Two-sided, by Student's law with N - 1 degrees of freedom. Asymptotic in N, slowly so for kurtosis: at 5 % it
    rejects 7 to 10 % of Gaussian ensembles of 100 members, 4 to 8 % of 1000."""


class Shape(NamedTuple):
    """Skewness and excess kurtosis of the whitened coordinates; NaN for the blocks that `status` names."""

    skewness: Coefficient
    kurtosis: Coefficient
    status: str
    """"ok", or cause and remedy in one line."""


class Coordinates(NamedTuple):
    """Whitened coordinates of N members, of mean 0 and variance 1 under the model."""

    v0: Float[np.ndarray, "N 2"]
    vh: Float[np.ndarray, "N copies*D"]
    """The copies at every index: of sum 0 over the index."""
    v2: Float[np.ndarray, "N pairs"]
    """Entries above the diagonal, as for V_3: close to the entries of the matrix, and so to their law, where a generic
    basis of the block would make every law look Gaussian."""
    v3: Float[np.ndarray, "N pairs"]


def whitened_coordinates(stack: Float[np.ndarray, "N D D"], model: PIGMM) -> Coordinates:
    """Coordinates of S^-1/2 (M - mean) in each block, in O(D^2) a matrix; NaN in singular and absent blocks.

    Raises:
        ValueError: if an entry is not finite, or the matrices are not of the size of the model.
    """
    if not np.all(np.isfinite(stack)):
        raise ValueError("matrices with non-finite entries: exclude diverged members before whitening")
    dim, copies = model.dim, min(model.dim, 3)
    x, h, symmetric, antisymmetric = project(whitening(model)(stack))
    upper = np.triu_indices(dim, 1)
    blocks = (x, h[:, :copies].reshape(len(h), -1), symmetric[:, *upper], antisymmetric[:, *upper])
    # Coordinates that share the degrees of freedom of the block; entries above the diagonal count with their mirrors.
    counts = (2, copies * dim, dim * (dim - 1), dim * (dim - 1))
    absent = [block.multiplicity == 0 or bool(singular(block.covariance)) for block in model.blocks]
    return Coordinates(
        *(
            np.full_like(block, np.nan) if missing else block * np.sqrt(count / size)
            for block, count, size, missing in zip(blocks, counts, energy_dimensions(dim), absent, strict=True)
        )
    )


def block_shape(coordinates: Coordinates) -> Shape:
    """Skewness <u^3> and excess kurtosis <u^4> - 3 of each block, and whether they are 0.

    Means over coordinates u and members of the Hermite polynomials u^3 - 3u and u^4 - 6u^2 + 3: the same numbers where
    u is whitened by the members' own fit, and to first order indifferent to the error of that fit. Permutation
    invariance alone makes the skewness of V_3 vanish: there it tests the symmetry.
    """
    members = len(coordinates.v0)
    cubic = [np.mean(u**3 - 3 * u, axis=1) for u in coordinates]
    quartic = [np.mean(u**4 - 6 * u**2 + 3, axis=1) for u in coordinates]
    missing = [name for name, value in zip(("V_0", "V_H", "V_2", "V_3"), cubic, strict=True) if np.any(np.isnan(value))]
    causes = []
    if members < 3:
        causes.append(f"{members} members: no error over members; use at least 3")
    if missing:
        causes.append(f"singular or absent block {', '.join(missing)}: add members that vary, use D >= 4")
    return Shape(_coefficient(cubic), _coefficient(quartic), "; ".join(causes) or "ok")


def coordinate_quantiles(coordinates: Coordinates, points: int = 99) -> Quantiles:
    """Quantiles of the coordinates of each block [4, points], beside those of the standard normal law."""
    probabilities = (np.arange(points) + 0.5) / points
    return Quantiles(ndtri(probabilities), np.array([np.quantile(u, probabilities) for u in coordinates]))


def _coefficient(contributions: list[np.ndarray]) -> Coefficient:
    """Mean over members, standard error and p-value of 0, from the contributions of the members of each block."""
    values = np.array(contributions)
    blocks, members = values.shape
    mean = np.mean(values, axis=1)
    if members < 3:
        return Coefficient(mean, *np.full((2, blocks), np.nan))
    se = np.std(values, axis=1, ddof=1) / np.sqrt(members)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(mean == 0, 0.0, np.abs(mean) / se)
    return Coefficient(mean, se, 2 * stdtr(members - 1, -t))
