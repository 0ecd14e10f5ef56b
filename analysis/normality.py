"""Is the law of the matrices Gaussian? A test on the energies of the four blocks, which needs block moments only."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy.special import gammaincinv

from analysis.fitting import parameters_from_moments
from analysis.parameters import covariance_blocks, pack_symmetric, singular, unpack_symmetric
from analysis.representation import dimensions

ROUNDING = 1e-9
"""Relative differences of the test statistic below this are ties."""
CHUNK_MEMBERS = 1 << 14
"""Simulated members treated at once, so that small ensembles do not spend their time between array operations."""


class Normality(NamedTuple):
    """A test of the Gaussian law; its numbers are NaN where `status` is not "ok"."""

    excess: Float[np.ndarray, "*batch 4 4"]
    """Covariance of the block energies over sqrt(2 n_a 2 n_b), less the identity: 0 for a Gaussian law. Positive on the
    diagonal where a block has heavy tails, off it where members differ in scale."""
    effect: Float[np.ndarray, "*batch"]
    """Variance of the squared Mahalanobis distance over the 2 D^2 of a Gaussian law, less 1."""
    p: Float[np.ndarray, "*batch"]
    """(1 + Gaussian ensembles at least as far) / (1 + Gaussian ensembles)."""
    status: Shaped[np.ndarray, "*batch"]
    """"ok", or cause and remedy in one line."""


class Quantiles(NamedTuple):
    """What a Q-Q plot shows, at probabilities (k - 1/2) / points."""

    expected: Float[np.ndarray, "points"]
    observed: Float[np.ndarray, "*batch points"]


def energy_dimensions(dim: int) -> Int[np.ndarray, "4"]:
    """Degrees of freedom n of the block energies, copies times dimension, D^2 in total: 2, 3 (D-1), n_2, n_3."""
    return np.array([2, min(dim, 3), 1, 1]) * dimensions(dim)


def block_energies(moments: Float[np.ndarray, "*batch N 10"], dim: int) -> Float[np.ndarray, "*batch N 4"]:
    """Squared length of each member in V_0, V_H, V_2, V_3, whitened by the fit of all members to the model.

    With block moments m and fitted blocks S: e_0 = (x - <x>)^T S_0^-1 (x - <x>), and n_b tr S_b^-1 m_b on the others.
    Under the model they are independent and chi^2 with `energy_dimensions` degrees of freedom, up to the error of the
    fit; their sum is the squared Mahalanobis distance. NaN for a block that is singular or absent, and for an ensemble
    with a non-finite moment.
    """
    finite = np.all(np.isfinite(moments), axis=(-2, -1), keepdims=True)
    moments = np.where(finite, moments, 0.0)
    f = parameters_from_moments(moments, dim)
    x = moments[..., :2] - f[..., None, :2]
    squares = (pack_symmetric(x[..., :, None] * x[..., None, :]), *np.split(moments[..., 2:], (6, 7), axis=-1))
    energies = []
    for block, square in zip(covariance_blocks(f, dim), squares, strict=True):
        none = singular(block.covariance) | (block.multiplicity == 0)
        size = block.covariance.shape[-1]
        inverse = np.linalg.inv(np.where(none[..., None, None], np.eye(size), block.covariance))
        energy = np.einsum("...ij,...nji->...n", inverse, unpack_symmetric(square)[..., :size, :size])
        energies.append(np.where(none[..., None], np.nan, block.multiplicity * energy))
    return np.stack(energies, axis=-1)


def normality_test(moments: Float[np.ndarray, "*batch N 10"], dim: int, samples: int = 999, seed: int = 0) -> Normality:
    """Test that D x D matrices with the given `block_moments` are Gaussian, whatever the parameters of the model.

    The statistic sums the squares of the ten covariances of block energies, each standardised over all ensembles
    compared: Mardia's kurtosis, which is one weighted sum of the ten, split by block, so that a light tail in one block
    does not hide a heavy one in another. Only V_0 is low-dimensional enough for tests that see every alternative, and
    there a sum over D^2 entries is nearly Gaussian anyway; tails and scales of members are where ensembles differ.

    p is a parametric bootstrap from the fitted model, and exact: block-wise linear maps carry the model into itself and
    the whitened ensemble along, so that its law does not depend on the parameters and independent standard normal
    entries stand for all of them. The sample is drawn once for each number of members and D.

    Source: Mardia, Biometrika 57 (1970), 519; Hemerik and Goeman, TEST 27 (2018), 811.
    """
    covariance = _energy_covariance(moments, dim)
    status = _status(covariance, moments, dim)
    usable = status == "ok"
    covariance = np.where(usable[..., None, None], covariance, np.nan)
    n = energy_dimensions(dim)
    p = np.full(usable.shape, np.nan)
    if np.any(usable):
        null = _gaussian_covariances(moments.shape[-2], dim, samples, seed)
        p[usable] = [_tail(pack_symmetric(one), null) for one in covariance[usable]]
    effect = np.einsum("a,...ab,b->...", np.sqrt(n), covariance, np.sqrt(n)) / dim**2 - 1
    return Normality(covariance - np.eye(4), effect, p, status)


def mahalanobis_quantiles(moments: Float[np.ndarray, "*batch N 10"], dim: int, points: int = 99) -> Quantiles:
    """Quantiles of the squared Mahalanobis distance of the members to the fit, beside those of chi^2 with D^2 degrees.

    NaN where a block is singular or absent.
    """
    probabilities = (np.arange(points) + 0.5) / points
    distances = np.sum(block_energies(moments, dim), axis=-1)
    observed = np.moveaxis(np.quantile(distances, probabilities, axis=-1), 0, -1)
    return Quantiles(2 * gammaincinv(dim**2 / 2, probabilities), observed)


def _energy_covariance(moments: np.ndarray, dim: int) -> np.ndarray:
    """<(e_a - n_a)(e_b - n_b)> / sqrt(2 n_a 2 n_b); the means of the energies are n exactly, by the fit."""
    n = energy_dimensions(dim)
    scaled = (block_energies(moments, dim) - n) / np.sqrt(2 * np.maximum(n, 1))
    return np.swapaxes(scaled, -1, -2) @ scaled / moments.shape[-2]


def _tail(observed: np.ndarray, null: np.ndarray) -> float:
    """Share of the ensembles, the observed one included, that lie at least as far from their common mean."""
    together = np.concatenate([observed[None], null])
    distance = np.sum(((together - np.mean(together, axis=0)) / np.std(together, axis=0)) ** 2, axis=1)
    return float(np.mean(distance >= distance[0] * (1 - ROUNDING)))


@lru_cache(maxsize=64)
def _gaussian_covariances(members: int, dim: int, samples: int, seed: int) -> Float[np.ndarray, "samples 10"]:
    """The ten covariances of block energies in each of many ensembles of independent standard normal entries."""
    rng = np.random.default_rng(seed)
    at_once = max(1, CHUNK_MEMBERS // members)
    covariances = []
    for start in range(0, samples, at_once):
        drawn = [_gaussian_moments(rng, members, dim) for _ in range(min(at_once, samples - start))]
        covariances.append(pack_symmetric(_energy_covariance(np.stack(drawn), dim)))
    return np.concatenate(covariances)


def _gaussian_moments(rng: np.random.Generator, members: int, dim: int) -> Float[np.ndarray, "N 10"]:
    """Block moments of independent standard normal entries, drawn without the matrices.

    Source: Bartlett's decomposition of the Wishart law, Proc. R. Soc. Edinb. 53 (1933), 260.
    """
    _, standard, v2, v3 = dimensions(dim)
    factor = np.zeros((members, 3, 3))
    lower = np.tril_indices(3, -1)
    factor[:, *lower] = rng.standard_normal((members, 3))
    factor[:, *np.diag_indices(3)] = np.sqrt(rng.chisquare(standard - np.arange(3), (members, 3)))
    wishart = pack_symmetric(factor @ np.swapaxes(factor, 1, 2)) / standard
    radial = rng.chisquare([v2, v3], (members, 2)) / [v2, v3]
    return np.concatenate([rng.standard_normal((members, 2)), wishart, radial], axis=1)


def _status(covariance: np.ndarray, moments: np.ndarray, dim: int) -> np.ndarray:
    return np.select(
        [
            np.full(covariance.shape[:-2], dim < 4),
            ~np.all(np.isfinite(moments), axis=(-2, -1)),
            ~np.all(np.isfinite(covariance), axis=(-2, -1)),
        ],
        [
            f"D = {dim}: blocks are absent; use D >= 4",
            "block moments are not finite: exclude diverged members",
            "singular block (too few, constant or linearly dependent matrices): add members that vary",
        ],
        default="ok",
    )
