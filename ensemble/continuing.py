"""Going on with a training that has ended: what its members had learned, and their further epochs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree, Shaped

from ensemble.snapshot import SnapshotError

NamedState = Mapping[str, Shaped[np.ndarray, "member ..."]]
"""The state of some members: parameters and Adam's moments, by names such as "params.kernel0"."""


class Trained(NamedTuple):
    """What members have learned that are to go on."""

    epochs: int
    """How many they have had."""
    state: NamedState
    """Of these members after the last of them."""


def named_state(state: PyTree) -> dict[str, Any]:
    """The arrays of a state, or their shapes, by their names, in the order of the leaves of its tree."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def refuse_other_network(after: Trained, shapes: PyTree, members: int, epochs: int) -> None:
    """Refuse a state that is not of so many members of this network, or has had all epochs already.

    Args:
        after: what they have learned.
        shapes: of the state of some members of this network.
        members: how many go on.
        epochs: of the whole training.

    Raises:
        SnapshotError: says so.
    """
    wanted = {name: ((members, *leaf.shape[1:]), np.dtype(leaf.dtype)) for name, leaf in named_state(shapes).items()}
    if {name: (leaf.shape, leaf.dtype) for name, leaf in after.state.items()} != wanted:
        raise SnapshotError("the state to go on from is of another network, optimiser or number of members")
    if not 0 <= after.epochs < epochs:
        raise SnapshotError(f"the state to go on from has had {after.epochs} epochs: give more than that")
