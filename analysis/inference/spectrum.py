"""Singular values of an ensemble against those of its fitted law: moments, ranks, outliers, spectral radius.

Moments are tested as all invariants are. What has no closed form at finite size is compared with ensembles of the law
that have exactly the observed fit: their mean, and the band in which 95 % of them lie. They have as many members as
observed where that is affordable; those of fewer members have their deviations scaled by the root of the ratio.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.inference.conditional import conditional_ensembles
from analysis.inference.moments import moments
from analysis.inference.theory_test import theory_test
from analysis.model.fitting import exclusion, finite_ensemble, fit_moments
from analysis.model.marchenko_pastur import Bulk
from analysis.model.singular_values import SpectralValues, singular_values, spectral_radii, spectral_values
from analysis.model.spectrum import ORDERS, bulk_of, cycle, outliers, trace_moments, two_way
from analysis.model.status import OK, joined
from analysis.symmetry import Symmetry, default_symmetry

DRAWS, FEWEST_DRAWS = 200, 100
"""Ensembles that are simulated, and with how many a band is still given, where matrices are large."""
MOST_MEMBERS, FEWEST_MEMBERS = 100, 10
"""Members of a simulated ensemble at most, and at least where there are as many."""
MOST_EIGENVALUES = 20
"""Members of which eigenvalues are computed, at most: they take up to ten times as long."""
WORK, DRAWING = 3 * 2**31, 64
"""Products of numbers spent on simulated matrices, about three seconds; drawing an entry takes as long as so many."""
ROUNDING = 1e-12
"""Squared singular values below this part of the largest are rounding errors."""
LEVEL = 0.95


class Compared(NamedTuple):
    """Means over members, beside what ensembles of the fitted law show; those are NaN where they are not simulated."""

    observed: Float[np.ndarray, "*rest"]
    expected: Float[np.ndarray, "*rest"]
    low: Float[np.ndarray, "*rest"]
    high: Float[np.ndarray, "*rest"]


class Traces(NamedTuple):
    """tr (M M^T)^k over members, for k in `ORDERS`."""

    mean: Float[np.ndarray, "orders"]
    se: Float[np.ndarray, "orders"]
    """Standard error of the mean; +inf for a single member."""
    theory: Float[np.ndarray, "orders"]
    """Exact expectation under the fitted law."""
    z: Float[np.ndarray, "orders"]
    """Theory less mean in joint standard errors, with its sign; NaN for k = 1, which is fitted."""
    p: Float[np.ndarray, "orders"]


class Spectrum(NamedTuple):
    """The singular values of one ensemble, and what its fitted law says of them."""

    symmetry: Symmetry
    singular: Float[np.ndarray, "N p"]
    """Of each member, from the largest; p = min(m, n)."""
    traces: Traces
    ranks: Compared
    """The largest, the second, ...: p means."""
    bulk: Bulk
    """Of independent entries of the fitted variance vE, in units squared."""
    above: Compared
    """How many singular values of a member lie above what the largest of the bulk alone stays below in 95 %."""
    outliers: Float[np.ndarray, "outliers"]
    """Where large matrices of the nearest law of separate permutations have singular values outside the bulk."""
    radius: Compared | None
    """Largest absolute value of an eigenvalue; None where it is not known, see `SpectralValues`."""
    circle: float
    """sqrt(D vE): the radius of the disc that large matrices of independent entries fill with eigenvalues."""
    status: str
    """"ok", or cause and remedy of what could not be computed."""

    @property
    def edge(self) -> float:
        """The singular value that the largest of the bulk alone stays below in 95 % of matrices."""
        return float(np.sqrt(self.bulk.largest))


def spectrum(data: Any, symmetry: Symmetry | None = None, seed: int = 0) -> Spectrum:
    """Singular values, and the spectral radius of square matrices, of an ensemble [N, m, n] against its fitted law.

    Args:
        data: the matrices; members with a non-finite entry are excluded and named in the status.
        symmetry: by default simultaneous permutations for square matrices, separate ones for others.
        seed: of the simulated ensembles.

    Raises:
        ValueError: if the data are not matrices of the shape of the symmetry, or no member is finite.
    """
    symmetry = symmetry or default_symmetry(data)
    stack, finite = finite_ensemble(data, symmetry)
    found = recorded_spectrum(spectral_values(stack), np.asarray(symmetry.block_moments(stack)), symmetry, seed)
    excluded = exclusion(len(stack), tuple(np.flatnonzero(~finite).tolist()))
    return found._replace(status=joined([excluded, found.status]))


def recorded_spectrum(
    values: SpectralValues,
    block_moments: Float[np.ndarray, "N moments"],
    symmetry: Symmetry,
    seed: int = 0,
    *,
    simulate: bool = True,
) -> Spectrum:
    """The spectrum of N matrices, all finite, of which these values are known.

    Args:
        values: of every member.
        block_moments: of every member.
        symmetry: of the law that is fitted.
        seed: of the simulated ensembles.
        simulate: whether to compare with ensembles of the law, for up to half a minute; else expectations and bands
            of what has no closed form are NaN.
    """
    (rows, columns), members = symmetry.shapes[0], len(block_moments)
    model = fit_moments(block_moments, symmetry).model
    bulk = bulk_of(model)
    singular = np.asarray(values.singular, np.float64)
    traces, tested = trace_test(singular, block_moments, symmetry)
    own = [singular, _above(singular, bulk), np.asarray(values.radius, np.float64)]
    draws = _simulated(model.parameters, members, symmetry, bulk, seed) if simulate else None
    ranks, above, radius = (
        _compared(np.asarray(observed.mean(axis=0)), None if draws is None else draws[k], members)
        for k, observed in enumerate(own)
    )
    few = f"matrices of {rows} x {columns}: bands are not simulated, they would take minutes; see theory and outliers"
    return Spectrum(
        symmetry=symmetry,
        singular=singular,
        traces=traces,
        ranks=ranks,
        bulk=bulk,
        above=above,
        outliers=outliers(two_way(model), rows, columns),
        radius=radius if np.isfinite(radius.observed) else None,
        circle=float(np.sqrt(rows * bulk.variance)) if rows == columns else np.nan,
        status=joined([tested, few if simulate and draws is None else OK]),
    )


def trace_test(
    singular: Float[np.ndarray, "N p"], block_moments: Float[np.ndarray, "N moments"], symmetry: Symmetry
) -> tuple[Traces, str]:
    """The trace moments of members with these singular values and block moments, with their test and its status."""
    values = np.stack([np.sum(singular ** (2 * k), axis=1) for k in ORDERS], axis=1)
    observed, graphs = moments(values), tuple(map(cycle, ORDERS))
    test = theory_test(values, block_moments, graphs, symmetry)
    # The first is a combination of the fitted invariants: any difference is rounding.
    fitted = np.array(ORDERS) == 1
    z, p = (np.where(fitted, np.nan, value) for value in (test.z, test.p))
    theory = trace_moments(fit_moments(block_moments, symmetry).model)
    return Traces(observed.mean, observed.se, theory, z, p), test.status


def _above(singular: np.ndarray, bulk: Bulk) -> Float[np.ndarray, "*batch"]:
    squared = singular**2
    return np.sum(squared > np.maximum(bulk.largest, ROUNDING * squared[..., :1]), axis=-1).astype(float)


class _Draws(NamedTuple):
    """Means over the members of each simulated ensemble, and over how many."""

    means: Float[np.ndarray, "draws *rest"]
    members: int


def _simulated(
    parameters: np.ndarray, members: int, symmetry: Symmetry, bulk: Bulk, seed: int
) -> tuple[_Draws, ...] | None:
    """Ranks, counts above the bulk and, of square matrices, spectral radii; None where that would take too long."""
    rows, columns = symmetry.shapes[0]
    affordable = WORK // (rows * columns * (min(rows, columns) + DRAWING))
    draws = DRAWS if affordable >= DRAWS * min(members, MOST_MEMBERS) else FEWEST_DRAWS
    used = min(members, MOST_MEMBERS, affordable // draws)
    if used < min(members, FEWEST_MEMBERS):
        return None
    first = min(used, MOST_EIGENVALUES, max(1, affordable // (25 * draws)))
    found: list[tuple[np.ndarray, ...]] = []
    for chunk in conditional_ensembles(parameters, used, symmetry, draws, seed):
        singular, radius = singular_values(chunk), spectral_radii(chunk[:, :first])
        found.append(tuple(values.mean(axis=1) for values in (singular, _above(singular, bulk), radius)))
    ranks, above, radii = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return _Draws(ranks, used), _Draws(above, used), _Draws(radii, first)


def _compared(observed: np.ndarray, draws: _Draws | None, members: int) -> Compared:
    """The observed means beside centre and band of the simulated ones, for as many members as observed."""
    if draws is None:
        nan = np.full_like(observed, np.nan)
        return Compared(observed, nan, nan, nan)
    centre, scale = draws.means.mean(axis=0), np.sqrt(draws.members / members)
    low, high = np.quantile(draws.means - centre, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Compared(observed, *map(np.asarray, (centre, centre + scale * low, centre + scale * high)))
