"""Which devices JAX uses, and accelerators of the machine that it leaves idle."""

import os
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

GOOGLE = "0x1ae0"  # vendor of TPUs on the PCI bus, and of the network cards and disks of its cloud
OTHER_CLASSES = ("0x01", "0x02")  # PCI classes of disks and of network cards
CUDA13_DRIVER = 580  # oldest driver of NVIDIA that runs CUDA 13; CUDA 12 runs from 525 on
NVIDIA = ("dev/nvidia0", "dev/dxg")  # Linux; Windows' subsystem for Linux


class Idle(NamedTuple):
    """An accelerator that the machine has and JAX does not use."""

    device: str
    remedy: str

    def __str__(self) -> str:
        return f"there is {self.device}, but JAX computes on the CPU: {self.remedy}"


def idle_accelerators(root: Path = Path("/")) -> list[Idle]:
    """The accelerators left idle; none where the user has asked for the CPU by JAX_PLATFORMS.

    JAX is not touched on a machine without any.
    """
    if os.environ.get("JAX_PLATFORMS", "").startswith("cpu"):
        return []
    there = [*_present(root)]
    if there:
        import jax  # imported here because this question is asked by commands that need no JAX

        if jax.default_backend() == "cpu":
            return there
    return []


def cuda_extra(root: Path = Path("/")) -> str:
    """The extra of this project that fits the NVIDIA driver: cuda13 if it is new enough, else cuda12."""
    try:
        banner = (root / "proc/driver/nvidia/version").read_text()
    except OSError:
        return "cuda"
    driver = re.search(r"Kernel Module\D*(\d+)\.", banner)
    return "cuda13" if driver and int(driver[1]) >= CUDA13_DRIVER else "cuda12"


def _present(root: Path) -> Iterator[Idle]:
    """Accelerators of the machine, by its device files and its PCI bus."""
    for name in NVIDIA:
        if (root / name).exists():
            yield Idle(f"an NVIDIA GPU (/{name})", _cuda_remedy(root))
            break
    for card in sorted((root / "sys/bus/pci/devices").glob("*")):
        if _read(card / "vendor") == GOOGLE and not _read(card / "class").startswith(OTHER_CLASSES):
            yield Idle("a TPU", "pip install -e '.[tpu]', then restart Python")
            break


def _cuda_remedy(root: Path) -> str:
    """What makes the GPU of use: a plugin, or one of the version of jax (Colab's is left behind by an upgrade)."""
    jax = version("jax")
    for plugin in ("jax-cuda12-plugin", "jax-cuda13-plugin"):
        try:
            if version(plugin) != jax:
                return (
                    f"{plugin} {version(plugin)} does not go with jax {jax}: "
                    f"pip install -e '.[{plugin[4:10]}]', then restart Python"
                )
        except PackageNotFoundError:
            continue
        return f"{plugin} {jax} is installed but found no device: see what nvidia-smi says of the driver"
    return f"pip install -e '.[{cuda_extra(root)}]', then restart Python"


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
