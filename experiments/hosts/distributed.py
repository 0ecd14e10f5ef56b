"""One run on several machines: each process trains its share of the members, process 0 puts them together.

Members never talk to each other, so processes exchange nothing but that they are there, are given the same run, are
still alive, and are done: see `experiments.hosts.process_group`.
"""

import os
from pathlib import Path

from ensemble import load
from experiments.cli import health
from experiments.cli.signals import Interrupted
from experiments.errors import UserError
from experiments.hosts.cluster import Cluster, needs_runtime
from experiments.hosts.process_group import ProcessGroup
from experiments.hosts.tpu_slice import start_runtime
from experiments.run import stages
from experiments.run.merging import MEMBERS
from experiments.run.parts import PARTS, Part, part_of, split
from experiments.run.presets import RunConfig
from experiments.run.training import Session
from experiments.store.run_folder import RunFolder

PATIENCE = 60.0  # seconds to wait for the other processes that look at a common folder


def run(config: RunConfig, path: Path, session: Session, cluster: Cluster) -> str:
    """Train the share of this process; process 0 waits for all, merges and reports. Returns the message to print.

    Raises:
        UserError, DataError: the folder or the data cannot be used; another process has stopped, is missing, or was
            given another run.
        Interrupted: on SIGINT or SIGTERM, with everything saved.
    """
    if cluster.processes > config.train.members:
        raise UserError(f"{cluster.processes} processes are too many for {config.train.members} members")
    runtime = needs_runtime(cluster, os.environ)
    config = stages.settled(config, path, "tpu" if runtime else None)
    data = load(config.dataset, session.data_dir)
    identity = stages.identify(config, data)
    RunFolder.open(path, identity, patience=PATIENCE).close()
    shares = [part_of(path, members) for members in split(range(config.train.members), cluster.processes)]
    mine = shares[cluster.process]
    group = ProcessGroup(cluster, identity)
    try:
        with group:
            if runtime:
                start_runtime(cluster)
            health.warn_of_idle_accelerators()
            health.refuse_wrong_compiler()
            with RunFolder.open(mine.path, identity | {MEMBERS: [mine.members.start, mine.members.stop]}) as folder:
                stages.train_if_needed(folder, config, data, session, mine.members)
            group.wait_for_all()
    except Interrupted as stop:
        if group.lost:
            raise UserError(group.lost) from stop
        raise
    if cluster.process > 0:
        return f"{mine.path} is trained; process 0 puts it together with the others"
    _refuse_missing(path, shares)
    return str(stages.run(config, path, session))


def _refuse_missing(path: Path, shares: list[Part]) -> None:
    """See that the shares of all processes are in a folder that all of them see."""
    missing = [part.path.name for part in shares if not part.finished]
    if missing:
        raise UserError(
            f"{', '.join(missing)} are not in {path / PARTS}: copy them there from the {PARTS} of the other machines, "
            "and give the command again without --distributed"
        )
