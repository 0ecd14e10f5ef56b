"""Graph cumulants of an ensemble, with their errors, and whether they are 0 as for every Gaussian law."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr, stdtr

from analysis.inference.multiplicity import benjamini_hochberg
from analysis.model.contractions import ExpectationTable, evaluate_table
from analysis.model.cumulant_errors import gaussian_error
from analysis.model.cumulants import CumulantTable, cumulant_table, evaluate_cumulants, pattern_table
from analysis.model.fitting import finite_ensemble
from analysis.model.plugin import parameters_from_moments
from analysis.model.unbiased import table_gradient
from analysis.symmetry import Data, Symmetry, default_symmetry
from analysis.symmetry.base import matrices_of
from invariants import Graph

LOOP = Graph(((0, 0), (0, 0)))
"""Its cumulant is the variance of an entry on the diagonal, where it is of its own kind."""
FEWEST = 3
"""Members from which on their own spread is the error. That of Gaussian members, which needs no spread, says only that
some cumulant is not 0: of a law with heavy tails it finds others as well that are."""
ROUNDING = 1e-13
"""A cumulant whose terms are so large that this fraction of them exceeds its error is lost in rounding."""


class Cumulant(NamedTuple):
    """The joint cumulant of the entries of a pattern; NaN where `cumulants` says so."""

    value: float
    """In units of an entry to the power of the degree."""
    standardised: float
    """Divided by the standard deviation of each entry: skewness and excess kurtosis for a single entry."""
    se: float
    """Standard error of the value, over members."""
    standardised_se: float
    """Standard error of the standardised one, over members."""
    z: float
    """The value over its standard error; for one or two members over the error that it has if they are Gaussian."""
    p: float
    """Two-sided, by Student's law with N - 1 degrees of freedom; for one or two members by the normal law."""
    q: float
    """p adjusted for the false-discovery rate among the cumulants of the degree."""


class Estimates(NamedTuple):
    """Cumulants of all graphs of a table, as in `Cumulant`; z and p are NaN below degree 3."""

    value: Float[np.ndarray, "graphs"]
    standardised: Float[np.ndarray, "graphs"]
    se: Float[np.ndarray, "graphs"]
    standardised_se: Float[np.ndarray, "graphs"]
    z: Float[np.ndarray, "graphs"]
    p: Float[np.ndarray, "graphs"]


def cumulants(data: Any, degree: int, symmetry: Symmetry | None = None) -> dict[Graph, Cumulant]:
    """Cumulants of the graphs of one degree, 1 to 4, of matrices [N, m, n].

    A value is NaN where the graph has more nodes than the matrices have rows, or columns; a standardised one where an
    entry does not vary; errors for a single member; z, p and q below degree 3, where no Gaussian law says what to
    expect.

    Args:
        data: the matrices; members with a non-finite entry are left out.
        degree: of the cumulants; those of one entry are mean, variance, skewness and excess kurtosis.
        symmetry: by default simultaneous permutations for square matrices, separate ones for others.

    Raises:
        ValueError: if the data are not matrices of the shape of the symmetry, no member is finite, or the degree is not
            1 to 4.
    """
    if degree not in (1, 2, 3, 4):
        raise ValueError(f"cumulants of degree {degree!r}: give 1, 2, 3 or 4")
    symmetry = symmetry or default_symmetry(data)
    kept, _ = finite_ensemble(data, symmetry)
    table = cumulant_table(max(degree, 2), symmetry)  # standardised ones need the variances
    moments = np.asarray(symmetry.block_moments(kept))
    centred = centred_invariants(kept, moments, table.graphs, symmetry)
    values = centred if degree > 1 else symmetry.evaluate(table.graphs, kept)
    found = estimates(values, moments, table, symmetry)
    chosen = [i for i, graph in enumerate(table.graphs) if graph.degree == degree]
    columns = [column[chosen] for column in found]
    q = benjamini_hochberg(found.p[chosen])
    return {
        table.graphs[i]: Cumulant(*map(float, row), q=float(adjusted))
        for i, adjusted, *row in zip(chosen, q, *columns, strict=True)
    }


