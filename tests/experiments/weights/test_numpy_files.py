"""Arrays in files of other programs come back as they were written, whichever way they lie in memory."""

from pathlib import Path

import numpy as np
import pytest

from experiments.errors import UserError
from experiments.weights.opening import read_array

ARRAY = np.arange(24.0).reshape(2, 3, 4)


def saved(path: Path, array: np.ndarray) -> Path:
    np.save(path, array) if path.suffix == ".npy" else np.savez(path, weights=array)
    return path


def test_both_versions_of_the_format_and_other_kinds_of_numbers_are_read(tmp_path):
    for version, kind in (((1, 0), ">f4"), ((2, 0), "<f8"), ((2, 0), "<i2")):
        with (tmp_path / "weights.npy").open("wb") as file:
            np.lib.format.write_array(file, ARRAY.astype(kind), version)
        read = read_array(tmp_path / "weights.npy")
        np.testing.assert_array_equal(read, ARRAY)
        assert read.dtype == np.dtype(kind)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_both_orders_of_memory_are_read(suffix, order, tmp_path):
    path = saved(tmp_path / f"weights{suffix}", np.asarray(ARRAY, order=order))
    assert (b"'fortran_order': True" in path.read_bytes()) == (order == "F")
    np.testing.assert_array_equal(read_array(path), ARRAY)


def test_a_folder_without_files_is_refused(tmp_path):
    with pytest.raises(UserError, match="is a folder without weights; give a "):
        read_array(tmp_path)
