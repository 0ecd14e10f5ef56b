"""`pigmm doctor`: is everything that a run needs in order on this machine?"""

import json
import os
import platform
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax

from ensemble import DataError, load
from ensemble.errors import first_line
from ensemble.memory import accelerator_memory, free_memory
from experiments.compiler import examine
from experiments.run.devices import idle_accelerators
from experiments.run.provenance import versions
from experiments.run.runtime import cores
from pigmm_jax import BAD_RELEASES

LEAST_MEMORY = 4_000_000_000  # bytes: the paper's run on two cores takes 3.6 GB


class Item(NamedTuple):
    """One thing that was looked at."""

    name: str
    ok: bool
    found: str
    remedy: str = ""
    details: Any = None

    def __str__(self) -> str:
        line = f"{'ok ' if self.ok else 'BAD'}  {self.name:10}  {self.found}"
        return f"{line}\n     {'':10}  -> {self.remedy}" if self.remedy else line


def doctor(data_dir: str | None = None) -> Iterator[Item]:
    """Look at packages, devices, memory, compiler and data sets, one after the other."""
    yield from (packages(), devices(), memory(), compiler(), data_sets(data_dir))


def report(items: Iterator[Item], as_json: bool, say: Callable[[str], None] = print) -> bool:
    """Tell of each item as it is found, or of all of them as JSON; returns whether all is well."""
    seen = []
    for item in items:
        seen.append(item)
        if not as_json:
            say(str(item))
    well = all(item.ok for item in seen)
    if as_json:
        content = {item.name: item._asdict() for item in seen}
        say(json.dumps({"schema": 1, "ok": well, "items": content}, indent=1))
    else:
        say("all is well" if well else "not all is well: see the lines marked BAD")
    return well


def packages() -> Item:
    """Installed versions, none of them a release known to be bad."""
    installed = versions()
    missing = [name for name, number in installed.items() if number is None]
    bad = version("jaxlib") in BAD_RELEASES
    listed = ", ".join(f"{name} {number}" for name, number in installed.items())
    remedy = f"jaxlib {version('jaxlib')} computes wrong numbers: pip install -e . takes another" if bad else ""
    if missing:
        remedy = f"{', '.join(missing)} missing: pip install -e ."
    return Item("packages", not (bad or missing), f"Python {platform.python_version()}, {listed}", remedy, installed)


def devices() -> Item:
    """What JAX computes on, and what it leaves idle."""
    used = [device.device_kind for device in jax.local_devices()]
    idle = idle_accelerators()
    where = f"{len(used)} x {used[0]} ({jax.default_backend()}), {len(cores())} cores of the host"
    details = {"backend": jax.default_backend(), "used": used, "idle": [one.device for one in idle]}
    return Item("devices", not idle, where, "; ".join(map(str, idle)), details)


def memory() -> Item:
    """Memory that is free on the host, and on an accelerator."""
    host, device = free_memory(), accelerator_memory()
    found = f"{host / 1e9:.1f} GB of the host free" + (f", {device / 1e9:.1f} GB on each device" if device else "")
    remedy = "" if host >= LEAST_MEMORY else "the paper's run takes about 4 GB: close other programs"
    return Item("memory", host >= LEAST_MEMORY, found, remedy, {"host": host, "device": device})


def compiler() -> Item:
    """What the compiler makes of a program of every family, looked at anew."""
    verdict = examine()
    if verdict.failed:
        return Item("compiler", False, "differs from NumPy", verdict.complaint(), verdict.to_json())
    worst = max(verdict.findings, key=lambda one: one.error / one.tolerance if one.tolerance else 0.0)
    found = f"{len(verdict.findings)} families of programs agree with NumPy, the worst to {worst.error:.1g}"
    return Item("compiler", True, f"{found} ({worst.family})", details=verdict.to_json())


def data_sets(data_dir: str | None) -> Item:
    """The embedded sample, what tensorflow-datasets has prepared, and a folder of IDX files where one is given."""
    found, wrong = [], []
    for name, folder in (("sample", None), *([("mnist", data_dir)] if data_dir else [])):
        try:
            found.append(load(name, folder).describe())
        except (DataError, ImportError, OSError) as error:
            wrong.append(first_line(error))
    prepared = _prepared()
    found.append(f"prepared by tensorflow-datasets: {', '.join(prepared) or 'none'}")
    return Item("data sets", not wrong, "; ".join(found), "; ".join(wrong), {"found": found, "prepared": prepared})


def _prepared() -> list[str]:
    """Names of the data sets that lie where tensorflow-datasets keeps its own."""
    folder = Path(os.environ.get("TFDS_DATA_DIR", Path.home() / "tensorflow_datasets"))
    return sorted({path.relative_to(folder).parts[0] for path in folder.glob("*/**/dataset_info.json")})
