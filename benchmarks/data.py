"""What benchmarks train on: MNIST from a folder of IDX files, or the embedded sample where none is given."""

import argparse
import platform
from importlib.metadata import version

import jax

from ensemble import Dataset, load

EPOCH_IMAGES = 60_000
"""Images of a network-epoch (ne): on a smaller set, rates are scaled to what as many images would take."""


def add_data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", help="folder of the MNIST IDX files (default: the embedded sample)")


def dataset_name(data_dir: str | None) -> str:
    return "mnist" if data_dir else "sample"


def read(data_dir: str | None) -> Dataset:
    return load(dataset_name(data_dir), data_dir)


def network_epochs(images: int, networks: int = 1) -> float:
    """The work of so many networks on so many images each, in network-epochs."""
    return networks * images / EPOCH_IMAGES


def where() -> str:
    """Device and versions, for the head of every table."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("jax", "jaxlib", "numpy"))
    return f"device {jax.devices()[0].device_kind} ({_processor()}), {packages}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as table:
            return next(line.split(":")[1].strip() for line in table if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


if __name__ == "__main__":
    print(where())
