"""Strict JAX settings for every test, and the folder of exact numbers beside the repository, where it is present."""

import os

if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and hasattr(os, "sched_setaffinity"):
    # A worker and all it starts keep to two cores, on every machine: a run starts a process on each core it may use.
    cores, first = sorted(os.sched_getaffinity(0)), int(worker.removeprefix("gw"))
    os.sched_setaffinity(0, {cores[k % len(cores)] for k in (first, first + 1)})
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2 " + os.environ.get("XLA_FLAGS", "")

from pathlib import Path

# Programs compiled by one test, or by a process it starts, are reused by the others; so is the verdict on the compiler.
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).resolve().parents[1] / ".pytest_cache")
os.environ["JAX_COMPILATION_CACHE_DIR"] = os.environ["XDG_CACHE_HOME"] + "/xla"
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # as the program does, see `runtime.configure`

import jax
import pytest

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session", autouse=True)
def compared_compiler() -> None:
    """The compiler is compared with NumPy before any test: the first command to do so says it, in a line of its own."""
    from experiments.compiler import verdict
    from experiments.run.runtime import configure, silence_orbax

    configure()
    silence_orbax()  # once, as in a program: it cannot be undone between two tests
    verdict()


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """Folder of exact reference numbers kept outside the repository; tests that need it skip where it is absent."""
    folder = SHARED / "fixtures"
    if not folder.is_dir():
        pytest.skip(f"needs the reference numbers in {folder}, which is absent")
    return folder


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """Folder of the four canonical MNIST IDX files kept outside the repository."""
    folder = SHARED / "data" / "mnist"
    if not folder.is_dir():
        pytest.skip(f"needs the MNIST files in {folder}, which is absent")
    return folder
