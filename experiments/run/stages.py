"""The stages of a run, each from files to files: train -> measure -> fit -> tables, figures, report."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr

from analysis.coupling_study import study_couplings
from analysis.inspection import inspect_recording, key_epochs
from analysis.published import as_published
from analysis.recording import Recording, included
from analysis.show import figures
from analysis.show.cumulants import draw_cumulants
from analysis.show.matrices import draw_matrices
from analysis.study import study_recording
from ensemble import Dataset, load
from ensemble.errors import first_line
from ensemble.memory import MemoryPlan, plan_memory
from ensemble.order import source_of_orders
from ensemble.train import refuse_large_batch
from experiments.cli.progress import Progress, Steps
from experiments.errors import UserError
from experiments.report.couplings import couplings_part
from experiments.report.cumulants import cumulants_part, rejected_separate
from experiments.report.every_matrix import matrices_part
from experiments.report.figures import picture
from experiments.report.inspection import inspection_part
from experiments.report.layers import recorded_layers_part
from experiments.report.outputs import REPORT, write_outputs
from experiments.report.prediction import prediction_part, predictions_of
from experiments.report.spectrum import spectra_of, spectrum_part
from experiments.run.beside import beside, shared
from experiments.run.laws import initial_laws, refuse_unpublished
from experiments.run.machine import this_machine
from experiments.run.merging import MEMBERS
from experiments.run.models import check_start, sampled_start
from experiments.run.observer import Observer, square_layers
from experiments.run.parts import PARTS, plan_parts, train_parts
from experiments.run.presets import EARLIER, RunConfig, from_settings, settings
from experiments.run.provenance import provenance
from experiments.run.recording import every_matrix_of, kept_matrices, layers_of, square_layers_of
from experiments.run.stopwatch import SESSIONS, Stopwatch
from experiments.run.training import CHECKPOINTS, Session, train_members
from experiments.store.freshness import fresh, keep
from experiments.store.run_folder import CONFIG, RunFolder

PUBLISHED = "as-published"
"""Folder, within that of a run, of what is made as the paper's scripts make it."""
SCAFFOLDING = (CHECKPOINTS, PARTS, SESSIONS)
"""What a run keeps in its folder until its results are safely written."""


def run(config: RunConfig, path: Path, session: Session, members: range | None = None, published: bool = False) -> Path:
    """Train if need be, analyse, and report; returns the path of the report.

    Args:
        config: the run.
        path: its folder.
        session: how it is carried out.
        members: train these members alone, for `experiments.run.merging` to put together; None trains all.
        published: report the numbers as the paper's scripts make them.

    Raises:
        UserError, DataError: the folder or the data cannot be used, or nothing is published for such a run.
        Interrupted: on SIGINT or SIGTERM, with everything saved.
    """
    if published:
        refuse_unpublished(config)
    config = settled(config, path)
    data = load(config.dataset, session.data_dir)
    square_layers(config.train, data.classes)
    check_start(config, data.classes)
    identity = identify(config, data)
    if members is not None:
        identity[MEMBERS] = [members.start, members.stop]
    trained = members or range(config.train.members)
    if not path.exists():
        plan_here(config, data, len(trained), session)  # what does not fit is refused before it leaves a folder
    with RunFolder.open(path, identity) as folder:
        train_if_needed(folder, config, data, session, trained)
        place = folder.within(PUBLISHED) if published else folder
        if fresh(folder, place):
            print("finished and reported already; `pigmm report` would draw it anew", file=sys.stderr)
            return place.path / REPORT
        return report(folder, published)


def settled(config: RunConfig, path: Path, platform: str | None = None) -> RunConfig:
    """The run with "auto" orders settled: as the run in this folder was begun, on whatever machine, else for this one.

    Args:
        config: the run.
        path: its folder.
        platform: JAX's, where it is known; else JAX is asked, which a TPU slice's processes may not do one by one.

    Raises:
        UserError: the folder's config.json cannot be read.
    """
    if config.train.orders != "auto":
        return config
    begun = RunFolder.existing(path, exclusive=False).config.get("train") if (path / CONFIG).exists() else None
    orders = (EARLIER | begun)["orders"] if isinstance(begun, dict) else None
    if orders not in ("host", "device"):
        orders = source_of_orders("auto", platform or jax.local_devices()[0].platform)
    return replace(config, train=replace(config.train, orders=orders))


def identify(config: RunConfig, data: Dataset) -> dict[str, Any]:
    """What a run folder of all members is recognised by."""
    return settings(config) | {"data": {"name": data.name, "digest": data.digest}}


