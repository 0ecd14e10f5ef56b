"""The family of models between independent entries and the 13 parameters, each fitted in closed form.

A model is a linear space of f-vectors. The matrices that its covariances form are closed under inversion, and the
covariances map the space of means to itself, so its maximum-likelihood mean is the orthogonal projection of the sample
mean, and its covariance that of the second moment about this mean: pooling, weighted by the dimensions of the blocks.

Source: Jensen, Ann. Statist. 16 (1988), 302 (covariance spaces closed under inversion).
"""

from functools import cache
from math import sqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped
from numpy.typing import ArrayLike

from analysis.block_tensors import norms
from analysis.fitting import OK, parameters_from_moments
from analysis.likelihood import cross_entropy
from analysis.parameters import NAMES, pack_symmetric
from analysis.representation import project

FAMILY: dict[str, tuple[str, ...]] = {
    "iid_zero_mean": ("identity",),
    "iid": ("f1", "identity"),
    "conjugation": ("scalar", "identity", "transposition", "trace"),
    "diagonal": ("f1", "f2", "identity", "diagonal"),
    "bipartite": ("f1", "identity", "f3", "f6", "f9"),
    "reciprocal": ("f1", "f2", "identity", "diagonal", "transposition"),
    "transposition": ("f1", "f2", "f3", "f4", "f5", "f6 + f9", "f7", "f8 + f10", "f11", "f12", "f13"),
    "pigmm": NAMES,
}
"""The `directions` that span each model, one for every parameter, by increasing number of parameters.

Independent entries of one variance, without and with a mean; a law invariant under M -> O M O^T, O orthogonal; entries
independent, of two laws on and off the diagonal; a law invariant under separate permutations of rows and of columns;
like `diagonal`, with a covariance of M_ij and M_ji; the full model invariant under transposition; the full model."""
MODELS = tuple(FAMILY)


class FamilyFit(NamedTuple):
    """Each model of `FAMILY` fitted by maximum likelihood; NaN where a block is singular, and `status` says so."""

    f: Float[np.ndarray, "*batch models 13"]
    """Maximum-likelihood f1..f13."""
    parameters: Int[np.ndarray, "models"]
    loglik: Float[np.ndarray, "*batch models"]
    aic: Float[np.ndarray, "*batch models"]
    """2 k - 2 log L for k parameters."""
    bic: Float[np.ndarray, "*batch models"]
    """k log N - 2 log L."""
    held_out: Float[np.ndarray, "*batch models"]
    """Log-likelihood of all members, each under the fit to the other folds."""
    status: Shaped[np.ndarray, "*batch"]
    """"ok", or cause and remedy in one line."""


def fit_family(moments: ArrayLike, dim: int, folds: int = 10) -> FamilyFit:
    """Fit every model of the family to the `block_moments` [..., N, 10] of N members.

    Args:
        moments: block moments of the members, all finite.
        dim: D.
        folds: number of folds of the cross-validation; member i is in fold i modulo `folds`.

    Raises:
        ValueError: if a moment is not finite, D is below 2, or there are fewer than 2 folds.
    """
    moments = np.asarray(moments, dtype=np.float64)
    if dim < 2 or not np.all(np.isfinite(moments)):
        raise ValueError(f"block moments of {dim} x {dim} matrices: give those of finite members only, with D >= 2")
    if folds < 2:
        raise ValueError(f"{folds} folds: give at least 2, so that members are held out of some fit")
    members = moments.shape[-2]
    f = parameters_from_moments(moments, dim)
    fitted, counts = maximum_likelihood(f, dim), parameter_counts(dim)
    loglik = _loglik(f, fitted, members, dim)
    return FamilyFit(
        f=fitted,
        parameters=counts,
        loglik=loglik,
        aic=2 * counts - 2 * loglik,
        bic=counts * np.log(members) - 2 * loglik,
        held_out=_held_out(moments, dim, min(folds, members)),
        status=_status(loglik, members),
    )


def maximum_likelihood(f: Float[np.ndarray, "*batch 13"], dim: int) -> Float[np.ndarray, "*batch models 13"]:
    """Maximum-likelihood f-vector of every model of the family, from that of the full one.

    mean = P m and covariance = P (S + (m - P m)(m - P m)^T), with P the orthogonal projection on the model in the
    Frobenius inner product of the dense D^2 x D^2 matrices.
    """
    projections = np.stack([_projection(name, dim) for name in MODELS])
    moments = np.repeat(f[..., None, :], len(MODELS), axis=-2)
    offset = moments[..., :2] - np.einsum("mab,...mb->...ma", projections[:, :2, :2], moments[..., :2])
    moments[..., 2:5] += pack_symmetric(offset[..., :, None] * offset[..., None, :])
    return np.einsum("mab,...mb->...ma", projections, moments)


