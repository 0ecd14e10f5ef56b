"""Exact expectations of invariants under the model, for any graph, by Wick contraction."""

from collections import Counter
from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import Float

from analysis.block_tensors import covariance_tensors, graph_of_slots, mean_tensors, radicals
from analysis.contractions import ExpectationTable, Form, Indices, evaluate_table, partitions_of_edges, tabulate
from analysis.pigmm import PIGMM
from invariants import Graph


def expectation(model: PIGMM, graphs: Sequence[Graph]) -> Float[np.ndarray, "graphs"]:
    """E[I_G(M)] under the model, for each graph G, exactly up to one rounding of each coefficient.

    Source: Isserlis' theorem; for the cubic and quartic invariants Barnes, Padellaro and Ramgoolam, arXiv:2101.04054.
    """
    return expectations(model.parameters, graphs, model.dim)


def expectations(
    f: Float[np.ndarray, "*batch 13"], graphs: Sequence[Graph], dim: int
) -> Float[np.ndarray, "*batch graphs"]:
    """E[I_G] for each parameter vector f1..f13 and each graph."""
    return evaluate_table(expectation_table(tuple(graphs), dim), f)


@cache
def expectation_table(graphs: tuple[Graph, ...], dim: int) -> ExpectationTable:
    """The polynomials E[I_G] of the graphs in f1..f13, at one D."""
    return tabulate(graphs, _block_forms(dim), radicals(dim), Indices(dim, dim, separate=False))


def _block_forms(dim: int) -> dict[Graph, Form]:
    """Each delta coefficient as a linear form in the 13 block parameters, radicals apart."""
    forms: dict[Graph, Form] = {}
    means, covariances = mean_tensors(dim), covariance_tensors(dim)
    for edges, first, tensors in ((1, 0, means), (2, 2, covariances)):
        # Partitions that differ by the order of the two edges are the same graph and share its coefficient.
        orbit = Counter(graph_of_slots(labels) for labels in partitions_of_edges(edges, separate=False))
        for graph, size in orbit.items():
            forms[graph] = {first + b: tensor[graph] / size for b, tensor in enumerate(tensors) if tensor.get(graph)}
    return forms
