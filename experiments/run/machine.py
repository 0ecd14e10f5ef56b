"""What this machine offers a run: devices or cores, memory, and the promise of equal bytes."""

import os

import jax

from ensemble.memory import Machine, accelerator_memory, free_memory
from experiments.errors import UserError
from experiments.run.runtime import DETERMINISTIC, cores
from experiments.run.training import Session

PROMISED = ("cpu", "gpu", "cuda")
"""Where equal bytes can be promised: without more on CPUs, by flags on GPUs; of other compilers nothing is known."""


def this_machine(session: Session, members: int) -> Machine:
    """Where so many members are trained: on an accelerator in one process, on a CPU in one for each core.

    Raises:
        UserError: the session asks for what is not there.
    """
    device = jax.local_devices()[0]
    on_cpu = device.platform == "cpu"
    there = len(cores()) if on_cpu else jax.local_device_count()
    if session.deterministic and device.platform not in PROMISED:
        raise UserError(
            f"--deterministic holds on CPUs and GPUs, and this run is on a {device.device_kind}: leave it out"
        )
    if session.devices is not None and session.devices not in range(1, there + 1):
        kind = "cores of a CPU" if on_cpu else f"devices ({device.device_kind})"
        raise UserError(
            f"--devices is {session.devices}, but here are {there} {kind}: give 1 to {there}, or leave it out"
        )
    used = session.devices or there
    if on_cpu:
        # One device a process, unless XLA_FLAGS has a CPU pretend to be several.
        return Machine("cpu", jax.local_device_count(), min(used, members), host_limit=free_memory())
    return Machine(device.platform, used, 1, accelerator_memory(), free_memory())


def is_deterministic() -> bool:
    """Whether the same command gives the same bytes on this kind of device: on a CPU, and on a GPU with its flags."""
    given = os.environ.get("XLA_FLAGS", "").split()
    platform = jax.default_backend()
    return platform == "cpu" or (platform in PROMISED and all(flag in given for flag in DETERMINISTIC))
