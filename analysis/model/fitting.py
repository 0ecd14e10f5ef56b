"""Fit a law to an ensemble: maximum likelihood in closed form, with a status instead of NaN."""

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from analysis.model.covariance import singular
from analysis.model.gaussian import Gaussian, model_of
from analysis.model.plugin import parameters_from_invariants, parameters_from_moments
from analysis.model.status import joined
from analysis.symmetry import Simultaneous, Symmetry, default_symmetry
from analysis.symmetry.base import chosen_members, finite_members

NAMED = 10
"""Excluded members listed in a status."""


@dataclass(frozen=True, repr=False)
class Fit:
    """A fitted law and how far to trust it.

    Attributes:
        model: the plug-in fit (covariances divided by N), as published: the maximum-likelihood law.
        status: "ok", or causes and remedies in one line.
        members: members used; None where only mean invariants were given, without their number.
        excluded: positions of the members left out, because an entry of theirs is not finite.
    """

    model: Gaussian
    status: str
    members: int | None
    excluded: tuple[int, ...] = ()

    @property
    def unbiased(self) -> Float[np.ndarray, "parameters"] | None:
        """The parameters with the covariance on the trivial block times N/(N-1), which makes all unbiased.

        None for fewer than two members.
        """
        if self.members is None or self.members < 2:
            return None
        return self.model.parameters * unbiasing(self.model.symmetry, self.members)

    def __repr__(self) -> str:
        members = "" if self.members is None else f", {self.members} members"
        return f"Fit({self.model!r}{members}, status: {self.status})"

    def _repr_html_(self) -> str:
        names = self.model.symmetry.parameter_names
        cells = "".join(
            f"<tr><th>{escape(name)}</th><td>{value:.6g}</td></tr>"
            for name, value in zip(names, self.model.parameters, strict=True)
        )
        title = f"{self.model.symmetry}, {self.members} members, status: {self.status}"
        return f"<table><caption>{escape(title)}</caption>{cells}</table>"


def fit(data: Any, symmetry: Symmetry | None = None) -> Fit:
    """Fit the Gaussian law of a symmetry to an ensemble of matrices [N, m, n].

    Members with a non-finite entry are excluded and recorded. Parameters of blocks that the matrices are too small for
    are 0.

    Args:
        data: the matrices.
        symmetry: by default simultaneous permutations for square matrices, separate ones for others.

    Raises:
        ValueError: if the data are not matrices of the shape of the symmetry, or no member is finite.

    Source: Hirst and Ramgoolam, arXiv:2510.05218; moment matching is maximum likelihood, the model being a full
    exponential family.
    """
    symmetry = symmetry or default_symmetry(data)
    data = read_ensemble(data, symmetry)
    # Projected after the exclusion: a non-finite entry would raise floating-point warnings on its way to NaN.
    finite = finite_members(data)
    moments = np.full((len(finite), len(symmetry.moment_names)), np.nan)
    moments[finite] = symmetry.block_moments(chosen_members(data, finite))
    return fit_moments(moments, symmetry)


def read_ensemble(data: Any, symmetry: Symmetry) -> Any:
    """The members as float64 arrays [N, m, n].

    Raises:
        ValueError: if they have another shape.
    """
    data = symmetry.read(data)
    for stack in data if isinstance(data, tuple) else (data,):
        if stack.ndim != 3:
            raise ValueError(
                f"stack of shape {stack.shape}: give the matrices of an ensemble as [members, rows, columns]"
            )
    return data


def finite_ensemble(data: Any, symmetry: Symmetry) -> tuple[Any, Bool[np.ndarray, "N"]]:
    """The finite members as float64 arrays [kept, m, n], and which of the N they are.

    Raises:
        ValueError: if they have another shape, or no member is finite.
    """
    data = read_ensemble(data, symmetry)
    finite = finite_members(data)
    if not finite.any():
        raise ValueError(f"none of {len(finite)} members is finite; look for divergence in training")
    return chosen_members(data, finite), finite


