"""What torch.save says of its tensors, read as a description; no pickle is ever loaded.

A pickle is a program for a small machine with a stack. `pickletools` lists its instructions without carrying them out;
here the few that torch.save writes for a dictionary of tensors are given a meaning that can only build lists,
dictionaries and descriptions. A name, such as torch.FloatStorage, stays a name: nothing is looked up, imported or
called. Any other instruction, and any other name, is refused, and so is a program longer than `STEPS`.
"""

import pickletools
from typing import Any, NamedTuple

import numpy as np

from experiments.weights.kinds import KINDS, kind

LARGEST = 2**24  # bytes of the program
STEPS = 1_000_000  # instructions; a tensor takes about 40
PROTOCOL = 3  # the last that has no instructions which a dictionary of tensors would not need
TENSOR = "torch._utils _rebuild_tensor_v2"
TENSOR_OF_KIND = "torch._utils _rebuild_tensor_v3"  # of the types that have no storage of their own
PARAMETER = "torch._utils _rebuild_parameter"
DICTIONARY = "collections OrderedDict"
SIZE = "torch Size"
BYTES = "torch.storage UntypedStorage"
STORAGES = {
    f"torch {name}Storage": KINDS[kind_of]
    for name, kind_of in (
        ("Bool", "bool"),
        ("Byte", "uint8"),
        ("Char", "int8"),
        ("Short", "int16"),
        ("Int", "int32"),
        ("Long", "int64"),
        ("Half", "float16"),
        ("BFloat16", "bfloat16"),
        ("Float", "float32"),
        ("Double", "float64"),
        ("ComplexFloat", "complex64"),
        ("ComplexDouble", "complex128"),
    )
} | {BYTES: np.dtype(np.uint8)}
NAMES = {TENSOR, TENSOR_OF_KIND, PARAMETER, DICTIONARY, SIZE, *STORAGES, *(f"torch {name}" for name in KINDS)}

KEYS = {str, int, float, bool, type(None)}


class Name(NamedTuple):
    """A name of Python's, which is never looked up."""

    name: str


class Storage(NamedTuple):
    """The numbers of one or several tensors, in a file of the archive."""

    key: str
    """Name of the file."""
    dtype: np.dtype
    count: int


