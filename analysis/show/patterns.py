"""Names of graph cumulants that people use, and which of them to look at first."""

from analysis.symmetry import Symmetry
from invariants import Graph

TITLES = {
    "separate": {
        "0-0,0-0,0-0": "skewness",
        "0-0,0-0,0-0,0-0": "excess kurtosis",
        "0-0,0-0,0-1,0-1": "row-shared variance",
        "0-0,0-0,1-0,1-0": "column-shared variance",
        "0-0,0-1,0-2": "skewness of row means",
        "0-0,1-0,2-0": "skewness of column means",
        "0-0,0-1,0-2,0-3": "kurtosis of row means",
        "0-0,1-0,2-0,3-0": "kurtosis of column means",
        "0-0,0-1,1-0,1-1": "rectangle, as in tr (M Mᵀ)²",
    },
    "simultaneous": {
        "0-1,0-1,0-1": "skewness",
        "0-1,0-1,0-1,0-1": "excess kurtosis",
        "0-0,0-0,0-0": "skewness of the diagonal",
        "0-0,0-0,0-0,0-0": "excess kurtosis of the diagonal",
        "0-1,0-1,0-2,0-2": "row-shared variance",
        "0-1,0-1,2-1,2-1": "column-shared variance",
        "0-1,0-1,1-0,1-0": "variance shared by an entry and its transpose",
        "0-1,1-2,2-0": "directed triangle, as in tr M³",
        "0-1,0-2,0-3": "skewness of row means",
        "0-1,2-1,3-1": "skewness of column means",
        "0-1,0-2,0-3,0-4": "kurtosis of row means",
        "0-1,2-1,3-1,4-1": "kurtosis of column means",
    },
    "symmetric": {
        "0-1,0-1,0-1": "skewness",
        "0-1,0-1,0-1,0-1": "excess kurtosis",
        "0-0,0-0,0-0": "skewness of the diagonal",
        "0-0,0-0,0-0,0-0": "excess kurtosis of the diagonal",
        "0-1,0-1,0-2,0-2": "node-shared variance",
        "0-1,0-2,1-2": "triangle, as in tr M³",
        "0-1,0-2,0-3": "skewness of node means",
        "0-1,0-2,0-3,0-4": "kurtosis of node means",
    },
}
"""By symmetry and key; a graph is looked up by its canonical form."""


def pattern_title(symmetry: Symmetry, graph: Graph) -> str:
    """What people call the cumulant of a graph; empty where there is no name."""
    key = symmetry.key(graph) if symmetry.tensors.separate else str(symmetry.canonical(graph))
    titles = TITLES.get(symmetry.name, {})
    return titles.get(key, "")


def titled_patterns(symmetry: Symmetry) -> dict[str, int]:
    """The patterns that have a name, with their position."""
    named = ((pattern_title(symmetry, graph), i) for i, graph in enumerate(symmetry.patterns))
    return {title: i for title, i in named if title}
