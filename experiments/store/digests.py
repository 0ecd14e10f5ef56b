"""SHA-256 of files, as `sha256sum -c` understands them."""

import hashlib
from pathlib import Path


class AlteredFile(ValueError):
    """A file that is not what was written, or whose digest is lost."""


def line(digest: str, name: str) -> str:
    """The content of the file beside a file that holds its SHA-256."""
    return f"{digest}  {name}\n"


def read_digest(beside: Path) -> str:
    """The SHA-256 in such a file.

    Raises:
        AlteredFile: it cannot be read.
    """
    try:
        return beside.read_text(encoding="ascii").split()[0]
    except (OSError, ValueError, IndexError) as error:
        raise AlteredFile(f"its digest in {beside.name} cannot be read: {error}") from error


def refuse_altered(path: Path, beside: Path) -> None:
    """Compare a file with its SHA-256 before it is interpreted: damaged files can make HDF5 loop for ever.

    Raises:
        AlteredFile: they differ, or one of them cannot be read.
    """
    expected = read_digest(beside)
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AlteredFile(str(error)) from error
    if found != expected:
        raise AlteredFile(f"its SHA-256 is not the one in {beside.name}")
