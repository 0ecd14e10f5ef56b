"""What files call the kinds of numbers, as types of NumPy; bfloat16 and the floats of 8 bits are those of ml_dtypes."""

import ml_dtypes
import numpy as np

_SMALL = (
    "bfloat16 float8_e3m4 float8_e4m3 float8_e4m3b11fnuz float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz "
    "float8_e8m0fnu"
)
_NUMBERS = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128"
KINDS = {name: np.dtype(name) for name in _NUMBERS.split()} | {
    name: np.dtype(getattr(ml_dtypes, name)) for name in _SMALL.split()
}


def kind(name: str) -> np.dtype:
    """The type called so, such as "float32"; a file cannot name any but these.

    Raises:
        ValueError: another one.
    """
    if name not in KINDS:
        raise ValueError(f"it holds numbers of type {name[:40]!r}")
    return KINDS[name]