def train_if_needed(folder: RunFolder, config: RunConfig, data: Dataset, session: Session, members: range) -> None:
    """Have the folder hold the results of these members, and nothing that was only needed to get there."""
    if not folder.has_results():
        measure(folder, config, data, session, members)
    for name in SCAFFOLDING:
        folder.remove(name)


def measure(folder: RunFolder, config: RunConfig, data: Dataset, session: Session, members: range) -> None:
    """From images to results.nc and provenance.json: in this process on an accelerator, else in one a core."""
    progress, stopwatch = Progress("training", "network-epochs"), Stopwatch(folder)
    plan = plan_here(config, data, len(members), session)
    print(plan, flush=True)
    parts = plan_parts(folder.path, members, plan.machine.processes, plan.chunk)

    def show(done: int, total: int) -> None:
        progress.update(done, total)
        stopwatch.keep()

    try:
        if plan.machine.platform != "cpu" or len(parts) == 1:
            results = train_members(folder, config, data, members, session, show, print, plan.chunk)
        else:
            results = train_parts(folder, config, session, parts, plan.chunk, show)
    finally:
        stopwatch.store()
    origin = provenance(
        seed=config.train.seed,
        timing=stopwatch.timing(),
        network_epochs=len(members) * config.train.epochs,
        data=data.describe(),
    )
    folder.write_json("provenance.json", origin)
    folder.write_results(results)


def plan_here(config: RunConfig, data: Dataset, members: int, session: Session) -> MemoryPlan:
    """What training so many members takes here.

    Raises:
        UserError: it does not fit, or is not possible on these data or on this machine.
    """
    observe = Observer(config, tuple(square_layers(config.train, data.classes).values()))
    given = sampled_start(config, data.classes)(np.arange(1))
    try:
        refuse_large_batch(config.train, data)
        return plan_memory(config.train, data, observe, this_machine(session, members), members, given)
    except ValueError as error:
        raise UserError(str(error)) from error


class Recorded(NamedTuple):
    """What a report needs of a run folder."""

    config: RunConfig
    results: xr.Dataset
    recording: Recording
    """Of the square layers."""


def recorded(folder: RunFolder) -> Recorded:
    """The configuration, results.nc, and the recording of the square layers.

    Raises:
        UserError: they cannot be read, or are not those of a run.
    """
    config, results = folder.config, folder.read_results()
    if "matrices" in config:
        raise UserError(
            f"{folder.path} holds an analysis of given matrices: to redraw it, give its `pigmm analyze` again"
        )
    try:
        settings = {name: value for name, value in config.items() if name not in ("data", MEMBERS)}
        if not isinstance(config.get("start") or {}, dict):
            raise ValueError(f"start is {config['start']!r}")
        return Recorded(from_settings(settings), results, square_layers_of(results))
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
        matrices = kept_matrices(run.results, key_epochs(run.recording.epochs))
        inspecting = pool.submit(inspect_recording, run.recording, matrices)
        decomposing = pool.submit(spectra_of, run.recording, matrices)
        all_matrices = every_matrix_of(run.results)
        predicting = pool.submit(predictions_of, all_matrices)
        connecting = pool.submit(recorded_layers_part, layers_of(run.results), run.results["matrix"].values.tolist())
        coupling = pool.submit(study_couplings, all_matrices, key_epochs(run.recording.epochs))
        steps.begin(f"fitting models at {len(run.recording.epochs)} epochs, testing symmetries")
        square = study_recording(run.recording, laws)
        if published:
            try:
                square = as_published(square, run.recording, laws)
            except ValueError as error:
                raise UserError(str(error)) from error
        every = study_recording(all_matrices, initial_laws(run.config, all_matrices))
        steps.begin("drawing figures")
        names = figures.available(square)
        tasks = [*((figures.draw, square, name) for name in names), (draw_matrices, every), (draw_cumulants, every)]
        *pictures, of_matrices, of_cumulants = shared(pool, picture, tasks)
        findings, spectra, predictions = inspecting.result(), decomposing.result(), predicting.result()
        steps.begin("writing tables and the report")
        parts = [
            inspection_part(findings),
            spectrum_part(spectra),
            matrices_part(every, of_matrices),
            couplings_part(coupling.result(), rejected_separate(square)),
            connecting.result(),
            prediction_part(predictions),
        ]
        place = folder.within(PUBLISHED) if published else folder
        drawn = dict(zip(names, pictures, strict=True))
        first = [cumulants_part(every, of_cumulants, rejected_separate(square))]
        path = write_outputs(place, square, folder.config, provenance, parts, drawn, first)
    keep(folder, place)
    steps.end()
    return path
