"""Whether the outputs of a run folder are those that would be made again: then there is nothing to draw."""

import hashlib
from pathlib import Path
from typing import Any

from experiments.errors import UserError
from experiments.run.provenance import SOURCE, versions
from experiments.store.run_folder import CONFIG, DIGEST, RunFolder

STAMP = "outputs.json"
INPUTS = (CONFIG, DIGEST, "provenance.json")
OUTPUTS = ("*.json", "report.html", "tables/*", "figures/*")
PACKAGES = ("analysis", "ensemble", "experiments", "invariants")


def fresh(folder: RunFolder, published: bool) -> bool:
    """Whether all outputs are there, unaltered, made of the present results and options by the present program."""
    try:
        return folder.read_json(STAMP) == _state(folder.path, published)
    except (OSError, UserError):
        return False


def keep(folder: RunFolder, published: bool) -> None:
    """Note what the outputs, just written, were made of.

    Raises:
        UserError: if it cannot be written.
    """
    folder.write_json(STAMP, _state(folder.path, published))


def _state(folder: Path, published: bool) -> dict[str, Any]:
    """Options, program, and the SHA-256 of every file that is read or written."""
    names = {path.relative_to(folder).as_posix() for pattern in OUTPUTS for path in folder.glob(pattern)}
    return {
        "schema": 1,
        "published": published,
        "versions": versions(),
        "program": _program(),
        "files": {name: _digest(folder / name) for name in sorted({*names, *INPUTS} - {STAMP})},
    }


def _program() -> str:
    """The SHA-256 of the source of this program, which between releases changes and keeps its version."""
    sources = sorted(path for package in PACKAGES for path in (SOURCE / package).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
