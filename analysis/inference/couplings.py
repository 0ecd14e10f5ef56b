"""Score test of the Gaussian law against couplings to cubic and quartic invariants: one number a degree.

Under the Gaussian law delta, the means of the Wick polynomials over N members, has covariance C/N, and N delta^T C^-1
delta is chi^2 with as many degrees of freedom as there are couplings: the score test of all of them together, which
needs the Gaussian fit only. g = C^-1 delta are their values to first order.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import chdtrc

from analysis.inference.leaving_out import error_of, left_out
from analysis.inference.multiplicity import LEVEL
from analysis.inference.nesting import wald_within
from analysis.model.coupling_covariance import DEGREES, coupled_graphs, usable
from analysis.model.couplings import FirstOrder, first_order, fitted_couplings, whitened
from analysis.model.cumulants import cumulant_table, evaluate_cumulants
from analysis.model.fitting import exclusion, finite_ensemble
from analysis.model.hermite import HIGHEST
from analysis.model.plugin import parameters_from_moments
from analysis.model.status import OK, joined
from analysis.symmetry import Symmetry, default_symmetry
from invariants import Graph

FEWEST = 5
"""Members below which the score is far from chi^2, and the error of a coupling as large as its value."""


class Couplings(NamedTuple):
    """Couplings of all connected graphs of degree 3 and 4; NaN where `status` says why."""

    graphs: tuple[Graph, ...]
    kappa: Float[np.ndarray, "graphs"]
    """Plug-in cumulants, 0 for a Gaussian law."""
    kappa_se: Float[np.ndarray, "graphs"]
    """Their standard error to leading order if the law is Gaussian, sqrt(B_GG / N)."""
    z: Float[np.ndarray, "graphs"]
    """kappa in these errors."""
    delta: Float[np.ndarray, "graphs"]
    """Mean of :I_G: over the members, relative to their own fit."""
    g: Float[np.ndarray, "graphs"]
    """Couplings to :I_G: to first order, all of a degree together."""
    g_se: Float[np.ndarray, "graphs"]
    """Their standard error if the law is Gaussian, sqrt((C^-1)_GG / N): for tests."""
    g_robust_se: Float[np.ndarray, "graphs"]
    """Their standard error over members, whatever the law: for intervals."""
    degrees: tuple[int, ...]
    """3 and 4, those of the joint tests."""
    score: Float[np.ndarray, "degrees"]
    """N delta^T C^-1 delta of each degree."""
    dof: Int[np.ndarray, "degrees"]
    """Number of couplings of each degree."""
    p: Float[np.ndarray, "degrees"]
    """By the chi^2 law; 0 where it is below the smallest number: then the score tells more."""
    status: str
    """"ok", or causes and remedies in one line."""


def couplings(data: Any, symmetry: Symmetry) -> Couplings:
    """Couplings of an ensemble of matrices [N, m, n] under separate permutations.

    Members with a non-finite entry are left out, and the status says so. One constant is subtracted from all entries
    first: nothing but rounding errors depends on it. Of square matrices the status tells whether separate permutations
    are rejected within simultaneous ones.

    Raises:
        ValueError: if the data are not matrices of the shape of the symmetry, it is not that of separate permutations,
            or no member is finite.
    """
    data, finite = finite_ensemble(data, symmetry)
    left = exclusion(len(data), tuple(np.flatnonzero(~finite).tolist()))
    centred = data - data.mean()
    values = symmetry.evaluate(symmetry.every, centred)
    found = couplings_of(values, np.asarray(symmetry.block_moments(centred)), symmetry)
    return found._replace(status=joined((left, found.status, separation(data, symmetry))))


def couplings_of(
    values: Float[np.ndarray, "N graphs"], block_moments: Float[np.ndarray, "N moments"], symmetry: Symmetry
) -> Couplings:
    """Couplings of an ensemble, given by all invariants of degree 1 to 4 and the block moments of its N members.

    g = C^-1 delta, score = N delta^T C^-1 delta, dof = number of graphs that fit into the matrix; p by chi^2.

    Args:
        values: invariants of the members, in the order of `symmetry.every`.
        block_moments: of the same members.
        symmetry: that of separate permutations.

    Raises:
        ValueError: if the symmetry does not permute rows and columns apart.

    Source: Rao, Proc. Camb. Phil. Soc. 44 (1948), 50, for score tests.
    """
    graphs, members, kept = coupled_graphs(symmetry), len(values), usable(symmetry)
    kappa = cumulants_of_means(values.mean(axis=0), symmetry)
    law = first_order(parameters_from_moments(block_moments, symmetry), symmetry)
    causes = [_few(members), _constant(law, members), _small(symmetry)]
    nothing = members < FEWEST or bool(law.singular)
    y = whitened(law, kappa)
    kappa_se = np.where(kept, law.scale, np.nan) / np.sqrt(members)
    g, spread = fitted_couplings(law, y, kept)
    robust = np.full(len(g), np.nan) if nothing else _robust_error(values, block_moments, symmetry)
    degree = np.array([graph.degree for graph in graphs])
    dof = np.array([np.sum(kept & (degree == k)) for k in DEGREES])
    score = members * np.array([np.sum(y[degree == k] ** 2) for k in DEGREES])
    missing = np.nan if nothing else 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        z = kappa / kappa_se
    return Couplings(
        graphs,
        kappa,
        kappa_se * missing,
        z * missing,
        law.design.T @ y * missing,
        np.where(kept, g, np.nan) * missing,
        np.where(kept, spread, np.nan) / np.sqrt(members) * missing,
        np.where(kept, robust, np.nan),
        DEGREES,
        score * missing,
        dof,
        chdtrc(dof, score) * missing,
        joined(causes),
    )


def cumulants_of_means(
    means: Float[np.ndarray, "*batch graphs"], symmetry: Symmetry
) -> Float[np.ndarray, "*batch couplings"]:
    """Cumulants of `coupled_graphs` from the means of all invariants of degree 1 to 4; NaN where indices run out."""
    table = cumulant_table(HIGHEST, symmetry)
    at = [table.graphs.index(graph) for graph in coupled_graphs(symmetry)]
    return evaluate_cumulants(table, means)[..., at]


def separation(data: Float[np.ndarray, "N m n"], symmetry: Symmetry) -> str:
    """What a status must say of square matrices that separate permutations do not describe; empty for others."""
    whole = default_symmetry(data)
    if symmetry.full == whole.full or symmetry.full not in whole.family:
        return ""
    test = wald_within(np.asarray(whole.block_moments(data)), symmetry.full, whole)
    return confounded(float(test.p), str(test.status))


def confounded(p: float, status: str = OK) -> str:
    """The same from the test of separate permutations within simultaneous ones, which may not have been made.

    A Gaussian law that is invariant under simultaneous permutations only is, with rows and columns permuted apart, a
    mixture of Gaussian laws: a large score is then no evidence against the Gaussian law.
    """
    if np.isnan(p):
        return f"separate permutations could not be tested within simultaneous ones ({status})"
    if p >= LEVEL:
        return ""
    return (
        f"separate permutations are rejected within simultaneous ones (p = {p:.2g}): the score is no evidence against "
        "the Gaussian law; use the simultaneous symmetry"
    )


def _robust_error(values: np.ndarray, block_moments: np.ndarray, symmetry: Symmetry) -> Float[np.ndarray, "graphs"]:
    parts = left_out(values, block_moments, symmetry)
    law = first_order(parts.parameters, symmetry)
    others, _ = fitted_couplings(law, whitened(law, cumulants_of_means(parts.means, symmetry)), usable(symmetry))
    return error_of(others)


def _few(members: int) -> str:
    if members >= FEWEST:
        return ""
    return f"{members} member{'s' * (members > 1)}: couplings need at least {FEWEST}; add members"


def _constant(law: FirstOrder, members: int) -> str:
    if not law.singular or members < FEWEST:
        return ""
    return "a fitted variance vanishes (constant or linearly dependent matrices): no couplings; add members that vary"


def _small(symmetry: Symmetry) -> str:
    kept: Bool[np.ndarray, "graphs"] = usable(symmetry)
    if kept.all():
        return ""
    (rows, columns), *_ = symmetry.shapes
    return (
        f"{int(np.sum(~kept))} of {len(kept)} couplings are not defined for matrices of {rows} x {columns}, whose "
        "invariants are combinations of the others: use larger ones (4 x 4 for all)"
    )
