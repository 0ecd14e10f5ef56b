"""A permutation symmetry as a value: the data it describes, its blocks, its parameters, its graphs."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.symmetry.blocks import Block, Law, pack_symmetric, unpack_symmetric, upper_triangle
from analysis.symmetry.tensors import Tensors
from invariants import Graph, evaluate

Shape = tuple[int, int]
Data = Any
"""Members of an ensemble: an array [*batch, m, n], of NumPy or JAX; where a member has several matrices, a tuple."""
Coordinates = tuple[Float[Any, "..."], ...]
"""Of each block an array [*batch, copies, ...] whose last axes carry the representation, squared norms adding up to
that of the data."""


class Entries(NamedTuple):
    """Some coordinates of a block, by position in its flattened array."""

    positions: Int[np.ndarray, "chosen"]
    count: int
    """Coordinates that share the squared norm of the block, those that repeat others included."""


def above_diagonal(dim: int) -> Entries:
    """Of a D x D matrix that is symmetric or antisymmetric with a zero diagonal, the entries above it."""
    rows, columns = upper_triangle(dim)
    off = rows < columns
    return Entries((dim * rows + columns)[off], dim * (dim - 1))


class Symmetry(ABC):
    """What a symmetry adds to the theory; all that follows from the blocks is written once, elsewhere.

    Parameters are one vector: the mean on the trivial block, times `mean_unit`, then the upper triangle of each block's
    covariance, row by row. Those of blocks or copies that the matrices are too small for are 0.
    """

    name: ClassVar[str]
    """As on the command line."""
    full: ClassVar[str]
    """Name of the model with all parameters, the last one of the family."""

    @property
    def mean_unit(self) -> float:
        """What a mean on the trivial block is multiplied by to be a parameter."""
        return 1.0

    @property
    @abstractmethod
    def shapes(self) -> tuple[Shape, ...]:
        """Rows and columns of the matrices of a member."""

    @property
    @abstractmethod
    def blocks(self) -> tuple[Block, ...]:
        """The isotypic blocks, the trivial one first."""

    @property
    @abstractmethod
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the parameters, in their order."""

    @property
    @abstractmethod
    def moment_names(self) -> tuple[str, ...]:
        """Names of the `block_moments`, in their order."""

    @abstractmethod
    def project(self, data: Data) -> Coordinates:
        """Block coordinates of each member, with means subtracted before anything is squared.

        Works on NumPy arrays, JAX arrays and tracers alike, in the precision of its argument.
        """

    @abstractmethod
    def compose(self, coordinates: Coordinates) -> Data:
        """The members with the given block coordinates: the inverse of `project`."""

    @abstractmethod
    def graphs(self, degree: int) -> tuple[Graph, ...]:
        """All invariants of a degree, one graph each."""

    @property
    @abstractmethod
    def fitted(self) -> tuple[Graph, ...]:
        """The linear and quadratic invariants, which determine the model and are determined by it."""

    @property
    @abstractmethod
    def predicted(self) -> tuple[Graph, ...]:
        """The cubic and quartic invariants that the model is tested on."""

    @property
    def observed(self) -> tuple[Graph, ...]:
        """All invariants that are recorded: those fitted, then those predicted."""
        return (*self.fitted, *self.predicted)

    @cached_property
    def every(self) -> tuple[Graph, ...]:
        """All graphs of degree 1 to 4, by degree: what cumulants are made of."""
        return tuple(graph for degree in (1, 2, 3, 4) for graph in self.graphs(degree))

    @cached_property
    def patterns(self) -> tuple[Graph, ...]:
        """The connected graphs of degree 3 and 4, whose cumulants say how Gaussian a law is."""
        return tuple(graph for graph in self.every if graph.degree > 2 and len(graph.components) == 1)

    def canonical(self, graph: Graph) -> Graph:
        """The graph among `graphs` whose invariant is the same on all matrices of this kind."""
        return graph

    def check(self, graph: Graph) -> None:
        """Refuse a graph that is not an invariant under this symmetry.

        Raises:
            ValueError: if it is not.
        """
        if type(graph) is not Graph:
            raise ValueError(f"graph {graph} is not of single matrices: give one of the symmetry {self.name}")

    @abstractmethod
    def key(self, graph: Graph) -> str:
        """Name of an invariant in tables and files."""

    @property
    @abstractmethod
    def tensors(self) -> Tensors:
        """Mean and covariance of the entries in the basis of Kronecker deltas, parameter by parameter."""

    @property
    @abstractmethod
    def family(self) -> Mapping[str, tuple[Float[np.ndarray, "parameters"], ...]]:
        """The parameter vectors that span each model of the family, by increasing number of parameters."""

    @cached_property
    def entries(self) -> tuple["Entries", ...]:
        """Of each block the coordinates that are looked at one by one: all, unless some repeat others."""
        zero = self.standard_normal(np.random.default_rng(0), 1)
        return tuple(Entries(np.arange(part.size), part.size) for part in map(np.asarray, self.project(zero)))

    @property
    def observed_names(self) -> tuple[str, ...]:
        """Names of the observed invariants."""
        return tuple(map(self.key, self.observed))

    @property
    def pattern_names(self) -> tuple[str, ...]:
        """Keys of the patterns."""
        return tuple(map(self.key, self.patterns))

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the parts of a squared distance: the mean, then each block."""
        return ("mean", *(block.name for block in self.blocks))

    @property
    def remark(self) -> str:
        """What a fit of matrices of this size must say; empty where there is nothing."""
        return ""

    @cached_property
    def size(self) -> int:
        """Dimension of the space of a member: copies times dimension, over all blocks."""
        return sum(block.copies * block.dimension for block in self.blocks)

    @cached_property
    def weights(self) -> Float[np.ndarray, "parameters"]:
        """Squared Frobenius norm of what each parameter multiplies; 0 for those of absent copies and blocks.

        1 / mean_unit^2 for the means; the dimension of the block for variances, twice that for covariances.
        """
        weights = [np.full(self.blocks[0].slots, self.mean_unit**-2)]
        for block in self.blocks:
            rows, columns = upper_triangle(block.slots)
            weights.append(block.dimension * (1.0 + (rows != columns)) * (columns < block.copies))
        return np.concatenate(weights)

    def unpack(self, parameters: Float[np.ndarray, "*batch parameters"]) -> Law:
        """The law, or laws, with these parameters; absent copies are left out."""
        entries = [block.entries for block in self.blocks]
        mean, *triangles = np.split(parameters, np.cumsum([self.blocks[0].slots, *entries[:-1]]), axis=-1)
        covariances = (
            unpack_symmetric(triangle)[..., : block.copies, : block.copies]
            for block, triangle in zip(self.blocks, triangles, strict=True)
        )
        return Law(mean / self.mean_unit, tuple(covariances))

    def pack(self, law: Law) -> Float[np.ndarray, "*batch parameters"]:
        """The parameters of a law, or of many: the inverse of `unpack`."""
        triangles = []
        for block, covariance in zip(self.blocks, law.covariances, strict=True):
            room = [(0, 0)] * (covariance.ndim - 2) + [(0, block.slots - block.copies)] * 2
            triangles.append(pack_symmetric(np.pad(covariance, room)))
        return np.concatenate([law.mean * self.mean_unit, *triangles], axis=-1)

    def isotropic(self, mean: float, std: float) -> Float[np.ndarray, "parameters"]:
        """Parameters of the law with equal mean of all entries and variance std^2 along every unit vector.

        Those are independent entries, except for symmetric matrices: entries off their diagonal have half the variance.
        """
        centre = self.project(self.assembled(*(np.ones(shape) for shape in self.shapes)))[0]
        return self.pack(Law(mean * centre, tuple(std**2 * np.eye(block.copies) for block in self.blocks)))

    def block_moments(self, data: Data) -> Float[Any, "*batch moments"]:
        """Sufficient statistics of the model, one row a member.

        The coordinates x of the trivial block; of each other block, with coordinates h and dimension d, the upper
        triangle of h h^T / d. The maximum-likelihood parameters are functions of their mean and of the second moments
        of x. The entries of absent blocks are 0. Works inside `jax.jit`, in the precision of its argument.
        """
        x, *others = self.project(data)
        xp = x.__array_namespace__()
        products = []
        for block, h in zip(self.blocks[1:], others, strict=True):
            carrier = (slice(None),) * (h.ndim - x.ndim)
            scale = 1 / block.dimension if block.dimension else 0.0
            products += [
                xp.sum(h[(..., a, *carrier)] * h[(..., b, *carrier)], axis=tuple(range(-len(carrier), 0))) * scale
                for a, b in zip(*upper_triangle(block.slots), strict=True)
            ]
        return xp.concat([x, xp.stack(products, axis=-1)], axis=-1)

    def evaluate(self, graphs: tuple[Graph, ...], data: Data) -> Float[np.ndarray, "*batch graphs"]:
        """Invariants of every member."""
        return np.asarray(evaluate(graphs, data))

    def evaluate_observed(self, data: Data) -> Float[np.ndarray, "*batch observed"]:
        """Invariants observed, by the program that evaluates `every` one: to compile another takes seconds."""
        if not self.every:
            return self.evaluate(self.observed, data)
        return self.evaluate(self.every, data)[..., [self.every.index(graph) for graph in self.observed]]

    def read(self, data: Any) -> Data:
        """The members as float64 arrays [*batch, m, n].

        Raises:
            ValueError: if they are not of the shapes of this symmetry.
        """
        (shape,) = self.shapes
        stack = np.asarray(data, dtype=np.float64)
        if stack.ndim < 2 or stack.shape[-2:] != shape:
            raise ValueError(f"matrices of shape {stack.shape}: give a stack [..., {shape[0]}, {shape[1]}]")
        return stack

    def assembled(self, *matrices: Any) -> Data:
        """Members that consist of these arrays of matrices, one for each of `shapes`."""
        (stack,) = matrices
        return stack

    def standard_normal(self, generator: np.random.Generator, members: int) -> Data:
        """Members with independent standard normal entries; projected, they are standard normal in every block."""
        return self.assembled(*(generator.standard_normal((members, *shape)) for shape in self.shapes))


def matrices_of(data: Data) -> tuple[Any, ...]:
    """The arrays of matrices that members consist of."""
    return data if isinstance(data, tuple) else (data,)


def finite_members(data: Data) -> Bool[np.ndarray, "N"]:
    """Which members have finite entries only."""
    return np.all([np.isfinite(stack).all(axis=(1, 2)) for stack in matrices_of(data)], axis=0)


def chosen_members(data: Data, chosen: Bool[np.ndarray, "N"]) -> Data:
    """Some of the members."""
    stacks = tuple(stack[chosen] for stack in matrices_of(data))
    return stacks if isinstance(data, tuple) else stacks[0]
