"""Singular values of every weight matrix before training and after it: how computed, how kept in results.nc."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from analysis.model.singular_values import SpectralValues, spectral_values
from analysis.recording import SpectraRecording

EPOCH = "spectrum_epoch"
"""The coordinate of the epochs at which there are singular values."""


def examine(stack: Float[np.ndarray, "members out inputs"]) -> SpectralValues:
    """What is examined of a weight matrix of some members: computed in float64, kept in float32."""
    return SpectralValues(*(values.astype(np.float32) for values in spectral_values(stack)))


def recorded_spectra(
    examined: Sequence[SpectralValues], epochs: Sequence[int]
) -> tuple[dict[str, tuple[tuple[str, ...], np.ndarray]], dict[str, Any]]:
    """What was examined of each matrix [member, epoch, ...] as variables of results.nc, and their coordinates."""
    most = max(one.singular.shape[-1] for one in examined)
    padded = [
        np.pad(one.singular, [(0, 0), (0, 0), (0, most - one.singular.shape[-1])], constant_values=np.nan)
        for one in examined
    ]
    axes = ("member", EPOCH, "matrix")
    variables = {
        "singular_values": ((*axes, "rank"), np.stack(padded, axis=2)),
        "spectral_radius": (axes, np.stack([one.radius for one in examined], axis=2)),
    }
    return variables, {EPOCH: np.array(epochs), "rank": np.arange(1, most + 1)}


def spectra_of_run(
    results: xr.Dataset, matrices: Sequence[Float[np.ndarray, "member _ _ _"]] | None, positions: list[int]
) -> list[SpectraRecording]:
    """The singular values of a run: those recorded of every matrix, and those of the matrices that were kept.

    Args:
        results: its results.nc; one of an earlier version has recorded none.
        matrices: of each square layer at the positions of epochs; None where they were not kept.
        positions: of these epochs.
    """
    found, recorded = [], []
    if "singular_values" in results:
        singular, radius = results["singular_values"].values, results["spectral_radius"].values
        sides = np.minimum(results["rows"].values, results["columns"].values)
        values = [SpectralValues(singular[:, :, k, :side], radius[:, :, k]) for k, side in enumerate(sides)]
        recorded = np.searchsorted(results["epoch"].values, results[EPOCH].values).tolist()
        found.append(SpectraRecording(recorded, tuple(map(str, results["matrix"].values)), tuple(values)))
    left = [k for k, position in enumerate(positions) if position not in recorded]
    if matrices is not None and left:
        stacks = [stack[:, left] for stack in matrices]
        found.append(spectra_of_matrices(stacks, [positions[k] for k in left], results["layer"].values.tolist()))
    return found


def spectra_of_matrices(
    matrices: Sequence[Float[np.ndarray, "member _ _ _"]], positions: list[int], layers: Sequence[str]
) -> SpectraRecording:
    """The singular values of the matrices [member, positions, m, n] of each layer."""
    return SpectraRecording(positions, tuple(layers), tuple(map(spectral_values, matrices)))
