"""Shape of the law beyond its first two moments, block by block, from the matrices whitened by a model."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri, stdtr

from analysis.inference.normality import Quantiles, energy_dimensions
from analysis.model.covariance import singular
from analysis.model.gaussian import Gaussian
from analysis.model.status import joined
from analysis.model.transport import whitening
from analysis.symmetry.base import Data, finite_members


class Coefficient(NamedTuple):
    """A standardised moment of the coordinates of each block, which is 0 for a Gaussian law."""

    value: Float[np.ndarray, "blocks"]
    se: Float[np.ndarray, "blocks"]
    """Standard error over members: coordinates of one member need not be independent."""
    p: Float[np.ndarray, "blocks"]
    """Two-sided, by Student's law with N - 1 degrees of freedom. Asymptotic in N, slowly so for kurtosis: at 5 % it
    rejects 7 to 10 % of Gaussian ensembles of 100 members, 4 to 8 % of 1000."""


class Shape(NamedTuple):
    """Skewness and excess kurtosis of the whitened coordinates; NaN for the blocks that `status` names."""

    skewness: Coefficient
    kurtosis: Coefficient
    status: str
    """"ok", or cause and remedy in one line."""


class Whitened(NamedTuple):
    """Whitened coordinates of N members, of mean 0 and variance 1 under the model."""

    blocks: tuple[str, ...]
    """Names of the blocks."""
    coordinates: tuple[Float[np.ndarray, "N _"], ...]
    """Of each block, as the symmetry chooses them: close to the entries of the matrix, and so to their law, where a
    generic basis of the block would make every law look Gaussian."""


def whitened_coordinates(data: Data, model: Gaussian) -> Whitened:
    """Coordinates of S^-1/2 (M - mean) in each block, in time linear in the entries; NaN in singular, absent blocks.

    Raises:
        ValueError: if an entry is not finite, or the matrices are not of the size of the model.
    """
    if not np.all(finite_members(data)):
        raise ValueError("matrices with non-finite entries: exclude diverged members before whitening")
    symmetry = model.symmetry
    whitened = symmetry.project(whitening(model)(data))
    coordinates = []
    for block, covariance, part, size, chosen in zip(
        symmetry.blocks, model.covariances, whitened, energy_dimensions(symmetry), symmetry.entries, strict=True
    ):
        flat = part.reshape(len(part), -1)[:, chosen.positions]
        missing = block.dimension == 0 or bool(singular(covariance))
        coordinates.append(np.full_like(flat, np.nan) if missing else flat * np.sqrt(chosen.count / size))
    return Whitened(tuple(block.name for block in symmetry.blocks), tuple(coordinates))


def block_shape(whitened: Whitened) -> Shape:
    """Skewness <u^3> and excess kurtosis <u^4> - 3 of each block, and whether they are 0.

    Means over coordinates u and members of the Hermite polynomials u^3 - 3u and u^4 - 6u^2 + 3: the same numbers where
    u is whitened by the members' own fit, and to first order indifferent to the error of that fit. Permutation
    invariance alone makes the skewness of V_3 vanish: there it tests the symmetry.
    """
    members = len(whitened.coordinates[0])
    cubic = [np.mean(u**3 - 3 * u, axis=1) for u in whitened.coordinates]
    quartic = [np.mean(u**4 - 6 * u**2 + 3, axis=1) for u in whitened.coordinates]
    missing = [name for name, value in zip(whitened.blocks, cubic, strict=True) if np.any(np.isnan(value))]
    causes = []
    if members < 3:
        causes.append(f"{members} members: no error over members; use at least 3")
    if missing:
        causes.append(f"singular or absent block {', '.join(missing)}: add members that vary, use D >= 4")
    return Shape(_coefficient(cubic), _coefficient(quartic), joined(causes))


def coordinate_quantiles(whitened: Whitened, points: int = 99) -> Quantiles:
    """Quantiles of the coordinates of each block [blocks, points], beside those of the standard normal law."""
    probabilities = (np.arange(points) + 0.5) / points
    return Quantiles(ndtri(probabilities), np.array([np.quantile(u, probabilities) for u in whitened.coordinates]))


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
