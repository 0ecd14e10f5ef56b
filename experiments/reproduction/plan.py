"""What is run for docs/results.md, most important first, and how much of it fits into a budget of time."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ensemble import Moment, TrainConfig, load, train
from experiments.errors import UserError
from experiments.run.machine import this_machine
from experiments.run.observer import Observer, square_layers
from experiments.run.presets import PRESETS, QUICKSTART, RunConfig
from experiments.run.training import Session

REPORT_SECONDS = 45.0
"""Statistics and report of a run of 1000 members on two cores of a CPU."""
TRIAL_MEMBERS, TRIAL_EPOCHS = 25, 3
"""Of the training that measures the speed; an accelerator, which is as fast with many, trains all."""
RELATIVE_COST = {10: 1.0, 20: 2.0, 40: 2.9, 80: 5.3, 160: 14.6, 320: 35.4, 640: 68.1}
"""Time of a network's epoch by width, in units of the paper's network; two cores of a CPU, jaxlib 0.10.1."""
WIDTH_EPOCHS = 8
SAMPLE = 4000 / 60000
"""Training images of the embedded sample for each one of MNIST."""
MEMBERS = (100, 200, 400, 1000)
"""Sizes of an ensemble: with fewer, few of the claims could be told from chance; the paper's is the last."""
WIDTH_MEMBERS = (42, 100, 200)


class Job(NamedTuple):
    """One run behind the page of results."""

    name: str
    config: RunConfig
    sizes: tuple[int, ...]
    """Numbers of members, from the fewest that say something to all."""
    shows: str
    """Which part of the page it makes."""
    cost: float = 1.0
    """Time of a member's epoch in units of the paper's network on MNIST."""
    start: str | None = None
    """The job whose fitted models the networks start from."""

    def of(self, members: int) -> RunConfig:
        """The run with so many members."""
        return replace(self.config, train=replace(self.config.train, members=members))

    def seconds(self, members: int, speed: float) -> float:
        """About how long it takes, where the paper's network makes `speed` network-epochs a second."""
        return members * self.config.train.epochs * self.cost / speed + REPORT_SECONDS


class Plan(NamedTuple):
    """What is done, with how many members each, and what is left out."""

    done: tuple[tuple[Job, int], ...]
    left_out: tuple[Job, ...]
    speed: float
    """Network-epochs a second."""

    @property
    def minutes(self) -> float:
        """About how long all of it takes."""
        return sum(job.seconds(members, self.speed) for job, members in self.done) / 60

    def __str__(self) -> str:
        """For people."""
        lines = [f"about {self.minutes:.0f} minutes at {self.speed:.3g} network-epochs a second:"]
        for job, members in self.done:
            fewer = f", of {job.sizes[-1]}" if members < job.sizes[-1] else ""
            minutes = job.seconds(members, self.speed) / 60
            lines.append(f"  {job.name:20}  {members:4} members{fewer}, {minutes:.0f} min: {job.shows}")
        lines += [f"  {job.name:20}  left out: {job.shows}" for job in self.left_out]
        return "\n".join(lines)


def jobs() -> tuple[Job, ...]:
    """Every run, in the order in which a short budget is spent."""
    main = Job("paper-gaussian", PRESETS["paper-gaussian"].config, MEMBERS, "claims 1 to 4, 7 and 8")
    others = [
        Job(name, PRESETS[name].config, MEMBERS, shows)
        for name, shows in (
            ("paper-uniform", "claim 4, the Uniform initialisation"),
            ("paper-gaussian-l2", "claim 5, L2 regularisation"),
            ("paper-uniform-l2", "claims 4 and 5"),
        )
    ]
    plain = Job("sample", QUICKSTART, MEMBERS, "networks that start from fitted models: the plain ones", SAMPLE)
    started = plain._replace(name="started", start=plain.name, shows="and those that start from their models")
    return (main, *map(_width, (10, 40, 160)), *others, plain, started, *map(_width, (20, 80, 320, 640)))


def _width(width: int) -> Job:
    train = TrainConfig(hidden=(width, width), epochs=WIDTH_EPOCHS)
    config = RunConfig(train, save_weights=False)
    return Job(f"width-{width}", config, WIDTH_MEMBERS, f"claim 6, width {width}", RELATIVE_COST[width])


def planned(every: Sequence[Job], speed: float, budget: float | None) -> Plan:
    """As many jobs as fit into the budget, in their order, and then as many members of each.

    Args:
        every: the jobs, most important first.
        speed: network-epochs a second of the paper's network.
        budget: minutes; None for no limit.

    Raises:
        UserError: not even the first job fits.
    """
    if budget is None:
        return Plan(tuple((job, job.sizes[-1]) for job in every), (), speed)
    left, chosen = 60 * budget, {}
    for job in every:
        if job.seconds(job.sizes[0], speed) <= left:
            chosen[job] = job.sizes[0]
            left -= job.seconds(job.sizes[0], speed)
        elif not chosen:
            least = job.seconds(job.sizes[0], speed) / 60
            raise UserError(f"--budget is {budget:g} minutes; the least, {job.name}, takes about {least:.1f} here")
    for job, members in chosen.items():
        for size in job.sizes:
            more = job.seconds(size, speed) - job.seconds(members, speed)
            if size > members and more <= left:
                chosen[job], members, left = size, size, left - more
    return Plan(tuple(chosen.items()), tuple(job for job in every if job not in chosen), speed)


def measured_speed(session: Session) -> float:
    """Network-epochs of the paper's network that this machine makes in a second, of a short training of the sample.

    Compiling is not counted: the time from the first epoch of the first chunk on is.
    """
    machine = this_machine(session, QUICKSTART.train.members)
    on_cpu = machine.platform == "cpu"
    members = TRIAL_MEMBERS if on_cpu else QUICKSTART.train.members
    config = replace(QUICKSTART, train=replace(QUICKSTART.train, members=members, epochs=TRIAL_EPOCHS))
    data = load(config.dataset)
    moments: list[tuple[float, int]] = []

    def on_epoch(moment: Moment) -> None:
        moments.append((time.perf_counter(), moment.done))

    observe = Observer(config, tuple(square_layers(config.train, data.classes).values()))
    train(config.train, data, observe, devices=None if on_cpu else session.devices, on_epoch=on_epoch)
    (began, before), *_, (ended, after) = moments
    rate = (after - before) / (ended - began)
    return SAMPLE * rate * machine.processes
