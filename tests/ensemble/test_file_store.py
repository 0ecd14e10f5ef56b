"""Checkpoints of a process among several that jax knows of: kept to itself, and as safe as orbax's."""

import threading
from pathlib import Path
from random import Random

import jax
import numpy as np
import pytest

from ensemble import Snapshot, checkpoint, train
from ensemble.checkpoint import KEPT, Checkpoints
from ensemble.file_store import FileStore
from ensemble.snapshot import SnapshotError
from tests.ensemble.test_checkpoint import DAMAGE, DATA, RUN, files_of_at_most, same, weights
from tests.tiny import TINY


@pytest.fixture
def other_process(monkeypatch) -> None:
    """Have jax know of another process, which never answers."""
    monkeypatch.setattr(jax, "process_count", lambda: 2)


@pytest.fixture
def saved(other_process, tmp_path) -> tuple[Path, dict[int, Snapshot]]:
    folder, taken = tmp_path / "checkpoints", {}
    with Checkpoints(folder, RUN) as checkpoints:

        def on_epoch(moment) -> None:
            taken[len(taken) + 1] = jax.tree.map(np.array, moment.snapshot())
            checkpoints.save(moment.snapshot())

        train(TINY, DATA, weights, on_epoch=on_epoch)
    return folder, taken


def newest(folder: Path) -> tuple[Snapshot | None, list[str]]:
    with Checkpoints(folder, RUN) as checkpoints:
        return checkpoints.newest(), checkpoints.warnings


def test_the_newest_is_restored_in_every_bit_and_training_goes_on_from_it(saved):
    folder, taken = saved
    snapshot, warnings = newest(folder)
    assert warnings == []
    assert same(snapshot, taken[max(taken)])
    assert sorted(path.name for path in folder.iterdir()) == [f"{step}.safetensors" for step in sorted(taken)[-KEPT:]]
    (folder / f"{max(taken)}.safetensors").unlink()
    resumed, whole = train(TINY, DATA, weights, resume=newest(folder)[0]), train(TINY, DATA, weights)
    for a, b in zip(jax.tree.leaves(whole.record), jax.tree.leaves(resumed.record), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_never_used(saved, damage):
    folder, taken = saved
    path = folder / f"{max(taken)}.safetensors"
    for seed in range(8):
        whole, random = path.read_bytes(), Random(seed)
        content = DAMAGE[damage](whole, random.randrange(len(whole)), random)
        path.unlink() if content is None else path.write_bytes(content)
        snapshot, warnings = newest(folder)
        assert same(snapshot, taken[max(taken) - 1])
        assert len(warnings) == (damage != "missing")
        path.write_bytes(whole)


def test_a_checkpoint_of_another_run_is_refused(saved):
    with Checkpoints(saved[0], RUN | {"data": "other"}) as checkpoints, pytest.raises(SnapshotError) as caught:
        checkpoints.newest()
    assert "belongs to another configuration" in str(caught.value)


def test_what_a_killed_save_leaves_is_removed(saved):
    (saved[0] / "9.partial").write_bytes(b"half")
    newest(saved[0])
    assert not (saved[0] / "9.partial").exists()


def test_a_full_disk_is_told_in_one_line_and_the_earlier_checkpoints_kept(saved):
    folder, taken = saved
    with files_of_at_most(100), Checkpoints(folder, RUN) as checkpoints:
        checkpoints.save(taken[max(taken)])
        with pytest.raises(SnapshotError) as caught:
            checkpoints.wait()
    assert f"cannot save a checkpoint in {folder}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert same(newest(folder)[0], taken[max(taken)])


def test_saving_goes_on_in_the_background(tmp_path):
    hold, told = threading.Event(), []
    store = FileStore(tmp_path, KEPT, lambda: told.append(hold.wait(60)))
    store.save(1, {"state": {"0": np.arange(3)}}, {"run": {}})
    assert store.saving()
    hold.set()
    store.close()
    assert told == [True]
    assert not store.saving()
    np.testing.assert_array_equal(store.read_arrays(1)["state"]["0"], np.arange(3))


def test_one_process_saves_through_orbax(tmp_path):
    with Checkpoints(tmp_path, RUN) as checkpoints:
        assert isinstance(checkpoints._store, checkpoint.OrbaxStore)
