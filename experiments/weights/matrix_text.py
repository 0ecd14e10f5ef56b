"""One matrix as text, such as a table of correlations: lines of numbers, with or without names of rows and columns."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from analysis.weights.tensors import Tensor, Weights
from experiments.weights.regions import ARRAY

DELIMITERS = ",;\t"
LONGEST = 2**24  # letters of a line: 10^6 numbers
COMMENTS = 100  # lines among which the first numbers must be


class Layout(NamedTuple):
    """Where the numbers are."""

    delimiter: str | None
    """Between them; None: blanks."""
    above: int
    """How many lines are above them."""
    labels: int
    """How many columns of names are left of them, 0 or 1."""


def is_text(head: bytes) -> bool:
    """Whether a file begins as text."""
    try:
        head[: head.rfind(b"\n") + 1 or None].decode()
    except UnicodeDecodeError:
        return False
    return bool(head.strip()) and not any(byte < 32 and byte not in b"\t\n\r\f" for byte in head)


def is_matrix(path: Path) -> bool:
    """Whether a text begins as a matrix."""
    try:
        _layout(path)
    except ValueError:
        return False
    return True


def open_matrix(path: Path) -> Weights:
    """The matrix in a file of text, which has to be read to know its shape.

    Raises:
        ValueError: a line holds something else than numbers, or more or fewer than the first.
    """
    matrix = _read(path, _layout(path))
    return Weights(path.name, (Tensor(ARRAY, matrix.shape, "text", lambda: matrix),), "out_in")


def _read(path: Path, layout: Layout) -> np.ndarray:
    names: dict[int | str, Callable[[str], float]] = {0: lambda _: np.nan} if layout.labels else {}
    with path.open(encoding="utf-8-sig") as file:
        try:
            numbers = np.loadtxt(
                file, delimiter=layout.delimiter, skiprows=layout.above, converters=names, quotechar='"', ndmin=2
            )
        except ValueError as error:  # what follows a semicolon is advice for programmers
            raise ValueError(str(error).partition(";")[0]) from None
    return numbers[:, layout.labels :]


def _layout(path: Path) -> Layout:
    """Where the numbers are, told by the first two lines that are no comments.

    Names above end where the second line begins; where they lack one for the column of names, R wrote them.
    """
    with path.open(encoding="utf-8-sig") as file:
        lines = [(at, line) for at, line in enumerate(islice(_bounded(file), COMMENTS)) if _said(line)][:2]
    if not lines:
        raise ValueError("it has no line of numbers")
    delimiter = next((mark for mark in DELIMITERS if mark in lines[0][1]), None)
    first, *rest = (_cells(line, delimiter) for _, line in lines)
    named = not first[0] or not all(map(_is_number, first[1:] or first))
    row = rest[0] if named and rest else first
    labels = not _is_number(row[0]) or (named and (not first[0] or len(row) == len(first) + 1))
    if wrong := [cell for cell in row[labels:] if not _is_number(cell)]:
        raise ValueError(f"it holds {wrong[0][:40]!r} where a number is expected")
    if len(row) == labels:
        raise ValueError("it has no line of numbers")
    return Layout(delimiter, lines[0][0] + named, int(labels))


def _bounded(file: TextIO) -> Iterator[str]:
    while line := file.readline(LONGEST):
        if len(line) == LONGEST:
            raise ValueError(f"it has a line of more than {LONGEST} letters")
        yield line


def _said(line: str) -> str:
    """A line without its comment."""
    return line.partition("#")[0].strip()


def _cells(line: str, delimiter: str | None) -> list[str]:
    """The entries of a line, without quotes around them."""
    return [cell.strip().strip('"') for cell in line.strip("\r\n").split(delimiter)]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
