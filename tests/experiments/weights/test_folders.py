"""Folders are one model, by an index or by their names, or as many as there are files in them, in natural order."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from safetensors.numpy import save_file

from experiments.errors import UserError
from experiments.store.run_folder import RunFolder
from experiments.weights.opening import open_weights
from tests.harmless import assert_refused

ARRAYS: dict[str, Any] = {name: np.full((2, 2), float(k)) for k, name in enumerate("abc")}
SHARDS = ("m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors")


def sharded(folder: Path, places: Any = None, shards: tuple[str, ...] = SHARDS) -> Path:
    """A model in two files with an index, which may say something else."""
    folder.mkdir(exist_ok=True)
    save_file({"a": ARRAYS["a"], "b": ARRAYS["b"]}, folder / shards[0])
    save_file({"c": ARRAYS["c"]}, folder / shards[1])
    told = {"a": shards[0], "b": shards[0], "c": shards[1]} if places is None else places
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": told}))
    return folder


def titles(path: Path) -> list[str]:
    return [weights.title for weights in open_weights(path)]


def test_shards_are_one_model(tmp_path):
    folder = sharded(tmp_path / "model")
    for path in (folder, folder / "model.safetensors.index.json"):
        (weights,) = open_weights(path)
        assert weights.title == "model"
        assert {tensor.name: tensor.read()[0, 0] for tensor in weights.tensors} == {"a": 0, "b": 1, "c": 2}


PLACES = {
    "missing": ({"a": "other.safetensors"}, "is not there"),
    "above": ({"a": f"../{SHARDS[0]}"}, "not the name of a file"),
    "absolute": ({"a": "/etc/passwd"}, "not the name of a file"),
    "Windows": ({"a": f"..\\{SHARDS[0]}"}, "not the name of a file"),
    "itself": ({"a": "model.safetensors.index.json"}, "circles"),
    "a folder": ({"a": "."}, "not the name of a file"),
    "no name": ({"a": 3}, "not the name of a file"),
    "a list": ({"a": [SHARDS[0]]}, "not a readable index"),
    "an array elsewhere": ({"a": SHARDS[0], "c": SHARDS[0]}, "does not hold 'c'"),
    "nothing": ({}, "no weight_map"),
    "no object": ([], "no weight_map"),
}


@pytest.mark.parametrize("lie", PLACES)
def test_indices_that_lie_are_refused(lie, tmp_path):
    places, reason = PLACES[lie]
    save_file({"a": ARRAYS["a"]}, tmp_path / SHARDS[0])
    assert_refused(sharded(tmp_path / "model", places), reason)


def test_an_array_in_two_shards_is_refused(tmp_path):
    folder = sharded(tmp_path / "model")
    save_file({"c": ARRAYS["c"], "a": ARRAYS["a"]}, folder / SHARDS[1])
    assert_refused(folder, "'a' 2 times")


@pytest.mark.parametrize("text", [b'{"weight_map": {"a": "b", "a": "c"}}', b'{"weight_map"' + b':{"a"' * 100_000])
def test_damaged_indices_are_refused(text, tmp_path):
    (tmp_path / "m.safetensors.index.json").write_bytes(text)
    assert_refused(tmp_path, "not a readable index")


def test_a_published_model_is_one_in_whatever_formats_it_comes(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "vocab.txt").write_text("1\n2\n3\n")
    save_file(ARRAYS, tmp_path / "model.safetensors")
    np.savez(tmp_path / "pytorch_model.bin", **ARRAYS)
    (weights,) = open_weights(tmp_path)
    assert weights.title == tmp_path.name
    assert [tensor.name for tensor in weights.tensors] == ["a", "b", "c"]


def test_many_files_are_a_model_each_in_the_order_of_numbers(tmp_path):
    for k in (10, 9, 1):
        save_file({"a": np.full((2, 2), float(k))}, tmp_path / f"step{k}")
    np.savez(tmp_path / "last", a=ARRAYS["a"])
    (tmp_path / "log.csv").write_text("epoch,loss\n1,0.5\n")
    (tmp_path / "notes.json").write_text("{}")
    (tmp_path / ".hidden").write_bytes(b"PK")
    found = open_weights(tmp_path)
    assert [weights.title for weights in found] == ["last.npz", "step1", "step9", "step10"]
    assert [weights.tensors[0].read()[0, 0] for weights in found] == [0, 1, 9, 10]


def test_folders_within_are_models_too(tmp_path):
    for k in (2, 10):
        sharded(tmp_path / f"checkpoint-{k}")
    (tmp_path / "runs" / "first").mkdir(parents=True)
    np.save(tmp_path / "runs" / "first" / "a.npy", ARRAYS["a"])
    assert titles(tmp_path) == ["checkpoint-2", "checkpoint-10", "runs/first/a.npy"]


def test_tables_count_where_nothing_else_is(tmp_path):
    for k in (10, 2):
        (tmp_path / f"window{k}.csv").write_text("1,0.5\n0.5,1\n")
    (tmp_path / "README").write_text("Correlations of windows.\n")
    assert titles(tmp_path) == ["window2.csv", "window10.csv"]


def test_a_damaged_file_among_good_ones_is_named(tmp_path):
    save_file(ARRAYS, tmp_path / "good")
    (tmp_path / "bad").write_bytes((tmp_path / "good").read_bytes()[:-1])
    assert_refused(tmp_path, "bad is not a readable safetensors file")


@pytest.mark.parametrize("kind", ["file", "folder", "shard", "whole"])
def test_links_out_of_the_folder_are_refused(kind, tmp_path):
    folder = tmp_path / "model"
    if kind == "shard":
        sharded(folder)
        (folder / SHARDS[1]).rename(tmp_path / "elsewhere")
        os.symlink(tmp_path / "elsewhere", folder / SHARDS[1])
    else:
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (tmp_path / "elsewhere").mkdir()
        save_file(ARRAYS, tmp_path / "elsewhere" / "m")
        names = {"file": "a", "folder": "b", "whole": "model.safetensors"}
        os.symlink(tmp_path / "elsewhere" / ("" if kind == "folder" else "m"), folder / names[kind])
    assert_refused(folder, "is a link out of its folder")


def test_links_within_the_cache_of_hugging_face_are_followed(tmp_path):
    """A snapshot links to files of the same model, which are called by their digests."""
    model = tmp_path / "models--a--b"
    (model / "blobs").mkdir(parents=True)
    (model / "snapshots" / "123").mkdir(parents=True)
    save_file(ARRAYS, model / "blobs" / "digest")
    (model / "snapshots" / "123" / "config.json").write_text("{}")
    os.symlink("../../blobs/digest", model / "snapshots" / "123" / "model.safetensors")
    assert titles(model / "snapshots" / "123") == ["123"]


def test_links_in_circles_end(tmp_path):
    os.symlink(tmp_path, tmp_path / "again")
    np.save(tmp_path / "a.npy", ARRAYS["a"])
    assert titles(tmp_path)[0] == "a.npy"
    assert len(titles(tmp_path)) < 10


def run(folder: Path, results: dict[str, Any]) -> Path:
    coordinates = {"epoch": [0, 5], "layer": ["L1", "L2"], "dim": ("layer", [3, 2])}
    with RunFolder.open(folder, {"members": 4}) as opened:
        opened.write_results(xr.Dataset(results, coordinates))
    return folder


def test_a_run_is_a_model_an_epoch(tmp_path):
    kept = np.random.default_rng(0).normal(size=(4, 2, 2, 3, 3))
    folder = run(tmp_path / "run", {"weights": (("member", "epoch", "layer", "row", "column"), kept)})
    found = open_weights(folder)
    assert [weights.title for weights in found] == ["epoch 0", "epoch 5"]
    assert [weights.title for weights in open_weights(folder / "results.nc")] == ["epoch 0", "epoch 5"]
    for at, weights in enumerate(found):
        assert [tensor.name for tensor in weights.tensors] == ["L1", "L2"]
        np.testing.assert_array_equal(weights.tensors[0].read(), kept[:, at, 0])
        np.testing.assert_array_equal(weights.tensors[1].read(), kept[:, at, 1, :2, :2])


def test_a_run_without_weights_says_how_to_keep_them(tmp_path):
    with pytest.raises(UserError, match="run it again with --save-weights"):
        open_weights(run(tmp_path / "run", {}))
