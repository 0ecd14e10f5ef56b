"""Expected invariants as formulas, for reading, for LaTeX or for programs."""

import json
from collections.abc import Sequence

from analysis.model import formulas as exact
from analysis.show.equations import equation, right_hand_side
from analysis.symmetry.choice import KINDS
from experiments.errors import UserError
from invariants import NAMES, PAPER, Graph, latex, parse_bipartite

HIGHEST = 6
"""Edges of a graph: the number of contractions grows faster than exponentially, and seven edges take minutes."""


def listed(names: Sequence[str], kind: str, *, latex: bool = False, as_json: bool = False) -> str:
    """The formulas of the named invariants, or of all that the model is tested on, one after another.

    Raises:
        UserError: a name is not understood, or is not an invariant of this symmetry.
    """
    graphs = [read_graph(name, kind) for name in names] or KINDS[kind].predicted
    found = exact.formulas(graphs, kind)
    if as_json:
        return json.dumps(_entries(found, kind), indent=1)
    if latex:
        return "\n".join(equation(formula) for formula in found)
    return "\n".join(f"{_title(formula)}\n  {formula.expression}" for formula in found)


def read_graph(name: str, kind: str) -> Graph:
    """The graph of a name such as I14, or of a key.

    Raises:
        UserError: it is neither, has too many edges, or is not an invariant of this symmetry.
    """
    separate = KINDS[kind].tensors.separate
    if name.startswith("I") and name not in NAMES:
        raise UserError(f"no invariant is called {name!r}: give I1 to {NAMES[-1]}, or edges such as 0-0,0-1")
    try:
        graph = PAPER[NAMES.index(name)] if name in NAMES else (parse_bipartite if separate else Graph.parse)(name)
        if not 0 < graph.degree <= HIGHEST:
            raise ValueError(f"graph {name!r} has {graph.degree} edges: give 1 to {HIGHEST}")
        KINDS[kind].key(graph)  # refuses what is not an invariant of matrices of this kind
    except ValueError as error:
        raise UserError(str(error)) from error
    return graph


def _title(formula: exact.Formula) -> str:
    """The name and key of an invariant."""
    symmetry = KINDS[formula.kind]
    key = symmetry.key(formula.graph)
    return f"E {key}" if key == str(formula.graph) or symmetry.tensors.separate else f"E {key} ({formula.graph})"


def _entries(found: Sequence[exact.Formula], kind: str) -> dict[str, object]:
    symmetry = KINDS[kind]
    return {
        "symmetry": kind,
        "sizes": [str(size) for size in exact.sizes(kind)],
        "parameters": list(symmetry.parameter_names),
        "formulas": {
            symmetry.key(formula.graph): {
                "graph": str(formula.graph),
                "invariant": latex(formula.graph),
                "formula": str(formula.expression),
                "latex": right_hand_side(formula),
            }
            for formula in found
        },
    }
