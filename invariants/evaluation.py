"""Evaluation of invariants: a plan run on one matrix, vectorised at the edge over a stack of matrices."""

from collections.abc import Sequence
from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from invariants.bipartite import is_bipartite
from invariants.graphs import Graph
from invariants.plan import Plan, compile_plan
from pigmm_jax import enable_x64

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
    "total": lambda *vectors: reduce(jnp.multiply, vectors).sum(),
}


def factor_values(plan: Plan, matrix: Float[Array, "m n"]) -> Float[Array, " factors"]:
    """Values of the connected factors of a plan on one matrix; pure JAX, for use inside compiled programs.

    I_C(M) = sum over node indices of prod over edges (a, b) of M[i_a, i_b], in the precision of the matrix.

    Args:
        plan: from `compile_plan`.
        matrix: [D, D], or [m, n] where every graph is bipartite.
    """
    results = [matrix]
    for step in plan.steps[1:]:
        results.append(_OPERATIONS[step.op](*(results[arg] for arg in step.args)))
    return jnp.array([results[output] for output in plan.outputs], dtype=matrix.dtype)


def combine(plan: Plan, values: Float[np.ndarray | Array, "*batch factors"]) -> Float[np.ndarray, "*batch graphs"]:
    """Invariants of the graphs of a plan from the values of their factors, in float64 on the host.

    I_G = prod over connected components C of I_C.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        return _products(plan, np.asarray(values, np.float64), np)


def evaluate(graphs: Sequence[Graph], stack: ArrayLike) -> Float[np.ndarray | Array, "*batch graphs"]:
    """Invariants of every matrix of a stack.

    I_G(M) = sum over node indices of prod over edges (a, b) of M[i_a, i_b].

    Connected factors are computed in the floating-point precision of the stack (integers as float64, half precisions as
    float32) and multiplied in float64. Non-finite entries propagate.

    Args:
        graphs: any graphs of treewidth at most 2, which includes all of degree at most 5.
        stack: [..., D, D], or [..., m, n] where every graph is bipartite.

    Returns:
        [..., len(graphs)] in float64; under `jax.jit` or `jax.vmap` a traced array in the precision of the stack.

    Raises:
        ValueError: if the stack is empty, not numeric, not of matrices, or rectangular where a graph needs square ones.
    """
    plan = compile_plan(tuple(graphs))
    array = _matrices(plan, stack)
    flat = array.reshape(-1, *array.shape[-2:])
    if isinstance(array, Tracer):
        values = _products(plan, _stack_values(plan, flat), jnp)
    else:
        with enable_x64(array.dtype == np.float64):
            values = combine(plan, _stack_values(plan, flat))
    return values.reshape(*array.shape[:-2], len(plan.graphs))


@partial(jax.jit, static_argnums=0)
def _stack_values(plan: Plan, stack: Float[Array, "batch m n"]) -> Float[Array, "batch factors"]:
    batch, m, n = stack.shape
    chunk = min(batch, CHUNK_ENTRIES // (m * n))
    return jax.lax.map(partial(factor_values, plan), stack, batch_size=chunk if chunk > 1 else None)


def _products(plan: Plan, values, numpy):
    """Products of factors; graphs with fewer components than others are filled up with a constant factor 1."""
    size = max((len(factors) for factors in plan.products), default=0)
    one = len(plan.factors)
    filled = [factors + (one,) * (size - len(factors)) for factors in plan.products]
    table = np.array(filled, dtype=int).reshape(len(filled), size)
    padded = numpy.concatenate([values, numpy.ones_like(values, shape=(*values.shape[:-1], 1))], axis=-1)
    return numpy.prod(padded[..., table], axis=-1)


def _matrices(plan: Plan, stack: ArrayLike) -> Float[np.ndarray | Array, "*batch m n"]:
    array = stack if isinstance(stack, jax.Array) else np.asarray(stack)
    if array.ndim < 2 or array.size == 0:
        raise ValueError(f"stack of shape {array.shape} holds no matrices: give one of shape [..., D, D] with D >= 1")
    if array.shape[-2] != array.shape[-1] and not all(map(is_bipartite, plan.graphs)):
        raise ValueError(f"stack of shape {array.shape} is not square: give [..., D, D], or bipartite graphs only")
    if jnp.issubdtype(array.dtype, jnp.floating):
        return array.astype(np.float64 if array.dtype.itemsize >= 8 else np.float32)
    if jnp.issubdtype(array.dtype, jnp.integer) or array.dtype == bool:
        return array.astype(float) if isinstance(array, Tracer) else np.asarray(array, np.float64)
    raise ValueError(f"stack of type {array.dtype} is not real: give integer or floating-point matrices")
