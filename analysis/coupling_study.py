"""What departs from the Gaussian law of each matrix, as couplings, and what the law with them explains."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from analysis.inference.coupled_predictions import Predictions, coupled_predictions
from analysis.inference.couplings import Couplings, couplings_of
from analysis.inference.selection import Selection, select_couplings
from analysis.model.status import joined
from analysis.recording import Recording, included
from analysis.symmetry import Symmetry


class CouplingStudy(NamedTuple):
    """One epoch and matrix, under separate permutations."""

    epoch: int
    layer: str
    symmetry: Symmetry
    members: int
    couplings: Couplings
    """Score tests of the Gaussian law, and all couplings to first order."""
    selection: Selection
    """As few couplings as the members need."""
    predictions: Predictions
    """Of all cubic and quartic invariants, by the Gaussian law and with the couplings selected."""
    status: str
    """"ok", or causes and remedies in one line."""

    @property
    def tilt(self) -> float:
        """Score / N, of both degrees: the variance g^T C g of sum g :I: under the Gaussian law.

        To first order the law with couplings holds where this is well below 1.
        """
        return float(np.sum(self.couplings.score)) / self.members


def study_couplings(recording: Recording, epochs: Iterable[int]) -> tuple[CouplingStudy, ...]:
    """The couplings of every matrix at some epochs, by position, of the members that enter the other statistics.

    Raises:
        ValueError: if rows and columns are not permuted apart, or at some epoch no member is finite.
    """
    used, found = included(recording), []
    for epoch in epochs:
        for layer, (name, symmetry) in enumerate(zip(recording.layers, recording.symmetries, strict=True)):
            kept = used[:, epoch, layer]
            values = np.asarray(recording.invariants[kept, epoch, layer], np.float64)
            moments = np.asarray(recording.block_moments[kept, epoch, layer], np.float64)
            all_of_them = couplings_of(values, moments, symmetry)
            chosen = select_couplings(values, moments, symmetry)
            predicted = coupled_predictions(values, moments, symmetry, chosen.graphs)
            status = joined((all_of_them.status, chosen.status, predicted.status))
            number = int(recording.epochs[epoch])
            found.append(CouplingStudy(number, name, symmetry, len(values), all_of_them, chosen, predicted, status))
    return tuple(found)
