"""One run in two processes that meet on this machine: the same bytes as in one, and no waiting for the dead."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.kill import AGES, children
from experiments.__main__ import main

# The report takes most of a small run's time and is tested elsewhere.
PIGMM = """
import sys
from experiments import stages
from experiments.__main__ import main
stages.report = lambda folder, published: folder.path
sys.exit(main())
"""
SIZE = ["--members", "8", "--epochs", "3", "--hidden", "4", "4", "--batch-size", "400", "--save-share", "1"]
LONG = ["--members", "40", "--epochs", "160", "--hidden", "4", "4", "--batch-size", "400", "--save-share", "1"]
SOON = 60.0  # seconds within which the others notice: the heartbeat, and time to save


def command(folder: Path, size: list[str], *more: str) -> list[str]:
    return [sys.executable, "-c", PIGMM, "run", "quickstart", *size, "--out", str(folder), *more]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(folder: Path, size: list[str], port: int, process: int, *more: str) -> subprocess.Popen[str]:
    meeting = ["--distributed", f"127.0.0.1:{port}", "--processes", "2", "--process", str(process)]
    arguments = command(folder, size, *meeting, *more)
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(folder: Path, pattern: str, process: subprocess.Popen[str]) -> None:
    while not any(folder.glob(pattern)):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def both(folder: Path, size: list[str]) -> list[str]:
    """What two processes print that are left alone."""
    port = free_port()
    with start(folder, size, port, 0) as first, start(folder, size, port, 1) as second:
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
@pytest.mark.parametrize("victim", [0, 1])
def test_if_one_is_killed_the_other_saves_and_stops_soon_and_both_resume(tmp_path, victim):
    port, folder = free_port(), tmp_path / "run"
    with start(folder, LONG, port, 0) as first, start(folder, LONG, port, 1) as second:
        killed, other = (first, second) if victim == 0 else (second, first)
        share = "000000-000020" if victim == 0 else "000020-000040"
        try:
            # The other may be done with its own share before it notices, so that only the victim's is left to resume.
            wait_for(folder, f"parts/{share}/**/checkpoints/[0-9]", killed)
            for child in children(killed.pid):  # as when the machine fails
                subprocess.run(["kill", "-KILL", str(child)], check=False)
            killed.kill()
            _, told = other.communicate(timeout=SOON)
        finally:
            first.kill()
            second.kill()
    assert other.returncode == 2
    assert "another process of the run has stopped" in told.splitlines()[-1]
    assert "give the same commands again, everywhere, to resume" in told.splitlines()[-1]
    assert "Traceback" not in told
    if victim == 1:
        assert any("resuming at member" in printed for printed in both(folder, LONG))
        assert_same_as_in_one(folder, LONG, tmp_path / "one")


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


def test_a_number_without_a_place_to_meet_is_refused(tmp_path, capsys):
    assert main(["run", "quickstart", "--out", str(tmp_path / "run"), "--processes", "2", "--process", "1"]) == 2
    assert "go with --distributed HOST:PORT" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
