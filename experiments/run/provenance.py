"""Where a run comes from: what it takes to judge or repeat it."""

import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax

from experiments.compiler import verdict
from experiments.run.machine import is_deterministic
from experiments.run.stopwatch import Timing

PACKAGES = (
    "pigmm",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "tensorflow-datasets",
    "mlxtend",
    "numpy",
    "scipy",
    "scikit-learn",
    "xarray",
    "h5netcdf",
    "matplotlib",
)
SOURCE = Path(__file__).resolve().parents[2]


def provenance(*, seed: int, timing: Timing, network_epochs: int, data: str) -> dict[str, Any]:
    """Versions, machine, source, command and speed of a run that ends now.

    Args:
        seed: root of all randomness of the run.
        timing: of the training, over all its sessions.
        network_epochs: networks times epochs trained in that time; throughput = network_epochs / seconds.
        data: the data set in one line.
    """
    ended = datetime.now(UTC)
    return {
        "schema": 1,
        "versions": versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "backend": jax.default_backend(),
        "devices": [device.device_kind for device in jax.devices()],
        "deterministic": is_deterministic(),
        "cpus": os.cpu_count(),
        "environment": {name: os.environ[name] for name in sorted(os.environ) if name.startswith(("XLA_", "JAX_"))},
        "compiler_check": verdict().to_json(),
        "git": git_state(SOURCE),
        "command": shlex.join(sys.argv),
        "seeds": {"root": seed},
        "data": data,
        "training_started_utc": timing.started.isoformat(timespec="seconds"),
        "training_ended_utc": ended.isoformat(timespec="seconds"),
        "sessions": timing.sessions,
        "wall_seconds": timing.seconds,
        "network_epochs_per_second": network_epochs / timing.seconds if timing.seconds > 0 else None,
    }


def versions() -> dict[str, str | None]:
    """Installed versions of the packages that the numbers depend on."""
    return {name: _version(name) for name in PACKAGES}


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit of the work tree rooted at this folder, and whether tracked files differ from it; None if it is no root.

    An installed copy is often below some other project's repository, whose commit would say nothing about it.
    """
    root = _git(folder, "rev-parse", "--show-toplevel")
    commit = _git(folder, "rev-parse", "HEAD")
    if root is None or commit is None or Path(root).resolve() != folder.resolve():
        return None
    return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))}


def _git(folder: Path, *arguments: str) -> str | None:
    """What git answers, or None where git is absent, refuses, or hangs."""
    try:
        answer = subprocess.run(
            ["git", "-C", folder, *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
