"""How much memory a training will need, and how many members are trained at once.

On an accelerator the compiled programs are measured (`ensemble.footprint`); a CPU's need is estimated from shapes.
"""

import itertools
import os
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import jax
from jaxtyping import PyTree

from ensemble.config import TrainConfig
from ensemble.dataset import Dataset
from ensemble.examine import Examine, blank
from ensemble.footprint import DoesNotFit, Given, chunk_shapes, device_bytes, most_that_fit, shared_programs
from ensemble.network import MLP, init_params, kernels
from ensemble.sharding import member_mesh
from ensemble.step import EVALUATION_BATCH, Observe, nothing, optimizer

# Measured by benchmarks/memory.py.
PROGRAM = 700_000_000  # bytes of a process that has loaded JAX and compiled the programs of a run
OBSERVING = 9  # intermediates of what is observed, in sizes of the weights: a run of two layers of 160 units takes 8
COPIES = 2  # of the recordings: themselves, and what is made of them when they are saved
NO_KERNELS: Given = MappingProxyType({})


class Machine(NamedTuple):
    """Where a training runs, and what it has; a limit of None is not checked."""

    platform: str
    devices: int = 1
    processes: int = 1
    """Processes among which the members are divided, each with as many devices."""
    device_limit: int | None = None
    """Bytes of one accelerator; a CPU's are the host's."""
    host_limit: int | None = None
    """Bytes of the host that are free."""

    @property
    def on_device(self) -> str:
        """The place, for people."""
        limit = self.device_limit
        return "on every device, which " + ("does not tell its size" if limit is None else f"has {_gb(limit)}")


class Need(NamedTuple):
    """Bytes that a training needs; those of devices are a CPU's."""

    images: int
    """The data set, on the host and on every device."""
    fixed: int
    """On every device, besides the images, however many members it trains."""
    member: int
    """On its device, for every member trained at once."""
    recorded: int
    """On the host, for all recordings of one member."""
    fetched: int
    """On the host of an accelerator, for every member trained at once: its weights, where they are examined."""


class MemoryPlan(NamedTuple):
    """Members trained at once, and the bytes that takes."""

    chunk: int
    """Members trained at once by one process, over all its devices."""
    device: int
    """Bytes on every device."""
    host: int
    """Bytes of host memory over all processes; on a CPU including the devices'."""
    recordings: int
    """Bytes of host memory, among these, for recordings."""
    machine: Machine

    def __str__(self) -> str:
        processes = self.machine.processes
        at_once = f"{self.chunk} at once" + (f" in each of {processes} processes" if processes > 1 else "")
        on_device = f", {_gb(self.device)} {self.machine.on_device}" if self.machine.platform != "cpu" else ""
        host = _of(self.host, self.machine.host_limit)
        return f"memory: members {at_once}{on_device}, about {host}, {_gb(self.recordings)} of it for recordings"


def plan_memory(
    config: TrainConfig,
    data: Dataset,
    observe: Observe,
    machine: Machine,
    members: int | None = None,
    given: Given = NO_KERNELS,
    examine: Examine = nothing,
    keep_state: bool = False,
) -> MemoryPlan:
    """Choose how many members are trained at once, and how much memory that takes.

    An accelerator needs what its compiled programs take; a device of a CPU images + fixed + n member bytes for n
    members at once. The host needs the recordings of all members that are trained and, for every process, the program,
    the images and what its devices need, if it is a CPU, or else the weights that it fetches to examine them.

    Args:
        config: the settings.
        data: the images.
        observe: what is recorded of a member.
        machine: where the training runs.
        members: how many members of the ensemble are trained there (default: all).
        given: kernels of one member that are given in place of drawn ones.
        examine: what is computed on the host of its weight matrices; they are fetched from an accelerator for it.
        keep_state: whether the states of all members are put together at the end.

    Raises:
        DoesNotFit: into the machine.
    """
    need = needs(config, data, observe, examine, keep_state)
    members = config.members if members is None else members
    if machine.platform == "cpu":
        per_device = _on_a_core(config, machine)
        device = need.images + need.fixed + per_device * need.member
    else:
        per_device, device = _on_an_accelerator(config, data, observe, machine, members, given)
    chunk = machine.devices * per_device
    recordings = COPIES * members * need.recorded
    process = PROGRAM + need.images + (machine.devices * device if machine.platform == "cpu" else chunk * need.fetched)
    parent = PROGRAM + need.images if machine.processes > 1 else 0
    plan = MemoryPlan(
        chunk=chunk,
        device=device,
        host=machine.processes * process + parent + recordings,
        recordings=recordings,
        machine=machine,
    )
    if machine.host_limit is not None and plan.host > machine.host_limit:
        raise DoesNotFit(
            f"the training needs about {_gb(plan.host)} of memory, {_gb(recordings)} of it for recordings, but "
            f"{_gb(machine.host_limit)} are free: record less (no weights, fewer epochs), or take fewer members or a "
            "smaller chunk"
        )
    return plan


