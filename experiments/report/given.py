"""The analysis of given matrices: by the 13-parameter model where they are square, else by the five-parameter one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from analysis import block_moments, rectangular
from analysis.inspection import inspect_recording
from analysis.pipeline import Recording, trajectories
from analysis.rectangular import pipeline as rectangular_pipeline
from analysis.rectangular import trajectories as of_rectangular
from analysis.trajectories import HIGH, to_json_entry
from experiments.report import page
from experiments.report.every_matrix import write_matrices
from experiments.report.inspection import write_inspection
from experiments.report.outputs import write_outputs
from experiments.run.provenance import versions
from experiments.store.run_folder import RunFolder
from invariants import BIPARTITE, NAMES, PAPER, evaluate

Writer = Callable[[RunFolder, dict[str, Any]], Path]


class Analysis(NamedTuple):
    """What `pigmm analyze` tells of one ensemble."""

    entry: dict[str, Any]
    """The fit as JSON, without epoch and name of the matrix."""
    summary: str
    """What a person wants to know first: size, status, distance from independence, the worst predicted invariants."""
    write: Writer
    """Fills the folder of an analysis with these settings, and returns the path of the report."""


def analyse_square(stack: Float[np.ndarray, "members D D"]) -> Analysis:
    """The 13-parameter analysis."""
    recording = recording_of(stack)
    fitted = trajectories(recording, (None,))

    def write(folder: RunFolder, config: dict[str, Any]) -> Path:
        sections = [write_inspection(folder, inspect_recording(recording, [stack[:, None]]))]
        return write_outputs(folder, fitted, config, {"versions": versions()}, sections)

    entry = to_json_entry(fitted, 0, 0)
    deviations = dict(zip(NAMES[HIGH], fitted.deviation[0, 0].tolist(), strict=True))
    return _analysis(entry, stack, fitted.w2[0, 0], deviations, write)


def analyse_rectangular(stack: Float[np.ndarray, "members m n"]) -> Analysis:
    """The five-parameter analysis."""
    recording = of_rectangular.RectangularRecording(
        epochs=np.array([0]),
        matrices=("M",),
        shapes=((stack.shape[1], stack.shape[2]),),
        invariants=_of_finite(_bipartite_invariants, stack),
        block_moments=_of_finite(rectangular.block_moments, stack),
        finite=_finite(stack)[:, None],
    )
    fitted = rectangular_pipeline.trajectories(recording, (None,))

    def write(folder: RunFolder, config: dict[str, Any]) -> Path:
        circumstances = [(name, str(value)) for name, value in (config | versions()).items()]
        provenance = page.section("Provenance", page.table(("item", "value"), circumstances))
        content = page.page("An ensemble of matrices", write_matrices(folder, fitted), provenance)
        return folder.write_text("report.html", content)

    entry = of_rectangular.to_json_entry(fitted, 0, 0)
    deviations = dict(zip(of_rectangular.NAMES[of_rectangular.HIGH], fitted.deviation[0, 0].tolist(), strict=True))
    return _analysis(entry, stack, fitted.w2[0, 0], deviations, write)


def recording_of(stack: Float[np.ndarray, "members D D"]) -> Recording:
    """An ensemble of given square matrices as a recording of one epoch and one layer."""
    unknown = np.full((len(stack), 1), np.nan)
    return Recording(
        members=np.arange(len(stack)),
        epochs=np.array([0]),
        layers=("M",),
        dims=(stack.shape[1],),
        invariants=_of_finite(lambda matrices: evaluate(PAPER, matrices), stack),
        block_moments=_of_finite(block_moments, stack),
        finite=_finite(stack)[:, None],
        train_loss=unknown,
        test_loss=unknown,
        test_accuracy=unknown,
    )


def _bipartite_invariants(stack: np.ndarray) -> Any:
    """Invariants of `BIPARTITE`; for wide matrices by their transposes, whose matrix products are the smaller."""
    if stack.shape[1] >= stack.shape[2]:
        return evaluate(BIPARTITE, stack)
    return evaluate(tuple(graph.transpose for graph in BIPARTITE), np.swapaxes(stack, 1, 2))


def _finite(stack: np.ndarray) -> np.ndarray:
    return np.all(np.isfinite(stack), axis=(1, 2))


def _of_finite(statistics: Callable[[np.ndarray], Any], stack: np.ndarray) -> np.ndarray:
    """Statistics of every matrix at the one epoch, [members, 1, 1, statistics]; NaN for those that are not finite."""
    finite = _finite(stack)
    values = np.asarray(statistics(stack[finite]))
    recorded = np.full((len(stack), values.shape[-1]), np.nan)
    recorded[finite] = values
    return recorded[:, None, None]


def _analysis(
    entry: dict[str, Any], stack: np.ndarray, w2: float, deviations: dict[str, float], write: Writer
) -> Analysis:
    worst = sorted(deviations, key=deviations.__getitem__, reverse=True)[:3]
    lines = [
        f"members     {len(stack)} of {stack.shape[1]} x {stack.shape[2]}, {entry['excluded']} excluded",
        f"status      {entry['status']}",
        f"W2 to iid   {w2:.6g}",
        "deviation   " + ", ".join(f"{name} {deviations[name]:.3g}" for name in worst) + " (largest, in std)",
    ]
    entry = {name: value for name, value in entry.items() if name not in ("epoch", "layer", "matrix")}
    return Analysis(entry, "\n".join(lines), write)
