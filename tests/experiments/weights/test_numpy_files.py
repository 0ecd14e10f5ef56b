"""Arrays in files of other programs come back as they were written, whichever way they lie in memory."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from experiments.errors import UserError
from experiments.weights.opening import open_weights, read_array
from tests.harmless import assert_harmless, assert_refused

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


def test_archives_are_mapped_or_decompressed(tmp_path):
    arrays = {"a": ARRAY, "b": np.asfortranarray(ARRAY[0]), "empty": ARRAY[:, :0], "one": np.float32(3)}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "m.npz", **arrays)
        (weights,) = open_weights(tmp_path / "m.npz")
        assert [(tensor.name, tensor.shape) for tensor in weights.tensors] == [(n, a.shape) for n, a in arrays.items()]
        for tensor in weights.tensors:
            np.testing.assert_array_equal(tensor.read(), arrays[tensor.name], strict=True)


def test_a_large_file_is_not_read_to_be_opened(tmp_path):
    with (tmp_path / "m.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (2**28, 4)})
        file.truncate(file.tell() + 2**32)  # a hole: it takes no space on the disk

    def read() -> None:
        ((tensor,),) = (weights.tensors for weights in open_weights(tmp_path / "m.npy"))
        assert tensor.read()[-1].tolist() == [0, 0, 0, 0]

    assert_harmless(read)


HEADERS = {
    "objects": ("|O", (1,), "objects"),
    "an overflow": ("<f8", (2**32, 2**32), "claims"),
    "a negative size": ("<f8", (-1, 4), "shape"),
    "no size": ("<f8", ("a",), "not a readable"),
    "more than the file": ("<f8", (9,), "claims"),
    "many axes": ("<f8", (1,) * 65, "shape"),
    "truth for a size": ("<f8", (True, 2), "shape"),
}


@pytest.mark.parametrize("lie", HEADERS)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_headers_that_lie_are_refused(lie, suffix, tmp_path):
    kind, shape, reason = HEADERS[lie]
    header = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode() + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64)
    path = tmp_path / f"m{suffix}"
    if suffix == ".npy":
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.npy", content)
    assert_refused(path, reason)


@pytest.mark.parametrize(
    "header", [b"(" * 9000, b"__import__('os').system('false')\n", b"\xff\xff", b"{}\n", b"{'descr': '<f8'", b""]
)
def test_headers_that_are_no_description_are_refused(header, tmp_path):
    path = tmp_path / "m.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64))
    assert_refused(path, "not a readable .npy file")


def test_a_bomb_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a.npy", bytes(2**28))
    assert_refused(tmp_path / "bomb.npz", "claims 268435456 bytes")
