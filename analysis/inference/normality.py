"""Is the law of the matrices Gaussian? A test on the energies of the blocks, which needs block moments only."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy.special import gammaincinv

from analysis.inference.simulation import standard_moments
from analysis.model.covariance import or_identity, singular
from analysis.model.plugin import parameters_from_moments, products
from analysis.model.status import OK
from analysis.symmetry import Symmetry
from analysis.symmetry.blocks import pack_symmetric, unpack_symmetric

ROUNDING = 1e-9
"""Relative differences of the test statistic below this are ties."""
CHUNK_MEMBERS = 1 << 14
"""Simulated members treated at once, so that small ensembles do not spend their time between array operations."""


class Normality(NamedTuple):
    """A test of the Gaussian law; its numbers are NaN where `status` is not "ok"."""

    excess: Float[np.ndarray, "*batch blocks blocks"]
    """Covariance of the block energies over sqrt(2 n_a 2 n_b), less the identity: 0 for a Gaussian law. Positive on the
    diagonal where a block has heavy tails, off it where members differ in scale."""
    effect: Float[np.ndarray, "*batch"]
    """Variance of the squared Mahalanobis distance over the 2 n of a Gaussian law in n dimensions, less 1."""
    p: Float[np.ndarray, "*batch"]
    """(1 + Gaussian ensembles at least as far) / (1 + Gaussian ensembles)."""
    status: Shaped[np.ndarray, "*batch"]
    """"ok", or cause and remedy in one line."""


class Quantiles(NamedTuple):
    """What a Q-Q plot shows, at probabilities (k - 1/2) / points."""

    expected: Float[np.ndarray, "points"]
    observed: Float[np.ndarray, "*batch points"]


def energy_dimensions(symmetry: Symmetry) -> Int[np.ndarray, "blocks"]:
    """Degrees of freedom of the block energies, copies times dimension: in total the dimension of the space."""
    return np.array([block.copies * block.dimension for block in symmetry.blocks])


def block_energies(
    moments: Float[np.ndarray, "*batch N moments"], symmetry: Symmetry
) -> Float[np.ndarray, "*batch N blocks"]:
    """Squared length of each member in each block, whitened by the fit of all members to the model.

    With block moments m and fitted blocks S: e_0 = (x - <x>)^T S_0^-1 (x - <x>), and d_b tr S_b^-1 m_b on the others.
    Under the model they are independent and chi^2 with `energy_dimensions` degrees of freedom, up to the error of the
    fit; their sum is the squared Mahalanobis distance. NaN for a block that is singular or absent, and for an ensemble
    with a non-finite moment.
    """
    finite = np.all(np.isfinite(moments), axis=(-2, -1), keepdims=True)
    moments = np.where(finite, moments, 0.0)
    law = symmetry.unpack(parameters_from_moments(moments, symmetry))
    trivial, *others = symmetry.blocks
    x = moments[..., : trivial.slots] - law.mean[..., None, :]
    entries = np.cumsum([block.entries for block in others])[:-1]
    squares = (products(x), *np.split(moments[..., trivial.slots :], entries, axis=-1))
    energies = []
    for block, covariance, square in zip(symmetry.blocks, law.covariances, squares, strict=True):
        inverse = np.linalg.inv(or_identity(covariance))
        size = block.copies
        energy = np.einsum("...ij,...nji->...n", inverse, unpack_symmetric(square)[..., :size, :size])
        missing = singular(covariance) | (block.dimension == 0)
        energies.append(np.where(missing[..., None], np.nan, block.dimension * energy))
    return np.stack(energies, axis=-1)


def normality_test(
    moments: Float[np.ndarray, "*batch N moments"], symmetry: Symmetry, samples: int = 999, seed: int = 0
) -> Normality:
    """Test that members with the given `block_moments` are Gaussian, whatever the parameters of the model.

    The statistic sums the squares of the covariances of block energies, each standardised over all ensembles
    compared: Mardia's kurtosis, which is one weighted sum of them, split by block, so that a light tail in one block
    does not hide a heavy one in another. Only V_0 is low-dimensional enough for tests that see every alternative, and
    there a sum over all entries is nearly Gaussian anyway; tails and scales of members are where ensembles differ.

    p is a parametric bootstrap from the fitted model, and exact: block-wise linear maps carry the model into itself and
    the whitened ensemble along, so that its law does not depend on the parameters and independent standard normal
    entries stand for all of them. The sample is drawn once for each number of members and symmetry.

    Source: Mardia, Biometrika 57 (1970), 519; Hemerik and Goeman, TEST 27 (2018), 811.
    """
    covariance = _energy_covariance(moments, symmetry)
    status = _status(covariance, moments, symmetry)
    usable = status == OK
    covariance = np.where(usable[..., None, None], covariance, np.nan)
    n = energy_dimensions(symmetry)
    p = np.full(usable.shape, np.nan)
    if np.any(usable):
        null = _gaussian_covariances(moments.shape[-2], symmetry, samples, seed)
        p[usable] = [_tail(pack_symmetric(one), null) for one in covariance[usable]]
    effect = np.einsum("a,...ab,b->...", np.sqrt(n), covariance, np.sqrt(n)) / symmetry.size - 1
    return Normality(covariance - np.eye(len(n)), effect, p, status)


def mahalanobis_quantiles(
    moments: Float[np.ndarray, "*batch N moments"], symmetry: Symmetry, points: int = 99
) -> Quantiles:
    """Quantiles of the squared Mahalanobis distance of the members to the fit, beside those of chi^2.

    The degrees of freedom are the dimension of the space. NaN where a block is singular or absent.
    """
    probabilities = (np.arange(points) + 0.5) / points
    distances = np.sum(block_energies(moments, symmetry), axis=-1)
    observed = np.moveaxis(np.quantile(distances, probabilities, axis=-1), 0, -1)
    return Quantiles(2 * gammaincinv(symmetry.size / 2, probabilities), observed)


def _energy_covariance(moments: np.ndarray, symmetry: Symmetry) -> np.ndarray:
    """<(e_a - n_a)(e_b - n_b)> / sqrt(2 n_a 2 n_b); the means of the energies are n exactly, by the fit."""
    n = energy_dimensions(symmetry)
    scaled = (block_energies(moments, symmetry) - n) / np.sqrt(2 * np.maximum(n, 1))
    return np.swapaxes(scaled, -1, -2) @ scaled / moments.shape[-2]


def _tail(observed: np.ndarray, null: np.ndarray) -> float:
    """Share of the ensembles, the observed one included, that lie at least as far from their common mean."""
    together = np.concatenate([observed[None], null])
    distance = np.sum(((together - np.mean(together, axis=0)) / np.std(together, axis=0)) ** 2, axis=1)
    return float(np.mean(distance >= distance[0] * (1 - ROUNDING)))


@lru_cache(maxsize=64)
def _gaussian_covariances(
    members: int, symmetry: Symmetry, samples: int, seed: int
) -> Float[np.ndarray, "samples covariances"]:
    """The covariances of block energies in each of many ensembles of standard normal members."""
    generator = np.random.default_rng(seed)
    at_once = max(1, CHUNK_MEMBERS // members)
    covariances = []
    for start in range(0, samples, at_once):
        drawn = standard_moments(generator, (min(at_once, samples - start), members), symmetry)
        covariances.append(pack_symmetric(_energy_covariance(drawn, symmetry)))
    return np.concatenate(covariances)


def _sizes(symmetry: Symmetry) -> str:
    return ", ".join(f"{rows} x {columns}" for rows, columns in symmetry.shapes)


def _status(covariance: np.ndarray, moments: np.ndarray, symmetry: Symmetry) -> np.ndarray:
    return np.select(
        [
            np.full(covariance.shape[:-2], any(block.dimension == 0 for block in symmetry.blocks)),
            ~np.all(np.isfinite(moments), axis=(-2, -1)),
            ~np.all(np.isfinite(covariance), axis=(-2, -1)),
        ],
        [
            f"blocks are absent from matrices of {_sizes(symmetry)}: use larger ones (D >= 4)",
            "block moments are not finite: exclude diverged members",
            "singular block (too few, constant or linearly dependent matrices): add members that vary",
        ],
        default=OK,
    )
