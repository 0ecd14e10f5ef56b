"""The report of a run: from results.nc to everything that is drawn or fitted."""

from pathlib import Path
from typing import NamedTuple

import xarray as xr

from analysis.coupling_study import study_couplings
from analysis.inspection import inspect_recording, key_epochs
from analysis.published import as_published
from analysis.recording import Recording, included
from analysis.show import figures
from analysis.show.cumulants import draw_cumulants
from analysis.show.matrices import draw_matrices
from analysis.study import study_recording
from ensemble.errors import first_line
from experiments.cli.progress import Steps
from experiments.errors import UserError
from experiments.report.couplings import couplings_part
from experiments.report.cumulants import cumulants_part, rejected_separate
from experiments.report.every_matrix import matrices_part
from experiments.report.figures import picture
from experiments.report.inspection import inspection_part
from experiments.report.layers import recorded_layers_part
from experiments.report.outputs import write_outputs
from experiments.report.prediction import prediction_part, predictions_of
from experiments.report.spectrum import spectra_of, spectrum_part
from experiments.run.beside import beside, shared
from experiments.run.laws import initial_laws
from experiments.run.merging import MEMBERS
from experiments.run.presets import RunConfig, from_settings
from experiments.run.recording import every_matrix_of, kept_matrices, layers_of, main_recording
from experiments.run.spectra import spectra_of_run
from experiments.store.freshness import keep
from experiments.store.run_folder import RunFolder

PUBLISHED = "as-published"
"""Folder, within that of a run, of what is made as the paper's scripts make it."""


class Recorded(NamedTuple):
    """What a report needs of a run folder."""

    config: RunConfig
    results: xr.Dataset
    recording: Recording
    """Of the square layers; if there are none, of every weight matrix."""


def recorded(folder: RunFolder) -> Recorded:
    """The configuration, results.nc, and what the report is mainly of.

    Raises:
        UserError: they cannot be read, or are not those of a run.
    """
    config = folder.config
    if "matrices" in config:
        raise UserError(
            f"{folder.path} holds an analysis of given matrices: to redraw it, give its `pigmm analyze` again"
        )
    results = folder.read_results()
    try:
        settings = {name: value for name, value in config.items() if name not in ("data", MEMBERS)}
        if not isinstance(config.get("start") or {}, dict):
            raise ValueError(f"start is {config['start']!r}")
        return Recorded(from_settings(settings), results, main_recording(results))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{folder.path} does not hold a run that can be reported ({first_line(error)}): "
            "restore its config.json and results.nc"
        ) from error


def refuse_all_diverged(folder: RunFolder, recording: Recording) -> None:
    """Refuse to report an ensemble of which at some epoch no member is left.

    Raises:
        UserError: at which epoch.
    """
    left = included(recording).any(axis=0).all(axis=-1)
    if not left.all():
        raise UserError(
            f"every member in {folder.path} had diverged by epoch {recording.epochs[~left][0]}; "
            "results.nc keeps what was recorded: lower --learning-rate, or choose another --init"
        )


def report(folder: RunFolder, published: bool = False) -> Path:
    """From results.nc to everything that is drawn or fitted; returns the path of the report.

    Args:
        folder: the run.
        published: give deviations, error bars and distances as the paper's scripts make them, in a folder of their own.

    Raises:
        UserError: no member is left, or nothing is published for this run.
    """
    steps = Steps("report")
    steps.begin("reading the results")
    run = recorded(folder)
    refuse_all_diverged(folder, run.recording)
    laws, provenance = initial_laws(run.config, run.recording), folder.read_json("provenance.json")
    with beside() as pool:
        key = key_epochs(run.recording.epochs)
        matrices = kept_matrices(run.results, key)
        inspecting = pool.submit(inspect_recording, run.recording, matrices)
        all_matrices = every_matrix_of(run.results)
        predicting = pool.submit(predictions_of, all_matrices)
        connecting = pool.submit(recorded_layers_part, layers_of(run.results), run.results["matrix"].values.tolist())
        coupling = pool.submit(study_couplings, all_matrices, key)
        singular = spectra_of_run(run.results, matrices, key)
        decomposing = pool.submit(spectra_of, (run.recording, all_matrices), singular)
        steps.begin(f"fitting models at {len(run.recording.epochs)} epochs, testing symmetries")
        square = study_recording(run.recording, laws)
        if published:
            try:
                square = as_published(square, run.recording, laws)
            except ValueError as error:
                raise UserError(str(error)) from error
        has_square = "layer" in run.results.coords
        every = study_recording(all_matrices, initial_laws(run.config, all_matrices)) if has_square else square
        steps.begin("drawing figures")
        names = figures.available(square)
        tasks = [*((figures.draw, square, name) for name in names), (draw_matrices, every), (draw_cumulants, every)]
        *pictures, of_matrices, of_cumulants = shared(pool, picture, tasks)
        findings, spectra, predictions = inspecting.result(), decomposing.result(), predicting.result()
        steps.begin("writing tables and the report")
        parts = [
            inspection_part(findings),
            spectrum_part(spectra, all_matrices.layers),
            matrices_part(every, of_matrices),
            couplings_part(coupling.result(), rejected_separate(square)),
            connecting.result(),
            prediction_part(predictions),
        ]
        place = folder.within(PUBLISHED) if published else folder
        drawn = dict(zip(names, pictures, strict=True))
        first = [cumulants_part(every, of_cumulants, rejected_separate(square))]
        command = "pigmm report .. --as-published" if published else "pigmm report ."
        path = write_outputs(place, square, folder.config, provenance, parts, drawn, first, command)
    keep(folder, place)
    steps.end()
    return path
