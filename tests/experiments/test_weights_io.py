"""Arrays in files of other programs come back as they were written, whichever way they lie in memory."""

from pathlib import Path

import numpy as np
import pytest

from experiments.store.weights_io import read_array

ARRAY = np.arange(24.0).reshape(2, 3, 4)


def saved(path: Path, array: np.ndarray) -> Path:
    np.save(path, array) if path.suffix == ".npy" else np.savez(path, weights=array)
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_both_orders_of_memory_are_read(suffix, order, tmp_path):
    path = saved(tmp_path / f"weights{suffix}", np.asarray(ARRAY, order=order))
    assert (b"'fortran_order': True" in path.read_bytes()) == (order == "F")
    np.testing.assert_array_equal(read_array(path), ARRAY)
