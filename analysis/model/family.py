"""The family of models of a symmetry, from independent entries to all parameters, each fitted in closed form.

A model is a linear space of parameter vectors. The matrices that its covariances form are closed under inversion, and
the covariances map the space of means to itself, so its maximum-likelihood mean is the orthogonal projection of the
sample mean, and its covariance that of the second moment about this mean: pooling, weighted by the dimensions of the
blocks.

Source: Jensen, Ann. Statist. 16 (1988), 302 (covariance spaces closed under inversion).
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped
from numpy.typing import ArrayLike

from analysis.model.likelihood import cross_entropy
from analysis.model.plugin import parameters_from_moments, products
from analysis.model.status import OK
from analysis.symmetry import Symmetry

FOLDS = 10


class FamilyFit(NamedTuple):
    """Each model of the family fitted by maximum likelihood; NaN where a block is singular, and `status` says so."""

    f: Float[np.ndarray, "*batch models parameters"]
    """Maximum-likelihood parameters."""
    parameters: Int[np.ndarray, "models"]
    """Number of parameters of each model."""
    loglik: Float[np.ndarray, "*batch models"]
    """Log-likelihood of all members, in nats."""
    aic: Float[np.ndarray, "*batch models"]
    """2 k - 2 log L for k parameters."""
    bic: Float[np.ndarray, "*batch models"]
    """k log N - 2 log L."""
    held_out: Float[np.ndarray, "*batch models"]
    """Log-likelihood of all members, each under the fit to the other folds."""
    status: Shaped[np.ndarray, "*batch"]
    """"ok", or cause and remedy in one line."""


def fit_family(moments: ArrayLike, symmetry: Symmetry, folds: int = FOLDS) -> FamilyFit:
    """Fit every model of the family to the `block_moments` [..., N, moments] of N members.

    Args:
        moments: block moments of the members, all finite.
        symmetry: of the models.
        folds: number of folds of the cross-validation; member i is in fold i modulo `folds`.

    Raises:
        ValueError: if a moment is not finite, or there are fewer than 2 folds.
    """
    moments = np.asarray(moments, dtype=np.float64)
    if not np.all(np.isfinite(moments)):
        raise ValueError("block moments that are not finite: give those of finite members only")
    if folds < 2:
        raise ValueError(f"{folds} folds: give at least 2, so that members are held out of some fit")
    members = moments.shape[-2]
    f = parameters_from_moments(moments, symmetry)
    fitted, counts = maximum_likelihood(f, symmetry), parameter_counts(symmetry)
    loglik = _loglik(f, fitted, members, symmetry)
    return FamilyFit(
        f=fitted,
        parameters=counts,
        loglik=loglik,
        aic=2 * counts - 2 * loglik,
        bic=counts * np.log(members) - 2 * loglik,
        held_out=_held_out(moments, symmetry, min(folds, members)),
        status=_status(loglik, members, symmetry),
    )


def maximum_likelihood(
    f: Float[np.ndarray, "*batch parameters"], symmetry: Symmetry
) -> Float[np.ndarray, "*batch models parameters"]:
    """Maximum-likelihood parameters of every model of the family, from those of the full one."""
    return np.stack([restricted(f, name, symmetry) for name in symmetry.family], axis=-2)


def restricted(
    f: Float[np.ndarray, "*batch parameters"], name: str, symmetry: Symmetry
) -> Float[np.ndarray, "*batch parameters"]:
    """Maximum-likelihood parameters of one model of the family, from those of the full one.

    mean = P m and covariance = P (S + (m - P m)(m - P m)^T), with P the orthogonal projection on the model in the
    Frobenius inner product of the dense covariance matrices.
    """
    block = symmetry.blocks[0]
    projection = _projection(name, symmetry)
    mean, spread = np.split(f, [block.slots], axis=-1)
    offset = (mean - mean @ projection[: block.slots, : block.slots].T) / symmetry.mean_unit
    around = spread[..., : block.entries] + products(offset)
    return np.concatenate([mean, around, spread[..., block.entries :]], axis=-1) @ projection.T


def nearest_iid(
    f: Float[np.ndarray, "*batch parameters"], symmetry: Symmetry
) -> Float[np.ndarray, "*batch parameters"]:
    """The law of independent entries of one variance most likely for each law."""
    return restricted(f, "iid", symmetry)


@cache
def parameter_counts(symmetry: Symmetry) -> Int[np.ndarray, "models"]:
    """Number of parameters of every model, fewer where the matrices are too small for some blocks."""
    return np.array([np.linalg.matrix_rank(weighted_span(name, symmetry)) for name in symmetry.family])


@cache
def weighted_span(name: str, symmetry: Symmetry) -> Float[np.ndarray, "parameters k"]:
    """The vectors that span a model as columns, times the root of `weights`: orthogonality is then that of the dot.

    Raises:
        ValueError: if there is no model of that name.
    """
    if name not in symmetry.family:
        raise ValueError(f"model {name!r} is not in the family: choose from {', '.join(symmetry.family)}")
    return np.sqrt(symmetry.weights)[:, None] * np.stack(symmetry.family[name], axis=1)


@cache
def _projection(name: str, symmetry: Symmetry) -> np.ndarray:
    """The orthogonal projection on a model, as a matrix that acts on parameter vectors."""
    span = np.stack(symmetry.family[name], axis=1)
    return span @ np.linalg.pinv(weighted_span(name, symmetry)) * np.sqrt(symmetry.weights)


def _loglik(data: np.ndarray, fitted: np.ndarray, members: int, symmetry: Symmetry) -> np.ndarray:
    """Total log-likelihood of members with plug-in parameters `data`; NaN under a model without a density."""
    entropy = cross_entropy(data[..., None, :], fitted, symmetry)
    return np.where(entropy == np.inf, np.nan, -members * entropy)


def _held_out(moments: np.ndarray, symmetry: Symmetry, folds: int) -> np.ndarray:
    fold = np.arange(moments.shape[-2]) % folds
    total = np.zeros((*moments.shape[:-2], len(symmetry.family)))
    if folds < 2:
        return np.full_like(total, np.nan)
    for k in range(folds):
        train, test = (parameters_from_moments(moments[..., part, :], symmetry) for part in (fold != k, fold == k))
        total += _loglik(test, maximum_likelihood(train, symmetry), int(np.sum(fold == k)), symmetry)
    return total


def _status(loglik: np.ndarray, members: int, symmetry: Symmetry) -> np.ndarray:
    """One line for every fit: which models have no likelihood, and why."""
    least = symmetry.blocks[0].copies + 1
    cause = f"fewer than {least} members" if members < least else "constant or linearly dependent matrices"
    models, lines = tuple(symmetry.family), []
    for missing in np.isnan(loglik).reshape(-1, len(models)):
        names = ", ".join(name for name, none in zip(models, missing, strict=True) if none)
        lines.append(f"no likelihood under {names}: singular covariance ({cause}); add members" if names else OK)
    return np.array(lines).reshape(loglik.shape[:-1])
