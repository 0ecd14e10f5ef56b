"""The folder of one run: its configuration, its results, and who may write there."""

import hashlib
import json
import os
import shlex
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

import xarray as xr

from ensemble.errors import first_line
from experiments.errors import UserError
from experiments.store import atomic, digests, netcdf
from experiments.store.differences import differences, is_longer
from experiments.store.lock import LOCK, acquire

SCHEMA = 1
CONFIG = "config.json"
RESULTS = "results.nc"
DIGEST = "results.sha256"  # written last: with it, results are complete; `sha256sum -c` understands it
LARGEST_JSON = 2**28  # bytes; fit.json of the paper's run has 1 % of it


def is_ours(path: Path) -> bool:
    """Whether a path is the folder of a run, an analysis or a comparison: other programs write a config.json, too."""
    try:
        return "schema" in json.loads((path / CONFIG).read_bytes()[:LARGEST_JSON])
    except (OSError, ValueError, TypeError, RecursionError):
        return False


class RunFolder:
    """An open run folder; a context manager that gives up the folder at its end.

    Attributes:
        path: the folder.
        config: the settings of the run, as stored in config.json.
    """

    def __init__(self, path: Path, config: dict[str, Any], lock: int | None) -> None:
        self.path = path
        self.config = config
        self._lock = lock

    @classmethod
    def open(cls, path: str | Path, config: dict[str, Any], *, patience: float = 0.0) -> "RunFolder":
        """Open the folder for a run of this configuration, exclusively, creating it if need be.

        Args:
            path: the folder.
            config: the settings of the run.
            patience: seconds to wait for another process to leave it.

        Raises:
            UserError: if the folder cannot be written, is in use, holds something else, or a run of another
                configuration.
        """
        path, config = Path(path), atomic.plain(config)
        _claim(path)
        lock = acquire(path, patience)
        try:
            _remove_partial(path)
            if (path / CONFIG).exists():
                stored = _read_config(path)
                _refuse_different(path, stored, config)
                config = stored  # an earlier version may have written less, there and in its checkpoints
            else:
                atomic.write_json(path / CONFIG, {"schema": SCHEMA, **config})
        except BaseException:
            os.close(lock)
            raise
        return cls(path, config, lock)

    @classmethod
    def existing(cls, path: str | Path, *, exclusive: bool = True) -> "RunFolder":
        """Open the folder of an earlier run: exclusively to write there, or else only to read.

        Raises:
            UserError: if it is no run folder, comes from a newer version, or (exclusively) is in use.
        """
        path = Path(path)
        config = _read_config(path)
        return cls(path, config, acquire(path) if exclusive else None)

    def within(self, name: str) -> "RunFolder":
        """A folder within this one, for outputs of another kind; it is this one's lock that guards it."""
        return RunFolder(self._at(name), self.config, None)

    def close(self) -> None:
        """Give up the folder; a second time does nothing."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self.close()

    def write_bytes(self, name: str, content: bytes) -> Path:
        """Write a file of the folder, such as "figures/f.png", atomically; returns its path.

        Raises:
            UserError: if it cannot be written.
        """
        return atomic.write_bytes(self._at(name), content)

    def write_text(self, name: str, text: str) -> Path:
        """Write a text file of the folder in UTF-8, atomically; returns its path.

        Raises:
            UserError: if it cannot be written.
        """
        return atomic.write_text(self._at(name), text)

    def write_json(self, name: str, value: Any) -> Path:
        """Write a JSON file of the folder, atomically; NaN and infinities become null. Returns its path.

        Raises:
            UserError: if it cannot be written.
        """
        return atomic.write_json(self._at(name), value)

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON object from a file of the folder.

        Raises:
            UserError: if it is absent or damaged, or holds something else.
        """
        return _read_json(self._at(name))

    def remove(self, name: str) -> None:
        """Remove a file or a folder of the folder, if it is there."""
        path = self._at(name)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def _at(self, name: str) -> Path:
        """Path of a file of the folder; some names come from files, and none may lead out."""
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise UserError(f"{name!r} is not the name of a file in {self.path}: that file is damaged; restore it")
        return self.path / name

    def has_results(self) -> bool:
        """Whether training is complete, with results.nc and its SHA-256 written."""
        return finished(self.path)

    def write_results(self, results: xr.Dataset) -> Path:
        """Write results.nc (netCDF-4), atomically, and then its SHA-256; returns its path.

        Raises:
            UserError: if it cannot be written.
        """
        content = netcdf.encode(results.assign_attrs(schema=SCHEMA))
        with atomic.replacing(self.path / RESULTS) as temporary:
            temporary.write_bytes(content)
            self.remove(DIGEST)  # of older results, now that the new ones are on the disk
        self.write_text(DIGEST, digests.line(hashlib.sha256(content).hexdigest(), RESULTS))
        return self.path / RESULTS

    def results_digest(self) -> str:
        """The SHA-256 that results.nc was written with.

        Raises:
            UserError: if the run has not finished, or the digest cannot be read.
        """
        try:
            return digests.read_digest(self.path / DIGEST)
        except digests.AlteredFile as error:
            raise UserError(f"{self.path / RESULTS} is damaged ({error}): run again elsewhere") from error

    def read_results(self) -> xr.Dataset:
        """Read results.nc whole into memory.

        Raises:
            UserError: if it is absent, damaged, or of a newer version.
        """
        path = self.path / RESULTS
        if not finished(self.path):
            raise UserError(
                f"{self.path} holds no {RESULTS} with {DIGEST}: the run has not finished; give its `pigmm run` again"
            )
        try:
            digests.refuse_altered(path, self.path / DIGEST)
            results = netcdf.decode(path)
        except (digests.AlteredFile, netcdf.DamagedFile) as error:
            raise UserError(f"{path} is damaged ({error}): restore it, or delete it and run again") from error
        _refuse_newer(path, results.attrs.get("schema"))
        return results


