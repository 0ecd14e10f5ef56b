"""The analysis of given matrices under one symmetry: what `pigmm analyze` writes and says."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from analysis import Separate, Statistics, Symmetry
from analysis.coupling_study import CouplingStudy, study_couplings
from analysis.inference.couplings import separation
from analysis.inference.cumulants import centred_invariants
from analysis.inspection import inspect_recording
from analysis.model.status import joined
from analysis.recording import Recording
from analysis.show.entries import statistics_entry
from analysis.study import study_recording
from experiments.report.couplings import couplings_part
from experiments.report.cumulants import cumulants_part
from experiments.report.inspection import inspection_part
from experiments.report.outputs import write_outputs
from experiments.report.spectrum import spectra_of, spectrum_part
from experiments.run.provenance import versions
from experiments.run.recording import given_dataset
from experiments.run.spectra import spectra_of_matrices
from experiments.store.run_folder import RunFolder

MATRIX = "M"
"""Name of the one layer."""
WORST = 3
"""Deviations in the summary."""


class Analysis(NamedTuple):
    """One ensemble of given matrices, analysed."""

    stack: Float[np.ndarray, "N m n"]
    recording: Recording
    statistics: Statistics


def analyse(stack: Float[np.ndarray, "N m n"], symmetry: Symmetry) -> Analysis:
    """The statistics of given matrices, of which at least one is finite."""
    recording = recording_of(stack, symmetry)
    return Analysis(stack, recording, study_recording(recording, (None,)))


def recording_of(stack: Float[np.ndarray, "N m n"], symmetry: Symmetry) -> Recording:
    """Given matrices as a recording of one epoch and one layer; NaN for those that are not finite."""
    finite = np.all(np.isfinite(stack), axis=(1, 2))
    graphs = symmetry.observed
    invariants = np.full((len(stack), 1, 1, len(graphs)), np.nan)
    block_moments = np.full((len(stack), 1, 1, len(symmetry.moment_names)), np.nan)
    invariants[finite, 0, 0] = symmetry.evaluate_observed(stack[finite])
    block_moments[finite, 0, 0] = symmetry.block_moments(stack[finite])
    every = np.full((len(stack), 1, 1, len(symmetry.every)), np.nan)
    every[finite, 0, 0] = centred_invariants(stack[finite], block_moments[finite, 0, 0], symmetry.every, symmetry)
    return Recording(
        members=np.arange(len(stack)),
        epochs=np.array([0]),
        layers=(MATRIX,),
        symmetries=(symmetry,),
        invariants=invariants,
        block_moments=block_moments,
        finite=finite[:, None],
        every=every,
    )


def entry_of(analysis: Analysis) -> dict[str, Any]:
    """The fit as JSON, without epoch and layer."""
    entry = statistics_entry(analysis.statistics, (0, 0))
    return {name: value for name, value in entry.items() if name not in ("epoch", "layer")}


def write_analysis(folder: RunFolder, analysis: Analysis, config: Mapping[str, Any]) -> Path:
    """Fill the folder of an analysis; returns the path of the report."""
    folder.write_results(given_dataset(analysis.recording))
    recording = analysis.recording
    findings = inspect_recording(recording, [analysis.stack[:, None]])
    spectra = spectra_of([recording], [spectra_of_matrices([analysis.stack[:, None]], [0], recording.layers)])
    parts = [inspection_part(findings), spectrum_part(spectra)]
    symmetry = recording.symmetries[0]
    if isinstance(symmetry, Separate):
        parts.append(couplings_part(_couplings(analysis.stack, symmetry)))
    first = [cumulants_part(analysis.statistics)]
    circumstances, command = {"versions": versions()}, _command(config)
    return write_outputs(folder, analysis.statistics, config, circumstances, parts, first=first, command=command)


def _command(config: Mapping[str, Any]) -> str:
    """What analyses the same matrices again, where they are."""
    key = ("--key", config["key"]) if config.get("key") else ()
    return shlex.join(
        ("pigmm", "analyze", str(config["matrices"]), *key, "--symmetry", config["symmetry"], "--out", "DIR")
    )


def _couplings(stack: Float[np.ndarray, "N m n"], symmetry: Separate) -> tuple[CouplingStudy, ...]:
    """Of matrices from which one constant is subtracted: couplings do not depend on it, but rounding errors do."""
    finite = stack[np.isfinite(stack).all(axis=(1, 2))]
    (found,) = study_couplings(recording_of(finite - finite.mean(), symmetry), [0])
    return (found._replace(status=joined((found.status, separation(finite, symmetry)))),)


def summary_of(analysis: Analysis, recognised: bool) -> str:
    """What a person wants to know first: size, symmetry, status, distance from independence, the worst predictions."""
    t = analysis.statistics
    rows, columns = analysis.stack.shape[1:]
    pairs = zip(t.names[t.high], t.deviation[0, 0].tolist(), strict=True)
    deviations = {name: value for name, value in pairs if np.isfinite(value)}
    worst = sorted(deviations, key=lambda name: deviations[name], reverse=True)[:WORST]
    seen = ", every matrix is its own transpose" if recognised and t.symmetry.name == "symmetric" else ""
    # The deviation of a single member is infinite, or 0 of what is predicted exactly.
    known = bool(deviations) and t.used[0, 0] > 1
    listed = ", ".join(f"{name} {deviations[name]:.3g}" for name in worst) if known else "not available"
    return "\n".join(
        [
            f"members     {len(analysis.stack)} of {rows} x {columns}, {t.excluded[0, 0]} excluded",
            f"symmetry    {t.symmetry.name}, {len(t.symmetry.parameter_names)} parameters{seen}",
            f"status      {t.status[0, 0]}",
            f"W2 to iid   {t.w2[0, 0]:.6g} ({t.w2_null[0, 0]:.3g} by chance)",
            f"deviation   {listed} (largest, in std)",
        ]
    )
