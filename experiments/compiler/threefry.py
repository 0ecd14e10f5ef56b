"""JAX's random bits in NumPy: the Threefry-2x32 block cipher in counter mode, and the shuffles drawn with it.

Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011), with 20 rounds; JAX's
"partitionable" arrangement of the counters.
"""

from math import ceil, log

import numpy as np
from jaxtyping import Int64, UInt32

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA

Words = UInt32[np.ndarray, "*shape"]
Key = UInt32[np.ndarray, "2"]


def threefry(key: Key, high: Words, low: Words) -> tuple[Words, Words]:
    """The two words of every block of the counter (high, low), encrypted with a key of two words."""
    schedule = (key[0], key[1], key[0] ^ key[1] ^ np.uint32(PARITY))
    x, y = high + schedule[0], low + schedule[1]
    for block in range(5):
        for rotation in ROTATIONS[block % 2]:
            x = x + y
            y = (y << np.uint32(rotation)) | (y >> np.uint32(32 - rotation))
            y = y ^ x
        x = x + schedule[(block + 1) % 3]
        y = y + schedule[(block + 2) % 3] + np.uint32(block + 1)
    return x, y


def fold_in(key: Key, number: int) -> Key:
    """`jax.random.fold_in` on the words of a key."""
    return np.array(threefry(key, *_counters(np.array([number])))).ravel()


def bits(key: Key, count: int) -> UInt32[np.ndarray, "count"]:
    """`jax.random.bits` of a vector of 32-bit words."""
    high, low = threefry(key, *_counters(np.arange(count)))
    return high ^ low


def permutation(key: Key, count: int) -> Int64[np.ndarray, "count"]:
    """`jax.random.permutation` of 0 ... count-1: stable sorts by random words, as often as makes ties harmless."""
    order = np.arange(count)
    for _ in range(ceil(3 * log(max(1, count)) / log(2**32 - 1))):
        key, drawn = np.stack(threefry(key, *_counters(np.arange(2))), axis=1)
        order = order[np.argsort(bits(drawn, count), kind="stable")]
    return order


def _counters(numbers: np.ndarray) -> tuple[Words, Words]:
    """High and low words of 64-bit counters."""
    return (numbers >> 32).astype(np.uint32), (numbers & 0xFFFFFFFF).astype(np.uint32)
