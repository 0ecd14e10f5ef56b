"""Evaluation of invariants: a plan run on one matrix, vectorised at the edge over a stack of matrices."""

from collections.abc import Sequence
from functools import partial, reduce
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from invariants.bipartite import is_bipartite
from invariants.chain_graphs import ChainGraph
from invariants.graphs import Graph
from invariants.plan import Plan, compile_plan
from pigmm_jax import enable_x64

Matrices = Float[Array, "m n"] | tuple[Float[Array, "_ _"], ...]

# Matrix entries treated at once: the few dozen intermediates of this size stay in the cache of a processor.
CHUNK_ENTRIES = 2**17

_matmul = partial(jnp.matmul, precision="highest")

_OPERATIONS = {
    "transpose": jnp.transpose,
    "hadamard": lambda *matrices: reduce(jnp.multiply, matrices),
    "scale": lambda matrix, vector: matrix * vector[None, :],
    "matmul": _matmul,
    "diagonal": jnp.diagonal,
    "matvec": lambda matrix, *vector: _matmul(matrix, *vector) if vector else matrix.sum(axis=1),
    "vecmat": lambda matrix, *vector: _matmul(matrix.T, *vector) if vector else matrix.sum(axis=0),
    "times": lambda *vectors: reduce(jnp.multiply, vectors),
}
"""All but "total", which is carried out for all factors at once."""


def factor_values(plan: Plan, matrix: Matrices) -> Float[Array, " factors"]:
    """Values of the connected factors of a plan on one matrix, or chain; pure JAX, for use inside compiled programs.

    I_C(M) = sum over node indices of prod over edges (a, b) of M[i_a, i_b], in the precision of the matrix.

    Args:
        plan: from `compile_plan`.
        matrix: [D, D], or [m, n] where every graph is bipartite; for graphs of a chain the tuple (W_1, ..., W_K).
    """
    matrices = matrix if isinstance(matrix, tuple) else (matrix,)
    results = dict(enumerate(matrices[: plan.matrices]))
    for number, step in enumerate(plan.steps):
        if step.op in _OPERATIONS:
            results[number] = _OPERATIONS[step.op](*(results[arg] for arg in step.args))
    return _totals([tuple(results[arg] for arg in plan.steps[output].args) for output in plan.outputs], matrices[0])


def _totals(
    products: Sequence[tuple[Float[Array, " _"], ...]], matrix: Float[Array, "m n"]
) -> Float[Array, " factors"]:
    """sum_i u_i v_i ... of every product of vectors, in the precision of the matrix.

    Those of vectors of one length are one operation: it compiles twice as fast as one for each, and runs faster.
    """
    alike: dict[int, list[int]] = {}
    for factor, vectors in enumerate(products):
        alike.setdefault(vectors[0].shape[0], []).append(factor)
    values = [_sums_of_products([products[factor] for factor in factors], matrix.dtype) for factors in alike.values()]
    order = [factor for factors in alike.values() for factor in factors]
    return jnp.concatenate([jnp.zeros(0, matrix.dtype), *values])[np.argsort(np.array(order, dtype=int))]


def _sums_of_products(products: Sequence[tuple[Float[Array, " n"], ...]], dtype: Any) -> Float[Array, " products"]:
    """The sums of products of vectors of one length; shorter products are filled up with a vector of ones."""
    distinct = {id(vector): vector for vectors in products for vector in vectors}
    row, most = {name: k for k, name in enumerate(distinct)}, max(map(len, products))
    table = jnp.stack([*distinct.values(), jnp.ones(products[0][0].shape, dtype)])
    rows = np.array([[*(row[id(v)] for v in vectors), *[-1] * (most - len(vectors))] for vectors in products])
    return reduce(jnp.multiply, [table[column] for column in rows.T]).sum(axis=1)


