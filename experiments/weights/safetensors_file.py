"""Files of safetensors: a header of JSON, then the numbers, which are mapped.

The library checks the header (lengths, holes, overlaps); it is read here besides because the library gives no places,
and has no NumPy types for the floats of 8 bits. https://github.com/huggingface/safetensors#format
"""

from pathlib import Path
from typing import Any

from safetensors import safe_open

from analysis.weights.tensors import Tensor, Weights
from experiments.weights.json_files import read_object
from experiments.weights.kinds import kind
from experiments.weights.regions import Region, tensors_at, unreadable

LENGTH = 8  # bytes that hold the length of the header
KINDS = {
    "BOOL": "bool",
    **{
        f"{letter}{bits}": f"{name}{bits}" for letter, name in (("I", "int"), ("U", "uint")) for bits in (8, 16, 32, 64)
    },
    **{f"F{bits}": f"float{bits}" for bits in (16, 32, 64)},
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",  # what PyTorch calls so
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "C64": "complex64",
}


def open_safetensors(path: Path) -> Weights:
    """The arrays of a file of safetensors.

    Raises:
        ValueError: it is damaged.
    """
    with safe_open(path, framework="numpy") as checked:
        names = checked.keys()
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH), "little")
        header = read_object(file.read(length))
    header.pop("__metadata__", None)
    if sorted(header) != sorted(names):
        raise ValueError("its header can be read in two ways")
    places = [_place(name, header[name], LENGTH + length) for name in names]
    return Weights(path.name, tensors_at(path, places), "out_in")


def _place(name: str, entry: dict[str, Any], start: int) -> Region | Tensor:
    title, shape = entry["dtype"], tuple(entry["shape"])
    if title not in KINDS:
        return unreadable(name, shape, title, f"NumPy has no type for {title}; give the model in BF16, F16 or F32")
    return Region(name, shape, kind(KINDS[title]), title, start + entry["data_offsets"][0])
