"""`pigmm reproduce`: make the runs, put them side by side, and write the tables of docs/results.md."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ensemble import load
from experiments.errors import UserError
from experiments.report.comparing import compare_runs
from experiments.reproduction.excerpts import comparison_excerpt, excerpt, read_excerpt, write_excerpt
from experiments.reproduction.page import filled, page
from experiments.reproduction.plan import Job, Plan, jobs, measured_speed, planned
from experiments.run import stages
from experiments.run.models import read_parameters
from experiments.run.presets import RunConfig
from experiments.run.training import Session
from experiments.store import atomic

EXCERPTS, PAGE = "results", "results.md"
SPEED = "speed.json"
FIGURE = "figures/wasserstein.png"
COMPARISONS = {
    "runs": ("paper-gaussian", "paper-uniform", "paper-gaussian-l2", "paper-uniform-l2"),
    "start": ("sample", "started"),
}
"""Jobs that are compared, as far as they are done, by the name of the comparison."""


def reproduce(out: Path, session: Session, budget: float | None, docs: Path | None = None) -> Path:
    """Make every run that the budget allows, and the page of their tables; returns its path.

    Runs that are finished in `out` are not made again, and interrupted ones go on; with a larger budget those of more
    members are made beside them.

    Args:
        out: gets a folder for each run and comparison, `results/` with what is quoted of each, `results.md`, and the
            speed of the machine, by which the plan is made.
        session: how the runs are carried out.
        budget: minutes; None for everything.
        docs: folder with a results.md whose tables are to be renewed, with what they are made of and a figure.

    Raises:
        UserError, DataError: a folder or the data cannot be used, or not even one run fits into the budget.
        Interrupted: on SIGINT or SIGTERM, with everything saved.
    """
    if docs is not None and not (docs / PAGE).exists():
        raise UserError(f"{docs} holds no {PAGE}: give the folder docs of the repository")
    every = jobs()
    load(every[0].config.dataset, session.data_dir)  # what is wrong with the data is said before anything is measured
    plan = planned(every, _speed(out, session), budget)
    print(plan, flush=True)
    folders = _runs(plan, out, session)
    for name, path in folders.items():
        write_excerpt(excerpt(path), out / EXCERPTS / name)
    for name, members in COMPARISONS.items():
        compared = {job: folders[job] for job in members if job in folders}
        if len(compared) > 1:
            compare_runs(compared, out / name)
            write_excerpt(comparison_excerpt(out / name), out / EXCERPTS / name)
    if docs is not None:
        _renew(docs, out, folders[every[0].name])
    return atomic.write_text(out / PAGE, page(str(plan), out / EXCERPTS))


def _speed(out: Path, session: Session) -> float:
    """Network-epochs a second, measured once: with another number an interrupted plan would go on as another one.

    Raises:
        UserError: the file of the speed is damaged, or cannot be written.
    """
    path = out / SPEED
    if not path.exists():
        atomic.write_json(path, {"network_epochs_per_second": measured_speed(session)})
    try:
        return float(json.loads(path.read_bytes())["network_epochs_per_second"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error}): delete it, and the speed is measured anew") from error


def _runs(plan: Plan, out: Path, session: Session) -> Mapping[str, Path]:
    """The folder of every job of the plan, by its name; one of another number of members is another folder."""
    folders: dict[str, Path] = {}
    for number, (job, members) in enumerate(plan.done, 1):
        path = out / f"{job.name}-{members}"
        print(f"{job.name}, run {number} of {len(plan.done)}", flush=True)
        print(stages.run(_settings(job, members, folders), path, session), flush=True)
        folders[job.name] = path
    return folders


def _renew(docs: Path, out: Path, main: Path) -> None:
    """The excerpts kept in the repository, the tables of its page, and the figure that opens its README."""
    for path in sorted((out / EXCERPTS).iterdir()):
        write_excerpt(read_excerpt(path), docs / EXCERPTS / path.name)
    atomic.write_text(docs / PAGE, filled((docs / PAGE).read_text(), docs / EXCERPTS))
    atomic.write_bytes(docs / FIGURE, (main / FIGURE).read_bytes())


def _settings(job: Job, members: int, folders: Mapping[str, Path]) -> RunConfig:
    config = job.of(members)
    if job.start is None:
        return config
    return replace(config, start=read_parameters(folders[job.start] / "models.json"))
