"""What is looked at before a command computes anything: is the right device used, and its compiler right?"""

import os
import sys

from experiments.errors import UserError
from experiments.hosts.cluster import tpu_slice
from experiments.run.devices import idle_accelerators

COMPILING = ("quickstart", "run", "extend", "sweep", "reproduce", "analyze")
"""Commands whose numbers come out of compiled programs."""


def look(command: str) -> None:
    """Look before a command of a single process; devices are touched.

    Raises:
        UserError: the compiler is wrong, or the devices work together with those of other hosts only.
    """
    compiling = command in COMPILING
    if there := tpu_slice(os.environ):
        if compiling:
            raise UserError(
                f"this machine is one of {there.processes} hosts of a TPU slice, which work together only: "
                "give pigmm run with --distributed auto, on all of them"
            )
        return
    warn_of_idle_accelerators()
    if compiling:
        refuse_wrong_compiler()


def warn_of_idle_accelerators() -> None:
    """Say loudly that a GPU or TPU stands idle."""
    for idle in idle_accelerators():
        print(f"pigmm: WARNING: {idle} (JAX_PLATFORMS=cpu says that this is meant)", file=sys.stderr, flush=True)


def refuse_wrong_compiler() -> None:
    """Look up, or find out, whether compiled programs give what NumPy gives.

    Raises:
        UserError: they do not.
    """
    from experiments.compiler import verdict  # imported here because it imports all that it checks

    if verdict().failed:
        raise UserError(verdict().complaint())
