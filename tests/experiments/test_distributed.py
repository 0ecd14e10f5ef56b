"""One run in two processes that meet on this machine: the same bytes as in one, and no waiting for the dead."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.kill import AGES, children
from experiments.__main__ import main
from experiments.hosts.tpu_slice import TOGETHER
from experiments.store.run_folder import RunFolder

# The report takes most of a small run's time and is tested elsewhere.
PIGMM = """
import sys
from experiments.run import stages
from experiments.__main__ import main
stages.report = lambda folder, published: folder.path
sys.exit(main())
"""
# What a host of a TPU slice finds around it, and one core, so that it trains in this very process.
SLICE = """
import json, os, sys
import jax
process = int(sys.argv[sys.argv.index("--process") + 1])
cores = sorted(os.sched_getaffinity(0))
os.sched_setaffinity(0, [cores[process % len(cores)]])
os.environ |= {
    "TPU_LIBRARY_PATH": "there", "TPU_WORKER_HOSTNAMES": "127.0.0.1,127.0.0.2", "TPU_WORKER_ID": str(process)
}
initialize = jax.distributed.initialize
def told(**given):
    print("runtime", json.dumps(given), flush=True)
    initialize(**given)  # jax itself refuses if a device has been used before
jax.distributed.initialize = told
"""
SIZE = ["--members", "8", "--epochs", "3", "--hidden", "4", "4", "--batch-size", "400", "--save-share", "1"]
LONG = ["--members", "40", "--epochs", "160", "--hidden", "4", "4", "--batch-size", "400", "--save-share", "1"]
SOON = 60.0  # seconds within which the others notice: the heartbeat, and time to save


def command(folder: Path, size: list[str], *more: str, before: str = "") -> list[str]:
    return [sys.executable, "-c", before + PIGMM, "run", "quickstart", *size, "--out", str(folder), *more]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(
    folder: Path, size: list[str], port: int, process: int, *more: str, before: str = ""
) -> subprocess.Popen[str]:
    meeting = ["--distributed", f"127.0.0.1:{port}", "--processes", "2", "--process", str(process)]
    arguments = command(folder, size, *meeting, *more, before=before)
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(folder: Path, pattern: str, process: subprocess.Popen[str]) -> None:
    found = False
    while not found:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
        with suppress(FileNotFoundError):  # a folder that was renamed while it was searched
            found = any(folder.glob(pattern))


def both(folder: Path, size: list[str], before: str = "") -> list[str]:
    """What two processes print that are left alone."""
    port = free_port()
    with (
        start(folder, size, port, 0, before=before) as first,
        start(folder, size, port, 1, before=before) as second,
    ):
        ends = [process.communicate(timeout=AGES) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], ends
    return [printed for printed, _ in ends]


def assert_same_as_in_one(folder: Path, size: list[str], other: Path) -> None:
    subprocess.run(command(other, size), check=True, capture_output=True, timeout=AGES)
    for name in ("results.nc", "config.json"):
        assert (folder / name).read_bytes() == (other / name).read_bytes()
    assert not (folder / "parts").exists()


@pytest.mark.slow
def test_two_processes_give_the_bytes_of_one(tmp_path):
    printed = both(tmp_path / "two", SIZE)
    assert "is trained; process 0 puts it together" in printed[1]
    assert_same_as_in_one(tmp_path / "two", SIZE, tmp_path / "one")


@pytest.mark.slow
def test_if_the_first_is_killed_the_other_saves_and_stops_soon(tmp_path):
    port, folder = free_port(), tmp_path / "run"
    with start(folder, LONG, port, 0) as first, start(folder, LONG, port, 1) as second:
        try:
            # The other may be done with its own share before it notices.
            wait_for(folder, "parts/000000-000020/**/checkpoints/[0-9]", first)
            for child in children(first.pid):  # as when the machine fails
                subprocess.run(["kill", "-KILL", str(child)], check=False)
            first.kill()
            _, told = second.communicate(timeout=SOON)
        finally:
            first.kill()
            second.kill()
    assert second.returncode == 2
    assert "another process of the run has stopped" in told.splitlines()[-1]
    assert "give the same commands again, everywhere, to resume" in told.splitlines()[-1]
    assert "Traceback" not in told


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a way to keep a process on one core")
@pytest.mark.slow
class TestSlice:
    """Two real processes that jax takes for the hosts of one slice."""

    def test_all_start_the_runtime_before_they_use_it(self, tmp_path):
        for number, printed in enumerate(both(tmp_path / "slice", SIZE, SLICE)):
            told = next(line for line in printed.splitlines() if line.startswith("runtime "))
            given = json.loads(told.removeprefix("runtime "))
            host, port = given.pop("coordinator_address").split(":")
            assert host == "127.0.0.1"
            assert int(port) > 1
            assert given == {
                "num_processes": 2,
                "process_id": number,
                "cluster_detection_method": "deactivate",
                "initialization_timeout": TOGETHER,
                "heartbeat_timeout_seconds": TOGETHER,
            }
        with RunFolder.existing(tmp_path / "slice") as folder:
            assert folder.read_results().sizes["member"] == 8

    def test_if_the_second_is_killed_the_other_saves_before_jax_ends_it_and_both_resume(self, tmp_path):
        port, folder, shares = free_port(), tmp_path / "run", ("000000-000020", "000020-000040")
        with (
            start(folder, LONG, port, 0, before=SLICE) as first,
            start(folder, LONG, port, 1, before=SLICE) as second,
        ):
            try:
                for share in shares:
                    wait_for(folder, f"parts/{share}/checkpoints/*.safetensors", second)
                second.kill()
                _, told = first.communicate(timeout=SOON)
            finally:
                first.kill()
                second.kill()
        assert first.returncode == 2
        assert "another process of the run has stopped (process 1: " in told.splitlines()[-1]
        assert "Traceback" not in told
        # One may have trained its whole share before it was killed or told, and has nothing to resume.
        unfinished = [not (folder / "parts" / share / "results.nc").exists() for share in shares]
        assert any(unfinished)
        printed = both(folder, LONG, SLICE)
        assert ["resuming at member" in each for each in printed] == unfinished
        assert_same_as_in_one(folder, [*LONG, "--orders", "device"], tmp_path / "one")  # as on a TPU

    def test_a_host_of_a_slice_does_not_train_alone(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setenv("JAX_PLATFORMS", "tpu")
        monkeypatch.setenv("TPU_WORKER_HOSTNAMES", "here,there")
        monkeypatch.setenv("TPU_WORKER_ID", "1")
        assert main(["run", "quickstart", "--out", str(tmp_path / "run")]) == 2
        assert "one of 2 hosts of a TPU slice, which work together only" in capsys.readouterr().err


@pytest.mark.slow
def test_processes_of_different_runs_refuse_each_other(tmp_path):
    port = free_port()
    with start(tmp_path / "a", SIZE, port, 0) as first, start(tmp_path / "b", SIZE, port, 1, "--seed", "5") as second:
        ends = [process.communicate(timeout=AGES) for process in (first, second)]
    assert [first.returncode, second.returncode] == [2, 2]
    assert any("were not all given the same configuration and data" in told for _, told in ends)
    assert all(len(told.splitlines()) == 1 for _, told in ends)


@pytest.mark.parametrize("numbers", [[], ["--processes", "2"], ["--processes", "2", "--process", "2"]])
def test_numbers_that_do_not_fit_are_refused(tmp_path, capsys, numbers):
    assert main(["run", "quickstart", "--out", str(tmp_path / "run"), "--distributed", "127.0.0.1:1", *numbers]) == 2
    assert "do not fit: give N, and I from 0 to N-1" in capsys.readouterr().err


def test_numbers_that_are_found_out_are_not_given(tmp_path, capsys):
    assert main(["run", "quickstart", "--out", str(tmp_path / "run"), "--distributed", "auto", "--processes", "2"]) == 2
    assert "--distributed auto finds out the number of processes" in capsys.readouterr().err


def test_more_processes_than_members_are_refused_at_once(tmp_path, capsys):
    meeting = ["--distributed", "127.0.0.1:1", "--processes", "9", "--process", "8"]
    assert main(["run", "quickstart", *SIZE, "--out", str(tmp_path / "run"), *meeting]) == 2
    assert "9 processes are too many for 8 members" in capsys.readouterr().err


def test_a_number_without_a_place_to_meet_is_refused(tmp_path, capsys):
    assert main(["run", "quickstart", "--out", str(tmp_path / "run"), "--processes", "2", "--process", "1"]) == 2
    assert "go with --distributed HOST:PORT" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