def needs(
    config: TrainConfig, data: Dataset, observe: Observe, examine: Examine = nothing, keep_state: bool = False
) -> Need:
    """Bytes that a training needs, from the shapes of its arrays."""
    pixels, widths = data.train_images.shape[1], (*config.hidden, data.classes)
    network = MLP(widths, config.init, config.biases)

    def member() -> tuple[PyTree, PyTree, PyTree]:
        params = init_params(network, jax.random.key(0), pixels)
        return params, optimizer(config).init(params), observe(kernels(params))

    weights, moments, observed = (_bytes(shapes) for shapes in jax.eval_shape(member))
    examined = _bytes(blank(examine, config, data, members=1))
    evaluation = min(EVALUATION_BATCH, max(len(data.train_images), len(data.test_images)))
    steps = len(data.train_images) // config.batch_size
    # Pixels as they are gathered and as they are normalised; the order of this epoch and of the next.
    batch = 5 * config.batch_size * pixels + 2 * 4 * steps * config.batch_size
    independent = config.order == "independent"
    training = 2 * weights + 2 * 4 * config.batch_size * sum(widths) + (batch if independent else 0)
    evaluating = 4 * evaluation * max(sum(adjacent) for adjacent in itertools.pairwise(widths))
    observing = OBSERVING * weights + 2 * observed if observed else 0
    return Need(
        images=_images(data),
        fixed=5 * evaluation * pixels + (0 if independent else batch),
        member=weights + moments + max(training, evaluating, observing),
        # Three numbers and a flag beside what is observed.
        recorded=(config.epochs + 1) * (observed + 13) + examined + keep_state * (weights + moments),
        fetched=weights if examined else 0,
    )


def local_machine(devices: int) -> Machine:
    """This process on so many local devices, alone; what is free on the host is not asked."""
    return Machine(jax.local_devices()[0].platform, devices, device_limit=accelerator_memory())


def accelerator_memory() -> int | None:
    """Bytes that programs may use on one of the local accelerators; None for a CPU and where it is not known."""
    device = jax.local_devices()[0]
    stats = device.memory_stats() if device.platform != "cpu" else None
    return (stats or {}).get("bytes_limit")


def free_memory() -> int:
    """Bytes of host memory that can be used without swapping: all of it where the system does not tell."""
    table = Path("/proc/meminfo")  # sysconf counts what the system uses as file cache as taken
    if table.exists():
        lines = dict(line.split(":") for line in table.read_text().splitlines())
        return 1024 * int(lines["MemAvailable"].split()[0])
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _on_a_core(config: TrainConfig, machine: Machine) -> int:
    """Members at once on a CPU: the configuration alone decides, or cores and ranges of members would change bits."""
    wanted = -(-config.members // machine.devices)
    if config.chunk is not None:
        return min(wanted, -(-config.chunk // machine.devices))
    return -(-wanted // -(-wanted // cpu_chunk(config)))


def _on_an_accelerator(
    config: TrainConfig, data: Dataset, observe: Observe, machine: Machine, members: int, given: Given
) -> tuple[int, int]:
    """Members at once on every device, and the bytes they take there: all that fit, in about equal chunks."""
    asked = members if config.chunk is None else min(members, config.chunk)
    most, mesh = -(-asked // machine.devices), member_mesh(machine.devices)
    programs = shared_programs(config, data.classes, data.train_images.shape[1], observe, mesh)

    def taken(count: int) -> int:
        shapes = chunk_shapes(programs, config, data, given, mesh, count * machine.devices)
        return device_bytes(programs, config, shapes, mesh)

    found = most_that_fit(taken, most, _images(data), machine.device_limit)
    if found is None:
        raise DoesNotFit(f"not one member fits {machine.on_device}: take a narrower network, or record less of it")
    if config.chunk is not None and found[0] < most:
        largest = found[0] * machine.devices
        raise DoesNotFit(f"{most} members at once do not fit {machine.on_device}: set chunk to {largest}, or to auto")
    return found


def cpu_chunk(config: TrainConfig) -> int:
    """Members at once for which a CPU core is fastest: as many as leave their batches in its cache.

    Measured by benchmarks/engine.py: 4 of the paper's network with independent order, 16 to 48 with the shared order
    (25 divides a thousand), fewer for wider networks.
    """
    narrow = 4 if config.order == "independent" else 25
    return max(1, narrow * 40 // max(40, *config.hidden))


def _images(data: Dataset) -> int:
    return _bytes((data.train_images, data.train_labels, data.test_images, data.test_labels))


def _bytes(arrays: PyTree) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(arrays))


def _of(size: int, limit: int | None) -> str:
    return _gb(size) if limit is None else f"{_gb(size)} of {_gb(limit)} free"


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size > 5e7 else f"{size / 1e6:.1f} MB"
