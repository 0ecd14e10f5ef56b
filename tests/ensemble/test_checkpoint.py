"""Checkpoints: what is restored is what was saved, to the last bit, or it is refused and the one before it is used."""

import itertools
import logging
import math
import resource
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from ensemble import Snapshot, checkpoint, train
from ensemble.checkpoint import Checkpoints
from ensemble.snapshot import SnapshotError
from tests.tiny import TINY, tiny_data

DATA = tiny_data()
RUN = {"train": {"members": 6, "hidden": [4, 4]}, "data": "tiny"}
LAST, BEFORE = 6, 5  # six epochs of two chunks are saved, two are kept


def same(one: Snapshot | None, other: Snapshot | None) -> bool:
    assert one is not None
    assert other is not None
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)


def weights(matrices):
    return list(matrices)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> tuple[Path, dict[int, Snapshot]]:
    """A folder of the checkpoints of a whole training, and the snapshots they were made of."""
    folder, taken = tmp_path_factory.mktemp("run") / "checkpoints", {}
    with Checkpoints(folder, RUN) as checkpoints:

        def on_epoch(moment) -> None:
            taken[len(taken) + 1] = jax.tree.map(np.array, moment.snapshot())
            checkpoints.save(moment.snapshot())
            checkpoints.wait()

        train(TINY, DATA, weights, on_epoch=on_epoch)
    return folder, taken


@pytest.fixture
def folder(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved[0], tmp_path / "checkpoints"))


def newest(folder: Path) -> tuple[Snapshot | None, list[str]]:
    with Checkpoints(folder, RUN) as checkpoints:
        return checkpoints.newest(), checkpoints.warnings


def refusal(folder: Path) -> str:
    with pytest.raises(SnapshotError) as caught:
        newest(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_newest_is_restored_in_every_bit(saved, folder):
    snapshot, warnings = newest(folder)
    assert same(snapshot, saved[1][LAST])
    assert warnings == []
    assert sorted(int(path.name) for path in folder.iterdir()) == [BEFORE, LAST]


@pytest.mark.parametrize("step", [BEFORE, LAST])
def test_training_from_a_checkpoint_equals_training(saved, folder, step):
    shutil.rmtree(folder / str(LAST)) if step == BEFORE else None
    resumed = train(TINY, DATA, weights, resume=newest(folder)[0])
    whole = train(TINY, DATA, weights)
    for a, b in zip(jax.tree.leaves(whole.record), jax.tree.leaves(resumed.record), strict=True):
        np.testing.assert_array_equal(a, b)


def test_before_the_first_there_is_none(tmp_path):
    assert newest(tmp_path / "checkpoints") == (None, [])


def test_what_changes_after_a_save_does_not_reach_the_checkpoint(saved, tmp_path):
    snapshot = jax.tree.map(np.array, saved[1][LAST])
    with Checkpoints(tmp_path / "checkpoints", RUN) as checkpoints:
        checkpoints.save(snapshot)
        for leaf in jax.tree.leaves((snapshot.state, snapshot.record)):
            leaf[...] = 0
        checkpoints.wait()
    assert same(newest(tmp_path / "checkpoints")[0], saved[1][LAST])


def flip(content: bytes, place: int, random: Random) -> bytes:
    return content[:place] + bytes([content[place] ^ 1 << random.randrange(8)]) + content[place + 1 :]


DAMAGE = {
    "flipped": flip,
    "truncated": lambda content, place, random: content[:place],
    "emptied": lambda content, place, random: b"",
    "missing": lambda content, place, random: None,
}


def place_of_an_array(step: Path, snapshot: Snapshot) -> tuple[Path, int, int]:
    """Where in which file the largest array lies: it is stored as it is; what surrounds it depends on the threads."""
    array = max((np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(snapshot)), key=len)
    (path,) = (path for path in step.rglob("*") if path.is_file() and array in path.read_bytes())
    start = path.read_bytes().index(array)
    return path, start, start + len(array)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_checkpoint_is_never_used(saved, folder, damage, seed):
    random, step = Random(seed), folder / str(LAST)
    if in_the_data := seed < 3:
        path, start, stop = place_of_an_array(step, saved[1][LAST])
        content = path.read_bytes()
    else:  # most other files only tell what is told twice, so that damage to them may do no harm
        path = random.choice(sorted(path for path in step.rglob("*") if path.is_file() and path.stat().st_size))
        content = path.read_bytes()
        start, stop = 0, len(content)
    damaged = DAMAGE[damage](content, random.randrange(start, stop), random)
    path.unlink()
    if damaged is not None:
        path.write_bytes(damaged)
    snapshot, warnings = newest(folder)
    if warnings:
        assert [warning.startswith(f"checkpoint {LAST} in {folder} is not used: ") for warning in warnings] == [True]
        assert same(snapshot, saved[1][BEFORE])
    else:
        assert not in_the_data
        assert same(snapshot, saved[1][LAST])


def spoil(folder: Path, step: int, snapshot: Snapshot) -> None:
    path, start, _ = place_of_an_array(folder / str(step), snapshot)
    path.write_bytes(flip(path.read_bytes(), start, Random(0)))


def test_if_none_is_good_that_is_said_and_nothing_is_begun_anew(saved, folder):
    spoil(folder, BEFORE, saved[1][BEFORE])
    spoil(folder, LAST, saved[1][LAST])
    message = refusal(folder)
    assert f"no checkpoint in {folder} is good" in message
    assert f"checkpoint {BEFORE}" in message
    assert f"checkpoint {LAST}" in message
    assert "delete it to train its members from the beginning" in message


def test_a_damaged_one_does_not_push_out_the_good_one(saved, folder):
    spoil(folder, LAST, saved[1][LAST])
    with Checkpoints(folder, RUN) as checkpoints:
        good = checkpoints.newest()
        assert good is not None
        checkpoints.save(good)
        checkpoints.wait()
    spoil(folder, LAST, good)  # the one just saved, under the number of the damaged one
    assert same(newest(folder)[0], saved[1][BEFORE])


def test_a_checkpoint_of_another_run_is_refused(folder):
    with Checkpoints(folder, RUN | {"data": "other"}) as checkpoints, pytest.raises(SnapshotError) as caught:
        checkpoints.newest()
    assert "belongs to another configuration" in str(caught.value)


def test_a_snapshot_of_another_training_is_refused(saved):
    snapshot = saved[1][LAST]
    wider = [np.zeros((*leaf.shape, 2), leaf.dtype) for leaf in jax.tree.leaves(snapshot.record)]
    for foreign in (
        snapshot._replace(record=wider),
        snapshot._replace(state=jax.tree.leaves(snapshot.state)[:-1]),
        snapshot._replace(start=99),
        snapshot._replace(start=-1),
        snapshot._replace(epoch=99),
    ):
        with pytest.raises(SnapshotError, match="of another training"):
            train(TINY, DATA, weights, resume=foreign)


def test_a_claim_to_hold_more_than_there_is_costs_no_memory(saved, tmp_path):
    arrays = {"state": {"0": np.zeros(10**7)}, "record": {}, "start": {"0": np.array(0)}, "epoch": {"0": np.array(0)}}
    handlers = {"arrays": ocp.PyTreeCheckpointHandler(), "manifest": ocp.JsonCheckpointHandler()}  # with compression
    with ocp.CheckpointManager(tmp_path, item_handlers=handlers) as manager:
        manifest = ocp.args.JsonSave({"run": RUN, "digests": {}})
        manager.save(1, args=ocp.args.Composite(arrays=ocp.args.PyTreeSave(arrays), manifest=manifest))
    assert "claims to hold more than its files do" in refusal(tmp_path)


def test_what_a_killed_save_leaves_is_removed(saved, folder):
    shutil.copytree(folder / str(LAST), folder / "7.orbax-checkpoint-tmp")
    assert same(newest(folder)[0], saved[1][LAST])
    assert sorted(path.name for path in folder.iterdir()) == [str(BEFORE), str(LAST)]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 100, 2000])
