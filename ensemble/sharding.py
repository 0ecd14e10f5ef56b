"""The member axis over devices: one mesh axis, the same for a laptop, one GPU, several GPUs or a TPU.

Members never talk to each other, so the compiled programs hold no collective: every device trains its own members.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Int32, Key

from ensemble.config import TrainConfig
from ensemble.network import MLP, init_params
from ensemble.step import Images, MemberState, Observe, Record, evaluate_members, optimizer, record, train_epoch

AXIS = "member"


class Programs(NamedTuple):
    """The two compiled programs of an ensemble; both take and return arrays sharded over members."""

    start: Callable[[Key[Array, " members"], Images], tuple[MemberState, Record]]
    """(keys, images) -> initial state and the recording before training."""
    epoch: Callable[[MemberState, Int32[Array, "steps keys batch"], Images], tuple[MemberState, Record]]
    """(state, order, images) -> state and recording after one epoch; the given state's memory is reused."""


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


def compile_programs(config: TrainConfig, network: MLP, pixels: int, observe: Observe, mesh: Mesh) -> Programs:
    """Jitted start and epoch of an ensemble; compiled at their first call for a chunk shape, reused for every other."""
    gather_in_loop = mesh.devices.flat[0].platform == "cpu"

    def start(keys: Array, images: Images) -> tuple[MemberState, Record]:
        params = jax.vmap(lambda key: init_params(network, key, pixels))(keys)
        state = MemberState(params, jax.vmap(optimizer(config).init)(params))
        loss, _ = evaluate_members(network, params, images.train, images.train_labels)
        return state, record(network, observe, params, loss, images)

    def epoch(state: MemberState, order: Array, images: Images) -> tuple[MemberState, Record]:
        state, loss = train_epoch(network, config, gather_in_loop, state, order, images)
        return state, record(network, observe, state.params, loss, images)

    member, copy, order = by_member(mesh).spec, replicated(mesh).spec, order_sharding(config, mesh).spec
    # check_vma=False: the scans start from constants, which the checker wants marked as varying by hand.
    sharded_start = jax.shard_map(start, mesh=mesh, in_specs=(member, copy), out_specs=member, check_vma=False)
    sharded_epoch = jax.shard_map(epoch, mesh=mesh, in_specs=(member, order, copy), out_specs=member, check_vma=False)
    return Programs(jax.jit(sharded_start), jax.jit(sharded_epoch, donate_argnums=0))


def chunk_members(config: TrainConfig, platform: str, devices: int) -> int:
    """Members trained at once over all devices.

    On an accelerator the whole ensemble is one chunk. A CPU core is fastest when a few members' batches stay in its
    cache: 4 of the paper's network with independent order, 32 with the shared order, fewer for wider networks.
    """
    if config.chunk is not None:
        per_device = -(-config.chunk // devices)
    elif platform != "cpu":
        per_device = config.members
    else:
        narrow = 4 if config.order == "independent" else 32
        per_device = max(1, narrow * 40 // max(40, *config.hidden))
    return devices * min(per_device, -(-config.members // devices))
