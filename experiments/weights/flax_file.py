"""What flax.serialization writes: dictionaries within dictionaries in MessagePack, with arrays as an extension, mapped.

The tree is walked here, because the library `msgpack` copies each array that it passes, and does not tell its place.
https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from collections.abc import Iterator
from pathlib import Path

from analysis.weights.tensors import Tensor, Weights
from experiments.weights.cursor import Cursor
from experiments.weights.kinds import kind
from experiments.weights.regions import LONGEST, OTHER, Region, tensors_at, unreadable

CHUNKS = "__msgpack_chunked_array__"
DEEPEST = 64
_EXTENSION = 1  # what Flax gives its arrays
_FIXED = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8} | {
    start + k: 2**k for start in (0xCC, 0xD0) for k in range(4)
}  # bytes of nothing, truth values, and numbers
_BINARY = {0xC4: 1, 0xC5: 2, 0xC6: 4}  # bytes of the length that follows
_TEXT = {0xD9: 1, 0xDA: 2, 0xDB: 4}
_LIST = {0xDC: 2, 0xDD: 4}
_MAP = {0xDE: 2, 0xDF: 4}
_EXTENSIONS = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_SMALL_EXTENSIONS = {0xD4 + k: 2**k for k in range(5)}
_SMALL_NUMBER, _SMALL_MAP, _SMALL_LIST, _SMALL_TEXT, _NEGATIVE = 0x80, 0x90, 0xA0, 0xC0, 0xE0
"""The codes that hold a number, or a length, themselves lie below these (and from the last one on)."""


def is_flax(head: bytes) -> bool:
    """Whether a file begins as a dictionary of MessagePack that is not empty, with texts for keys."""
    if not head or not (_SMALL_NUMBER < head[0] < _SMALL_MAP or head[0] in _MAP):
        return False
    key = head[1 + _MAP.get(head[0], 0) :][:1]
    return key != b"" and (_SMALL_LIST < key[0] < _SMALL_TEXT or key[0] in _TEXT)


def open_flax(path: Path) -> Weights:
    """The arrays of a tree of parameters, or of a training state but for its optimiser.

    Raises:
        ValueError: it is damaged.
    """
    with path.open("rb") as file:
        walk = _values(Cursor(file, path.stat().st_size, "big"), ())
        places = [place for place in walk if place.name.partition(".")[0] not in OTHER]
    return Weights(path.name, tensors_at(path, places), "in_out")


def _values(at: Cursor, names: tuple[str, ...]) -> Iterator[Region | Tensor]:
    """The arrays of the next value, whatever it is, each called by the path to it."""
    if len(names) > DEEPEST:
        raise ValueError(f"it is nested more than {DEEPEST} deep")
    code = at.number(1)
    if _SMALL_NUMBER <= code < _SMALL_MAP or code in _MAP:
        for _ in range(at.number(_MAP[code]) if code in _MAP else code - _SMALL_NUMBER):
            yield from _values(at, (*names, _text(at)))
    elif _SMALL_MAP <= code < _SMALL_LIST or code in _LIST:
        for k in range(at.number(_LIST[code]) if code in _LIST else code - _SMALL_MAP):
            yield from _values(at, (*names, str(k)))
    elif code in _EXTENSIONS or code in _SMALL_EXTENSIONS:
        size = _SMALL_EXTENSIONS[code] if code in _SMALL_EXTENSIONS else at.number(_EXTENSIONS[code])
        yield from _extension(at, names, size)
    elif _SMALL_LIST <= code < _SMALL_TEXT:
        at.skip(code - _SMALL_LIST)
    elif code in _BINARY or code in _TEXT:
        at.skip(at.number((_BINARY | _TEXT)[code]))
    elif _SMALL_NUMBER <= code < _NEGATIVE:
        if code not in _FIXED:
            raise ValueError(f"it has the code {code}, which MessagePack does not know")
        at.skip(_FIXED[code])


def _extension(at: Cursor, names: tuple[str, ...], size: int) -> Iterator[Region | Tensor]:
    """An array: a list of its shape, the name of its type, and its numbers."""
    is_array, start = at.number(1) == _EXTENSION, at.place()
    if is_array:
        if at.number(1) != _SMALL_MAP + 3:
            raise ValueError("an array in it is no list of shape, type and numbers")
        yield _array(at, names, start + size)
    at.skip(start + size - at.place())


def _array(at: Cursor, names: tuple[str, ...], end: int) -> Region | Tensor:
    name = ".".join(names)
    if len(name) > LONGEST:
        raise ValueError(f"a name in it has more than {LONGEST} letters")
    shape = tuple(_whole(at) for _ in range(at.number(1) - _SMALL_MAP))
    dtype = kind(_text(at))
    length = at.number(_BINARY.get(at.number(1), 0))
    region = Region(name, shape, dtype, dtype.name, at.place())
    if region.nbytes != length or region.offset + length != end:
        raise ValueError(f"{name!r} of shape {shape} has {length} bytes, or another end")
    if CHUNKS in names or "chunks" in names[-2:-1]:
        return unreadable(name, shape, dtype.name, "it is a chunk of a larger array; save it with orbax")
    return region


def _whole(at: Cursor) -> int:
    """A number that is not negative."""
    code = at.number(1)
    return code if code < _SMALL_NUMBER else at.number({0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}[code])


def _text(at: Cursor) -> str:
    code = at.number(1)
    length = code - _SMALL_LIST if _SMALL_LIST <= code < _SMALL_TEXT else at.number(_TEXT[code])
    if length > LONGEST:
        raise ValueError(f"a name in it has more than {LONGEST} letters")
    return at.take(length).decode()
