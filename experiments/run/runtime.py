"""Settings of a whole process, for a program (never made by importing or using a library module)."""

import functools
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

DETERMINISTIC = ("--xla_gpu_deterministic_ops=true", "--xla_gpu_autotune_level=0")
"""Flags for equal bytes on a GPU: no kernel whose sums change their order, and none chosen by timing it."""


def configure(deterministic: bool = False) -> None:
    """Set JAX up for training: wide vectors on CPUs, and a cache of compiled programs across runs.

    Call it before JAX is first used. What the user has set is left alone.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_prefer_vector_width" not in flags:
        flags = f"{flags} --xla_cpu_prefer_vector_width=512"
    if deterministic:  # at the end, where they overrule others
        flags = " ".join([flags, *DETERMINISTIC])
    os.environ["XLA_FLAGS"] = flags.strip()
    # On some processors XLA calls each program that it takes from the cache an error, wrongly: jax issue 38445.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import jax  # reads XLA_FLAGS when it is first used

    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "xla"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


@functools.cache
def silence_orbax() -> None:
    """Keep orbax from printing traces of what fails: it is raised, and put into one line, where it is asked for.

    For good, because its threads outlive the checkpoints: so it is the program that does this, and not the engine.
    """
    of_thread, of_callback = threading.excepthook, sys.unraisablehook

    def in_thread(failure: threading.ExceptHookArgs) -> None:
        if not type(failure.thread).__module__.startswith("orbax."):
            of_thread(failure)

    def in_callback(failure: Any) -> None:
        # After the first array that fails, orbax closes the loop on which tensorstore tells of the others.
        if str(failure.exc_value) != "Event loop is closed":
            of_callback(failure)

    threading.excepthook, sys.unraisablehook = in_thread, in_callback
    logging.getLogger("absl").addFilter(lambda entry: "/orbax/" not in entry.pathname)


def cache_folder() -> Path:
    """The user's folder for what can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pigmm"


def cores() -> list[int]:
    """The cores this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
