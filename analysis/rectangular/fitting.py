"""Fit the five-parameter model: maximum likelihood in closed form, with a status instead of NaN."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from analysis.fitting import OK, ROUNDING, exclusion
from analysis.rectangular.model import RectangularModel
from analysis.rectangular.representation import Shape, block_moments, dimensions

BLOCKS = ("v0", "vC", "vR", "vE")


@dataclass(frozen=True)
class RectangularFit:
    """A fitted model and how far to trust it."""

    model: RectangularModel
    """The plug-in fit (v0 divided by N): the maximum-likelihood model."""
    status: str
    """"ok", or causes and remedies in one line."""
    members: int
    excluded: tuple[int, ...]
    """Positions of the members left out, because an entry of theirs is not finite."""

    @property
    def unbiased(self) -> Float[np.ndarray, "5"] | None:
        """The parameters with v0 times N/(N-1), which makes all five unbiased; None for a single member."""
        if self.members < 2:
            return None
        return self.model.parameters * [1, self.members / (self.members - 1), 1, 1, 1]


def fit(stack: ArrayLike) -> RectangularFit:
    """Fit the model to an ensemble of matrices [N, m, n].

    mean = <x> / sqrt(mn), v0 = Var x, and vC, vR, vE = means of the squared block coordinates per dimension. Members
    with a non-finite entry are excluded and recorded. At m = 1 or n = 1 the variances of absent blocks are 0.

    Raises:
        ValueError: if the stack is not of shape [N, m, n], or no member is finite.
    """
    stack = np.asarray(stack, dtype=np.float64)
    if stack.ndim != 3 or 0 in stack.shape:
        raise ValueError(f"stack of shape {stack.shape}: give matrices as [members, rows, columns]")
    # Projected after the exclusion: a non-finite entry would raise floating-point warnings on its way to NaN.
    finite = np.all(np.isfinite(stack), axis=(1, 2))
    moments = np.full((len(stack), 4), np.nan)
    moments[finite] = block_moments(stack[finite])
    return fit_moments(moments, (stack.shape[1], stack.shape[2]))


def fit_moments(moments: ArrayLike, shape: Shape) -> RectangularFit:
    """Fit the model to the `block_moments` [N, 4] of an ensemble; rows with a non-finite entry are excluded.

    Raises:
        ValueError: if the moments are not of shape [N, 4], or no member is finite.
    """
    moments = np.asarray(moments, dtype=np.float64)
    if moments.ndim != 2 or moments.shape[1] != 4:
        raise ValueError(f"block moments of shape {moments.shape}: give [members, 4] as block_moments returns them")
    finite = np.all(np.isfinite(moments), axis=1)
    if not np.any(finite):
        raise ValueError(f"none of {len(moments)} members is finite: nothing to fit; look for divergence in training")
    members, excluded = int(np.sum(finite)), tuple(np.flatnonzero(~finite).tolist())
    model = RectangularModel.from_parameters(parameters_from_moments(moments[finite], shape), shape=shape)
    causes = [exclusion(members, excluded), _few(members), _singular(model, members)]
    return RectangularFit(model, "; ".join(cause for cause in causes if cause) or OK, members, excluded)


def parameters_from_moments(moments: Float[np.ndarray, "*batch N 4"], shape: Shape) -> Float[np.ndarray, "*batch 5"]:
    """Plug-in (mean, v0, vC, vR, vE) of ensembles given by their `block_moments`."""
    x, squares = moments[..., 0], np.mean(moments[..., 1:], axis=-2)
    mean = np.mean(x, axis=-1)
    v0 = np.mean((x - mean[..., None]) ** 2, axis=-1)
    variances = np.concatenate([v0[..., None], squares], axis=-1)
    # A variance that is a rounding error of matrices that do not vary is set to 0.
    total = mean**2 + variances @ np.array(dimensions(shape), dtype=np.float64)
    variances = np.where(variances <= ROUNDING**2 * total[..., None], 0.0, variances)
    return np.concatenate([mean[..., None] / np.sqrt(shape[0] * shape[1]), variances], axis=-1)


def _few(members: int) -> str:
    return "1 member: v0 needs at least 2; add members" if members < 2 else ""


def _singular(model: RectangularModel, members: int) -> str:
    names = [
        name
        for name, variance, dimension in zip(BLOCKS, model.parameters[1:], dimensions(model.shape), strict=True)
        if dimension and variance == 0 and (name != "v0" or members > 1)
    ]
    if not names:
        return ""
    return (
        f"zero variance {', '.join(names)} (constant matrices, or rows or columns that do not differ): no density, "
        "so likelihood, entropy and divergence are infinite; add members that vary"
    )
