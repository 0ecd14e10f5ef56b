"""The families of compiled programs that a run consists of, each beside what NumPy makes of the same input."""

import functools
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from threading import Lock
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from analysis.symmetry import Separate, Simultaneous
from ensemble import Dataset, TrainConfig, TrainResult, train
from ensemble.order import device_order, host_order, member_keys
from experiments.compiler import reference
from experiments.compiler.threefry import fold_in, permutation
from invariants import PAPER, Graph, combine, compile_plan, evaluate, factor_values
from pigmm_jax import enable_x64

SLICE = 2**20
"""Entries of the matrices that NumPy is given at a time, as it keeps every intermediate."""
_TRAINING = Lock()


class Size(NamedTuple):
    """How much is computed; the default compiles in a few seconds."""

    dims: tuple[int, ...] = (3,)
    """Sizes D of the matrices."""
    rows: int = 32_769
    """Matrices in a stack: jax issue 39103 shows only beyond 16 384 rows of float64 and 32 768 of float32."""
    graphs: tuple[Graph, ...] = PAPER[::4]
    members: int = 2
    widths: tuple[int, ...] = (10, 10)
    train: int = 200
    test: int = 33_000


Pair = tuple[Float[np.ndarray, "rows columns"], Float[np.ndarray, "rows columns"]]
"""What the compiled program gave, and what NumPy gives; columns are judged each by its own largest entry."""


class Family(NamedTuple):
    """Programs of one kind."""

    pairs: Callable[[Size], Iterator[Pair]]
    tolerance: float
    """Largest difference allowed, relative to the largest entry of its column."""


def matrix_vector_products(size: Size) -> Iterator[Pair]:
    """|M x|^2 of many vectors x: the shape of program of jax issue 39103."""
    for dtype in (np.float32, np.float64):
        for dim in {*size.dims, 3, 5}:
            matrix, vectors = np.eye(dim, dtype=dtype), _normal((size.rows, dim)).astype(dtype)
            with enable_x64(dtype == np.float64):
                squares = jax.jit(jax.vmap(lambda vector, matrix=matrix: jnp.sum((matrix @ vector) ** 2)))(vectors)
            yield np.asarray(squares)[:, None], np.sum(vectors**2.0, axis=1, keepdims=True)


