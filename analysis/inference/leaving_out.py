"""An ensemble with some of its members left out, again and again: errors of whatever follows from its means.

Members are the sampling unit, so the spread of a statistic over such ensembles is its error for any law of the entries.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.model.plugin import replicated_parameters
from analysis.symmetry import Symmetry

GROUPS = 100
"""Parts that are left out in turn, at most."""


class LeftOut(NamedTuple):
    """Ensembles without one part of the members each."""

    means: Float[np.ndarray, "groups graphs"]
    parameters: Float[np.ndarray, "groups parameters"]


def left_out(
    values: Float[np.ndarray, "N graphs"], block_moments: Float[np.ndarray, "N moments"], symmetry: Symmetry
) -> LeftOut:
    """Mean invariants and plug-in parameters of the ensembles without one member each, or one of 100 parts.

    Source: Efron, Ann. Statist. 7 (1979), 1.
    """
    members = len(values)
    groups = min(members, GROUPS)
    outside = np.arange(members) % groups != np.arange(groups)[:, None]
    weights = outside / outside.sum(axis=1, keepdims=True)
    return LeftOut(weights @ values, replicated_parameters(block_moments, weights, symmetry))


def pseudo_values(
    whole: Float[np.ndarray, "*rest"], parts: Float[np.ndarray, "groups *rest"]
) -> Float[np.ndarray, "groups *rest"]:
    """G whole - (G - 1) part of each of G parts: their mean is the statistic without its bias of order 1/N.

    Their spread over sqrt(G) is its error.

    Source: Miller, Biometrika 61 (1974), 1.
    """
    groups = len(parts)
    return groups * whole - (groups - 1) * parts


def error_of(parts: Float[np.ndarray, "groups *rest"]) -> Float[np.ndarray, "*rest"]:
    """Standard error of a statistic, sqrt((G - 1) <(part - <part>)^2>): that of the mean of its pseudo-values."""
    return np.asarray(np.sqrt(len(parts) - 1) * np.std(parts, axis=0))
