"""How images lie on a device and reach the products: the one place that knows what each platform is fastest with."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer, UInt8

from ensemble.dataset import Dataset


@dataclass(frozen=True)
class Layout:
    """What the compiled programs of a platform look like; all layouts train the same members.

    Attributes:
        signed: store pixel x as int8, the bits of x ^ 0x80, that is x - 128. XLA's GPU compiler fuses the conversion of
            int8, not of uint8, into the products, which then read a quarter of the bytes and write none.
        batch_multiple: images a step are filled up to a multiple of this by images without a label. A TPU keeps
            arrays in tiles of 8 rows, and transposes all pixels twice a step where batches do not fill them.
        gather_in_loop: gather the images of one member after the other. Otherwise XLA's CPU compiler fuses the
            conversion of pixels into the gather, half as fast.
    """

    signed: bool = False
    batch_multiple: int = 1
    gather_in_loop: bool = False

    def store(self, images: UInt8[np.ndarray, "images pixels"]) -> Integer[np.ndarray, "images pixels"]:
        """Pixels as they lie on the device; `ensemble.network.normalise` reads both kinds."""
        return (images ^ np.uint8(0x80)).view(np.int8) if self.signed else images

    def splits(self, data: Dataset) -> tuple[np.ndarray, ...]:
        """Training images and labels, test images and labels, as they lie on the device."""
        return self.store(data.train_images), data.train_labels, self.store(data.test_images), data.test_labels

    def padding(self, batch: int) -> int:
        """Images without a label that fill up a batch."""
        return -batch % self.batch_multiple


PLAIN = Layout()
LAYOUTS = {"cpu": Layout(gather_in_loop=True), "tpu": Layout(batch_multiple=8)}
GPU = Layout(signed=True)


def layout_of(platform: str) -> Layout:
    """The layout of a JAX platform; GPUs go by several names."""
    return LAYOUTS.get(platform, GPU)