def test_a_full_disk_is_told_in_one_line_and_the_earlier_checkpoint_kept(saved, folder, size, capfd):
    def save() -> None:
        checkpoints.save(saved[1][LAST])
        checkpoints.wait()

    with files_of_at_most(size), Checkpoints(folder, RUN) as checkpoints, pytest.raises(SnapshotError) as caught:
        save()
    assert f"cannot save a checkpoint in {folder} (File too large)" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""
    assert same(newest(folder)[0], saved[1][LAST])


def test_a_save_that_failed_in_the_background_is_told_at_the_next_epoch(saved, folder):
    with files_of_at_most(2000), Checkpoints(folder, RUN) as checkpoints:
        checkpoints.save(saved[1][LAST])
        with pytest.raises(SnapshotError, match="cannot save"):
            any(checkpoints.due() for _ in itertools.count())


def hooks() -> tuple:
    return threading.excepthook, sys.unraisablehook, list(logging.getLogger("absl").filters)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SnapshotError, match="cannot save a checkpoint in"):
        Checkpoints(tmp_path / "file" / "checkpoints", RUN)


def test_what_a_program_does_with_errors_of_its_threads_is_left_to_the_program(folder):
    before = hooks()
    with Checkpoints(folder, RUN):
        assert hooks() == before
    assert hooks() == before


def test_saving_takes_its_share_of_the_time(saved, tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: clock[0])
    with Checkpoints(tmp_path / "checkpoints", RUN, share=0.02) as checkpoints:
        clock[0] += 19.9
        assert not checkpoints.due()
        clock[0] += 0.2
        assert checkpoints.due()
        checkpoints._started, checkpoints._due = clock[0], math.inf
        assert not checkpoints.due()
        clock[0] += 3.0  # what saving has taken
        checkpoints._saved()
        clock[0] += 3.0 / 0.02 - 0.1
        assert not checkpoints.due()
        clock[0] += 0.2
        assert checkpoints.due()
