"""Contraction plans: which connected factors a set of graphs needs, and the steps that compute them."""

from collections import Counter
from dataclasses import dataclass
from functools import cache

from invariants.elimination import Step, Tape, eliminate
from invariants.graphs import Graph


@dataclass(frozen=True)
class Plan:
    """How to compute a set of invariants: shared steps, then connected factors, then products of factors.

    Attributes:
        graphs: the graphs asked for, in the order asked.
        factors: their distinct connected components, sorted.
        steps: elementary operations in the order of computation; the first ones are the matrices.
        matrices: how many there are: 1, or for a chain as many as the graphs have layers.
        outputs: for each factor, the step that holds its value.
        products: for each graph, the indices of the factors whose product it is.
    """

    graphs: tuple[Graph, ...]
    factors: tuple[Graph, ...]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    products: tuple[tuple[int, ...], ...]
    matrices: int

    def __str__(self) -> str:
        counts = Counter((step.work, step.memory, step.op) for step in self.steps[self.matrices :])
        steps = len(self.steps) - self.matrices
        lines = [f"{len(self.graphs)} graphs, {len(self.factors)} connected factors, {steps} steps"]
        for (work, memory, op), count in sorted(counts.items(), reverse=True):
            lines.append(f"{count:5d}  {op:9s}  work D^{work}  memory D^{memory}")
        return "\n".join(lines)


@cache
def compile_plan(graphs: tuple[Graph, ...], sizes: tuple[int, ...] = ()) -> Plan:
    """Plan the evaluation of graphs, computing each connected factor and each shared intermediate once.

    I_G = prod over connected components C of I_C; all 361 graphs of degree 1 to 4 need 209 components. No step exceeds
    D^3 work and D^2 memory, and up to degree 4 the only D^3 steps are M M, M M^T and M^T M.

    Args:
        graphs: any graphs of treewidth at most 2, which includes all of degree at most 5.
        sizes: of a chain h_0, ..., h_K, so that matrix products are formed on the smaller side.

    Raises:
        ValueError: if a graph has treewidth above 2.
    """
    factors = tuple(sorted({component for graph in graphs for component in graph.components}))
    position = {factor: i for i, factor in enumerate(factors)}
    matrices = 1 + max((matrix for factor in factors for matrix in factor.matrices), default=0)
    tape = Tape(matrices)
    return Plan(
        graphs=graphs,
        factors=factors,
        outputs=tuple(eliminate(factor, tape, sizes) for factor in factors),
        steps=tuple(tape.steps),
        products=tuple(tuple(position[component] for component in graph.components) for graph in graphs),
        matrices=matrices,
    )
