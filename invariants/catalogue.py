"""The invariants that the literature names: I1 to I52, and a LaTeX label for any graph."""

from invariants.graphs import Graph

_LINEAR_AND_QUADRATIC = """
0-0  0-1
0-1,0-1  0-1,1-0  0-0,0-1  0-0,1-0  0-1,0-2  0-1,2-1  0-1,1-2  0-1,2-3  0-0,0-0  0-0,1-1  0-0,1-2
"""

_CUBIC_AND_QUARTIC = """
0-0,0-0,0-0
0-0,0-0,1-1  0-0,0-1,1-1  0-0,0-0,0-1  0-0,0-0,1-0  0-0,0-1,0-1  0-0,0-1,1-0  0-0,1-0,1-0  0-1,0-1,0-1  0-1,0-1,1-0
0-0,1-2,3-4  0-1,1-2,3-4  0-1,2-1,3-4  0-1,0-2,3-4
0-1,2-3,4-5
0-0,0-0,0-0,0-0
0-0,0-0,0-0,1-1  0-0,0-0,1-1,1-1  0-0,0-0,0-0,0-1  0-0,0-0,0-0,1-0  0-0,0-0,0-1,1-1  0-0,0-0,1-0,1-1
0-0,0-0,0-1,0-1  0-0,0-0,0-1,1-0  0-0,0-0,1-0,1-0  0-0,0-1,0-1,1-1  0-0,0-1,1-0,1-1  0-0,0-1,0-1,0-1
0-0,0-1,0-1,1-0  0-0,0-1,1-0,1-0  0-0,1-0,1-0,1-0  0-1,0-1,0-1,0-1  0-1,0-1,0-1,1-0  0-1,0-1,1-0,1-0
0-0,1-2,3-4,5-6  0-1,1-2,3-4,5-6  0-1,2-1,3-4,5-6  0-1,0-2,3-4,5-6
0-1,2-3,4-5,6-7
"""

LINEAR_AND_QUADRATIC: tuple[Graph, ...] = tuple(map(Graph.parse, _LINEAR_AND_QUADRATIC.split()))
CUBIC_AND_QUARTIC: tuple[Graph, ...] = tuple(map(Graph.parse, _CUBIC_AND_QUARTIC.split()))
PAPER: tuple[Graph, ...] = LINEAR_AND_QUADRATIC + CUBIC_AND_QUARTIC
NAMES: tuple[str, ...] = tuple(f"I{number}" for number in range(1, len(PAPER) + 1))

_NAME_OF = dict(zip(PAPER, NAMES, strict=True))


def name(graph: Graph) -> str:
    """The name of a graph: "I1" to "I52" for those of the paper, else its key, such as "0-1,1-2,2-0"."""
    return _NAME_OF.get(graph, str(graph))


def latex(graph: Graph) -> str:
    r"""The polynomial of a graph in LaTeX, with free summation over all indices: \sum M_{ii} M_{ij}."""
    if graph.nodes <= len("ijklmnopqrstuvwxyz"):
        index = list("ijklmnopqrstuvwxyz")
    else:
        index = [f"i_{{{node}}}" for node in range(graph.nodes)]
    return r"\sum " + " ".join(f"M_{{{index[a]}{index[b]}}}" for a, b in graph.edges)
