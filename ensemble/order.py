"""The order in which members see the training images, and the keys from which all randomness derives."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Int32, Key, UInt32

from ensemble.config import Order, Orders

SHUFFLED_AT_ONCE = 125  # keys: enough for an accelerator; each takes about 20 bytes an image while it is sorted
SHARED = 2**32 - 1  # the member number whose key draws the shared order; no ensemble is that large


def member_keys(seed: int, members: Int[np.ndarray, " members"]) -> Key[Array, " members"]:
    """Keys fold_in(key(seed), i): member i's is the same in any ensemble, chunk or device count."""
    return jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), members.astype(np.uint32))


def order_keys(seed: int, members: Int[np.ndarray, " members"], order: Order) -> Key[Array, " keys"]:
    """Keys that draw the order: every member's own, or the one key of the shared order."""
    return member_keys(seed, members if order == "independent" else np.array([SHARED]))


def source_of_orders(orders: Orders, platform: str) -> Orders:
    """What "auto" is on a platform: each draws where that is fast."""
    return orders if orders != "auto" else "host" if platform == "cpu" else "device"


def host_order(
    words: UInt32[np.ndarray, "keys 2"], epoch: int, images: int, batch: int
) -> Int32[np.ndarray, "steps keys batch"]:
    """Indices of the images of every batch of one epoch, a pure function of (key, epoch), drawn with NumPy.

    On a CPU this takes 0.5 ms a member where a device-side sort takes as long as the training of that epoch.

    Args:
        words: `jax.random.key_data` of the keys.
        epoch: number of the epoch, from 0.
        images: size of the training set; a last incomplete batch is dropped.
        batch: images a step.
    """
    steps = images // batch
    shuffles = [np.random.default_rng([*key, epoch]).permutation(images)[: steps * batch] for key in words.tolist()]
    return np.stack(shuffles, dtype=np.int32, casting="unsafe").reshape(-1, steps, batch).swapaxes(0, 1)


@functools.partial(jax.jit, static_argnames=("images", "batch"))
def device_order(
    keys: Key[Array, " keys"], epoch: Int[Array, ""], images: int, batch: int
) -> Int32[Array, "steps keys batch"]:
    """The same as `host_order` (with other shuffles), drawn by JAX: the same bits on every platform and device."""
    steps = images // batch

    def shuffle(key: Array) -> Array:
        return jax.random.permutation(jax.random.fold_in(key, epoch), images)[: steps * batch]

    shuffles = jax.lax.map(shuffle, keys, batch_size=min(len(keys), SHUFFLED_AT_ONCE))
    return shuffles.reshape(-1, steps, batch).swapaxes(0, 1).astype(jnp.int32)
