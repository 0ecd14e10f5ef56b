"""Which members of an ensemble enter its statistics, and how that is told."""

import numpy as np
from jaxtyping import Bool, Float

from analysis.fitting import OK


def finite_so_far(
    finite: Bool[np.ndarray, "N E"], *recorded: Float[np.ndarray, "N E matrices _"]
) -> Bool[np.ndarray, "N E matrices"]:
    """Members whose weights, and whatever is recorded of a matrix, are finite at this and all earlier epochs."""
    values = np.all([np.isfinite(numbers).all(axis=-1) for numbers in recorded], axis=0)
    return np.logical_and.accumulate(values & finite[:, :, None], axis=1)


def status_with(fit_status: str, excluded: int) -> str:
    """The status of a fit, with the number of members left out of it."""
    if not excluded:
        return fit_status
    rest = "" if fit_status == OK else f"; {fit_status}"
    return f"{excluded} members excluded as not finite, at this or an earlier epoch{rest}"
