"""Mean and covariance of the entries of a chain of layers, as graphs with exact coefficients."""

from fractions import Fraction
from itertools import pairwise
from math import sqrt

from analysis.symmetry.tensors import Expansion, Pairs, Tensors, on_both_sides, projectors
from invariants import ChainGraph


def chain_tensors(sizes: tuple[int, ...]) -> Tensors:
    """What the parameters of a chain of layers of h_0, ..., h_K units multiply, in the order of their names.

    x_l x_q: J J / sqrt(n_l n_q). On H_l, with e_1, e_2, ... an orthonormal basis of vectors of sum zero: r_l r_l is
    (I - J/h_l) on rows times J/h_(l-1) on columns of W_l, likewise c_l c_l, and r_l c_(l+1) the sum over e of
    e 1^T / sqrt(h_(l-1)) in W_l times 1 e^T / sqrt(h_(l+1)) in W_(l+1). The centred projectors on both sides for R_l.
    Both orders of two different vectors are the same graphs, hence factors 2; the radicals are kept apart.
    """
    last = len(sizes) - 1
    entries = [rows * columns for columns, rows in pairwise(sizes)]
    flat, centred = zip(*map(projectors, sizes), strict=True)

    def within(layer: int, rows: int, columns: int) -> Expansion:
        """Of W_l, whether rows and columns are centred."""
        sides = (flat, centred)
        return on_both_sides(sides[rows][layer], sides[columns][layer - 1], lambda edges: _graph(edges, layer, layer))

    covariances, radicals = [], []
    for a in range(1, last + 1):
        covariances += [within(a, 0, 0), *(_product(a, b, entries) for b in range(a + 1, last + 1))]
        radicals += [1.0, *(sqrt(entries[a - 1] * entries[b - 1]) for b in range(a + 1, last + 1))]
    for layer, size in enumerate(sizes):
        if layer > 0:
            covariances.append(within(layer, 1, 0))
            radicals.append(1.0)
        if 0 < layer < last:
            outer = sizes[layer - 1] * sizes[layer + 1]
            covariances.append(_mixed(layer, size, outer))
            radicals.append(sqrt(outer))
        if layer < last:
            covariances.append(within(layer + 1, 0, 1))
            radicals.append(1.0)
    return Tensors(
        means=tuple({_graph(((0, 1),), layer): Fraction(1, n)} for layer, n in enumerate(entries, start=1)),
        mean_radicals=tuple(map(sqrt, entries)),
        covariances=(*covariances, *(within(layer, 1, 1) for layer in range(1, last + 1))),
        radicals=(*radicals, *(1.0,) * last),
        separate=False,
    )


def _product(a: int, b: int, entries: list[int]) -> Expansion:
    """The sums of two different matrices."""
    return {_graph(((0, 1), (2, 3)), a, b): Fraction(2, entries[a - 1] * entries[b - 1])}


def _mixed(layer: int, size: int, outer: int) -> Expansion:
    """Row sums of W_l with column sums of W_(l+1), sum over e of e_i e_k = delta_ik - 1/h_l."""
    joined, apart = (_graph(((0, 1), (2, column)), layer, layer + 1) for column in (0, 3))
    return {joined: Fraction(2, outer), apart: Fraction(-2, outer * size)}


def _graph(edges: Pairs, *layers: int) -> ChainGraph:
    return ChainGraph(edges, layers)
