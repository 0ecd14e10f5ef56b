"""Elimination of the nodes of a graph, one after another, into a shared list of elementary steps."""

from collections.abc import Sequence
from typing import NamedTuple

from invariants.graphs import Graph


class Step(NamedTuple):
    """One elementary operation on the results of earlier steps; the first steps are the matrices themselves.

    Shapes are written for one matrix, D x D; those of a chain of matrices follow from their own.

    | op | result | shape |
    | --- | --- | --- |
    | transpose | X^T | D x D |
    | hadamard | X * Y * ..., elementwise | D x D |
    | scale | X diag(v) | D x D |
    | matmul | X Y | D x D |
    | diagonal | X_ii | D |
    | matvec | X v, or X 1 without v | D |
    | vecmat | X^T v, or X^T 1 without v | D |
    | times | u * v * ..., elementwise | D |
    | total | sum_i u_i v_i ... | scalar |
    """

    op: str
    args: tuple[int, ...]

    @property
    def work(self) -> int:
        """Exponent of D in the number of arithmetic operations."""
        return {"matmul": 3, "diagonal": 1, "times": 1, "total": 1}.get(self.op, 2)

    @property
    def memory(self) -> int:
        """Exponent of D in the size of the result."""
        return {"diagonal": 1, "matvec": 1, "vecmat": 1, "times": 1, "total": 0}.get(self.op, 2)


class Oriented(NamedTuple):
    """A matrix expression or its transpose, which is formed only where it cannot be avoided."""

    step: int
    flipped: bool


class Tape:
    """A growing list of steps that holds every distinct expression of some matrices once."""

    def __init__(self, matrices: int = 1):
        self.steps: list[Step] = [Step("matrix", ())] * matrices
        self._degree: list[int] = [1] * matrices
        self._index: dict[Step, int] = {}
        self._symmetric: set[int] = set()

    def degree(self, steps: Sequence[int]) -> int:
        """Total degree in the matrices of the results of some steps."""
        return sum(self._degree[step] for step in steps)

    def flip(self, matrix: Oriented) -> Oriented:
        """The transpose of a matrix, recognising symmetric ones."""
        return Oriented(matrix.step, not matrix.flipped and matrix.step not in self._symmetric)

    def diagonal(self, matrix: int) -> int:
        """The vector M_ii of a matrix."""
        return self._emit("diagonal", matrix)

    def hadamard(self, matrices: Sequence[Oriented]) -> Oriented:
        """The elementwise product of matrices."""
        if len(matrices) == 1:
            return matrices[0]
        return self._symmetrised("hadamard", sorted(matrices), sorted(map(self.flip, matrices)), [])

    def matmul(self, left: Oriented, weights: Sequence[int], right: Oriented) -> Oriented:
        """The matrix product X diag(u * v * ...) Y."""
        return self._symmetrised("matmul", [left, right], [self.flip(right), self.flip(left)], weights)

    def matvec(self, matrix: Oriented, weights: Sequence[int]) -> int:
        """The vector X (u * v * ...)."""
        vector = [self._times(weights)] if weights else []
        return self._emit("vecmat" if matrix.flipped else "matvec", matrix.step, *vector)

    def total(self, weights: Sequence[int]) -> int:
        """The scalar sum_i u_i v_i ..."""
        return self._emit("total", *sorted(weights))

    def _emit(self, op: str, *args: int) -> int:
        step = Step(op, args)
        if step not in self._index:
            self._index[step] = len(self.steps)
            self.steps.append(step)
            self._degree.append(self.degree(args))
        return self._index[step]

    def _times(self, weights: Sequence[int]) -> int:
        return weights[0] if len(weights) == 1 else self._emit("times", *sorted(weights))

    def _read(self, matrix: Oriented) -> int:
        return self._emit("transpose", matrix.step) if matrix.flipped else matrix.step

    def _symmetrised(
        self, op: str, forward: list[Oriented], backward: list[Oriented], weights: Sequence[int]
    ) -> Oriented:
        """Form a product of matrices or its transpose, whichever is content with transposes of earlier results."""
        chosen = min(forward, backward, key=lambda factors: (_transposed(factors), factors))
        args = [self._read(matrix) for matrix in chosen]
        if weights:
            args[0] = self._emit("scale", args[0], self._times(weights))
        step = self._emit(op, *args)
        if forward == backward:
            self._symmetric.add(step)
        return Oriented(step, chosen != forward)


