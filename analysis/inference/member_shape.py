"""The shape of single members beyond their block moments: joint cumulants of the entries of each, against the others.

The cumulants of one matrix are those of its entries when rows and columns are relabelled at random, standardised by its
own variances: a common shift or a scale does not change them. Members whose cumulants differ from those of the others,
in the largest score over all patterns, have another shape: heavy rows, tails, another structure.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float

from analysis.inference.conditional import conditional_ensembles, evaluated
from analysis.inference.member_scores import separate_scores, settled
from analysis.model.contractions import ExpectationTable, evaluate_table
from analysis.model.cumulants import CumulantTable, evaluate_cumulants, pattern_table
from analysis.symmetry import Symmetry
from analysis.symmetry.single import SingleMatrix
from invariants import Graph

DRAWS = 2000
"""Members that are simulated."""
LARGEST = 32
"""Rows and columns of simulated matrices at most."""
MOST_MEMBERS = 1000
"""Members of a simulated ensemble at most: of more, the others are known as well as the law itself."""
CHUNK = 1 << 12
"""Members whose cumulants are computed at once."""
LOST = 1e-11
"""A cumulant whose terms are larger than its scale by the inverse of this has lost its digits."""


def member_cumulants(every: Float[np.ndarray, "N every"], symmetry: Symmetry) -> Float[np.ndarray, "N patterns"]:
    """Standardised cumulants of each single member, of `symmetry.patterns`, from its invariants of `symmetry.every`.

    NaN where a pattern has more nodes than the matrices have rows, an entry does not vary, or all digits are lost.
    """
    table = pattern_table(symmetry)
    needed = [symmetry.every.index(graph) for graph in table.graphs]
    chosen = [table.graphs.index(graph) for graph in symmetry.patterns]
    found = [_cumulants(every[k : k + CHUNK][:, needed], table, symmetry) for k in range(0, len(every), CHUNK)]
    return np.concatenate(found)[:, chosen]


def shape_scores(
    cumulants: Float[np.ndarray, "N patterns"], reference: Bool[np.ndarray, "N"]
) -> Float[np.ndarray, "N patterns"]:
    """Scores of each member against the others, in units of the members' own scatter where that is wider."""
    return settled(separate_scores(cumulants, reference)).scores


def largest_score(scores: Float[np.ndarray, "*batch patterns"]) -> Float[np.ndarray, "*batch"]:
    """The largest |score| over patterns, those that are not known left out."""
    return np.max(np.where(np.isnan(scores), 0.0, np.abs(scores)), axis=-1)


@lru_cache(maxsize=32)
def simulated_largest(
    parameters: tuple[float, ...], members: int, symmetry: SingleMatrix, seed: int
) -> Float[np.ndarray, "draws"]:
    """The largest scores of members of Gaussian ensembles with this fit, as exchangeable with those of the members.

    Larger matrices than `LARGEST`, whose cumulants are nearer to normal, are simulated as of that size: their p-values
    are then larger than need be.
    """
    symmetry, used = symmetry.at_most(LARGEST), min(members, MOST_MEMBERS)
    found = []
    for chunk in conditional_ensembles(np.array(parameters), used, symmetry, -(-DRAWS // used), seed):
        values = evaluated(symmetry.every, chunk, symmetry)
        cumulants = member_cumulants(values.reshape(-1, values.shape[-1]), symmetry)
        by_ensemble = np.moveaxis(cumulants.reshape(-1, used, cumulants.shape[-1]), 1, 0)
        scores = shape_scores(by_ensemble.reshape(used, -1), np.ones(used, dtype=bool))
        found.append(largest_score(scores.reshape(by_ensemble.shape)).ravel())
    return np.concatenate(found)


def _cumulants(invariants: np.ndarray, table: CumulantTable, symmetry: Symmetry) -> np.ndarray:
    values = evaluate_cumulants(table, invariants)
    entry = table.graphs.index(symmetry.canonical(Graph(((0, 1), (0, 1)))))
    loop = Graph(((0, 0), (0, 0)))
    variances = values[:, [table.graphs.index(loop) if loop in table.graphs else entry, entry]]
    spread = np.where(variances > 0, variances, np.nan)[:, None, :]
    # An entry that does not occur in the graph does not matter, even where it does not vary.
    scale = np.prod(np.where(table.powers > 0, spread ** (table.powers / 2), 1.0), axis=-1)
    terms = ExpectationTable(table.polynomials.monomials, np.abs(table.polynomials.coefficients))
    size = evaluate_table(terms, np.abs(invariants @ table.moments.T))
    return np.where(LOST * size < scale, values / scale, np.nan)
