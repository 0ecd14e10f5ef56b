"""Exact expectations of bipartite graphs under the five-parameter model, by Wick contraction."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache

import numpy as np
from jaxtyping import Float

from analysis.contractions import ExpectationTable, Form, Indices, evaluate_table, tabulate
from analysis.rectangular.model import RectangularModel
from analysis.rectangular.representation import Shape
from invariants import Graph, is_bipartite


def expectation(model: RectangularModel, graphs: Sequence[Graph]) -> Float[np.ndarray, "graphs"]:
    """E[I_G(M)] under the model, for each bipartite graph G, exactly up to one rounding of each coefficient.

    Raises:
        ValueError: if a node of a graph is both a row and a column.

    Source: Isserlis' theorem.
    """
    return expectations(model.parameters, graphs, model.shape)


def expectations(
    parameters: Float[np.ndarray, "*batch 5"], graphs: Sequence[Graph], shape: Shape
) -> Float[np.ndarray, "*batch graphs"]:
    """E[I_G] for each parameter vector (mean, v0, vC, vR, vE) and each bipartite graph.

    Raises:
        ValueError: if a node of a graph is both a row and a column.
    """
    return evaluate_table(_table(tuple(graphs), shape), parameters)


@cache
def _table(graphs: tuple[Graph, ...], shape: Shape) -> ExpectationTable:
    for graph in graphs:
        if not is_bipartite(graph):
            raise ValueError(f"graph {graph} is not bipartite: every node must be only a row or only a column")
    return tabulate(graphs, _block_forms(shape), np.ones(5), Indices(*shape, separate=True))


def _block_forms(shape: Shape) -> Mapping[Graph, Form]:
    """Each delta coefficient as a linear form in the five parameters.

    The projectors on V_0, V_C, V_R, V_E are products of J/m or I - J/m on rows and J/n or I - J/n on columns.
    """
    (flat_rows, centred_rows), (flat_columns, centred_columns) = map(_projectors, shape)
    projectors = ((flat_rows, flat_columns), (flat_rows, centred_columns), (centred_rows, flat_columns))
    forms: dict[Graph, dict[int, Fraction]] = {Graph(((0, 1),)): {0: Fraction(1)}}
    for variance, (rows, columns) in enumerate((*projectors, (centred_rows, centred_columns)), start=1):
        for same_row, on_rows in rows.items():
            for same_column, on_columns in columns.items():
                graph = Graph(((0, 1), (0 if same_row else 2, 1 if same_column else 3)))
                forms.setdefault(graph, {})[variance] = on_rows * on_columns
    return forms


def _projectors(size: int) -> tuple[dict[bool, Fraction], dict[bool, Fraction]]:
    """J/size and I - J/size, as coefficients of 1 (False) and of the Kronecker delta (True)."""
    flat = Fraction(1, size)
    return {False: flat}, {False: -flat, True: Fraction(1)}
