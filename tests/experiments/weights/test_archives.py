"""Zip archives that lie are refused, whether NumPy or PyTorch is to have written them."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.experiments.weights.test_torch_file import dictionary, tensor, text
from tests.harmless import assert_refused


def content(name: str) -> dict[str, bytes]:
    """The files of a good archive with an array "a"."""
    if name == "torch":
        return {"m/data.pkl": dictionary(text("a"), tensor()), "m/data/0": bytes(24)}
    file = io.BytesIO()
    np.save(file, np.zeros(6, np.float32))
    return {"a.npy": file.getvalue()}


def archive(path: Path, files: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as whole:
        for name, inside in files:
            whole.writestr(name, inside)
    return path


def entry(path: Path, field: int, value: bytes) -> Path:
    """The archive with another value in its last entry of the list at its end, at so many bytes from its start."""
    whole = bytearray(path.read_bytes())
    at = whole.rindex(b"PK\x01\x02") + field
    whole[at : at + len(value)] = value
    path.write_bytes(whole)
    return path


FLAGS, STORED, SIZE, PLACE = 8, 20, 24, 42
"""Where an entry has its flags, both sizes, and the place of its file."""


@pytest.fixture(params=["npz", "torch"])
def files(request) -> list[tuple[str, bytes]]:
    return list(content(request.param).items())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name(files, tmp_path):
    assert_refused(archive(tmp_path / "m", [*files, files[-1]]), "2 times")


def test_encrypted_files(files, tmp_path):
    assert_refused(entry(archive(tmp_path / "m", files), FLAGS, b"\x01"), "encrypted")


def test_a_file_that_is_not_where_the_list_says(files, tmp_path):
    assert_refused(entry(archive(tmp_path / "m", files), PLACE, b"\x07"), "not where the archive says")


def test_a_file_that_is_longer_than_the_archive(files, tmp_path):
    path = archive(tmp_path / "m", files)
    for field in (STORED, SIZE):
        entry(path, field, b"\xff\xff\xff\x7f")
    assert_refused(path, "beyond its end|not a readable")


def test_a_file_of_two_sizes(files, tmp_path):
    assert_refused(entry(archive(tmp_path / "m", files), SIZE, b"\xff\xff\xff\x7f"), "two sizes")


def test_files_that_share_bytes(files, tmp_path):
    """The second name stands for the bytes of the first file, and those after it."""
    path = archive(tmp_path / "m", [*files, ("b.npy", bytes(1000))])
    first = path.read_bytes().rindex(b"PK\x03\x04", 0, path.read_bytes().rindex(b"PK\x03\x04"))
    assert_refused(entry(path, PLACE, first.to_bytes(4, "little")), "same place|differ")


@pytest.mark.parametrize("end", [-1, -30, 100, 30])
def test_archives_cut_short(files, end, tmp_path):
    path = archive(tmp_path / "m", files)
    path.write_bytes(path.read_bytes()[:end])
    assert_refused(path, "not a readable")


def test_archives_within_archives(tmp_path):
    inner = archive(tmp_path / "inner.npz", list(content("npz").items()))
    assert_refused(archive(tmp_path / "m", [("a.npy", inner.read_bytes())]), "not a readable .npz file")


def test_two_descriptions(tmp_path):
    both = [(f"{root}/data.pkl", content("torch")["m/data.pkl"]) for root in ("m", "n")]
    assert_refused(archive(tmp_path / "m", both), "2 files data.pkl")


def test_a_damaged_number_is_noticed(tmp_path):
    np.savez(tmp_path / "m.npz", a=np.zeros(10_000))
    whole = bytearray((tmp_path / "m.npz").read_bytes())
    whole[50_000] = 1
    (tmp_path / "m.npz").write_bytes(whole)
    assert_refused(tmp_path / "m.npz", "the checksum of 'a' is wrong")


def test_an_archive_of_keras_says_where_its_weights_are(tmp_path):
    assert_refused(archive(tmp_path / "m", [("config.json", b"{}"), ("model.weights.h5", b"")]), "unpack it")
