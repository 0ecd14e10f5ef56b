"""The same matrices at every checkpoint of a training: statistics of each, and how far their law has moved."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from analysis.inference.displacement import FEWEST, Displacement, displacement
from analysis.inference.resampling import bootstrap
from analysis.recording import Recording, included
from analysis.statistics import REPLICATES, SEED, Statistics
from analysis.study import study_recording
from analysis.weights.measuring import Measured, NoneFiniteError


class Trajectory(NamedTuple):
    """A group of matrices at E checkpoints."""

    statistics: Statistics
    """With the axes (checkpoint, 1); steps are its epochs, and distances to the nearest independent entries."""
    from_first: tuple[Displacement, ...]
    """Of each checkpoint from the first; of the first itself 0."""
    by_step: tuple[Displacement, ...]
    """Of each checkpoint but the first from the one before."""
    status: str
    """Empty, or what is not available and why."""


def trajectory(at: Sequence[Measured], steps: Sequence[int], name: str) -> Trajectory:
    """Follow a group through its checkpoints, a member up to where it is no longer finite.

    Args:
        at: what was kept of the same members at each step.
        steps: of the checkpoints, increasing.
        name: of the group.

    Raises:
        NoneFiniteError: at some step no member is.
    """
    recording = Recording(
        members=np.arange(len(at[0].finite)),
        epochs=np.array(steps),
        layers=(name,),
        symmetries=(at[0].symmetry,),
        invariants=np.stack([one.invariants for one in at], axis=1)[:, :, None],
        block_moments=np.stack([one.block_moments for one in at], axis=1)[:, :, None],
        finite=np.stack([one.finite for one in at], axis=1),
        every=np.stack([one.centred for one in at], axis=1)[:, :, None],
    )
    used = included(recording)[:, :, 0]
    for step, members in zip(steps, used.T, strict=True):
        if not members.any():
            raise NoneFiniteError(f"no matrix of {name} is finite up to step {step}")
    few = int(used[:, -1].sum())
    return Trajectory(
        statistics=study_recording(recording, (None,)),
        from_first=tuple(_moved(recording, used, 0, k) for k in range(len(at))),
        by_step=tuple(_moved(recording, used, k - 1, k) for k in range(1, len(at))),
        status=f"errors of moves need {FEWEST} matrices, and there are {few}" if few < FEWEST else "",
    )


def _moved(recording: Recording, used: Bool[np.ndarray, "N E"], first: int, last: int) -> Displacement:
    """By the members that are finite at both, which are those at the later one."""
    both = recording.block_moments[used[:, last]][:, [first, last], 0]
    return displacement(both, recording.symmetries[0], bootstrap(len(both), REPLICATES, SEED))
