"""What is computed of the weights before training and after it: by NumPy on the host, beside the compiled programs.

For numbers that would slow down the programs, as eigenvalues do, and are wanted of the first and the last epoch only.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import jax
import numpy as np
from jaxtyping import Float32, PyTree
from threadpoolctl import threadpool_limits

from ensemble.config import TrainConfig
from ensemble.dataset import Dataset

Examine = Callable[[Float32[np.ndarray, "members out inputs"]], PyTree]
"""One weight matrix of some members -> arrays [members, ...]; those of a member depend on its matrix alone."""
ENTRIES = 1 << 18
"""Matrix entries that are examined at once by one thread."""


def ends(config: TrainConfig) -> tuple[int, ...]:
    """The epochs at which weights are examined: before training, and after it."""
    return tuple(dict.fromkeys((0, config.epochs)))


def examine_members(examine: Examine, kernels: Sequence[Any]) -> tuple[PyTree, ...]:
    """What is computed of each matrix [members, out, in]; the same bytes on any number of cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with threadpool_limits(1), ThreadPoolExecutor(cores) as pool:
        return tuple(_examine_stack(pool, examine, kernel) for kernel in kernels)


def blank(examine: Examine, config: TrainConfig, data: Dataset, members: int) -> tuple[PyTree, ...]:
    """Room for what is computed of so many members: arrays [members, ends, ...] of zeros, one tree for each matrix."""
    lead, widths = (members, len(ends(config))), (data.train_images.shape[1], *config.hidden, data.classes)
    shapes = [(0, outputs, inputs) for inputs, outputs in pairwise(widths)]
    found = tuple(examine(np.zeros(shape, np.float32)) for shape in shapes)
    return jax.tree.map(lambda leaf: np.zeros(lead + leaf.shape[1:], leaf.dtype), found)


def _examine_stack(pool: ThreadPoolExecutor, examine: Examine, stack: np.ndarray) -> PyTree:
    step = max(1, ENTRIES // stack[0].size)
    parts = pool.map(examine, [stack[start : start + step] for start in range(0, len(stack), step)])
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
