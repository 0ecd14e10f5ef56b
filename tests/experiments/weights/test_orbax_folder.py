"""Checkpoints give what orbax saved, in each of its layouts; damaged ones, and those that lie, are refused."""

import json
import os
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from experiments.weights.opening import open_weights
from tests.harmless import assert_refused

KERNEL = np.arange(12, dtype=np.float32).reshape(3, 4)
TREE = {
    "params": {"Dense_0": {"kernel": KERNEL, "bias": jnp.arange(4, dtype=jnp.bfloat16)}, "list": [np.ones(2), 3]},
    "opt_state": {"mu": KERNEL},
}
EXPECTED = {
    "params.Dense_0.bias": np.asarray(TREE["params"]["Dense_0"]["bias"]),
    "params.Dense_0.kernel": KERNEL,
    "params.list.0": np.ones(2),
    "params.list.1": np.asarray(3),
}
LAYOUTS: dict[str, Any] = {
    "database": {"use_ocdbt": True},
    "zarr3": {"use_ocdbt": True, "use_zarr3": True},
    "folders": {"use_ocdbt": False},
}


def saved(path: Path, layout: str) -> Path:
    ocp.Checkpointer(ocp.PyTreeCheckpointHandler(**LAYOUTS[layout])).save(path, TREE)
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_orbax_saved(layout, tmp_path):
    (weights,) = open_weights(saved(tmp_path / "m", layout))
    assert (weights.title, weights.orientation) == ("m", "in_out")
    assert [tensor.name for tensor in weights.tensors] == list(EXPECTED)
    for tensor in weights.tensors:
        assert tensor.shape == EXPECTED[tensor.name].shape
        np.testing.assert_array_equal(tensor.read(), EXPECTED[tensor.name], strict=True)


def test_a_folder_of_steps_is_a_model_each_in_order(tmp_path):
    with ocp.CheckpointManager(tmp_path / "steps") as manager:
        for step in (2, 10):
            manager.save(step, args=ocp.args.StandardSave({"kernel": KERNEL + step}))
    found = open_weights(tmp_path / "steps")
    assert [weights.title for weights in found] == ["2/default", "10/default"]
    assert [weights.tensors[0].read()[0, 0] for weights in found] == [2, 10]


def altered(path: Path, name: str, **changes: object) -> Path:
    """The checkpoint with other values in a file of JSON."""
    content = json.loads((path / name).read_text())
    (path / name).write_text(json.dumps(content | changes))
    return path


@pytest.mark.parametrize(
    "change", [{"shape": [2**40, 4]}, {"chunks": [2**20, 2**20]}, {"shape": [-3, 4]}, {"dtype": "|O"}, {"shape": "a"}]
)
def test_arrays_that_lie_are_refused(change, tmp_path):
    path = saved(tmp_path / "m", "folders")
    assert_refused(altered(path, "params.Dense_0.kernel/.zarray", **change), "not a readable checkpoint")


def test_names_that_lead_elsewhere_are_refused(tmp_path):
    path = saved(tmp_path / "m", "folders")
    for name in ("../m", "/etc", ".hidden", "a" * 501):
        leaf = {"key_metadata": [{"key": name}], "value_metadata": {"value_type": "np.ndarray"}}
        assert_refused(altered(path, "_METADATA", tree_metadata={"a": leaf}), "is not the name of an array")


def test_two_arrays_of_one_name_are_refused(tmp_path):
    path = saved(tmp_path / "m", "folders")
    leaf = {"value_metadata": {"value_type": "np.ndarray"}}
    one, same = ({"key_metadata": [{"key": part} for part in parts]} for parts in (["a", "b"], ["a.b"]))
    assert_refused(altered(path, "_METADATA", tree_metadata={"1": leaf | one, "2": leaf | same}), "'a.b' 2 times")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"tree_metadata": 3}', b'{"a":' * 100_000])
def test_descriptions_that_are_damaged_are_refused(content, tmp_path):
    (tmp_path / "_METADATA").write_bytes(content)
    assert_refused(tmp_path, "not a readable checkpoint")


def test_missing_and_damaged_files_are_refused(tmp_path):
    path = saved(tmp_path / "m", "folders")
    (path / "params.Dense_0.kernel" / "0.0").write_bytes(b"other bytes")
    assert_refused(path, "not a readable checkpoint")
    (path / "params.Dense_0.kernel" / ".zarray").unlink()
    assert_refused(path, "not a readable checkpoint")


def test_links_out_of_the_folder_are_refused(tmp_path):
    path = saved(tmp_path / "m", "folders")
    piece = path / "params.Dense_0.kernel" / "0.0"
    piece.rename(tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", piece)
    assert_refused(path, "is a link out of its folder")
