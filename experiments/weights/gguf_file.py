"""GGUF, the files of llama.cpp: a header that is read here, then the numbers, which are mapped.

The reader of the package `gguf` believes the lengths in a file, and loops for ever on one that lies; here each length
is held against what is left of the file. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from pathlib import Path
from typing import NamedTuple

from analysis.weights.tensors import Tensor, Weights
from experiments.weights.cursor import Cursor
from experiments.weights.kinds import kind
from experiments.weights.regions import DIMENSIONS, LONGEST, Region, tensors_at, unreadable

MAGIC = b"GGUF"
VERSIONS = (2, 3)
ALIGNMENT = "general.alignment"
PLAIN = {
    0: ("F32", "float32"),
    1: ("F16", "float16"),
    24: ("I8", "int8"),
    25: ("I16", "int16"),
    26: ("I32", "int32"),
    27: ("I64", "int64"),
    28: ("F64", "float64"),
    30: ("BF16", "bfloat16"),
}
QUANTISED = {
    **{2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1"},
    **{10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K"},
    **{16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS"},
    **{29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4"},
}
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes of the types of numbers
_UINT32, _TEXT, _ARRAY = 4, 8, 9
_DEEPEST = 4  # arrays of arrays


class _Entry(NamedTuple):
    name: str
    shape: tuple[int, ...]
    type: int
    offset: int
    """From the start of the numbers."""


class _Header(Cursor):
    """The header of a file, read from its start."""

    def name(self) -> str:
        """A name, after its length."""
        length = self.number(8)
        if length > LONGEST:
            raise ValueError(f"it has a name of {length} letters")
        return self.take(length).decode()

    def value(self, type_: int, depth: int = 0) -> int | None:
        """Go past a value; only numbers of 4 bytes are of interest."""
        if type_ == _UINT32:
            return self.number(4)
        if type_ in _SIZES:
            self.skip(_SIZES[type_])
        elif type_ == _TEXT:
            self.skip(self.number(8))
        elif type_ == _ARRAY and depth < _DEEPEST:
            self._array(self.number(4), self.number(8), depth)
        else:
            raise ValueError(f"it has a value of the unknown type {type_}")
        return None

    def _array(self, type_: int, count: int, depth: int) -> None:
        if type_ in _SIZES:
            self.skip(count * _SIZES[type_])
            return
        for _ in range(count):  # each takes bytes, so a count that lies comes to the end of the file
            self.value(type_, depth + 1)

    def entry(self) -> _Entry:
        """The description of a tensor; the sizes of its axes begin with the fastest."""
        name, count = self.name(), self.number(4)
        if count > DIMENSIONS:
            raise ValueError(f"it claims {count} axes of {name!r}")
        sizes = [self.number(8) for _ in range(count)]
        return _Entry(name, tuple(reversed(sizes)), self.number(4), self.number(8))


def open_gguf(path: Path) -> Weights:
    """The tensors of a GGUF file; those quantised are listed, but cannot be read.

    Raises:
        ValueError: it is damaged.
    """
    with path.open("rb") as file:
        header = _Header(file, path.stat().st_size, "little")
        header.skip(len(MAGIC))
        version = header.number(4)
        if version not in VERSIONS:
            raise ValueError(f"its version {version} is not one of {VERSIONS}, in little-endian order")
        tensors, values = header.number(8), header.number(8)
        alignment = _alignment(header, values)
        entries = [header.entry() for _ in range(tensors)]
        start = -(-header.place() // alignment) * alignment
    places = [_place(entry, start) for entry in entries]
    return Weights(path.name, tensors_at(path, places), "out_in")


def _alignment(header: _Header, values: int) -> int:
    """Go past the settings of a model; what the places of tensors are multiples of."""
    alignment = 32
    for _ in range(values):
        name = header.name()
        value = header.value(header.number(4))
        if name == ALIGNMENT:
            if not value:
                raise ValueError(f"its {ALIGNMENT} is no positive number")
            alignment = value
    return alignment


def _place(entry: _Entry, start: int) -> Region | Tensor:
    if entry.type in PLAIN:
        title, dtype = PLAIN[entry.type]
        return Region(entry.name, entry.shape, kind(dtype), title, start + entry.offset)
    title = QUANTISED.get(entry.type, f"type {entry.type}")
    reason = f"its numbers are quantised ({title}); give the model in F16, BF16 or F32"
    return unreadable(entry.name, entry.shape, title, reason)
