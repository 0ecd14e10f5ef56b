"""Exact expectations of invariants under a law, for any graph, by Wick contraction."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float

from analysis.model.contractions import (
    ExpectationTable,
    Form,
    Indices,
    evaluate_table,
    partitions_of_edges,
    tabulate,
)
from analysis.model.gaussian import Gaussian
from analysis.symmetry import Symmetry
from analysis.symmetry.tensors import Expansion, Tensors, graph_of_slots
from invariants import Graph, is_bipartite


def expectation(model: Gaussian | Any, graphs: Sequence[Graph] | Graph) -> Float[np.ndarray, "graphs"]:
    """E[I_G(M)] under the model (or that of a fit), for each graph G, exactly up to one rounding of each coefficient.

    Raises:
        ValueError: if the symmetry permutes rows and columns apart, and a node of a graph is both.

    Source: Isserlis' theorem; for the cubic and quartic invariants Barnes, Padellaro and Ramgoolam, arXiv:2101.04054.
    """
    law = getattr(model, "model", model)
    return expectations(law.parameters, (graphs,) if isinstance(graphs, Graph) else graphs, law.symmetry)


def expectations(
    parameters: Float[np.ndarray, "*batch parameters"], graphs: Sequence[Graph], symmetry: Symmetry
) -> Float[np.ndarray, "*batch graphs"]:
    """E[I_G] for each parameter vector and each graph.

    Raises:
        ValueError: if the symmetry permutes rows and columns apart, and a node of a graph is both.
    """
    return evaluate_table(expectation_table(tuple(graphs), symmetry), parameters)


@cache
def expectation_table(graphs: tuple[Graph, ...], symmetry: Symmetry) -> ExpectationTable:
    """The polynomials E[I_G] of the graphs in the parameters."""
    tensors = symmetry.tensors
    check_contractible(graphs, tensors)
    (rows, columns), *_ = symmetry.shapes
    return tabulate(graphs, delta_forms(tensors), _radicals(symmetry), Indices(rows, columns, tensors.separate))


def delta_coefficients(parameters: Float[np.ndarray, "parameters"], symmetry: Symmetry) -> dict[Graph, float]:
    """Mean and covariance of the entries: the coefficient of each product of Kronecker deltas, given as a graph."""
    scaled = _radicals(symmetry) * parameters
    return {
        graph: float(sum(float(value) * scaled[b] for b, value in form.items()))
        for graph, form in delta_forms(symmetry.tensors).items()
    }


def _radicals(symmetry: Symmetry) -> Float[np.ndarray, "parameters"]:
    """Irrational factor of each parameter: the mean is sum_a x_a r_a u_a, and the parameter x_a times its unit."""
    means = np.array(symmetry.tensors.mean_radicals) / symmetry.mean_unit
    return np.concatenate([means, symmetry.tensors.radicals])


def check_contractible(graphs: Sequence[Graph], tensors: Tensors) -> None:
    """Refuse graphs that are no invariants of the matrices.

    Raises:
        ValueError: if rows and columns are permuted apart, and a node of a graph is both.
    """
    for graph in graphs:
        if tensors.separate and not is_bipartite(graph):
            raise ValueError(f"graph {graph} is not bipartite: every node must be only a row or only a column")


def delta_forms(tensors: Tensors) -> dict[Graph, Form]:
    """Each coefficient in the basis of deltas as a linear form in the parameters, radicals apart."""
    forms: dict[Graph, Form] = {}
    for edges, first, expansions in ((1, 0, tensors.means), (2, len(tensors.means), tensors.covariances)):
        # Partitions that differ by the order of the two edges are the same graph and share its coefficient.
        orbit = Counter(graph_of_slots(labels) for labels in partitions_of_edges(edges, tensors.separate))
        for graph, size in orbit.items():
            forms[graph] = _form(graph, size, first, expansions)
    return forms


def _form(graph: Graph, size: int, first: int, expansions: Sequence[Expansion]) -> Form:
    return {first + b: tensor[graph] / size for b, tensor in enumerate(expansions) if tensor.get(graph)}
