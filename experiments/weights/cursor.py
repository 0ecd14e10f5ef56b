"""A place in a file that moves forward over lengths, each held against what is left of the file."""

from typing import IO, Literal


class Cursor:
    """Reads a file from its start.

    Args:
        file: the file.
        size: its length in bytes.
        order: of the bytes of its numbers.
    """

    def __init__(self, file: IO[bytes], size: int, order: Literal["little", "big"]) -> None:
        self._file = file
        self._size = size
        self._order: Literal["little", "big"] = order

    def take(self, count: int) -> bytes:
        """So many bytes.

        Raises:
            ValueError: fewer are left.
        """
        self._refuse_beyond(count)
        return self._file.read(count)

    def skip(self, count: int) -> None:
        """Go past so many bytes.

        Raises:
            ValueError: fewer are left.
        """
        self._refuse_beyond(count)
        self._file.seek(count, 1)

    def number(self, count: int) -> int:
        """A whole number, not negative, of so many bytes."""
        return int.from_bytes(self.take(count), self._order)

    def place(self) -> int:
        """How far it has come, in bytes."""
        return self._file.tell()

    def _refuse_beyond(self, count: int) -> None:
        left = self._size - self._file.tell()
        if not 0 <= count <= left:  # never backwards: a file could make it go round in circles
            raise ValueError(f"it claims another {count} bytes where {left} are left")
