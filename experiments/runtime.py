"""Settings of JAX for a program (never made by importing a library module)."""

import os
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pigmm" / "xla"


def configure() -> None:
    """Set JAX up for training: one CPU device a core, wide vectors, and a cache of compiled programs across runs.

    On a CPU the members are spread over devices like over several GPUs; XLA's own threading inside one tiny product
    costs more than it gives. Call it before JAX is first used. What the user has set is left alone.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_prefer_vector_width" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_prefer_vector_width=512".strip()
    import jax  # reads XLA_FLAGS when it is first used

    if "xla_force_host_platform_device_count" not in flags:
        jax.config.update("jax_num_cpu_devices", _cores())
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(CACHE))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def _cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