def _transposed(factors: list[Oriented]) -> list[int]:
    return sorted((factor.step for factor in factors if factor.flipped), reverse=True)


def eliminate(graph: Graph, tape: Tape, sizes: Sequence[int] = ()) -> int:
    """Write the steps of one connected invariant on a tape by eliminating nodes of one or two neighbours.

    A node with one neighbour leaves a vector there, sum_j X_ij v_j; a node with two joins them by a matrix,
    sum_j X_ij v_j Y_jk. This reaches a single node for every graph of treewidth at most 2, which all graphs of at most
    five edges are (Bodlaender, A partial k-arboretum, 1998), so no step exceeds D^3 work and D^2 memory.

    Args:
        graph: a connected graph with at least one edge.
        tape: receives the steps that it does not yet hold.
        sizes: how many labels nodes of each colour have; of nodes alike otherwise the one with most is summed first.

    Returns:
        The index of the step whose result is the invariant.

    Raises:
        ValueError: if the graph has treewidth above 2.
    """
    network = _Network(graph, tape, sizes)
    while len(network.weights) > 1:
        node = min(network.weights, key=network.price)
        if len(network.neighbours(node)) > 2:
            raise ValueError(f"graph {graph} has treewidth above 2, more than D^3 work: give graphs without a K4 minor")
        network.eliminate(node)
    (weights,) = network.weights.values()
    return tape.total(weights)


class _Network:
    """What is left to sum over: a vector product on each node, a matrix product on each pair of neighbours."""

    def __init__(self, graph: Graph, tape: Tape, sizes: Sequence[int]):
        self.tape = tape
        self.weights: dict[int, list[int]] = {node: [] for node in range(graph.nodes)}
        self.matrices: dict[tuple[int, int], list[Oriented]] = {}
        self.size: dict[int, int] = {}
        for (a, b), matrix, colours in zip(graph.edges, graph.matrices, graph.colours, strict=True):
            if a == b:
                self.weights[a].append(tape.diagonal(matrix))
            else:
                self.connect(a, b, Oriented(matrix, False))
            self.size.update((node, sizes[colour]) for node, colour in zip((a, b), colours, strict=True) if sizes)

    def connect(self, a: int, b: int, matrix: Oriented) -> None:
        self.matrices.setdefault((a, b), []).append(matrix)
        self.matrices.setdefault((b, a), []).append(self.tape.flip(matrix))

    def neighbours(self, node: int) -> list[int]:
        return [b for a, b in self.matrices if a == node]

    def price(self, node: int) -> tuple[int, int, int]:
        """Fewest neighbours first, then lowest degree, so that the results are shared by the most graphs."""
        neighbours = self.neighbours(node)
        matrices = [matrix.step for b in neighbours for matrix in self.matrices[node, b]]
        return len(neighbours), self.tape.degree(self.weights[node] + matrices), -self.size.get(node, 0)

    def eliminate(self, node: int) -> None:
        neighbours = self.neighbours(node)
        weights = self.weights.pop(node)
        towards = {b: self.tape.hadamard(self.matrices.pop((b, node))) for b in neighbours}
        away = {b: self.tape.hadamard(self.matrices.pop((node, b))) for b in neighbours}
        if len(neighbours) == 1:
            (b,) = neighbours
            self.weights[b].append(self.tape.matvec(towards[b], weights))
        else:
            b, c = neighbours
            self.connect(b, c, self.tape.matmul(towards[b], weights, away[c]))
