"""The run folder: complete files or none, one writer at a time, and one line for whatever is wrong."""

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from experiments.errors import UserError
from experiments.run.provenance import SOURCE
from experiments.store import atomic
from experiments.store.netcdf import encode
from experiments.store.run_folder import RunFolder

CONFIG = {"members": 4, "train": {"hidden": [10, 10], "seed": 0}}


@pytest.fixture
def results() -> xr.Dataset:
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {
            "invariants": (("member", "epoch", "invariant"), rng.normal(size=(4, 3, 2))),
            "weights": (("member", "row", "column"), rng.normal(size=(4, 5, 5)).astype(np.float32)),
            "finite": (("member", "epoch"), np.arange(12).reshape(4, 3) > 1),
            "test_loss": (("member", "epoch"), np.where(np.arange(12).reshape(4, 3) > 1, 0.5, np.nan)),
        },
        {"member": np.arange(4), "invariant": ["I1", "I2"]},
    )


def refusal(open_folder, *arguments) -> str:
    with pytest.raises(UserError) as caught:
        open_folder(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def start(path: Path, then: str) -> subprocess.Popen[str]:
    """Another process that opens the folder, says so, and goes on as told."""
    script = (
        "import sys, json, time\n"
        "from experiments.store.run_folder import RunFolder\n"
        "folder = RunFolder.open(sys.argv[1], json.loads(sys.argv[2]))\n"
        "print('open', flush=True)\n" + then
    )
    command = [sys.executable, "-c", script, str(path), json.dumps(CONFIG)]
    process = subprocess.Popen(command, cwd=SOURCE, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def test_the_configuration_is_stored_and_found_again(tmp_path: Path):
    with RunFolder.open(tmp_path / "a" / "b", CONFIG) as folder:
        assert folder.path == tmp_path / "a" / "b"
        assert not folder.has_results()
    assert json.loads((tmp_path / "a" / "b" / "config.json").read_text()) == {"schema": 1, **CONFIG}
    with RunFolder.open(str(tmp_path / "a" / "b"), CONFIG) as folder:
        assert folder.config == CONFIG
    with RunFolder.existing(tmp_path / "a" / "b") as folder:
        assert folder.config == CONFIG


def test_a_folder_of_another_kind_is_refused_in_a_line_that_can_be_read(tmp_path: Path):
    RunFolder.open(tmp_path, {"matrices": "a.npy"} | {f"setting{k}": k for k in range(40)}).close()
    line = refusal(RunFolder.open, tmp_path, CONFIG)
    assert "and 37 more" in line
    assert len(line) < 1000


def test_tuples_and_numpy_values_are_the_same_configuration(tmp_path: Path):
    RunFolder.open(tmp_path, CONFIG).close()
    same = {"members": np.int64(4), "train": {"hidden": (10, 10), "seed": 0}}
    RunFolder.open(tmp_path, same).close()


def test_another_configuration_is_refused_with_all_differences(tmp_path: Path):
    RunFolder.open(tmp_path, CONFIG).close()
    before = (tmp_path / "config.json").read_bytes()
    other = {"members": 5, "train": {"hidden": [10, 10], "seed": 1, "order": "shared"}}
    message = refusal(RunFolder.open, tmp_path, other)
    assert (
        'members is 4 there, 5 now; train.order is absent there, "shared" now; train.seed is 0 there, 1 now' in message
    )
    assert "hidden" not in message
    assert (tmp_path / "config.json").read_bytes() == before
    RunFolder.open(tmp_path, CONFIG).close()


def test_a_folder_of_other_things_is_refused_and_left_alone(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("x")
    assert "it holds 'thesis.tex'" in refusal(RunFolder.open, tmp_path, CONFIG)
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_traces_of_a_start_that_died_do_not_matter(tmp_path: Path):
    (tmp_path / ".lock").touch()
    (tmp_path / ".config.json.123.partial").write_text("{")
    RunFolder.open(tmp_path, CONFIG).close()
    assert sorted(os.listdir(tmp_path)) == [".lock", "config.json"]


def test_leftovers_in_subfolders_are_removed(tmp_path: Path):
    RunFolder.open(tmp_path, CONFIG).close()
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / ".f.pdf.123.partial").write_text("half")
    RunFolder.open(tmp_path, CONFIG).close()
    assert not list((tmp_path / "figures").iterdir())


def test_a_file_in_the_way(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        assert "choose another --out" in refusal(RunFolder.open, path, CONFIG)
    with RunFolder.open(tmp_path / "run", CONFIG) as folder:
        folder.write_text("tables", "a file")
        assert "cannot write" in refusal(folder.write_text, "tables/a.csv", "x")
        assert "cannot write" in refusal(folder.write_text, "", "x")


def test_an_unwritable_place():
    # The kernel refuses new entries here to anybody, root included.
    assert "cannot use /proc/pigmm" in refusal(RunFolder.open, "/proc/pigmm", CONFIG)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b"[1]", "not an object"),
        (b"{}", "schema version None"),
        (b'{"schema": 2}', "schema version 2; this pigmm reads version 1: upgrade pigmm"),
    ],
)
def test_a_configuration_that_cannot_be_used(tmp_path: Path, content: bytes, part: str):
    (tmp_path / "config.json").write_bytes(content)
    assert part in refusal(RunFolder.existing, tmp_path)
    assert part in refusal(RunFolder.open, tmp_path, CONFIG)
    assert (tmp_path / "config.json").read_bytes() == content


