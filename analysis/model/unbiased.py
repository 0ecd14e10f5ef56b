"""Expectations of invariants estimated without bias: the polynomials of the law with corrected monomials.

For Gaussian members the plug-in parameters have known laws: on the trivial block <x> ~ N(mu, S/N) and N S^ ~ Wishart(S,
N - 1), on the others N d S^ ~ Wishart(S, N d), all independent. So every monomial in the entries of a matrix has an
exact unbiased estimator, again a polynomial in the plug-in parameters. They are complete and sufficient: the estimator
is E[I_G | fit], and its expectation that of the mean invariant exactly, at every N >= 3 up to degree 5, N >= 4 for 6.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from math import prod

import numpy as np
from jaxtyping import Float

from analysis.model.contractions import ExpectationTable
from analysis.model.wick import expectation_table
from analysis.symmetry import Symmetry
from analysis.symmetry.blocks import upper_triangle
from analysis.symmetry.partitions import identify
from invariants import Graph

FEWEST = 3
"""Members below which products of covariances on the trivial block have no unbiased estimate."""

Pair = tuple[int, int]
Polynomial = dict[tuple[int, ...], float]
"""Coefficient of each product of parameters, by their positions."""


@cache
def unbiased_table(graphs: tuple[Graph, ...], symmetry: Symmetry, members: int) -> ExpectationTable:
    """The table of E[I_G] with every monomial in the parameters replaced by its unbiased estimator from N members.

    Raises:
        ValueError: fewer than 3 members.
    """
    if members < FEWEST:
        raise ValueError(f"{members} members: products of covariances need at least {FEWEST}")
    plain, constant = expectation_table(graphs, symmetry), len(symmetry.parameter_names)
    rows: dict[tuple[int, ...], np.ndarray] = {}
    for monomial, coefficients in zip(plain.monomials, plain.coefficients, strict=True):
        factors = tuple(int(position) for position in monomial if position != constant)
        for term, value in _unbiased(factors, symmetry, members).items():
            rows[term] = rows.get(term, 0) + value * coefficients
    order = sorted(rows, key=lambda term: (len(term), term))
    degree = max(map(len, order), default=0)
    padded = np.array([(*term, *[constant] * (degree - len(term))) for term in order], dtype=int)
    return ExpectationTable(padded.reshape(len(order), degree), np.array([rows[term] for term in order]))


def table_gradient(
    table: ExpectationTable, parameters: Float[np.ndarray, "parameters"]
) -> Float[np.ndarray, "parameters graphs"]:
    """Derivatives of all expectations of a table at one parameter vector."""
    values = np.append(parameters, 1.0)[table.monomials]
    slopes = np.zeros((len(parameters) + 1, table.coefficients.shape[1]))
    for k in range(table.monomials.shape[1]):
        others = np.prod(np.delete(values, k, axis=1), axis=1)
        np.add.at(slopes, table.monomials[:, k], others[:, None] * table.coefficients)
    return slopes[:-1]


def _unbiased(factors: tuple[int, ...], symmetry: Symmetry, members: int) -> Polynomial:
    """The unbiased estimator of a product of parameters as a polynomial in the plug-in ones."""
    trivial, *others = symmetry.blocks
    names = _positions(symmetry)
    total: Polynomial = defaultdict(float)
    for left, pairs in _matchings([position for position in factors if position < trivial.slots]):
        # mu_a mu_b = x_a x_b - S_ab / N, and so on for every pair; parameters are the means times their unit.
        sign = (-(symmetry.mean_unit**2) / members) ** len(pairs)
        inside = set(names[0].values())
        spread = [names[0][pair] for pair in pairs] + [position for position in factors if position in inside]
        for term, value in _products(spread, names[0], members - 1, members / (members - 1)).items():
            total[tuple(sorted((*left, *term)))] += sign * value
    for block, own in zip(others, names[1:], strict=True):
        inside = set(own.values())
        if chosen := [position for position in factors if position in inside]:
            total = _times(total, _products(chosen, own, members * block.dimension, 1.0))
    return total


@cache
def _positions(symmetry: Symmetry) -> tuple[dict[Pair, int], ...]:
    """Of each block the position in the parameter vector of every entry of its covariance."""
    start, positions = symmetry.blocks[0].slots, []
    for block in symmetry.blocks:
        pairs = zip(*(indices.tolist() for indices in upper_triangle(block.slots)), strict=True)
        positions.append({pair: start + k for k, pair in enumerate(pairs)})
        start += block.entries
    return tuple(positions)


def _matchings(means: list[int]) -> Iterator[tuple[tuple[int, ...], tuple[Pair, ...]]]:
    """All partial matchings of the factors of a product of means: what is left over, and the pairs."""
    if not means:
        yield (), ()
        return
    first, rest = means[0], means[1:]
    for left, pairs in _matchings(rest):
        yield (first, *left), pairs
    for k, other in enumerate(rest):
        for left, pairs in _matchings(rest[:k] + rest[k + 1 :]):
            yield left, ((min(first, other), max(first, other)), *pairs)


def _products(chosen: list[int], names: dict[Pair, int], freedom: int, factor: float) -> Polynomial:
    """Unbiased product of k entries of a covariance T = factor * plug-in, T ~ Wishart(S, n) / n with n the freedom.

    With p(S) the product of S_ab over the pairs (a, b) of a pairing p of the 2k indices, E p(T) is the sum over all
    pairings q of n^(loops(p, q) - k) q(S), where loops counts the cycles that both pairings make. The inverse of that
    matrix gives the estimator; for a single variance it is T^k over (1 + 2/n) ... (1 + (2k-2)/n). With fewer degrees of
    freedom than factors there is none, and what is nearest is taken.

    Source: Collins and Sniady, Commun. Math. Phys. 264 (2006), 773.
    """
    count, index = len(chosen), {position: pair for pair, position in names.items()}
    if len(names) == 1:
        shrinkage = prod(freedom / (freedom + 2 * k) for k in range(1, count))
        return {tuple(chosen): factor**count * shrinkage}
    if count < 2:
        return {tuple(chosen): factor**count}
    ends = [end for position in chosen for end in index[position]]
    result: Polynomial = defaultdict(float)
    for pairing, weight in _weights(count, freedom):
        joined = ((ends[a], ends[b]) for a, b in pairing)
        result[tuple(sorted(names[min(pair), max(pair)] for pair in joined))] += factor**count * weight
    return result


@cache
def _weights(count: int, freedom: int) -> tuple[tuple[tuple[Pair, ...], float], ...]:
    """Every pairing of 2k indices, with its weight in the unbiased product of k entries."""
    pairings = [pairs for left, pairs in _matchings(list(range(2 * count))) if not left]
    given = tuple((2 * k, 2 * k + 1) for k in range(count))
    gram = [[float(freedom) ** (_loops(p, q) - count) for q in pairings] for p in pairings]
    weights = np.linalg.pinv(np.array(gram), hermitian=True)[pairings.index(given)]
    return tuple(zip(pairings, weights.tolist(), strict=True))


def _loops(one: tuple[Pair, ...], other: tuple[Pair, ...]) -> int:
    """How many cycles two pairings of the same indices make."""
    return len(set(identify(2 * len(one), (*one, *other))))


def _times(one: Polynomial, other: Polynomial) -> Polynomial:
    """The product of two polynomials."""
    product: Polynomial = defaultdict(float)
    for term, value in one.items():
        for more, weight in other.items():
            product[tuple(sorted((*term, *more)))] += value * weight
    return product
