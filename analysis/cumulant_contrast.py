"""How Gaussian several ensembles are at their last epochs, and in which cumulants each two of them differ.

Standardised cumulants do not grow with the matrices, so that matrices of different sizes can be compared.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from analysis.inference.cumulants import Estimates, pattern_cumulants
from analysis.inference.multiplicity import LEVEL, benjamini_hochberg
from analysis.recording import Recording, included
from analysis.symmetry import Symmetry


class LastCumulants(NamedTuple):
    """Of one matrix of one ensemble at its last epoch; NaN where they were not recorded."""

    epoch: int
    symmetry: Symmetry
    estimates: Estimates
    """Of `symmetry.patterns`."""
    q: Float[np.ndarray, "patterns"]
    """p adjusted for the false-discovery rate among them."""

    @property
    def found(self) -> tuple[int, int]:
        """How many differ from 0 at a false-discovery rate of 5 %, and how many were tested."""
        return int(np.sum(self.q < LEVEL)), int(np.sum(np.isfinite(self.q)))


class CumulantDifference(NamedTuple):
    """Second less first standardised cumulants of a matrix."""

    value: Float[np.ndarray, "patterns"]
    se: Float[np.ndarray, "patterns"]
    """As if the ensembles were independent: too large for pairs that share their randomness."""
    z: Float[np.ndarray, "patterns"]
    q: Float[np.ndarray, "patterns"]
    """Two-sided normal p-values adjusted for the false-discovery rate among the cumulants of the matrix."""


def last_cumulants(recording: Recording) -> dict[str, LastCumulants]:
    """Those of every layer, of the members that enter the other statistics."""
    used, found = included(recording)[:, -1], {}
    for k, (layer, symmetry) in enumerate(zip(recording.layers, recording.symmetries, strict=True)):
        values = recording.invariants if recording.every is None else recording.every
        chosen, moments = values[used[:, k], -1, k], recording.block_moments[used[:, k], -1, k]
        estimates = pattern_cumulants(chosen, moments, symmetry)
        found[layer] = LastCumulants(int(recording.epochs[-1]), symmetry, estimates, benjamini_hochberg(estimates.p))
    return found


def cumulant_differences(
    ensembles: Mapping[str, Mapping[str, LastCumulants]],
) -> dict[tuple[str, str, str], CumulantDifference]:
    """By two ensembles and the name of a layer that both have under one symmetry."""
    found = {}
    for (first, one), (second, other) in combinations(ensembles.items(), 2):
        for layer in one:
            if layer in other and one[layer].symmetry.pattern_names == other[layer].symmetry.pattern_names:
                found[first, second, layer] = _difference(one[layer].estimates, other[layer].estimates)
    return found


def _difference(first: Estimates, second: Estimates) -> CumulantDifference:
    value = second.standardised - first.standardised
    se = np.hypot(first.standardised_se, second.standardised_se)
    z = value / np.where(se > 0, se, np.nan)
    return CumulantDifference(value, se, z, benjamini_hochberg(2 * ndtr(-np.abs(z))))
