"""HDF5 files of Keras give what h5py wrote, and those that refer to others or lie are refused."""

import subprocess
import sys
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest

from experiments.store import hdf5
from experiments.weights.opening import open_weights
from tests.harmless import assert_refused

KERNEL = np.arange(20, dtype=np.float32).reshape(5, 4)


@pytest.fixture
def path(tmp_path) -> Path:
    """A file laid out as Keras 3 does, with a layer in bfloat16, which is written as bytes with a note."""
    with h5py.File(tmp_path / "m", "w") as file:
        file["layers/dense/vars/0"] = KERNEL
        file["layers/dense/vars/1"] = KERNEL[0].astype(">f8")
        halves = file.create_dataset("layers/dense_1/vars/0", data=KERNEL.astype(ml_dtypes.bfloat16).view("V2"))
        halves.attrs["dtype"] = "bfloat16"
        file["optimizer/vars/0"] = KERNEL
        file.create_group("vars")
    return tmp_path / "m"


def test_what_keras_writes(path):
    (weights,) = open_weights(path)
    assert weights.orientation == "in_out"
    found = {tensor.name: tensor for tensor in weights.tensors}
    assert list(found) == ["layers/dense/vars/0", "layers/dense/vars/1", "layers/dense_1/vars/0"]
    first, second, third = (tensor.read() for tensor in found.values())
    np.testing.assert_array_equal(first, KERNEL, strict=True)
    np.testing.assert_array_equal(second, KERNEL[0].astype(">f8"))
    np.testing.assert_array_equal(third, KERNEL.astype(ml_dtypes.bfloat16), strict=True)


def test_what_cannot_be_mapped_is_listed_with_its_reason(tmp_path):
    with h5py.File(tmp_path / "m", "w") as file:
        file.create_dataset("packed", data=KERNEL, compression="gzip")
        file["text"] = "a text"
        file.create_dataset("unwritten", (2, 3), "f4")
        file["plain"] = KERNEL
    (weights,) = open_weights(tmp_path / "m")
    reasons = {tensor.name: tensor.unreadable for tensor in weights.tensors}
    assert "chunks" in reasons["packed"]
    assert "no numbers" in reasons["text"]
    assert "chunks" in reasons["unwritten"]
    assert not reasons["plain"]


@pytest.mark.parametrize("kind", ["soft", "external", "virtual", "raw"])
def test_files_that_refer_to_others_are_refused(kind, path):
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    with h5py.File(path, "a") as file:
        if kind == "soft":
            file["link"] = h5py.SoftLink("/layers/dense/vars/0")
        elif kind == "external":
            file["link"] = h5py.ExternalLink(str(other), "/layers/dense/vars/0")
        elif kind == "virtual":
            layout = h5py.VirtualLayout((5, 4), "f4")
            layout[:] = h5py.VirtualSource(str(other), "layers/dense/vars/0", (5, 4))
            file.create_virtual_dataset("link", layout)
        else:
            file.create_dataset("link", (5, 4), "f4", external=[(str(other), 0, 80)])
    assert_refused(path, "is a link|in another file")


@pytest.mark.parametrize("end", [8, 100, 800, -1])
def test_files_cut_short_are_refused(end, path):
    path.write_bytes(path.read_bytes()[:end])
    assert_refused(path, "not a readable HDF5 file")


def test_what_hdf5_says_of_a_file_is_not_believed(path, monkeypatch):
    """A library that a file has taken over may answer anything."""
    good = hdf5.listed(path)[0]
    for change in ({"offset": 2**40}, {"offset": -1}, {"shape": [-1, 2]}, {"shape": [2**33, 2**33]}, {"shape": ["a"]}):
        monkeypatch.setattr(hdf5, "listed", lambda _, change=change: [good | change])
        assert_refused(path, "not a readable HDF5 file")
    monkeypatch.setattr(hdf5, "listed", lambda _: [good, good])
    assert_refused(path, "2 times")
    monkeypatch.setattr(hdf5, "listed", lambda _: [good, good | {"name": "other"}])
    assert_refused(path, "lie in the same place")


def test_groups_that_hold_themselves_end(tmp_path):
    with h5py.File(tmp_path / "m", "w") as file:
        file["a/kernel"] = KERNEL
        file["a/again"] = file["a"]
    (weights,) = open_weights(tmp_path / "m")
    assert [tensor.name for tensor in weights.tensors] == ["a/kernel"]


def test_the_process_that_reads_has_little_memory_and_time(path):
    lines = "import resource as r, sys; from experiments.store import hdf5; hdf5.main(); sys.stdout.flush(); "
    lines += "print(r.getrlimit(r.RLIMIT_AS), r.getrlimit(r.RLIMIT_CPU))"
    done = subprocess.run([sys.executable, "-c", lines, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"{(hdf5.MEMORY,) * 2} {(hdf5.SECONDS,) * 2}"


@pytest.mark.parametrize("fault", ["while True: pass", "bytearray(10**10)", "raise SystemExit(9)", "print('{')"])
def test_a_process_that_fails_or_takes_too_much_is_ended(fault, path, tmp_path, monkeypatch):
    """In place of HDF5's own faults; one line is run before the listing begins."""
    (tmp_path / "python").write_text(
        f"#!{sys.executable}\nimport resource\nresource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))\n{fault}\n"
    )
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(hdf5, "SECONDS", 0.5)
    assert_refused(path, "failed on it, or ran out of memory or time")


def test_nothing_in_the_current_folder_is_taken_for_a_module(path, tmp_path, monkeypatch):
    (tmp_path / "h5py.py").write_text("open('executed', 'w')")
    monkeypatch.chdir(tmp_path)
    assert open_weights(path)
    assert not (tmp_path / "executed").exists()
