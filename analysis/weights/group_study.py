"""One group of matrices to its numbers: the statistics of the ensemble, its traits, its singular values, couplings."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from analysis.coupling_study import CouplingStudy, study_couplings
from analysis.inference.anomalies import Anomalies, rank_members
from analysis.inference.couplings import FEWEST
from analysis.inference.one_matrix import OneMatrix
from analysis.model import wigner
from analysis.model.marchenko_pastur import Bulk
from analysis.model.spectrum import outliers
from analysis.model.status import joined
from analysis.recording import Recording
from analysis.statistics import Statistics, entry_variance
from analysis.study import describe
from analysis.symmetry.single import SingleMatrix
from analysis.weights.grouping import Group
from analysis.weights.measuring import Measured, measured
from analysis.weights.nodes import by_nodes_if_all
from analysis.weights.single_matrix import alone, only_matrix, traits_of_one
from analysis.weights.traits import Traits, traits
from analysis.weights.trajectory import Trajectory, trajectory

ROUNDING = 1e-12
"""Squared singular values below this part of the largest are rounding errors."""
VARIANCE_ROUNDING = 1e-24
"""And so is a variance below this part of the mean square."""


NO_COUPLINGS = "no couplings of symmetric matrices, as they are defined for rows and columns that are permuted apart"


class Outliers(NamedTuple):
    """Singular values above the bulk of independent entries of the variance vE."""

    singular: Float[np.ndarray, "N p"]
    """Of each finite member, from the largest."""
    bulk: Bulk
    count: Float[np.ndarray, "N"]
    """How many of a member lie above what the largest of the bulk alone stays below in 95 %."""
    share: Float[np.ndarray, "N"]
    """Part of the sum of the squared entries of a member that they carry."""
    predicted: int
    """How many of them mean, row and column variances make in large matrices; 0 where means were subtracted."""


class Finding(NamedTuple):
    """Something unusual about a group."""

    size: float
    """How large it is: 1 is as large as the variance of the entries."""
    text: str
    """A sentence."""


class GroupStudy(NamedTuple):
    """One group of matrices, under separate permutations of rows and columns, or of nodes if all are symmetric."""

    group: Group
    statistics: Statistics
    """Of the ensemble: law, distances, cumulants, tests; without leading axes."""
    rms: Float[np.ndarray, "N"]
    """Root mean square of the entries of each member; NaN where they are not finite."""
    traits: Traits
    traits_q: Float[np.ndarray, "traits"]
    """Their p, adjusted for the false-discovery rate over the groups that differ at all."""
    outliers: Outliers | None
    """None for products of thin matrices, and where singular values take too long."""
    couplings: CouplingStudy | None
    """None for fewer than five members, and for products of thin matrices."""
    one: OneMatrix | None
    """What a single matrix allows; None for several, and for products."""
    largest_q: float
    """p of the largest singular value of a single matrix, adjusted as those of the traits."""
    anomalies: Anomalies
    """How odd each member is among the others; NaN where they are too few."""
    findings: tuple[Finding, ...]
    """What is unusual, the largest first."""
    status: str
    """"ok", or what is not available and why."""
    trajectory: Trajectory | None = None
    """How it got there; None where there are no checkpoints."""

    @property
    def accepted(self) -> str:
        """Name of the smallest model that describes first and second moments: the full one where W2 exceeds chance.

        The nested tests know the spread of the members only, and accept too much of a few of them.
        """
        s = self.statistics
        if s.w2 > s.w2_null_upper:
            return s.symmetry.full
        return "iid_zero_mean" if str(s.accepted) == "iid_zero_mean" else "iid"

    @property
    def largest_p(self) -> float:
        """Chance of so large a largest singular value of a single matrix; NaN of others."""
        return self.one.spectrum.p if self.one and self.one.spectrum else np.nan

    @property
    def unusual(self) -> float:
        """Size of the largest finding; 0 where there is none."""
        return max((finding.size for finding in self.findings), default=0.0)


def study_group(group: Group, earlier: Sequence[Group] = (), steps: Sequence[int] = ()) -> GroupStudy:
    """All numbers of a group, which is read once, and again if it is one matrix, or symmetric; without findings and q,
    which depend on the other groups.

    Args:
        group: the matrices, of a training those of the last checkpoint.
        earlier: the same matrices at the checkpoints before.
        steps: of all checkpoints.

    Raises:
        NoneFiniteError: no member is.
    """
    named = [one._replace(name=f"{one.name} at step {step}") for one, step in zip(earlier, steps, strict=False)]
    at = by_nodes_if_all([*named, group], [*(measured(one, spectral=False) for one in named), measured(group)])
    path = trajectory(at, steps, group.name) if steps else None
    whole, single = at[-1], group.members == 1 and not group.rank
    kept = whole.kept
    excluded = int(np.sum(~whole.finite))
    statistics = describe(kept.invariants, kept.block_moments, kept.symmetry, None, excluded, kept.centred)
    own = traits(kept.centred, kept.block_moments, kept.symmetry, group.rank)
    one = alone(whole, only_matrix(group, whole.symmetry), statistics) if single else None
    many, apart = len(kept.rms) >= FEWEST and not group.rank, kept.symmetry.tensors.separate
    couplings = _couplings(kept) if many and apart else None
    found = traits_of_one(one, own) if one else own
    return GroupStudy(
        group=group,
        statistics=statistics,
        rms=whole.rms,
        traits=found,
        traits_q=np.full_like(found.p, np.nan),
        outliers=_outliers(kept, statistics, one),
        couplings=couplings,
        one=one,
        largest_q=np.nan,
        anomalies=_anomalies(whole, varies(statistics, whole.rms)),
        findings=(),
        status=joined(
            [
                one.status if one else str(statistics.status),
                _no_spectrum(group, kept),
                "" if couplings is None else couplings.status,
                NO_COUPLINGS if many and not apart else "",
                "" if path is None else path.status,
            ]
        ),
        trajectory=path,
    )


def _outliers(kept: Measured, statistics: Statistics, one: OneMatrix | None) -> Outliers | None:
    if one:
        return _outliers_of_one(one)
    if kept.singular is None or _too_small(kept.symmetry):
        return None
    parameters, (rows, columns), squared = statistics.parameters, kept.symmetry.shapes[0], kept.singular**2
    if kept.symmetry.tensors.separate:
        bulk = Bulk(float(parameters[-1]), rows, columns)
        largest, predicted = bulk.largest, len(outliers(parameters, rows, columns))
    else:
        bulk, largest, predicted = wigner.spectrum(parameters, kept.symmetry)
    above = squared > np.maximum(largest, ROUNDING * squared[:, :1])
    return Outliers(kept.singular, bulk, above.sum(axis=1).astype(float), _share(squared, above), predicted)


def _too_small(symmetry: SingleMatrix) -> bool:
    """Whether symmetric matrices have no entries beyond means of nodes, which the law of eigenvalues is of."""
    return not symmetry.tensors.separate and symmetry.shapes[0][0] < 4


def _outliers_of_one(one: OneMatrix) -> Outliers | None:
    """Of what remains after the means of rows and columns."""
    spectrum = one.spectrum
    if spectrum is None:
        return None
    singular = spectrum.singular[None]
    above = np.arange(singular.shape[1]) < spectrum.above
    return Outliers(singular, spectrum.bulk, np.array([float(spectrum.above)]), _share(singular**2, above), 0)


def _share(squared: Float[np.ndarray, "N p"], above: Bool[np.ndarray, "*N p"]) -> Float[np.ndarray, "N"]:
    total = np.sum(squared, axis=1)
    return np.sum(squared * above, axis=1) / np.where(total > 0, total, 1.0)


def varies(statistics: Statistics, rms: Float[np.ndarray, "N"]) -> bool:
    """Whether the entries vary by more than rounding."""
    return bool(entry_variance(statistics) > VARIANCE_ROUNDING * np.nanmean(rms**2))


def _anomalies(whole: Measured, known: bool) -> Anomalies:
    moments = _less_shift(whole)
    return rank_members(moments if known else np.full_like(moments, np.nan), whole.symmetry, whole.centred)


def _less_shift(some: Measured) -> Float[np.ndarray, "N moments"]:
    """The block moments of the members less the constant, which no departure depends on, but rounding errors do."""
    moments = some.block_moments.copy()
    moments[:, : len(some.shift)] -= some.shift
    return moments


def _couplings(kept: Measured) -> CouplingStudy:
    moments = _less_shift(kept)
    members = len(moments)
    (found,) = study_couplings(
        Recording(
            members=np.arange(members),
            epochs=np.array([0]),
            layers=("M",),
            symmetries=(kept.symmetry,),
            invariants=kept.centred[:, None, None],
            block_moments=moments[:, None, None],
            finite=np.ones((members, 1), dtype=bool),
        ),
        [0],
    )
    return found


def _no_spectrum(group: Group, kept: Measured) -> str:
    if _too_small(kept.symmetry):
        return "no law of the eigenvalues of symmetric matrices smaller than 4 x 4"
    if kept.singular is not None:
        return ""
    rows, columns = group.shape
    if group.rank:
        return f"no law of the singular values of {group.remark}"
    return f"singular values of {group.members} matrices of {rows} x {columns} would take minutes, and are left out"
