"""What is looked at before a command computes anything: is the right device used, and its compiler right?"""

import sys

from experiments.devices import idle_accelerators
from experiments.errors import UserError

COMPILING = ("quickstart", "run", "sweep", "analyze")
"""Commands whose numbers come out of compiled programs."""


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
