"""A tiny data set and tiny settings, so that training tests take seconds."""

import numpy as np

from ensemble import Dataset, TrainConfig


def tiny_data(train: int = 60, test: int = 24, pixels: int = 16, classes: int = 4) -> Dataset:
    """Images whose brightest quarter tells the class, with noise: learnable, not trivial."""
    generator = np.random.default_rng(5)
    labels = generator.integers(0, classes, train + test).astype(np.int32)
    images = generator.integers(0, 120, (train + test, pixels))
    images[np.arange(pixels) * classes // pixels == labels[:, None]] += 100
    images = images.astype(np.uint8)
    return Dataset(
        "tiny", "made up", (4, pixels // 4, 1), classes, images[:train], labels[:train], images[train:], labels[train:]
    )


TINY = TrainConfig(members=6, epochs=3, hidden=(4, 4), batch_size=10, learning_rate=0.01, chunk=4)
