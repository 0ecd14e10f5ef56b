"""Exact expectations of invariants under a law, for any graph, by Wick contraction."""

from collections.abc import Sequence
from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
from jaxtyping import Float

from analysis.model.contractions import ExpectationTable, Form, Indices, evaluate_table, tabulate
from analysis.model.gaussian import Gaussian
from analysis.symmetry import Symmetry
from analysis.symmetry.partitions import first_appearance
from analysis.symmetry.tensors import Expansion, Tensors
from invariants import Graph


def expectation(model: Gaussian | Any, graphs: Sequence[Graph] | Graph) -> Float[np.ndarray, "graphs"]:
    """E[I_G(M)] under the model (or that of a fit), for each graph G, exactly up to one rounding of each coefficient.

    Raises:
        ValueError: if a graph is not an invariant under the symmetry.

    Source: Isserlis' theorem; for the cubic and quartic invariants Barnes, Padellaro and Ramgoolam, arXiv:2101.04054.
    """
    law = getattr(model, "model", model)
    return expectations(law.parameters, (graphs,) if isinstance(graphs, Graph) else graphs, law.symmetry)


def expectations(
    parameters: Float[np.ndarray, "*batch parameters"], graphs: Sequence[Graph], symmetry: Symmetry
) -> Float[np.ndarray, "*batch graphs"]:
    """E[I_G] for each parameter vector and each graph.

    Raises:
        ValueError: if a graph is not an invariant under the symmetry.
    """
    return evaluate_table(expectation_table(tuple(graphs), symmetry), parameters)


@cache
def expectation_table(graphs: tuple[Graph, ...], symmetry: Symmetry) -> ExpectationTable:
    """The polynomials E[I_G] of the graphs in the parameters."""
    for graph in graphs:
        symmetry.check(graph)
    tensors, shapes = symmetry.tensors, symmetry.shapes
    sizes = (shapes[0][1], *(rows for rows, _ in shapes))
    return tabulate(graphs, delta_forms(tensors), _radicals(symmetry), Indices(sizes, tensors.separate))


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


def delta_forms(tensors: Tensors) -> dict[Graph, Form]:
    """Each coefficient in the basis of deltas as a linear form in the parameters, radicals apart."""
    forms: dict[Graph, Form] = {}
    for first, expansions in ((0, tensors.means), (len(tensors.means), tensors.covariances)):
        for graph in {graph for expansion in expansions for graph in expansion}:
            forms[graph] = _form(graph, first, expansions)
    return forms


def _form(graph: Graph, first: int, expansions: Sequence[Expansion]) -> Form:
    """Products of deltas that differ by the order of the edges are the same graph and share its coefficient."""
    edges = list(zip(graph.matrices, graph.edges, strict=True))
    orders = {
        (tuple(matrix for matrix, _ in order), first_appearance(node for _, edge in order for node in edge))
        for order in permutations(edges)
    }
    return {first + b: tensor[graph] / len(orders) for b, tensor in enumerate(expansions) if tensor.get(graph)}