def test_existing_needs_a_run_folder(tmp_path: Path):
    assert "is not a run folder" in refusal(RunFolder.existing, tmp_path)
    assert "is not a run folder" in refusal(RunFolder.existing, tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


def test_one_writer_at_a_time(tmp_path: Path):
    process = start(tmp_path, "sys.stdin.read()")
    try:
        assert "in use by another process" in refusal(RunFolder.open, tmp_path, CONFIG)
        assert "in use by another process" in refusal(RunFolder.existing, tmp_path)
        RunFolder.existing(tmp_path, exclusive=False).close()
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    RunFolder.open(tmp_path, CONFIG).close()


def test_the_lock_is_given_up_by_close_and_by_a_refusal(tmp_path: Path):
    with RunFolder.open(tmp_path, CONFIG) as folder:
        assert "in use" in refusal(RunFolder.existing, tmp_path)
    folder.close()
    refusal(RunFolder.open, tmp_path, {})
    RunFolder.existing(tmp_path).close()


def test_files_round_trip(tmp_path: Path):
    with RunFolder.open(tmp_path, CONFIG) as folder:
        assert folder.write_text("tables/µ.csv", "µ,σ\n") == tmp_path / "tables" / "µ.csv"
        assert (tmp_path / "tables" / "µ.csv").read_text(encoding="utf-8") == "µ,σ\n"
        folder.write_bytes("figures/a.png", b"1")
        folder.write_bytes("figures/a.png", b"22")
        assert (tmp_path / "figures" / "a.png").read_bytes() == b"22"
        value = {
            "a": np.array([1.5, np.nan]),
            "b": (np.float32(np.inf), -np.inf, True, None),
            "c": Path("x"),
            1: np.int8(3),
        }
        folder.write_json("fit.json", value)
        assert folder.read_json("fit.json") == {"a": [1.5, None], "b": [None, None, True, None], "c": "x", "1": 3}
        assert "NaN" not in (tmp_path / "fit.json").read_text()
        assert "cannot be read" in refusal(folder.read_json, "absent.json")


def test_files_are_as_readable_as_any_other(tmp_path: Path):
    (tmp_path / "plain").write_text("x")
    atomic.write_text(tmp_path / "atomic", "x")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_failure_within_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = atomic.write_text(tmp_path / "f", "old")

    def fail() -> None:
        with atomic.replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["f"]


def test_a_full_disk_leaves_the_old_files_and_nothing_else(tmp_path: Path, results: xr.Dataset):
    large = results.isel(member=[0]).drop_vars("member").isel(member=np.zeros(1000, int))
    with RunFolder.open(tmp_path, CONFIG) as folder:
        folder.write_results(results)
        folder.write_text("report.html", "old")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        try:
            assert "cannot write" in refusal(folder.write_results, large)
            assert "cannot write" in refusal(folder.write_text, "report.html", "x" * 30_000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (tmp_path / "report.html").read_text() == "old"
        assert folder.read_results().sizes["member"] == 4
    assert sorted(os.listdir(tmp_path)) == [".lock", "config.json", "report.html", "results.nc", "results.sha256"]


def test_results_round_trip(tmp_path: Path, results: xr.Dataset):
    with RunFolder.open(tmp_path, CONFIG) as folder:
        folder.write_results(results)
        assert folder.has_results()
        read = folder.read_results()
    xr.testing.assert_identical(read, results.assign_attrs(schema=1))
    assert {name: read[name].dtype for name in read} == {name: results[name].dtype for name in results}
    with xr.open_dataset(tmp_path / "results.nc") as opened:
        assert list(opened["invariant"].values) == ["I1", "I2"]


def test_equal_results_are_equal_bytes(results: xr.Dataset):
    first = encode(results)
    time.sleep(1.1)  # HDF5 would store the time of creation in seconds
    assert encode(results.copy(deep=True)) == first


def test_new_results_never_stand_beside_the_digest_of_older_ones(tmp_path: Path, results: xr.Dataset, monkeypatch):
    """As when the power fails between the two files: the run is not finished, rather than damaged."""

    def fail(*arguments: object) -> None:
        raise KeyboardInterrupt

    with RunFolder.open(tmp_path, CONFIG) as folder:
        folder.write_results(results)
        monkeypatch.setattr(folder, "write_text", fail)
        with pytest.raises(KeyboardInterrupt):
            folder.write_results(results.isel(member=[0]))
        assert not folder.has_results()
        assert "has not finished" in refusal(folder.read_results)


def test_results_that_cannot_be_read(tmp_path: Path, results: xr.Dataset):
    def replace(content: bytes) -> None:
        folder.write_bytes("results.nc", content)
        folder.write_text("results.sha256", f"{hashlib.sha256(content).hexdigest()}  results.nc\n")

    with RunFolder.open(tmp_path, CONFIG) as folder:
        assert "holds no results.nc" in refusal(folder.read_results)
        whole = folder.write_results(results).read_bytes()
        for damaged in (b"", b"not netCDF", whole[:100], whole[: len(whole) // 2], whole[:-1], whole + b"x"):
            folder.write_bytes("results.nc", damaged)
            assert "its SHA-256 is not the one in results.sha256" in refusal(folder.read_results)
        for damaged in (b"", b"not netCDF", whole[:100], whole[: len(whole) // 2], whole[:-1]):
            replace(damaged)
            assert "is damaged" in refusal(folder.read_results)
        for digest in (b"", b"\xff"):
            folder.write_bytes("results.sha256", digest)
            assert "digest in results.sha256 cannot be read" in refusal(folder.read_results)
        replace(encode(results.assign_attrs(schema=2)))
        assert "schema version 2" in refusal(folder.read_results)
        replace(encode(results))
        assert "schema version None" in refusal(folder.read_results)
        folder.remove("results.sha256")
        assert "has not finished" in refusal(folder.read_results)