def finished(path: Path) -> bool:
    """Whether the folder of a run holds complete results."""
    return (path / RESULTS).is_file() and (path / DIGEST).is_file()


def _claim(path: Path) -> None:
    """Create the folder, or see that it is a run folder or empty but for the traces of a start that died."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        content = {entry.name for entry in path.iterdir()}
    except OSError as error:
        raise UserError(f"cannot use {path} as a run folder ({error.strerror}): choose another --out") from error
    others = {name for name in content - {LOCK} if not name.endswith(atomic.PARTIAL)}
    if others and CONFIG not in content:
        raise UserError(
            f"{path} is not empty and not a run folder (it holds {min(others)!r}, no {CONFIG}): choose another --out"
        )


def _remove_partial(path: Path) -> None:
    """Remove what writers that died have left; with the lock held, no living one is among them."""
    for leftover in path.rglob(f".*{atomic.PARTIAL}"):
        leftover.unlink(missing_ok=True)


def _read_config(path: Path) -> dict[str, Any]:
    if not (path / CONFIG).is_file():
        raise UserError(f"{path} is not a run folder (no {CONFIG}): give the folder of a `pigmm run`")
    stored = _read_json(path / CONFIG)
    _refuse_newer(path / CONFIG, stored.pop("schema", None))
    return stored


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise ValueError(f"it has more than {LARGEST_JSON} bytes")
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict):
            raise ValueError("not an object")
        return content
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read ({first_line(error)}): restore it, or run again elsewhere") from error


def _refuse_newer(path: Path, schema: Any) -> None:
    if schema != SCHEMA:
        raise UserError(f"{path} has schema version {schema}; this pigmm reads version {SCHEMA}: upgrade pigmm")


def _refuse_different(path: Path, stored: dict[str, Any], asked: dict[str, Any]) -> None:
    differing = differences(stored, asked)
    if differing and is_longer(stored, asked):
        command = shlex.join(["pigmm", "extend", str(path), "--epochs", str(asked["train"]["epochs"]), "--out", "DIR"])
        raise UserError(
            f"{path} holds a run of fewer epochs ({differing}): `{command}` goes on from it in another folder"
        )
    if differing:
        raise UserError(f"{path} holds a run of another configuration ({differing}): choose another --out")