def invariants(dtype: type[np.floating], size: Size) -> Iterator[Pair]:
    """Invariants of all members at once in float32, as in the training program; of a stack by `evaluate` in float64."""
    plan = compile_plan(size.graphs)
    for dim in size.dims:
        stack = _stack(dim, size, dtype)
        slices = np.array_split(stack, -(-stack.size // SLICE))
        expected = combine(plan, np.concatenate([reference.factors(plan, rows) for rows in slices]))
        if dtype == np.float64:
            yield np.asarray(evaluate(size.graphs, stack)), expected
        else:
            yield combine(plan, jax.jit(jax.vmap(partial(factor_values, plan)))(stack)), expected


def moments(size: Size) -> Iterator[Pair]:
    """Block moments of square matrices under both symmetries, of all members at once, as in the training program."""
    for dim in size.dims:
        stack = _stack(dim, size, np.float32)
        for symmetry in (Simultaneous(dim), Separate(dim, dim)):
            statistics = symmetry.block_moments
            computed = jax.jit(jax.vmap(statistics))(stack)
            yield np.asarray(computed), np.asarray(statistics(stack.astype(np.float64)))


def orders(size: Size) -> Iterator[Pair]:
    """The order of images drawn on the device, to the bit."""
    keys, epoch, batch = member_keys(3, np.arange(size.members)), 2, 10
    drawn = np.asarray(device_order(keys, jnp.int32(epoch), size.train, batch))
    words = np.asarray(jax.random.key_data(keys))
    expected = np.stack([permutation(fold_in(key, epoch), size.train) for key in words])
    expected = expected[:, : size.train // batch * batch].reshape(size.members, -1, batch).swapaxes(0, 1)
    yield drawn.reshape(-1, 1), expected.reshape(-1, 1)


def training(size: Size) -> Iterator[Pair]:
    """An epoch of every member: the weights after it, and its mean loss."""
    config, data, result = _trained(size)
    for member in range(size.members):
        kernels = [kernel[member].astype(np.float64) for kernel in result.record.observed]
        words = np.asarray(jax.random.key_data(member_keys(config.seed, np.array([member]))))
        order = host_order(words, 0, size.train, config.batch_size)[:, 0]
        batches = [(data.train_images[index], data.train_labels[index]) for index in order]
        after = reference.epoch([kernel[0] for kernel in kernels], batches, config)
        for kernel, expected in zip(kernels, after.kernels, strict=True):
            yield kernel[1].reshape(-1, 1), expected.reshape(-1, 1)
        yield np.array([[result.record.train_loss[member, 1]]]), np.array([[after.loss]])


def evaluation(size: Size) -> Iterator[Pair]:
    """Loss and accuracy of every member over the test set, and its loss over the training set before it starts."""
    _, data, result = _trained(size)
    for member in range(size.members):
        for epoch in range(2):
            kernels = [kernel[member, epoch].astype(np.float64) for kernel in result.record.observed]
            loss, accuracy = reference.evaluate(kernels, data.test_images, data.test_labels)
            recorded = result.record.test_loss[member, epoch], result.record.test_accuracy[member, epoch]
            yield np.array([recorded]), np.array([[loss, accuracy]])
        kernels = [kernel[member, 0].astype(np.float64) for kernel in result.record.observed]
        loss, _ = reference.evaluate(kernels, data.train_images, data.train_labels)
        yield np.array([[result.record.train_loss[member, 0]]]), np.array([[loss]])


FAMILIES = {
    "matrix-vector products": Family(matrix_vector_products, 1e-6),
    "invariants in float32": Family(partial(invariants, np.float32), 1e-4),
    "invariants in float64": Family(partial(invariants, np.float64), 1e-10),  # a TPU makes float64 of pairs of float32
    "block moments": Family(moments, 1e-5),
    "orders": Family(orders, 0.0),
    "training": Family(training, 1e-4),
    "evaluation": Family(evaluation, 1e-4),
}


def _trained(size: Size) -> tuple[TrainConfig, Dataset, TrainResult]:
    """Settings, random images, and one epoch with them, as the engine trains it: once for all who ask."""
    with _TRAINING:
        return _train(size)


@functools.cache
def _train(size: Size) -> tuple[TrainConfig, Dataset, TrainResult]:
    generator = np.random.default_rng(1)
    images = generator.integers(0, 256, (size.train + size.test, 16)).astype(np.uint8)
    labels = generator.integers(0, size.widths[-1], len(images)).astype(np.int32)
    data = Dataset(
        *("random", "made up", (4, 4, 1), size.widths[-1]),
        *(images[: size.train], labels[: size.train], images[size.train :], labels[size.train :]),
    )
    config = TrainConfig(
        members=size.members, epochs=1, hidden=size.widths, batch_size=10, weight_decay=0.01, orders="host"
    )

    def initial(members: np.ndarray) -> dict[int, np.ndarray]:
        # Given, because programs that draw them take longer to compile than all that is checked here.
        shapes = pairwise((data.train_images.shape[1], *size.widths, data.classes))
        drawn = {k: _normal((len(members), *shape[::-1])) / 4 for k, shape in enumerate(shapes)}
        return jax.tree.map(np.float32, drawn)

    return config, data, train(config, data, list, devices=1, initial=initial)


def _stack(dim: int, size: Size, dtype: type[np.floating]) -> np.ndarray:
    """Matrices whose entries have a mean, so that no invariant is a small difference of large numbers."""
    return (0.5 + _normal((size.rows, dim, dim))).astype(dtype)


def _normal(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)
