"""IDX files, the format MNIST is distributed in: read defensively, checked by content."""

import gzip
import hashlib
import math
import os
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, UInt8

from ensemble.dataset import DataError, Dataset

MNIST_SHA256 = {
    "train-images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""SHA-256 of the uncompressed files of canonical MNIST (LeCun, Cortes, Burges)."""


class Known(NamedTuple):
    """What is known of a data set by its name."""

    train: int
    test: int
    shape: tuple[int, int, int]
    classes: int


KNOWN = {
    "mnist": Known(60000, 10000, (28, 28, 1), 10),
    "fashion_mnist": Known(60000, 10000, (28, 28, 1), 10),
    "kmnist": Known(60000, 10000, (28, 28, 1), 10),
    "cifar10": Known(50000, 10000, (32, 32, 3), 10),
    "cifar100": Known(50000, 10000, (32, 32, 3), 100),
}
"""Sets that go by these names in tensorflow-datasets; other names are the user's own."""

DIMENSIONS = {"images": 3, "labels": 1}
MAX_BYTES = 2**31
DEFLATE_MAX_RATIO = 1032  # a deflate stream cannot expand further, so a larger claim in a header is false


class IdxFile(NamedTuple):
    """Content of one IDX file: its array, and the SHA-256 of the uncompressed bytes."""

    array: UInt8[np.ndarray, "..."]
    sha256: str


def read_folder(name: str, folder: Path) -> Dataset:
    """Read the four IDX files of a folder, plain or gzip; files called `mnist` must be canonical MNIST.

    Raises:
        DataError: if a file is absent, damaged or not IDX, if files do not fit together, if `mnist` is not MNIST or
            MNIST goes by another name, or a set of a known name has not its size.
    """
    if not folder.is_dir():
        raise DataError(f"data directory {folder} is not a folder; expected a folder of IDX files: check the path")
    files = {}
    for stem, canonical in MNIST_SHA256.items():
        path = _find(folder, stem)
        files[stem] = read_idx(path, DIMENSIONS[stem.partition("-")[2]])
        if name == "mnist" and files[stem].sha256 != canonical:
            raise DataError(
                f"{path} is not the canonical MNIST file: content has SHA-256 {files[stem].sha256[:16]}..., "
                f"expected {canonical[:16]}...: fetch it again, or give the data set another name"
            )
    _check_pairs(folder, {stem: file.array.shape for stem, file in files.items()})
    if name != "mnist" and all(files[stem].sha256 == canonical for stem, canonical in MNIST_SHA256.items()):
        raise DataError(f"the files in {folder} are MNIST, but the data set is called {name!r}: call it mnist")
    height, width = files["train-images"].array.shape[1:]
    train_labels, test_labels = _labels(files["train-labels"]), _labels(files["t10k-labels"])
    data = Dataset(
        name=name,
        source=f"IDX files in {folder}" + (" (canonical MNIST, verified by SHA-256)" if name == "mnist" else ""),
        shape=(height, width, 1),
        classes=_count_classes(folder, np.concatenate([train_labels, test_labels])),
        train_images=_rows(files["train-images"]),
        train_labels=train_labels,
        test_images=_rows(files["t10k-images"]),
        test_labels=test_labels,
    )
    _check_known(folder, data)
    return data


def read_idx(path: Path, dimensions: int) -> IdxFile:
    """Read one IDX file of unsigned bytes; gzip is recognised by content, not by name.

    Layout: magic 0x00 0x00 0x08 (unsigned byte) and the number of dimensions; each size as a big-endian uint32; data.

    Raises:
        DataError: if the file is unreadable, is not such a file, or holds more or less than its header says.
    """
    try:
        with path.open("rb") as raw:
            compressed = raw.peek(2)[:2] == b"\x1f\x8b"
            stored = os.fstat(raw.fileno()).st_size
            with gzip.open(raw) if compressed else raw as stream:
                header = stream.read(4 + 4 * dimensions)
                shape = _shape(path, header, dimensions)
                size = math.prod(shape)
                # Judged before anything of that size is allocated: the header may be hostile.
                if size > min(MAX_BYTES, stored * (DEFLATE_MAX_RATIO if compressed else 1)):
                    raise DataError(f"{path} is too short for the {shape} bytes it announces: fetch the file again")
                # One byte more than announced, so that an excess shows and gzip verifies its checksum at the end.
                data = stream.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path} cannot be read ({error}); expected a complete IDX file, plain or gzip: fetch the file again"
        ) from error
    if len(data) != size:
        found = "more" if len(data) > size else f"only {len(data)}"
        raise DataError(f"{path} announces {shape} bytes but holds {found}: fetch the file again")
    array = np.frombuffer(data, np.uint8).reshape(shape)
    return IdxFile(array, hashlib.sha256(header + data).hexdigest())


def _shape(path: Path, header: bytes, dimensions: int) -> tuple[int, ...]:
    magic = bytes([0, 0, 8, dimensions])
    if len(header) < 4 + 4 * dimensions or header[:4] != magic:
        raise DataError(
            f"{path} starts with {header[:4]!r}; expected {magic!r}, IDX bytes in {dimensions} dimension(s): "
            "fetch the file itself (a saved web page is not it)"
        )
    return tuple(int(size) for size in np.frombuffer(header, ">u4", offset=4))


def _find(folder: Path, stem: str) -> Path:
    dimensions = DIMENSIONS[stem.partition("-")[2]]
    names = [f"{stem}{mark}idx{dimensions}-ubyte{suffix}" for suffix in ("", ".gz") for mark in "-."]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"no {names[0]} or {names[2]} in {folder}; expected the four IDX files of MNIST's format: check it")


def _check_pairs(folder: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    for split in ("train", "t10k"):
        images, labels = shapes[f"{split}-images"], shapes[f"{split}-labels"]
        if images[0] != labels[0] or 0 in images:
            raise DataError(
                f"{split} files in {folder} hold images {images} and labels {labels}; expected one label per image "
                "and nothing empty: check that the two files belong together"
            )
    train, test = shapes["train-images"][1:], shapes["t10k-images"][1:]
    if train != test:
        raise DataError(
            f"images in {folder} are {train} pixels for training and {test} for testing; expected one size: "
            "check that the files belong together"
        )


def _check_known(folder: Path, data: Dataset) -> None:
    """Refuse a set that cannot be the one whose name it bears."""
    found = Known(len(data.train_images), len(data.test_images), data.shape, data.classes)
    known = KNOWN.get(data.name, found)
    if found != known:
        raise DataError(
            f"the files in {folder} are not {data.name}: {_size(found)}, expected {_size(known)}: "
            "give the folder of that set, or give this one another name"
        )


def _size(known: Known) -> str:
    size = "x".join(map(str, known.shape))
    return f"{known.train} + {known.test} images of {size} pixels in {known.classes} classes"


def _rows(file: IdxFile) -> UInt8[np.ndarray, "images pixels"]:
    return file.array.reshape(len(file.array), -1)


def _labels(file: IdxFile) -> Int32[np.ndarray, "labels"]:
    return file.array.astype(np.int32)


def _count_classes(folder: Path, labels: Int32[np.ndarray, "labels"]) -> int:
    """Largest label plus one; some label sets leave a class or two empty, but most being empty is a damaged file."""
    present = np.unique(labels)
    classes = int(present.max(initial=0)) + 1
    if 2 * len(present) < classes:
        raise DataError(
            f"labels in {folder} reach {classes - 1} but only {len(present)} different ones occur; "
            "expected classes numbered 0, 1, 2, ...: check the label files"
        )
    return classes