def centred_invariants(
    data: Data, block_moments: Float[np.ndarray, "N moments"], graphs: tuple[Graph, ...], symmetry: Symmetry
) -> Float[np.ndarray, "N graphs"]:
    """Invariants of the members less their common mean, so that nothing cancels where that is large.

    Cumulants of degree 2 and higher are the same; what is subtracted is the mean on the trivial block.
    """
    zero = [np.zeros_like(matrix[:1]) for matrix in matrices_of(data)]
    trivial, *others = symmetry.project(tuple(zero) if isinstance(data, tuple) else zero[0])
    mean = block_moments[:, : trivial.shape[-1]].mean(axis=0)
    common = matrices_of(symmetry.compose((trivial + mean, *others)))
    centred = tuple(matrix - part for matrix, part in zip(matrices_of(data), common, strict=True))
    return symmetry.evaluate(graphs, centred if isinstance(data, tuple) else centred[0])


def pattern_cumulants(
    invariants: Float[np.ndarray, "N graphs"], block_moments: Float[np.ndarray, "N moments"], symmetry: Symmetry
) -> Estimates:
    """Cumulants of `symmetry.patterns`; NaN where the invariants are not those of `symmetry.every`."""
    if invariants.shape[1] != len(symmetry.every):
        return Estimates._make([np.full(len(symmetry.patterns), np.nan)] * len(Estimates._fields))
    table = pattern_table(symmetry)
    needed = [symmetry.every.index(graph) for graph in table.graphs]
    found = estimates(invariants[:, needed], block_moments, table, symmetry)
    chosen = [table.graphs.index(graph) for graph in symmetry.patterns]
    return Estimates._make(column[chosen] for column in found)


def estimates(
    invariants: Float[np.ndarray, "N graphs"],
    block_moments: Float[np.ndarray, "N moments"],
    table: CumulantTable,
    symmetry: Symmetry,
) -> Estimates:
    """Cumulants and their errors from the invariants of N finite members, in the order of the graphs of the table.

    The error over members is that of the first-order change of a cumulant with what each member adds to the means.
    """
    members, degrees = len(invariants), np.array([graph.degree for graph in table.graphs])
    means = invariants.mean(axis=0)
    t, slopes = table.moments @ means, table_gradient(table.polynomials, table.moments @ means)
    value = evaluate_cumulants(table, means)
    influence = (invariants - means) @ (table.moments.T @ slopes)
    off_diagonal = table.graphs.index(symmetry.canonical(Graph(((0, 1), (0, 1)))))
    on_diagonal = table.graphs.index(LOOP) if LOOP in table.graphs else off_diagonal
    variances = [on_diagonal, off_diagonal]
    scale, relative = _scale(value[variances], influence[:, variances], table.powers)
    standardised = value / scale
    se, standardised_se = (
        np.sqrt(np.sum(part**2, axis=0) / (members * (members - 1))) if members > 1 else np.full(len(value), np.nan)
        for part in (influence, influence / scale - standardised * relative)
    )
    high, error = degrees > 2, se
    if members < FEWEST:
        tested = tuple(graph for graph in table.graphs if graph.degree > 2)
        error = np.full(len(value), np.nan)
        error[high] = gaussian_error(tested, parameters_from_moments(block_moments, symmetry), symmetry, members)
    terms = ExpectationTable(table.polynomials.monomials, np.abs(table.polynomials.coefficients))
    lost = high & (ROUNDING * evaluate_table(terms, np.abs(t)) > error)
    z = np.divide(value, error, out=np.full(len(value), np.nan), where=high & (error > 0))
    p = 2 * (stdtr(members - 1, -np.abs(z)) if members >= FEWEST else ndtr(-np.abs(z)))
    found = Estimates(value, standardised, se, standardised_se, z, p)
    return Estimates._make(np.where(lost | np.isnan(value), np.nan, column) for column in found)


def _scale(
    variances: Float[np.ndarray, "2"], influence: Float[np.ndarray, "N 2"], powers: Int[np.ndarray, "graphs 2"]
) -> tuple[Float[np.ndarray, "graphs"], Float[np.ndarray, "N graphs"]]:
    """Of each graph the product of the standard deviations of its entries, and what members add to its logarithm."""
    spread = np.where(variances > 0, variances, np.nan)
    # An entry that does not occur in the graph does not matter, even where it does not vary.
    scale = np.prod(np.where(powers > 0, spread ** (powers / 2), 1.0), axis=1)
    return scale, influence @ np.where(powers > 0, powers / (2 * spread), 0.0).T
