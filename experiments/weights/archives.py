"""The pieces of a zip archive, which NumPy and PyTorch write: their places checked before anything is read."""

import zipfile
from pathlib import Path
from typing import IO, NamedTuple

from experiments.weights.regions import refuse_overlap, refuse_repeated

_HEADER = 30  # bytes of a local header before the name, which ends with the lengths of name and extra field
_ENCRYPTED = 1


class Piece(NamedTuple):
    """A file in an archive."""

    name: str
    offset: int
    """Of its first byte in the archive."""
    stored: int
    """Bytes it takes there."""
    size: int
    """Bytes it claims to have; the same if it is not compressed."""
    checksum: int
    compressed: bool


def pieces_of(path: Path, archive: zipfile.ZipFile) -> list[Piece]:
    """The files in an archive.

    Raises:
        ValueError: two of one name, places that overlap or reach beyond the archive, or encrypted files.
    """
    with path.open("rb") as file:
        pieces = [_piece(file, entry) for entry in archive.infolist() if not entry.is_dir()]
    refuse_repeated(piece.name for piece in pieces)
    end = path.stat().st_size
    for piece in pieces:
        if piece.offset + piece.stored > end:
            raise ValueError(f"{piece.name[:80]!r} reaches beyond its end")
    refuse_overlap((piece.name, piece.offset, piece.stored) for piece in pieces)
    return pieces


def _piece(file: IO[bytes], entry: zipfile.ZipInfo) -> Piece:
    if entry.flag_bits & _ENCRYPTED:
        raise ValueError(f"{entry.filename[:80]!r} is encrypted")
    file.seek(entry.header_offset)
    header = file.read(_HEADER)
    if len(header) < _HEADER or not header.startswith(b"PK\x03\x04"):
        raise ValueError(f"{entry.filename[:80]!r} is not where the archive says")
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    compressed = entry.compress_type != zipfile.ZIP_STORED
    if not compressed and entry.compress_size != entry.file_size:
        raise ValueError(f"{entry.filename[:80]!r} is not compressed, and has two sizes")
    offset = entry.header_offset + _HEADER + lengths
    return Piece(entry.filename, offset, entry.compress_size, entry.file_size, entry.CRC, compressed)
