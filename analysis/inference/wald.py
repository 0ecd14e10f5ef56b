"""Joint tests that expectations vanish, with the members' own covariance: no law of the entries is assumed."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from scipy.special import chdtrc, fdtrc

from analysis.model.status import OK

DEPENDENT = 1e-12
"""Contrasts count as linearly dependent below this ratio of extreme eigenvalues of their correlations, and as constant
below this ratio of error to estimate."""

NOTHING = "nothing to test: the two models are the same for matrices of this size"


class Wald(NamedTuple):
    """A joint test of k contrasts; where `status` is not "ok", the joint numbers are NaN."""

    estimate: Float[np.ndarray, "*batch k"]
    se: Float[np.ndarray, "*batch k"]
    z: Float[np.ndarray, "*batch k"]
    """estimate / se; 0 where both vanish, infinite where only se does."""
    statistic: Float[np.ndarray, "*batch"]
    """Hotelling's T^2."""
    p: Float[np.ndarray, "*batch"]
    """By the F law, exact for Gaussian contributions of the members and asymptotic otherwise."""
    p_chi2: Float[np.ndarray, "*batch"]
    """By the limit of many members, chi^2 with k degrees of freedom."""
    effect: Float[np.ndarray, "*batch"]
    """sqrt(max((T^2 - k) / N, 0)): Mahalanobis distance of the expectations from 0 in the members' own spread, whatever
    their number; k is what T^2 is on average by chance."""
    status: Shaped[np.ndarray, "*batch"]
    """"ok", or cause and remedy in one line."""


def wald(estimates: Float[np.ndarray, "*batch k"], covariance: Float[np.ndarray, "*batch k k"], members: int) -> Wald:
    """Test that the quantities estimated all vanish, given the covariance of the estimates over N members.

    T^2 = e^T C^-1 e, and (N - k) / (k (N - 1)) T^2 ~ F(k, N - k) if they do.

    Source: Hotelling, Ann. Math. Statist. 2 (1931), 360.
    """
    k = estimates.shape[-1]
    if not k:
        unknown = np.full(estimates.shape[:-1], np.nan)
        return Wald(
            estimates, estimates, estimates, unknown, unknown, unknown, unknown, np.full(unknown.shape, NOTHING)
        )
    finite = np.all(np.isfinite(estimates), axis=-1) & np.all(np.isfinite(covariance), axis=(-2, -1))
    se = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(estimates == 0, 0.0, estimates / se)
        # Correlations, so that contrasts in units of the weights and of their squares are inverted on one scale.
        correlation = covariance / (se[..., :, None] * se[..., None, :])
    usable = finite & np.all(se > DEPENDENT * np.abs(estimates), axis=-1)
    correlation = np.where(usable[..., None, None], correlation, np.eye(k))
    values, vectors = np.linalg.eigh(correlation)
    independent = usable & (values[..., 0] > DEPENDENT * values[..., -1])
    defined = independent & (members > k)
    along = np.einsum("...ji,...j->...i", vectors, np.where(defined[..., None], z, 0.0))
    statistic = np.sum(along**2 / np.where(defined[..., None], values, 1.0), axis=-1)
    ratio = statistic * max(members - k, 1) / (k * max(members - 1, 1))
    status = np.select(
        [~finite, np.asarray(members <= k), ~independent],
        [
            "estimates are not finite: exclude diverged members",
            f"{members} members for a joint test of {k} contrasts: use more than {k}",
            "contrasts are constant or linearly dependent over members: test fewer, or look for symmetric matrices",
        ],
        default=OK,
    )
    return Wald(
        estimates,
        se,
        z,
        statistic=np.where(defined, statistic, np.nan),
        p=np.where(defined, fdtrc(k, max(members - k, 1), ratio), np.nan),
        p_chi2=np.where(defined, chdtrc(k, statistic), np.nan),
        effect=np.where(defined, np.sqrt(np.maximum(statistic - k, 0) / members), np.nan),
        status=status,
    )


def wald_of_means(values: Float[np.ndarray, "*batch N k"]) -> Wald:
    """Test that k quantities, known of each of N members, all have expectation 0: Hotelling's one-sample test."""
    members = values.shape[-2]
    mean = np.mean(values, axis=-2)
    centred = values - mean[..., None, :]
    return wald(mean, np.swapaxes(centred, -1, -2) @ centred / (members * max(members - 1, 1)), members)
