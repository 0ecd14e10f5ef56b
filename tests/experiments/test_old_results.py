"""Results of earlier versions stay readable, and files that are made to deceive are refused before they are read."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from analysis import fit_moments
from experiments.run.recording import kept_matrices
from experiments.run.reporting import recorded
from experiments.store.netcdf import DamagedFile, decode, encode
from experiments.store.run_folder import SCHEMA, RunFolder

GOLDEN = Path(__file__).parents[1] / "golden"
# One folder for each schema, as `pigmm run quickstart --members 5 --epochs 1 --hidden 4 4 --batch-size 400` wrote it,
# and what fit.json then held of epoch 1. A new schema adds a folder; the old ones are never made anew.
STORED = {
    1: {"I1": 0.20512948036193848, "I52": 9.486904092340586, "f1": -0.15360834151506425, "f13": 0.2553658224642277}
}


@pytest.mark.parametrize("schema", range(1, SCHEMA + 1))
def test_a_run_of_every_schema_is_read(tmp_path, schema):
    shutil.copytree(GOLDEN / f"run_schema{schema}", tmp_path / "run")
    with RunFolder.existing(tmp_path / "run") as run:
        config, _, recording = recorded(run)
    assert config.train.members == 5
    assert recording.layers == ("L1",)
    assert recording.finite.all()
    mean = recording.invariants[:, 1, 0].mean(axis=0)
    f = fit_moments(recording.block_moments[:, 1, 0], recording.symmetries[0]).model.parameters
    read = {"I1": mean[0], "I52": mean[51], "f1": f[0], "f13": f[12]}
    assert read == pytest.approx(STORED[schema], rel=1e-9)


def test_matrices_in_a_variable_for_each_layer_are_found():
    """As earlier versions wrote those of different sizes."""
    rng, layers = np.random.default_rng(0), {"L1": 4, "L2": 5}
    matrices = {name: rng.normal(size=(3, 2, dim, dim)).astype(np.float32) for name, dim in layers.items()}
    dims = {name: ("member", "epoch", f"row_{name}", f"column_{name}") for name in layers}
    stored = {f"weights_{name}": (dims[name], matrix) for name, matrix in matrices.items()}
    kept = kept_matrices(xr.Dataset(stored, {"layer": list(layers), "dim": ("layer", list(layers.values()))}), [1])
    assert kept is not None
    for found, matrix in zip(kept, matrices.values(), strict=True):
        np.testing.assert_array_equal(found, matrix[:, [1]])


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "results.nc"
    path.write_bytes(encode(xr.Dataset({"loss": (("member",), np.arange(4.0))}, {"member": np.arange(4)})))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(DamagedFile) as caught:
        decode(path)
    return str(caught.value)


def test_a_claim_to_hold_more_than_there_is(file):
    with h5py.File(file, "r+") as content:
        content.create_dataset("huge", (10**12,), "f8", chunks=(10**6,))
    assert "claims to hold 8000000000064 bytes" in refusal(file)


def test_compressed_emptiness_is_refused_too(file):
    with h5py.File(file, "r+") as content:
        content.create_dataset("zeros", data=np.zeros(10**6), compression="gzip")
    assert "claims to hold" in refusal(file)


def test_content_in_another_file(file, tmp_path):
    (tmp_path / "secret").write_bytes(bytes(80))
    with h5py.File(file, "r+") as content:
        content.create_dataset("outside", (10,), "f8", external=[(str(tmp_path / "secret"), 0, 80)])
    assert "the content of 'outside' is in another file" in refusal(file)


def test_a_virtual_array(file, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.zeros(10)
    layout = h5py.VirtualLayout((10,), "f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (10,))
    with h5py.File(file, "r+") as content:
        content.create_virtual_dataset("virtual", layout)
    assert "the content of 'virtual' is in another file" in refusal(file)


@pytest.mark.parametrize("link", [h5py.ExternalLink("other.h5", "/x"), h5py.SoftLink("/loss")])
def test_a_link(file, link):
    with h5py.File(file, "r+") as content:
        content["link"] = link
    assert "'link' is a link to something else" in refusal(file)
