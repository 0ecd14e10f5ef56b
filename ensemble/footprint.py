"""What a training takes on every device by the compiler's own count, and how many members fit by it."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, Sharding
from jaxtyping import PyTree

from ensemble.config import TrainConfig
from ensemble.dataset import Dataset
from ensemble.layout import Layout, layout_of
from ensemble.network import MLP
from ensemble.order import member_keys, order_keys, source_of_orders
from ensemble.sharding import Programs, by_member, compile_programs, key_sharding, order_sharding, replicated
from ensemble.step import Images, MemberState, Observe, Record

USABLE = 0.9  # of an accelerator's memory; the rest is lost between its buffers
Given = Mapping[int, Any]
"""Kernels given in place of drawn ones, of one member: by layer, [1, out, in]; of their values nothing is used."""


class DoesNotFit(ValueError):
    """A training that does not fit into memory; the message is one line."""


class Shapes(NamedTuple):
    """What the programs of a chunk take and return, as shapes with their shardings."""

    state: MemberState
    record: Record
    keys: PyTree
    """Of the members."""
    given: PyTree
    images: Images
    order_keys: PyTree
    order: PyTree


@functools.lru_cache(maxsize=4)
def shared_programs(config: TrainConfig, classes: int, pixels: int, observe: Observe, mesh: Mesh) -> Programs:
    """The programs of an ensemble; asked for again, the same ones: what was compiled to be measured is what is run."""
    network = MLP((*config.hidden, classes), config.init, config.biases)
    return compile_programs(config, network, pixels, observe, mesh)


def chunk_shapes(
    programs: Programs, config: TrainConfig, data: Dataset, given: Given, mesh: Mesh, chunk: int
) -> Shapes:
    """Shapes of all that a chunk of so many members has on the devices."""
    members, count, batch = np.arange(chunk), len(data.train_images), config.batch_size
    keys = _placed(jax.eval_shape(lambda: member_keys(config.seed, members)), by_member(mesh))
    shuffling = _placed(
        jax.eval_shape(lambda: order_keys(config.seed, members, config.order)), key_sharding(config, mesh)
    )
    widened = {index: jax.ShapeDtypeStruct((chunk, *kernel.shape[1:]), kernel.dtype) for index, kernel in given.items()}
    kernels = _placed(widened, by_member(mesh))
    train, test = (_stored(images, _layout(mesh)) for images in (data.train_images, data.test_images))
    images = Images(*_placed((train, data.train_labels, test, data.test_labels), replicated(mesh)))
    state, record = _placed(jax.eval_shape(programs.start, keys, kernels, images), by_member(mesh))
    order = jax.ShapeDtypeStruct((count // batch, shuffling.shape[0], batch), jnp.int32)
    return Shapes(state, record, keys, kernels, images, shuffling, _placed(order, order_sharding(config, mesh)))


def device_bytes(programs: Programs, config: TrainConfig, shapes: Shapes, mesh: Mesh) -> int:
    """Bytes on every device at the worst moment of a chunk's training.

    An epoch runs beside the drawing or placing of the next order and the recording of the epoch before, which is being
    fetched; a program takes arguments + outputs + temporaries + itself - what it updates in place.
    """
    count = shapes.images.train.shape[0]
    start = _taken(programs.start, shapes.keys, shapes.given, shapes.images)
    epoch = _taken(programs.epoch, shapes.state, shapes.order, shapes.images)
    if source_of_orders(config.orders, _platform(mesh)) == "device":
        following = _taken(programs.order, shapes.order_keys, jnp.int32(0), count)
    else:
        following = _on_one(shapes.order)
    return max(start, epoch + following + sum(map(_on_one, jax.tree.leaves(shapes.record))))


def most_that_fit(taken: Callable[[int], int], most: int, fixed: int, limit: int | None) -> tuple[int, int] | None:
    """How many members a device trains at once, in about equal chunks of at most `most`, and the bytes that takes.

    Every number that is tried is compiled for; the one that is found has been, and runs as it is. Where the limit is
    not known, as many are taken as compile: whether they fit, running them will show.

    Args:
        taken: bytes that so many members take; it may raise what XLA raises when memory runs out in compiling.
        most: how many there are.
        fixed: bytes that they take however few they are.
        limit: bytes of the device, or None.

    Returns:
        The number and its bytes, or None if a single one does not fit.
    """
    room, count = None if limit is None else int(USABLE * limit), most
    while count:
        try:
            size = taken(count)
        except jax.errors.JaxRuntimeError as error:
            if not ran_out_of_memory(error):
                raise
            fewer = count // 2
        else:
            if room is None or size <= room:
                return count, size
            fewer = min(count - 1, max(1, count * max(0, room - fixed) // (size - fixed)))
        count = -(-most // -(-most // fewer)) if fewer else 0
    return None


def ran_out_of_memory(error: Exception) -> bool:
    """Whether XLA says that an allocation failed, in compiling, placing or running."""
    return isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error)


def _placed(arrays: Any, sharding: Sharding) -> Any:
    """Their shapes, as they lie on the devices."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), arrays)


def _on_one(array: jax.ShapeDtypeStruct) -> int:
    """Bytes of an array on one of its devices."""
    assert array.sharding is not None
    return math.prod(array.sharding.shard_shape(array.shape)) * array.dtype.itemsize


def _stored(images: np.ndarray, layout: Layout) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(images.shape, layout.store(images[:0]).dtype)


def _layout(mesh: Mesh) -> Layout:
    return layout_of(_platform(mesh))


def _platform(mesh: Mesh) -> str:
    return mesh.devices.flat[0].platform


def _taken(program: Any, *arguments: Any) -> int:
    sizes = program.lower(*arguments).compile().memory_analysis()
    if sizes is None:  # a backend that does not tell: running will show
        return 0
    return (
        sizes.argument_size_in_bytes
        + sizes.output_size_in_bytes
        + sizes.temp_size_in_bytes
        + sizes.generated_code_size_in_bytes
        - sizes.alias_size_in_bytes
    )
