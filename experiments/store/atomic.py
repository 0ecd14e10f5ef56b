"""Files that are there in full or not at all: written under a temporary name, then renamed."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from experiments.errors import UserError

PARTIAL = ".partial"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; what the block writes there becomes `path` at its end, or nothing does.

    Raises:
        UserError: if it cannot be written (no space, no permission, a file where a folder should be).
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
        _flush_names(path.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"cannot write {path} ({reason}): free space, or choose another folder with --out") from error
    finally:
        # A failure to clean up (the parent may be no folder at all) must not hide the reason of the first one.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _flush_names(folder: Path) -> None:
    """Have the disk know the new name before anything that it replaces is deleted: power may fail in between."""
    descriptor = os.open(folder, os.O_RDONLY)
    with suppress(OSError):  # some network file systems cannot, and do it by themselves
        os.fsync(descriptor)
    os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a whole file, atomically; returns its path.

    Raises:
        UserError: if it cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def write_text(path: Path, text: str) -> Path:
    """Write a whole text file in UTF-8, atomically; returns its path.

    Raises:
        UserError: if it cannot be written.
    """
    return write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> Path:
    """Write a value as JSON, atomically; returns its path.

    Raises:
        UserError: if it cannot be written.
        TypeError: if the value holds something JSON has no form for.
    """
    return write_text(path, json.dumps(plain(value), indent=1, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """The value in terms of JSON: arrays become lists, paths text, and NaN and infinities, which JSON lacks, null."""
    match value:
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case np.ndarray() | np.generic():
            return plain(value.tolist())
        case Path():
            return str(value)
        case float() if not math.isfinite(value):
            return None
    return value