def parameter_counts(dim: int) -> Int[np.ndarray, "models"]:
    """Number of parameters of every model: 1, 2, 4, 4, 5, 5, 11, 13, and fewer where blocks are absent at D < 4."""
    return np.array([np.linalg.matrix_rank(weighted_span(name, dim)) for name in MODELS])


@cache
def weighted_span(name: str, dim: int) -> Float[np.ndarray, "13 k"]:
    """The directions of a model as columns, times the root of `weights`: orthogonality is then that of the plain dot.

    Raises:
        ValueError: if there is no model of that name.
    """
    if name not in FAMILY:
        raise ValueError(f"model {name!r} is not in the family: choose from {', '.join(MODELS)}")
    vectors = directions(dim)
    return np.sqrt(weights(dim))[:, None] * np.stack([vectors[key] for key in FAMILY[name]], axis=1)


def weights(dim: int) -> Float[np.ndarray, "13"]:
    """Squared Frobenius norm of what each parameter multiplies: 1 for the means, block dimensions for covariances."""
    return np.array([1.0, 1.0, *norms(dim)])


@cache
def directions(dim: int) -> dict[str, Float[np.ndarray, "13"]]:
    """The f-vectors that span the models: f1..f13, sums of two, and those of operators on matrices.

    The operators are M -> M, M -> M^T, the projection on multiples of I, and the projection on diagonal matrices;
    "scalar" is the mean I / sqrt(D).
    """
    unit = dict(zip(NAMES, np.eye(13), strict=True))
    scalar = np.asarray(project(np.eye(dim)).x) / sqrt(dim)
    probe = np.array([1.0, -1.0, *[0.0] * (dim - 2)]) / sqrt(2)
    copies = np.asarray(project(np.diag(probe)).h) @ probe
    return unit | {
        "f6 + f9": unit["f6"] + unit["f9"],
        "f8 + f10": unit["f8"] + unit["f10"],
        "scalar": np.concatenate([scalar, np.zeros(11)]),
        "identity": _operator(np.eye(2), np.eye(3), 1.0, 1.0),
        "transposition": _operator(np.eye(2), np.eye(3)[[1, 0, 2]], 1.0, -1.0),
        "trace": _operator(np.outer(scalar, scalar), np.zeros((3, 3)), 0.0, 0.0),
        "diagonal": _operator(np.outer(scalar, scalar), np.outer(copies, copies), 0.0, 0.0),
    }


def _operator(trivial: np.ndarray, standard: np.ndarray, v2: float, v3: float) -> np.ndarray:
    return np.concatenate([[0, 0], pack_symmetric(trivial), pack_symmetric(standard), [v2, v3]])


@cache
def _projection(name: str, dim: int) -> np.ndarray:
    """The orthogonal projection on a model, as a matrix that acts on f-vectors."""
    span = np.stack([directions(dim)[key] for key in FAMILY[name]], axis=1)
    return span @ np.linalg.pinv(weighted_span(name, dim)) * np.sqrt(weights(dim))


def _loglik(data: np.ndarray, fitted: np.ndarray, members: int, dim: int) -> np.ndarray:
    """Total log-likelihood of members with plug-in parameters `data`; NaN under a model without a density."""
    entropy = cross_entropy(data[..., None, :], fitted, dim)
    return np.where(entropy == np.inf, np.nan, -members * entropy)


def _held_out(moments: np.ndarray, dim: int, folds: int) -> np.ndarray:
    fold = np.arange(moments.shape[-2]) % folds
    if folds < 2:
        return np.full((*moments.shape[:-2], len(MODELS)), np.nan)
    total = np.zeros((*moments.shape[:-2], len(MODELS)))
    for k in range(folds):
        train, test = (parameters_from_moments(moments[..., part, :], dim) for part in (fold != k, fold == k))
        total += _loglik(test, maximum_likelihood(train, dim), int(np.sum(fold == k)), dim)
    return total


def _status(loglik: np.ndarray, members: int) -> np.ndarray:
    """One line for every fit: which models have no likelihood, and why."""
    cause = "fewer than 3 members" if members < 3 else "constant or linearly dependent matrices"
    lines = []
    for missing in np.isnan(loglik).reshape(-1, len(MODELS)):
        names = ", ".join(name for name, none in zip(MODELS, missing, strict=True) if none)
        lines.append(f"no likelihood under {names}: singular covariance ({cause}); add members" if names else OK)
    return np.array(lines).reshape(loglik.shape[:-1])