def fit_moments(moments: ArrayLike, symmetry: Symmetry) -> Fit:
    """Fit the law to the `block_moments` [N, moments] of an ensemble; rows with a non-finite entry are excluded.

    Raises:
        ValueError: if the moments have another shape, or no member is finite.
    """
    moments = np.asarray(moments, dtype=np.float64)
    count = len(symmetry.moment_names)
    if moments.ndim != 2 or moments.shape[1] != count:
        raise ValueError(
            f"block moments of shape {moments.shape}: give [members, {count}] as block_moments returns them"
        )
    finite = np.all(np.isfinite(moments), axis=1)
    if not np.any(finite):
        raise ValueError(f"none of {len(moments)} members is finite: nothing to fit; look for divergence in training")
    excluded = tuple(np.flatnonzero(~finite).tolist())
    return _fit(parameters_from_moments(moments[finite], symmetry), symmetry, int(np.sum(finite)), excluded)


def fit_invariants(
    means: ArrayLike, dim: int | None = None, members: int | None = None, symmetry: Symmetry | None = None
) -> Fit:
    """Fit the law to the mean invariants of `symmetry.fitted`; equal to `fit` on the members up to rounding.

    With a large common mean, prefer `fit`: means of invariants have already lost what it subtracts first.

    Args:
        means: the mean invariants, I1..I13 by default.
        dim: D, for the default symmetry of simultaneous permutations.
        members: how many members the means are over, if it is known.
        symmetry: of the law, in place of `dim`.

    Raises:
        ValueError: if `means` is not a vector of as many finite numbers, or `dim` is below 2.
    """
    if symmetry is None:
        if dim is None or dim < 2:
            raise ValueError(f"invariants of {dim} x {dim} matrices: give dim >= 2 (>= 4 for all 13 parameters)")
        symmetry = Simultaneous(dim)
    means, count = np.asarray(means, dtype=np.float64), len(symmetry.fitted)
    if means.shape != (count,) or not np.all(np.isfinite(means)):
        keys = f"<{symmetry.key(symmetry.fitted[0])}>..<{symmetry.key(symmetry.fitted[-1])}>"
        raise ValueError(f"mean invariants of shape {means.shape}: give the {count} finite numbers {keys}")
    return _fit(parameters_from_invariants(means, symmetry), symmetry, members, ())


def unbiasing(symmetry: Symmetry, members: int) -> Float[np.ndarray, "parameters"]:
    """Factors that make the plug-in parameters unbiased: N/(N-1) for the covariance on the trivial block; NaN at 1."""
    block, factors = symmetry.blocks[0], np.ones(len(symmetry.parameter_names))
    factors[block.slots : block.slots + block.entries] = members / (members - 1) if members > 1 else np.nan
    return factors


def _fit(f: np.ndarray, symmetry: Symmetry, members: int | None, excluded: tuple[int, ...]) -> Fit:
    model = model_of(symmetry, f)
    causes = [exclusion(members, excluded), symmetry.remark, _few(symmetry, members), _singular(model, members)]
    return Fit(model, joined(causes), members, excluded)


def exclusion(members: int | None, excluded: tuple[int, ...]) -> str:
    """The part of a status that names excluded members; empty where there are none."""
    if not excluded:
        return ""
    total = len(excluded) + (members or 0)
    listed = ", ".join(str(member) for member in excluded[:NAMED]) + (", ..." if len(excluded) > NAMED else "")
    return f"{len(excluded)} of {total} members have non-finite entries and were excluded ({listed}): retrain them"


def _few(symmetry: Symmetry, members: int | None) -> str:
    block = symmetry.blocks[0]
    if members is None or members > block.copies:
        return ""
    least = f"needs at least {block.copies + 1}; add members"
    return f"{members} member{'s' * (members > 1)}: the covariance on {block.name} {least}"


def _singular(model: Gaussian, members: int | None) -> str:
    blocks = model.symmetry.blocks
    known = {blocks[0].name} if members is not None and members <= blocks[0].copies else set()
    names = [
        block.name
        for block, covariance in zip(blocks, model.covariances, strict=True)
        if block.dimension and block.name not in known and singular(covariance)
    ]
    if not names:
        return ""
    return (
        f"singular block{'s' * (len(names) > 1)} {', '.join(names)} (constant or linearly dependent matrices): "
        "no density, so likelihood, entropy and divergence are infinite; add members that vary"
    )
