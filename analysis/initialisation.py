"""Exact moments of invariants and of the fitted parameters when all entries are independent and of one law."""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.block_tensors import covariance_tensors, mean_tensors, norms, radicals
from analysis.entry_law import EntryLaw
from analysis.partitions import equal_pairs, identify, set_partitions
from analysis.pigmm import PIGMM
from invariants import Graph

Combination = tuple[tuple[Graph, Fraction], ...]
"""A linear combination of invariants."""


class Prediction(NamedTuple):
    """Expectation and standard error of a list of statistics of an ensemble."""

    mean: Float[np.ndarray, "statistics"]
    se: Float[np.ndarray, "statistics"]


def iid_model(mean: float | int, std: float | int, dim: int) -> PIGMM:
    """The Gaussian law of independent entries: f1 = D mean, f3 = f5 = f6 = f9 = f11 = f12 = f13 = std^2, others 0."""
    v = float(std) ** 2
    return PIGMM(dim, np.array([dim * mean, 0.0]), v * np.eye(2), v * np.eye(3), v, v)


def iid_invariants(law: EntryLaw, graphs: Sequence[Graph], dim: int, members: int) -> Prediction:
    """Expectation of each I_G, and standard error sqrt(Var I_G / N) of its mean over N members.

    The published standard errors count repeated unordered pairs as independent; these do not.

    Raises:
        ValueError: if the law holds fewer cumulants than the variance needs, twice the degree.
    """
    mean = [float(joint_cumulant((graph,), law, dim)) for graph in graphs]
    variance = [float(joint_cumulant((graph, graph), law, dim)) for graph in graphs]
    return Prediction(np.array(mean), np.sqrt(np.array(variance) / members))


def iid_parameters(law: EntryLaw, dim: int, members: int) -> Prediction:
    """Expectation and standard error of the plug-in f1..f13 fitted to N members.

    f1, f2 and f6..f13 are means over members of combinations of invariants. f3..f5 are sample covariances s_ab of
    (x_1, x_2), with cumulants k of x: E s_ab = (N-1)/N k_ab and
    Var s_ab = ((N-1)/N)^2 (k_aabb / N + (k_aa k_bb + k_ab^2) / (N-1)).

    Raises:
        ValueError: if the law holds fewer than four cumulants.
    """
    linear = [tuple(tensor.items()) for tensor in mean_tensors(dim)]
    quadratic = [
        tuple((graph, coefficient / norm) for graph, coefficient in tensor.items()) if norm else ()
        for tensor, norm in zip(covariance_tensors(dim), norms(dim), strict=True)
    ]
    first, second = linear
    rational = [
        *(_mean_over_members(statistic, law, dim, members) for statistic in linear),
        *(_sample_covariance(a, b, law, dim, members) for a, b in ((first, first), (first, second), (second, second))),
        *(_mean_over_members(statistic, law, dim, members) for statistic in quadratic[3:]),
    ]
    factors = radicals(dim)
    # Unlike the tensor of f5, the sample covariance of x_2 with itself still lacks its radical, twice.
    factors[4] = 1 / (dim - 1)
    mean, variance = np.array([(float(e), float(v)) for e, v in rational]).T
    return Prediction(factors * mean, factors * np.sqrt(variance))


@cache
def joint_cumulant(graphs: tuple[Graph, ...], law: EntryLaw, dim: int) -> Fraction:
    """Joint cumulant of the invariants of the graphs: their mean for one graph, covariance for two.

    Sum over the set partitions of all edges that connect the graphs, of D^(nodes after merging the edges of each
    part) times the product of the entry cumulants k_|part|: entries have a joint cumulant only with themselves.

    Source: Leonov and Shiryaev, Theory Probab. Appl. 4 (1959), 319.
    """
    edges: list[tuple[int, int]] = []
    owners: list[int] = []
    nodes = 0
    for owner, graph in enumerate(graphs):
        edges += [(a + nodes, b + nodes) for a, b in graph.edges]
        owners += [owner] * graph.degree
        nodes += graph.nodes
    total = Fraction(0)
    for labels in set_partitions(len(edges)):
        weight = prod((law.cumulant(labels.count(part)) for part in set(labels)), start=Fraction(1))
        if weight and len(set(identify(len(graphs), equal_pairs(labels, owners)))) == 1:
            joined = [*equal_pairs(labels, (a for a, _ in edges)), *equal_pairs(labels, (b for _, b in edges))]
            total += weight * dim ** len(set(identify(nodes, joined)))
    return total


def _mean_over_members(statistic: Combination, law: EntryLaw, dim: int, members: int) -> tuple[Fraction, Fraction]:
    return _cumulant((statistic,), law, dim), _cumulant((statistic, statistic), law, dim) / members


def _sample_covariance(
    a: Combination, b: Combination, law: EntryLaw, dim: int, members: int
) -> tuple[Fraction, Fraction]:
    """Mean and variance of the covariance of two statistics over members, divided by N."""
    k_ab = _cumulant((a, b), law, dim)
    k_aabb = _cumulant((a, a, b, b), law, dim)
    pairs = _cumulant((a, a), law, dim) * _cumulant((b, b), law, dim) + k_ab**2
    shrink = Fraction(members - 1, members)
    return shrink * k_ab, shrink * (shrink * k_aabb + pairs) / members


def _cumulant(statistics: tuple[Combination, ...], law: EntryLaw, dim: int) -> Fraction:
    """Joint cumulant of combinations of invariants, which is linear in each of them."""
    total = Fraction(0)
    for terms in product(*statistics):
        graphs = tuple(graph for graph, _ in terms)
        total += prod((coefficient for _, coefficient in terms), start=joint_cumulant(graphs, law, dim))
    return total
