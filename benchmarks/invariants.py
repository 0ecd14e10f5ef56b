"""Time of all 361 invariants of degree 1 to 4, beside the floor of three matrix products and a naive einsum per graph.

    python -m benchmarks.invariants [--matrices 64] [--repeats 5]

The floor is M M, M M^T and M^T M at the same precision, beside which everything is O(D^2); the gap to it is the ratio
`all 361 / it`. Rivals take turns in one process; the table shows medians, and the first call with its compilation.
"""

import argparse
from collections.abc import Callable
from functools import partial
from statistics import median
from string import ascii_lowercase
from time import perf_counter

import jax
import jax.numpy as jnp
import numpy as np

from invariants import Graph, compile_plan, enumerate_graphs, evaluate

GRAPHS = tuple(graph for degree in (1, 2, 3, 4) for graph in enumerate_graphs(degree))


def three_products(matrix):
    matmul = partial(jnp.matmul, precision="highest")
    return matmul(matrix, matrix), matmul(matrix, matrix.T), matmul(matrix.T, matrix)


def einsum_each(graphs: tuple[Graph, ...], stack: np.ndarray) -> np.ndarray:
    """One numpy.einsum per graph, each with its own optimised order and nothing shared."""

    def one(graph: Graph) -> np.ndarray:
        operands = ",".join("z" + ascii_lowercase[a] + ascii_lowercase[b] for a, b in graph.edges)
        return np.einsum(operands + "->z", *[stack] * graph.degree, optimize=True)

    return np.stack([one(graph) for graph in graphs], axis=-1)


def compare(title: str, stack: np.ndarray, rivals: dict[str, Callable], repeats: int) -> None:
    contestants = {"all 361": partial(evaluate, GRAPHS)} | rivals
    times: dict[str, list[float]] = {label: [] for label in contestants}
    for _ in range(repeats + 1):
        for label, function in contestants.items():
            start = perf_counter()
            jax.block_until_ready(function(stack))
            times[label].append(perf_counter() - start)
    ours = median(times["all 361"][1:])
    print(f"\n{title}, {stack.dtype} {list(stack.shape)}")
    print(f"{'':34s}{'median':>12s}{'per matrix':>14s}{'all 361 / it':>14s}{'first call':>12s}")
    for label, (first, *rest) in times.items():
        each = median(rest) / len(stack)
        print(f"{label:34s}{median(rest):10.4f} s{each * 1e3:11.4f} ms{ours / median(rest):14.3f}{first:10.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time all 361 invariants of degree 1 to 4.")
    parser.add_argument("--matrices", type=int, default=64, help="number of 640 x 640 matrices (default 64)")
    parser.add_argument("--repeats", type=int, default=5, help="timed repetitions (default 5)")
    options = parser.parse_args()
    random = np.random.default_rng(0)
    stack = partial(random.standard_normal, dtype=np.float32)
    products = {
        "three products, one matrix a time": jax.jit(lambda matrices: jax.lax.map(three_products, matrices)),
        "three products, batched": jax.jit(jax.vmap(three_products)),
    }
    einsum = {"numpy.einsum per graph": partial(einsum_each, GRAPHS)}
    print(f"device {jax.devices()[0].device_kind}\n{compile_plan(GRAPHS)}")
    compare("Wide", stack((options.matrices, 640, 640)), products, options.repeats)
    compare("Three layers of 1000 members", stack((3000, 10, 10)), products | einsum, min(options.repeats, 3))
    compare("Moderate", stack((32, 64, 64)), products | einsum, min(options.repeats, 3))


if __name__ == "__main__":
    main()
