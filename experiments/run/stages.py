"""The stages of a run, each from files to files: train -> measure -> fit -> tables, figures, report."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ensemble import Dataset, load
from ensemble.memory import MemoryPlan, plan_memory
from ensemble.order import source_of_orders
from ensemble.train import refuse_large_batch
from experiments.cli.progress import Progress
from experiments.errors import UserError
from experiments.report.outputs import REPORT
from experiments.run.extending import MARK, Earlier, earlier_run, joined, longer, mark, refuse_unusable, trained
from experiments.run.kept_state import CHUNKS
from experiments.run.laws import refuse_unpublished
from experiments.run.machine import this_machine
from experiments.run.merging import MEMBERS
from experiments.run.models import check_start, sampled_start
from experiments.run.observer import Observer, square_layers
from experiments.run.parts import PARTS, plan_parts, train_parts
from experiments.run.presets import EARLIER, RunConfig, settings
from experiments.run.provenance import provenance
from experiments.run.reporting import PUBLISHED, report
from experiments.run.spectra import examine
from experiments.run.stopwatch import SESSIONS, Stopwatch
from experiments.run.training import CHECKPOINTS, Session, train_members
from experiments.store.freshness import fresh
from experiments.store.run_folder import CONFIG, RunFolder

SCAFFOLDING = (CHECKPOINTS, PARTS, CHUNKS, MARK, SESSIONS)
"""What a run keeps in its folder until its results are safely written."""


def extend(path: Path, epochs: int, out: Path, session: Session) -> Path:
    """Train a finished run for more epochs, in another folder; returns the path of its report.

    Args:
        path: the folder of the run.
        epochs: of the longer run, those that there have been counted in.
        out: the folder of the longer run.
        session: how it is carried out.

    Raises:
        UserError, DataError: a folder or the data cannot be used.
        Interrupted: on SIGINT or SIGTERM, with everything saved.
    """
    if out.resolve() == path.resolve():
        raise UserError(f"--out {out} is the run itself: choose another folder")
    earlier = earlier_run(path)
    config = longer(earlier, epochs)
    data = load(config.dataset, session.data_dir)
    if identify(earlier.config, data)["data"] != earlier.data:
        raise UserError(f"{path} was trained on other images than these: give its --data-dir")
    refuse_unusable(earlier, data)
    return run(config, out, session, earlier.members, earlier=earlier)


def run(
    config: RunConfig,
    path: Path,
    session: Session,
    members: range | None = None,
    published: bool = False,
    earlier: Earlier | None = None,
) -> Path:
    """Train if need be, analyse, and report; returns the path of the report.

    Args:
        config: the run.
        path: its folder.
        session: how it is carried out.
        members: train these members alone, for `experiments.run.merging` to put together; None trains all.
        published: report the numbers as the paper's scripts make them.
        earlier: the run of fewer epochs that it goes on from.

    Raises:
        UserError, DataError: the folder or the data cannot be used, or nothing is published for such a run.
        Interrupted: on SIGINT or SIGTERM, with everything saved.
    """
    config = settled(config, path)
    data = load(config.dataset, session.data_dir)
    if published:
        refuse_unpublished(config, data.classes)
    check_start(config, data.classes)
    identity = identify(config, data)
    if members is not None:
        identity[MEMBERS] = [members.start, members.stop]
    trained = members or range(config.train.members)
    if not path.exists():
        plan_here(config, data, len(trained), session)  # what does not fit is refused before it leaves a folder
    with RunFolder.open(path, identity) as folder:
        train_if_needed(folder, config, data, session, trained, earlier)
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


def train_if_needed(
    folder: RunFolder,
    config: RunConfig,
    data: Dataset,
    session: Session,
    members: range,
    earlier: Earlier | None = None,
) -> None:
    """Have the folder hold the results of these members, and nothing that was only needed to get there."""
    if not folder.has_results():
        measure(folder, config, data, session, members, earlier)
    for name in SCAFFOLDING:
        folder.remove(name)


def measure(
    folder: RunFolder,
    config: RunConfig,
    data: Dataset,
    session: Session,
    members: range,
    earlier: Earlier | None = None,
) -> None:
    """From images to results.nc and provenance.json: in this process on an accelerator, else in one a core."""
    mark(folder, earlier, begun=any((folder.path / name).exists() for name in (CHECKPOINTS, PARTS)))
    progress, stopwatch = Progress("training", "network-epochs"), Stopwatch(folder)
    plan = plan_here(config, data, len(members), session)
    print(plan, flush=True)
    parts = plan_parts(folder.path, members, plan.machine.processes, plan.chunk)

    def show(done: int, total: int) -> None:
        progress.update(done, total)
        stopwatch.keep()

    try:
        # Those of a run on several machines are finished here, on accelerators too, and are only put together.
        if len(parts) == 1 or (plan.machine.platform != "cpu" and not all(part.finished for part in parts)):
            after = earlier and trained(members, **earlier.place())
            results = train_members(folder, config, data, members, session, show, print, plan.chunk, after)
        else:
            results = train_parts(folder, config, session, parts, plan.chunk, show, earlier)
    finally:
        stopwatch.store()
    origin = provenance(
        seed=config.train.seed,
        timing=stopwatch.timing(),
        network_epochs=len(members) * (config.train.epochs - (earlier.config.train.epochs if earlier else 0)),
        data=data.describe(),
    )
    if earlier is not None:
        origin["extends"] = {"folder": str(earlier.path), "results_sha256": earlier.digest} | earlier.provenance
        results = joined(earlier, results)
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
        machine = this_machine(session, members)
        return plan_memory(config.train, data, observe, machine, members, given, examine, config.save_weights)
    except ValueError as error:
        raise UserError(str(error)) from error
