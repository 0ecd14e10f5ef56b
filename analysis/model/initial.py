"""Exact moments of invariants and of the fitted parameters when all entries are independent and of one law."""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.model.entry_law import EntryLaw
from analysis.model.gaussian import PIGMM
from analysis.symmetry import Simultaneous, Symmetry
from analysis.symmetry.partitions import equal_pairs, identify, set_partitions
from invariants import Graph, is_bipartite

Shape = tuple[int, int]
Combination = tuple[tuple[Graph, Fraction], ...]
"""A linear combination of invariants."""


class Prediction(NamedTuple):
    """Expectation and standard error of a list of statistics of an ensemble."""

    mean: Float[np.ndarray, "statistics"]
    se: Float[np.ndarray, "statistics"]


def iid_model(mean: float | int, std: float | int, dim: int) -> PIGMM:
    """The Gaussian law of D x D matrices with independent entries of this mean and standard deviation."""
    return PIGMM.from_parameters(Simultaneous(dim).isotropic(float(mean), float(std)), dim=dim)


def iid_invariants(law: EntryLaw, graphs: Sequence[Graph], shape: Shape, members: int) -> Prediction:
    """Expectation of each I_G, and standard error sqrt(Var I_G / N) of its mean over N members.

    The published standard errors count repeated unordered pairs as independent; these do not.

    Args:
        law: of an entry.
        graphs: invariants; bipartite ones where rows and columns are not equally many.
        shape: rows and columns.
        members: N.

    Raises:
        ValueError: if the law holds fewer cumulants than the variance needs, twice the degree; or a graph needs square
            matrices.
    """
    rows, columns = shape
    if rows != columns and not all(map(is_bipartite, graphs)):
        raise ValueError(
            f"graphs with a node that is row and column, for {rows} x {columns} matrices: give bipartite ones"
        )
    mean = [float(joint_cumulant((graph,), law, shape)) for graph in graphs]
    variance = [float(joint_cumulant((graph, graph), law, shape)) for graph in graphs]
    return Prediction(np.array(mean), np.sqrt(np.array(variance) / members))


def iid_parameters(law: EntryLaw, symmetry: Symmetry, members: int) -> Prediction:
    """Expectation and standard error of the plug-in parameters fitted to N members.

    Means, and covariances on all but the trivial block, are means over members of combinations of invariants. On the
    trivial block they are sample covariances s_ab of coordinates x_a, with cumulants k of x: E s_ab = (N-1)/N k_ab and
    Var s_ab = ((N-1)/N)^2 (k_aabb / N + (k_aa k_bb + k_ab^2) / (N-1)).

    Raises:
        ValueError: if the law holds fewer than four cumulants.
    """
    (shape,), tensors = symmetry.shapes, symmetry.tensors
    block, norms = symmetry.blocks[0], symmetry.weights[symmetry.blocks[0].slots :]
    linear = [tuple(tensor.items()) for tensor in tensors.means]
    pairs = [(a, b) for a in range(block.slots) for b in range(a, block.slots)]
    quadratic = [
        tuple((graph, coefficient / Fraction(norm)) for graph, coefficient in tensor.items()) if norm else ()
        for tensor, norm in zip(tensors.covariances[len(pairs) :], norms[len(pairs) :], strict=True)
    ]
    rational = [
        *(_mean_over_members(statistic, law, shape, members) for statistic in linear),
        *(_sample_covariance(linear[a], linear[b], law, shape, members) for a, b in pairs),
        *(_mean_over_members(statistic, law, shape, members) for statistic in quadratic),
    ]
    roots = tensors.mean_radicals
    means, spread = [root * symmetry.mean_unit for root in roots], [roots[a] * roots[b] for a, b in pairs]
    factors = np.array([*means, *spread, *tensors.radicals[len(pairs) :]])
    mean, variance = np.array([(float(e), float(v)) for e, v in rational]).T
    return Prediction(factors * mean, factors * np.sqrt(variance))


@cache
def joint_cumulant(graphs: tuple[Graph, ...], law: EntryLaw, shape: Shape) -> Fraction:
    """Joint cumulant of the invariants of the graphs: their mean for one graph, covariance for two.

    Sum over the set partitions of all edges that connect the graphs, of the number of indices that the nodes can take
    after merging the edges of each part, times the product of the entry cumulants k_|part|: entries have a joint
    cumulant only with themselves.

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
            total += weight * _assignments(identify(nodes, joined), {a for a, _ in edges}, shape)
    return total


def _assignments(labels: list[int], rows: set[int], shape: Shape) -> int:
    """In how many ways indices can be given to merged nodes, those in `rows` and all others."""
    first = {labels[node] for node in rows}
    return shape[0] ** len(first) * shape[1] ** len(set(labels) - first)


def _mean_over_members(statistic: Combination, law: EntryLaw, shape: Shape, members: int) -> tuple[Fraction, Fraction]:
    return _cumulant((statistic,), law, shape), _cumulant((statistic, statistic), law, shape) / members


def _sample_covariance(
    a: Combination, b: Combination, law: EntryLaw, shape: Shape, members: int
) -> tuple[Fraction, Fraction]:
    """Mean and variance of the covariance of two statistics over members, divided by N."""
    k_ab = _cumulant((a, b), law, shape)
    k_aabb = _cumulant((a, a, b, b), law, shape)
    pairs = _cumulant((a, a), law, shape) * _cumulant((b, b), law, shape) + k_ab**2
    shrink = Fraction(members - 1, members)
    return shrink * k_ab, shrink * (shrink * k_aabb + pairs) / members


def _cumulant(statistics: tuple[Combination, ...], law: EntryLaw, shape: Shape) -> Fraction:
    """Joint cumulant of combinations of invariants, which is linear in each of them."""
    total = Fraction(0)
    for terms in product(*statistics):
        graphs = tuple(graph for graph, _ in terms)
        total += prod((coefficient for _, coefficient in terms), start=joint_cumulant(graphs, law, shape))
    return total
