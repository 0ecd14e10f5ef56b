"""The verdict on the compiler of this machine: found once for every version, device and set of flags, then kept."""

import functools
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.compiler.families import FAMILIES, Family, Size
from experiments.errors import UserError
from experiments.run.runtime import cache_folder
from experiments.store import atomic

SCHEMA = 1
FLAGS = ("XLA_FLAGS", "LIBTPU_INIT_ARGS")


class Finding(NamedTuple):
    """How far a family of programs is from NumPy."""

    family: str
    error: float
    """Largest difference relative to the largest entry of its column; infinite where a number is not finite."""
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the difference is one of rounding."""
        return self.error <= self.tolerance


class Verdict(NamedTuple):
    """What was found, and of which compiler."""

    compiler: dict[str, str]
    """Versions of jax and jaxlib, backend, kind of device, flags."""
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[Finding, ...]:
        """What is wrong."""
        return tuple(finding for finding in self.findings if not finding.ok)

    def complaint(self) -> str:
        """One line for the user whose compiler is wrong."""
        about = self.compiler
        wrong = ", ".join(f"{one.family} off by {one.error:.2g} (allowed {one.tolerance:.0e})" for one in self.failed)
        return (
            f"the compiler of jaxlib {about['jaxlib']} computes wrong numbers on {about['device']}: {wrong}; install "
            "another release of jax, such as pip install 'jax!=0.10.2,!=0.11.0,!=0.11.1,!=0.11.2', or take back flags "
            "that XLA_FLAGS sets; pigmm doctor looks again"
        )

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        findings = {one.family: {"error": one.error, "tolerance": one.tolerance} for one in self.findings}
        return {"schema": SCHEMA, "compiler": self.compiler, "ok": not self.failed, "families": findings}


def examine(size: Size | None = None, families: Mapping[str, Family] = FAMILIES) -> Verdict:
    """Compare every family of programs with NumPy, here and now, and keep the verdict."""
    size = size or Size()

    def finding(name: str) -> Finding:
        return Finding(name, _error(families[name], size), families[name].tolerance)

    with ThreadPoolExecutor() as pool:  # compiling takes most of the time, and leaves the interpreter free
        return Verdict(compiler(), tuple(pool.map(finding, families)))


@functools.cache
def verdict() -> Verdict:
    """The verdict on this compiler, looked up in the user's cache folder or else found in a second or two."""
    place = cache_folder() / "compiler" / f"{_name(compiler())}.json"
    found = _read(place)
    if found is None:
        print("comparing what the compiler computes with NumPy, once for this version and device", file=sys.stderr)
        found = examine()
        with suppress(OSError, UserError):  # what cannot be kept is found again next time
            place.parent.mkdir(parents=True, exist_ok=True)
            atomic.write_json(place, found.to_json())
    return found


def compiler() -> dict[str, str]:
    """What a verdict holds for."""
    device = jax.local_devices()[0]
    return {
        "pigmm": version("pigmm"),
        "jax": jax.__version__,
        "jaxlib": version("jaxlib"),
        "backend": device.platform,
        "runtime": device.client.platform_version,
        "device": device.device_kind,
        **{name: os.environ.get(name, "") for name in FLAGS},
    }


def _error(family: Family, size: Size) -> float:
    return max(_difference(computed, expected) for computed, expected in family.pairs(size))


def _difference(computed: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference relative to the largest entry of its column; infinite where a number is not finite."""
    scale = np.maximum(np.max(np.abs(expected), axis=0), np.finfo(np.float64).tiny)
    difference = np.max(np.abs(computed - np.float64(expected)) / scale)
    return float(difference) if np.isfinite(difference) else np.inf


def _name(about: dict[str, str]) -> str:
    """Of the file of a verdict."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def _read(place: Path) -> Verdict | None:
    """A kept verdict; None where there is none, or none that can be read."""
    try:
        kept = json.loads(place.read_bytes())
        if kept["schema"] != SCHEMA or kept["compiler"] != compiler() or set(kept["families"]) != set(FAMILIES):
            return None
        return Verdict(compiler(), tuple(_finding(name, found) for name, found in kept["families"].items()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _finding(name: str, found: dict[str, Any]) -> Finding:
    error = found["error"]
    return Finding(name, np.inf if error is None else float(error), float(found["tolerance"]))