def combine(plan: Plan, values: Float[np.ndarray | Array, "*batch factors"]) -> Float[np.ndarray, "*batch graphs"]:
    """Invariants of the graphs of a plan from the values of their factors, in float64 on the host.

    I_G = prod over connected components C of I_C.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        return _products(plan, np.asarray(values, np.float64), np)


def evaluate(graphs: Sequence[Graph], stack: ArrayLike | tuple) -> Float[np.ndarray | Array, "*batch graphs"]:
    """Invariants of every matrix of a stack, or of every chain of matrices.

    I_G(M) = sum over node indices of prod over edges (a, b) of M[i_a, i_b].

    Connected factors are computed in the floating-point precision of the stack (integers as float64, half precisions as
    float32) and multiplied in float64. Non-finite entries propagate.

    Args:
        graphs: any graphs of treewidth at most 2, which includes all of degree at most 5.
        stack: [..., D, D], or [..., m, n] where every graph is bipartite; for graphs of a chain the tuple of stacks
            [..., h_l, h_(l-1)], l = 1..K.

    Returns:
        [..., len(graphs)] in float64; under `jax.jit` or `jax.vmap` a traced array in the precision of the stack.

    Raises:
        ValueError: if the stack is empty, not numeric, not of matrices, or rectangular where a graph needs square ones;
            if stacks are not consecutive layers of as many networks each, or graphs are not of the kind of the data.
    """
    chain = isinstance(stack, tuple)
    arrays = tuple(map(_real, stack)) if chain else (_real(stack),)
    graphs, sizes = tuple(graphs), _chain_sizes(arrays) if chain else ()
    _check(graphs, arrays, chain)
    plan = compile_plan(graphs, sizes)
    batch = arrays[0].shape[:-2]
    flat = tuple(array.reshape(-1, *array.shape[-2:]) for array in arrays)
    if any(isinstance(array, Tracer) for array in arrays):
        values = _products(plan, _stack_values(plan, flat), jnp)
    else:
        with enable_x64(all(array.dtype == np.float64 for array in arrays)):
            values = combine(plan, _stack_values(plan, flat))
    return values.reshape(*batch, len(plan.graphs))


@partial(jax.jit, static_argnums=0)
def _stack_values(plan: Plan, stacks: tuple[Float[Array, "batch _ _"], ...]) -> Float[Array, "batch factors"]:
    entries = sum(stack.shape[1] * stack.shape[2] for stack in stacks)
    chunk = min(len(stacks[0]), CHUNK_ENTRIES // entries)
    return jax.lax.map(partial(factor_values, plan), stacks, batch_size=chunk if chunk > 1 else None)


def _products(plan: Plan, values, numpy):
    """Products of factors; graphs with fewer components than others are filled up with a constant factor 1."""
    size = max((len(factors) for factors in plan.products), default=0)
    one = len(plan.factors)
    filled = [factors + (one,) * (size - len(factors)) for factors in plan.products]
    table = np.array(filled, dtype=int).reshape(len(filled), size)
    padded = numpy.concatenate([values, numpy.ones_like(values, shape=(*values.shape[:-1], 1))], axis=-1)
    return numpy.prod(padded[..., table], axis=-1)


def _chain_sizes(arrays: tuple[Any, ...]) -> tuple[int, ...]:
    """h_0, ..., h_K.

    Raises:
        ValueError: if the columns of a matrix are not as many as the rows of the one before, or members differ.
    """
    shapes = [array.shape for array in arrays]
    fits = all(before[-2] == after[-1] for before, after in pairwise(shapes))
    if not shapes or not fits or len({shape[:-2] for shape in shapes}) > 1:
        raise ValueError(f"stacks of shapes {shapes} are no chain: give [..., h_l, h_(l-1)] for l = 1, ..., K")
    return (shapes[0][-1], *(shape[-2] for shape in shapes))


def _check(graphs: tuple[Graph, ...], arrays: tuple[Any, ...], chain: bool) -> None:
    """Refuse graphs that are not of matrices of this kind."""
    for graph in graphs:
        if isinstance(graph, ChainGraph) != chain or max(graph.matrices, default=0) >= len(arrays):
            kind = f"a chain of {len(arrays)} layers" if chain else "single matrices"
            raise ValueError(f"graph {graph} is not of {kind}: give a tuple of matrices for graphs of a chain")
    shape = arrays[0].shape
    if not chain and shape[-2] != shape[-1] and not all(map(is_bipartite, graphs)):
        raise ValueError(f"stack of shape {shape} is not square: give [..., D, D], or bipartite graphs only")


def _real(stack: ArrayLike) -> Float[np.ndarray | Array, "*batch m n"]:
    array = stack if isinstance(stack, jax.Array) else np.asarray(stack)
    if array.ndim < 2 or array.size == 0:
        raise ValueError(f"stack of shape {array.shape} holds no matrices: give one of shape [..., D, D] with D >= 1")
    if jnp.issubdtype(array.dtype, jnp.floating):
        return array.astype(np.float64 if array.dtype.itemsize >= 8 else np.float32)
    if jnp.issubdtype(array.dtype, jnp.integer) or array.dtype == bool:
        return array.astype(float) if isinstance(array, Tracer) else np.asarray(array, np.float64)
    raise ValueError(f"stack of type {array.dtype} is not real: give integer or floating-point matrices")
