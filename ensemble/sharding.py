"""The member axis over devices: one mesh axis, the same for a laptop, one GPU, several GPUs or a TPU.

Members never talk to each other, so the compiled programs hold no collective: every device trains its own members.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float32, Int, Int32, Key

from ensemble.config import TrainConfig
from ensemble.layout import Layout, layout_of
from ensemble.network import MLP, init_params, kernel_params
from ensemble.order import device_order
from ensemble.step import Images, MemberState, Observe, Record, evaluate_members, optimizer, record, train_epoch

AXIS = "member"
Kernels = dict[int, Float32[Array, "members out inputs"]]
"""Kernels by the position of their layer, counted from 0."""


class Programs(NamedTuple):
    """The compiled programs of an ensemble; all take and return arrays sharded over members."""

    start: Callable[[Key[Array, " members"], Kernels, Images], tuple[MemberState, Record]]
    """(keys, kernels given in place of drawn ones, images) -> initial state and the recording before training."""
    epoch: Callable[[MemberState, Int32[Array, "steps keys batch"], Images], tuple[MemberState, Record]]
    """(state, order, images) -> state and recording after one epoch; the given state's memory is reused."""
    order: Callable[[Key[Array, " keys"], Int[Array, ""], int], Int32[Array, "steps keys batch"]]
    """(keys, epoch, number of images) -> the order of `device_order`; every device draws that of its own members."""


def member_mesh(devices: int | None = None) -> Mesh:
    """One-axis mesh over the first `devices` local devices (default: all)."""
    return Mesh(np.array(jax.local_devices()[:devices]), (AXIS,), axis_types=(AxisType.Auto,))


def by_member(mesh: Mesh, axis: int = 0) -> NamedSharding:
    """Sharding that splits the given array axis over members."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, AXIS))


def replicated(mesh: Mesh) -> NamedSharding:
    """Sharding that puts a copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def order_sharding(config: TrainConfig, mesh: Mesh) -> NamedSharding:
    """Sharding of the order [steps, keys, batch]: by member where every member has its own."""
    return by_member(mesh, axis=1) if config.order == "independent" else replicated(mesh)


def key_sharding(config: TrainConfig, mesh: Mesh) -> NamedSharding:
    """Sharding of the keys that draw the order, each where its order is needed."""
    return by_member(mesh) if config.order == "independent" else replicated(mesh)


def compile_programs(
    config: TrainConfig, network: MLP, pixels: int, observe: Observe, mesh: Mesh, layout: Layout | None = None
) -> Programs:
    """Jitted programs of an ensemble; compiled at their first call for a chunk shape, reused for every other.

    The layout of the images is that of the mesh's platform where none is given.
    """
    chosen = layout or layout_of(mesh.devices.flat[0].platform)

    def start(keys: Array, given: Kernels, images: Images) -> tuple[MemberState, Record]:
        params = jax.vmap(lambda key: init_params(network, key, pixels))(keys) | kernel_params(given)
        state = MemberState(params, jax.vmap(optimizer(config).init)(params))
        loss, _ = evaluate_members(network, params, images.train, images.train_labels)
        return state, record(network, observe, params, loss, images)

    def epoch(state: MemberState, order: Array, images: Images) -> tuple[MemberState, Record]:
        state, loss = train_epoch(network, config, chosen, state, order, images)
        return state, record(network, observe, state.params, loss, images)

    def draw(keys: Array, number: Array, count: int) -> Array:
        def here(keys: Array, number: Array) -> Array:
            return device_order(keys, number, count, config.batch_size)

        drawn_by = (key_sharding(config, mesh).spec, copy)
        return jax.shard_map(here, mesh=mesh, in_specs=drawn_by, out_specs=order, check_vma=False)(keys, number)

    member, copy, order = by_member(mesh).spec, replicated(mesh).spec, order_sharding(config, mesh).spec
    # check_vma=False: the scans start from constants, which the checker wants marked as varying by hand.
    sharded_start = jax.shard_map(start, mesh=mesh, in_specs=(member, member, copy), out_specs=member, check_vma=False)
    sharded_epoch = jax.shard_map(epoch, mesh=mesh, in_specs=(member, order, copy), out_specs=member, check_vma=False)
    return Programs(jax.jit(sharded_start), jax.jit(sharded_epoch, donate_argnums=0), jax.jit(draw, static_argnums=2))
