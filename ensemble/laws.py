"""The laws of initial kernels: what `ensemble.network` draws, and what the analysis of a run expects."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple


class KernelLaw(NamedTuple):
    """Law of the independent entries, of mean 0, of a kernel [out, in]: fan_in = in, fan_out = out."""

    scale: float
    """Variance = scale / fan."""
    fan: Literal["fan_in", "fan_avg"]
    """fan_avg = (fan_in + fan_out) / 2."""
    distribution: Literal["normal", "uniform"]

    def variance(self, fan_out: int, fan_in: int) -> float:
        """Variance of the entries of a kernel of this shape."""
        return self.scale / (fan_in if self.fan == "fan_in" else (fan_in + fan_out) / 2)


KERNEL_LAWS: Mapping[str, KernelLaw | None] = MappingProxyType(
    {
        "gaussian": KernelLaw(1.0, "fan_in", "normal"),
        "uniform": KernelLaw(1 / 3, "fan_in", "uniform"),
        "he": KernelLaw(2.0, "fan_in", "normal"),
        "glorot": KernelLaw(1.0, "fan_avg", "normal"),
        "orthogonal": None,
    }
)
"""gaussian and uniform (on +-1/sqrt(fan_in), PyTorch's default) are those of arXiv:2510.05218; the entries of an
orthogonal kernel, which is Haar distributed, depend on each other."""


def kernel_law(init: str) -> KernelLaw | None:
    """Law of the entries of an initial kernel; None where they are not independent.

    Raises:
        ValueError: there is no such initialisation.
    """
    if init not in KERNEL_LAWS:
        raise ValueError(f"init is {init!r}; it must be one of {', '.join(KERNEL_LAWS)}")
    return KERNEL_LAWS[init]
