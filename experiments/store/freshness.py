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


def fresh(folder: RunFolder, outputs: RunFolder) -> bool:
    """Whether all outputs are there, unaltered, made of the present results by the present program.

    Args:
        folder: the run.
        outputs: where its outputs lie: there, or in a folder within.
    """
    try:
        return outputs.read_json(STAMP) == _state(folder.path, outputs.path)
    except (OSError, UserError):
        return False


def keep(folder: RunFolder, outputs: RunFolder) -> None:
    """Note what the outputs, just written, were made of.

    Raises:
        UserError: if it cannot be written.
    """
    outputs.write_json(STAMP, _state(folder.path, outputs.path))


def _state(folder: Path, outputs: Path) -> dict[str, Any]:
    """Program, and the SHA-256 of every file that is read or written."""
    written = {path for pattern in OUTPUTS for path in outputs.glob(pattern)} - {outputs / STAMP}
    files = sorted({*written, *(folder / name for name in INPUTS)})
    return {
        "schema": 1,
        "versions": versions(),
        "program": _program(),
        "files": {path.relative_to(folder).as_posix(): _digest(path) for path in files},
    }


def _program() -> str:
    """The SHA-256 of the source of this program, which between releases changes and keeps its version."""
    sources = sorted(path for package in PACKAGES for path in (SOURCE / package).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
