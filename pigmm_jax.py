"""JAX as this project uses it: what its versions call differently, and releases of its compiler that are not trusted.

Importing `ensemble`, `invariants` or `analysis` imports this module first, so that a notebook is guarded as the command
line is.
"""

import os
import warnings
from contextlib import AbstractContextManager
from importlib import import_module
from importlib.metadata import version

import jax

BAD_RELEASES = ("0.10.2", "0.11.0", "0.11.1", "0.11.2")
"""Releases of jaxlib that compute wrong numbers or crash on a CPU (jax issues 39103, 39257, 40412); excluded by name in
pyproject.toml too, but an environment may hold them all the same."""
FUSION = "--xla_cpu_experimental_ynn_fusion_type"
"""The XLA flag whose empty value switches off the fusions at fault; releases before 0.10 do not know it."""


def guard(jaxlib: str) -> None:
    """Switch off the fusions at fault in a bad release of jaxlib, unless the user has set that flag; warns.

    It takes effect if JAX has not been used yet: XLA reads its flags when the first device is asked for.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if jaxlib not in BAD_RELEASES or FUSION in flags:
        return
    os.environ["XLA_FLAGS"] = f"{flags} {FUSION}=".strip()
    warnings.warn(
        f"jaxlib {jaxlib} computes wrong numbers on CPUs (jax issue 39103); the fusions at fault are switched off by "
        "XLA_FLAGS, which has no effect if JAX was used before this import: install a release that pigmm allows, "
        "pip install 'jax!=0.10.2,!=0.11.0,!=0.11.1,!=0.11.2'",
        RuntimeWarning,
        stacklevel=3,
    )


def enable_x64(on: bool) -> AbstractContextManager[None]:
    """A block in which arrays may be float64, or in which they may not."""
    # New in jax 0.8; Colab has 0.7.2, where it is called differently.
    return jax.enable_x64(on) if hasattr(jax, "enable_x64") else import_module("jax.experimental").enable_x64(on)


guard(version("jaxlib"))
