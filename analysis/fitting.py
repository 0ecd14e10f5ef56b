"""Fit the model: maximum likelihood, which here is matching the 13 mean invariants, with a status instead of NaN."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from analysis.block_tensors import covariance_tensors, mean_tensors, norms, radicals
from analysis.parameters import covariance_blocks, pack_symmetric, singular
from analysis.pigmm import PIGMM
from analysis.representation import block_moments
from invariants import PAPER

OK = "ok"
ROUNDING = 1e-14
"""A block whose trace is below this fraction of E|M|^2 is a rounding error of matrices that do not vary: set to 0.
It is squared where means are subtracted before anything is squared."""
NAMED = 10
"""Excluded members listed in a status."""


@dataclass(frozen=True)
class Fit:
    """A fitted model and how far to trust it."""

    model: PIGMM
    """The plug-in fit (covariances divided by N), as published: the maximum-likelihood model."""
    status: str
    """"ok", or causes and remedies in one line."""
    members: int | None
    """Members used; None where only mean invariants were given, without their number."""
    excluded: tuple[int, ...] = ()
    """Positions of the members left out, because an entry of theirs is not finite."""

    @property
    def unbiased(self) -> Float[np.ndarray, "13"] | None:
        """f1..f13 with f3, f4, f5 times N/(N-1), which makes all 13 unbiased; None for fewer than two members."""
        if self.members is None or self.members < 2:
            return None
        f = self.model.parameters
        f[2:5] *= self.members / (self.members - 1)
        return f


def fit(stack: ArrayLike) -> Fit:
    """Fit the model to an ensemble of matrices [N, D, D].

    Members with a non-finite entry are excluded and recorded. For D < 4 the parameters of absent blocks are 0.

    Raises:
        ValueError: if the stack is not of shape [N, D, D] with D >= 2, or no member is finite.

    Source: Hirst and Ramgoolam, arXiv:2510.05218; moment matching is maximum likelihood, the model being a full
    exponential family.
    """
    stack = np.asarray(stack, dtype=np.float64)
    if stack.ndim != 3 or stack.shape[1] != stack.shape[2] or stack.shape[1] < 2:
        raise ValueError(f"stack of shape {stack.shape}: give square matrices as [members, D, D] with D >= 2")
    # Projected after the exclusion: a non-finite entry would raise floating-point warnings on its way to NaN.
    finite = np.all(np.isfinite(stack), axis=(1, 2))
    moments = np.full((len(stack), 10), np.nan)
    moments[finite] = block_moments(stack[finite])
    return fit_moments(moments, dim=stack.shape[1])


def fit_moments(moments: ArrayLike, dim: int) -> Fit:
    """Fit the model to the `block_moments` [N, 10] of an ensemble; rows with a non-finite entry are excluded.

    Raises:
        ValueError: if the moments are not of shape [N, 10], or no member is finite.
    """
    moments = np.asarray(moments, dtype=np.float64)
    if moments.ndim != 2 or moments.shape[1] != 10:
        raise ValueError(f"block moments of shape {moments.shape}: give [members, 10] as block_moments returns them")
    finite = np.all(np.isfinite(moments), axis=1)
    if not np.any(finite):
        raise ValueError(f"none of {len(moments)} members is finite: nothing to fit; look for divergence in training")
    excluded = tuple(np.flatnonzero(~finite).tolist())
    return _fit(parameters_from_moments(moments[finite], dim), dim, int(np.sum(finite)), excluded)


def fit_invariants(means: ArrayLike, dim: int, members: int | None = None) -> Fit:
    """Fit the model to the mean invariants I1..I13; equal to `fit` on the members up to rounding.

    With a large common mean, prefer `fit`: means of invariants have already lost what it subtracts first.

    Raises:
        ValueError: if `means` is not a vector of 13 finite numbers, or `dim` is below 2.
    """
    means = np.asarray(means, dtype=np.float64)
    if means.shape != (13,) or not np.all(np.isfinite(means)):
        raise ValueError(f"mean invariants of shape {means.shape}: give the 13 finite numbers <I1>..<I13>")
    if dim < 2:
        raise ValueError(f"invariants of {dim} x {dim} matrices: give dim >= 2 (>= 4 for all 13 parameters)")
    return _fit(parameters_from_invariants(means, dim), dim, members, ())


def parameters_from_moments(moments: Float[np.ndarray, "*batch N 10"], dim: int) -> Float[np.ndarray, "*batch 13"]:
    """Plug-in f1..f13 of ensembles given by their `block_moments`.

    f1, f2 = <x>; f3..f5 = <(x - <x>)(x - <x>)^T>, divided by N; f6..f13 = means of the remaining block moments.
    """
    mean = np.mean(moments, axis=-2)
    centred = moments[..., :2] - mean[..., None, :2]
    covariance = np.swapaxes(centred, -1, -2) @ centred / moments.shape[-2]
    f = np.concatenate([mean[..., :2], pack_symmetric(covariance), mean[..., 2:]], axis=-1)
    return _without_rounding(f, dim, ROUNDING**2)


def parameters_from_invariants(means: Float[np.ndarray, "*batch 13"], dim: int) -> Float[np.ndarray, "*batch 13"]:
    """Plug-in f1..f13 from the mean invariants I1..I13.

    The second moment along a block tensor T_b is s_b = <T_b, M M> / <T_b, T_b>, and <T_b, M M> is the combination of
    quadratic invariants that the tensor expands into; f_b = s_b, less the product of means on V_0.
    """
    factors = radicals(dim)
    linear = np.array([[float(tensor.get(g, 0)) for g in PAPER[:2]] for tensor in mean_tensors(dim)])
    quadratic = np.array(
        [
            [float(tensor.get(g, 0) / norm) if norm else 0.0 for g in PAPER[2:13]]
            for tensor, norm in zip(covariance_tensors(dim), norms(dim), strict=True)
        ]
    )
    x = means[..., :2] @ linear.T * factors[:2]
    second = means[..., 2:] @ quadratic.T * factors[2:]
    second[..., :3] -= pack_symmetric(x[..., :, None] * x[..., None, :])
    return _without_rounding(np.concatenate([x, second], axis=-1), dim, ROUNDING)


def _without_rounding(f: np.ndarray, dim: int, fraction: float) -> np.ndarray:
    """Clip V_2 and V_3 at 0, and drop blocks that are rounding errors of constant matrices."""
    f = np.concatenate([f[..., :11], np.maximum(f[..., 11:], 0.0)], axis=-1)
    blocks = covariance_blocks(f, dim)
    sizes = [np.trace(block.covariance, axis1=-2, axis2=-1) for block in blocks]
    square = np.sum(f[..., :2] ** 2, axis=-1) + sum(
        b.multiplicity * size for b, size in zip(blocks, sizes, strict=True)
    )
    small = np.stack([size <= fraction * square for size in sizes], axis=-1)
    keep = np.repeat(~small, (3, 6, 1, 1), axis=-1)
    f[..., 2:] = np.where(keep, f[..., 2:], 0.0)
    return f


def _fit(f: np.ndarray, dim: int, members: int | None, excluded: tuple[int, ...]) -> Fit:
    model = PIGMM.from_parameters(f, dim=dim)
    causes = [exclusion(members, excluded), _small_dim(dim), _few(members), _singular(model, members)]
    return Fit(model, "; ".join(cause for cause in causes if cause) or OK, members, excluded)


def exclusion(members: int | None, excluded: tuple[int, ...]) -> str:
    """The part of a status that names excluded members; empty where there are none."""
    if not excluded:
        return ""
    total = len(excluded) + (members or 0)
    listed = ", ".join(str(member) for member in excluded[:NAMED]) + (", ..." if len(excluded) > NAMED else "")
    return f"{len(excluded)} of {total} members have non-finite entries and were excluded ({listed}): retrain them"


def _small_dim(dim: int) -> str:
    absent = {
        2: "V_2, V_3 and one copy of V_H are absent, f8, f10, f11, f12, f13 are undefined and set to 0",
        3: "V_2 is absent, f12 is undefined and set to 0",
    }
    return f"at D = {dim} {absent[dim]}: the other parameters hold; use D >= 4 for all 13" if dim in absent else ""


def _few(members: int | None) -> str:
    if members is None or members >= 3:
        return ""
    return f"{members} member{'s' * (members > 1)}: the V_0 covariance needs at least 3; add members"


def _singular(model: PIGMM, members: int | None) -> str:
    known = {"V_0"} if members is not None and members < 3 else set()
    names = [b.name for b in model.blocks if b.multiplicity and b.name not in known and singular(b.covariance)]
    if not names:
        return ""
    return (
        f"singular block{'s' * (len(names) > 1)} {', '.join(names)} (constant or linearly dependent matrices): "
        "no density, so likelihood, entropy and divergence are infinite; add members that vary"
    )