class Strided(NamedTuple):
    """A tensor: its entry i lies at offset + sum of i times strides, counted in entries of its type."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype


class _Mark:
    """Where on the stack an instruction of variable length begins."""


def described(program: bytes) -> Any:
    """What a pickle of torch.save describes: dictionaries, lists, numbers, texts and `Strided` tensors.

    Raises:
        ValueError: it is damaged, too long, or holds what is no plain dictionary of tensors.
    """
    if len(program) > LARGEST:
        raise ValueError(f"its description of the tensors has more than {LARGEST} bytes")
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for step, (instruction, argument, _) in enumerate(pickletools.genops(program)):
        if step == STEPS:
            raise ValueError(f"its description of the tensors has more than {STEPS} steps")
        if instruction.name == "STOP":
            break
        try:
            _carry_out(instruction.name, argument, stack, memo)
        except (IndexError, KeyError, TypeError, AttributeError):
            raise ValueError(f"its description of the tensors is damaged at step {step}") from None
    if len(stack) != 1:
        raise ValueError("its description of the tensors is cut short")
    return stack[0]


def _carry_out(instruction: str, argument: Any, stack: list[Any], memo: dict[int, Any]) -> None:
    match instruction:
        case "PROTO":
            if argument > PROTOCOL:
                raise ValueError(f"it was written with pickle_protocol={argument}, where torch.save by itself takes 2")
        case "MARK":
            stack.append(_Mark())
        case "NONE":
            stack.append(None)
        case "NEWTRUE" | "NEWFALSE":
            stack.append(instruction == "NEWTRUE")
        case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE":
            stack.append(argument)
        case "EMPTY_DICT":
            stack.append({})
        case "EMPTY_LIST":
            stack.append([])
        case "EMPTY_TUPLE":
            stack.append(())
        case "TUPLE1" | "TUPLE2" | "TUPLE3":
            stack.append(tuple(_popped(stack, int(instruction[-1]))))
        case "TUPLE":
            stack.append(tuple(_since_mark(stack)))
        case "APPEND":
            _extend(stack, _popped(stack, 1))
        case "APPENDS":
            _extend(stack, _since_mark(stack))
        case "SETITEM":
            _update(stack, _popped(stack, 2))
        case "SETITEMS":
            _update(stack, _since_mark(stack))
        case "BINPUT" | "LONG_BINPUT":
            memo[argument] = stack[-1]
        case "BINGET" | "LONG_BINGET":
            stack.append(memo[argument])
        case "GLOBAL":
            stack.append(_name(argument))
        case "BINPERSID":
            stack.append(_storage(*stack.pop()))
        case "REDUCE":
            stack.append(_made(*_popped(stack, 2)))
        case "BUILD":  # the metadata of a state dictionary, which says nothing of the numbers
            _popped(stack, 1)
        case _:
            raise ValueError(f"it has the instruction {instruction}, which dictionaries of tensors do not need")


def _popped(stack: list[Any], count: int) -> list[Any]:
    """The uppermost entries, taken from the stack."""
    if len(stack) < count:
        raise IndexError
    top = stack[-count:]
    del stack[-count:]
    return top


def _since_mark(stack: list[Any]) -> list[Any]:
    """What lies above the last mark, taken from the stack with it."""
    top = []
    while not isinstance(entry := stack.pop(), _Mark):
        top.append(entry)
    return top[::-1]


def _extend(stack: list[Any], entries: list[Any]) -> None:
    if type(stack[-1]) is not list:
        raise TypeError
    stack[-1].extend(entries)


def _update(stack: list[Any], entries: list[Any]) -> None:
    """Set items of a dictionary; tuples are refused as keys, since hashing deep ones exhausts the machine's stack."""
    keys, values = entries[::2], entries[1::2]
    if type(stack[-1]) is not dict or len(keys) != len(values) or not {*map(type, keys)} <= KEYS:
        raise TypeError
    for key, value in zip(keys, values, strict=True):
        if key in stack[-1]:
            raise ValueError(f"it holds {str(key)[:80]!r} twice")
        stack[-1][key] = value


def _name(argument: str) -> Name:
    if argument not in NAMES:
        raise ValueError(f"it holds an object of type {argument.replace(' ', '.')[:80]!r}, which is no tensor")
    return Name(argument)


def _storage(word: str, name: Name, key: str, device: str, count: int) -> Storage:
    """The reference to a file of numbers; where they were on a device is of no interest."""
    if word != "storage" or type(key) is not str or type(count) is not int or count < 0:
        raise TypeError
    return Storage(key, STORAGES[name.name], count)


def _made(name: Name, arguments: tuple[Any, ...]) -> Any:
    """What the names that are known make of their arguments."""
    match name.name, arguments:
        case ("collections OrderedDict", ()):
            return {}
        case ("torch Size", (tuple(sizes),)):
            return sizes
        case ("torch._utils _rebuild_parameter", (Strided() as tensor, *_)):
            return tensor
        case ("torch._utils _rebuild_tensor_v2", (Storage() as storage, offset, shape, strides, _, _, *_)):
            return _strided(storage, offset, shape, strides, storage.dtype)
        case ("torch._utils _rebuild_tensor_v3", (Storage() as storage, offset, shape, strides, _, _, Name(word), *_)):
            return _strided(storage, offset, shape, strides, kind(word.removeprefix("torch ")))
    raise TypeError


def _strided(storage: Storage, offset: Any, shape: Any, strides: Any, dtype: np.dtype) -> Strided:
    if type(shape) is not tuple or type(strides) is not tuple or len(shape) != len(strides):
        raise TypeError
    if any(type(number) is not int or number < 0 for number in (offset, *shape, *strides)):
        raise TypeError
    return Strided(storage, offset, shape, strides, dtype)
