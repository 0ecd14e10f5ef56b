"""What a data set is: uint8 images with labels, in two splits, and the one error for data a user can get wrong."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int32, UInt8


class DataError(ValueError):
    """Data that cannot be used; the message is one line: what is wrong, what was expected, what to do."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled images as they are on disk; the training engine normalises them on the device, (x / 255 - 1/2) / (1/2).

    Args:
        name: the name it was asked for by.
        source: where it came from, for people.
        shape: (height, width, channels) of one image; pixels = height * width * channels.
        classes: number of classes; labels are 0 ... classes - 1.
        train_images: uint8 [train, pixels].
        train_labels: int32 [train].
        test_images: uint8 [test, pixels].
        test_labels: int32 [test].

    Raises:
        DataError: if a label is out of range (some data sets mark images without a label by -1).
    """

    name: str
    source: str
    shape: tuple[int, int, int]
    classes: int
    train_images: UInt8[np.ndarray, "train pixels"]
    train_labels: Int32[np.ndarray, "train"]
    test_images: UInt8[np.ndarray, "test pixels"]
    test_labels: Int32[np.ndarray, "test"]

    def __post_init__(self):
        for split, _, labels in self._splits():
            if labels.min() < 0 or labels.max() >= self.classes:
                raise DataError(
                    f"data set {self.name!r}, {split} split: labels run from {labels.min()} to {labels.max()}; "
                    f"expected 0 to {self.classes - 1}: choose another data set, or correct its labels"
                )

    def __repr__(self) -> str:
        return f"Dataset({self.describe()})"

    def _splits(self):
        yield "training", self.train_images, self.train_labels
        yield "test", self.test_images, self.test_labels

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of the content in its order: shape, classes, images and labels of each split."""
        digest = hashlib.sha256(repr((self.shape, self.classes)).encode())
        for _, images, labels in self._splits():
            digest.update(images.tobytes())
            digest.update(labels.astype("<i4").tobytes())
        return digest.hexdigest()

    def describe(self) -> str:
        """One line for reports: name, sizes, source and digest."""
        size = "x".join(map(str, self.shape))
        return (
            f"{self.name}: {len(self.train_images)} training and {len(self.test_images)} test images of {size} pixels "
            f"in {self.classes} classes, from {self.source}, SHA-256 {self.digest[:16]}"
        )
