"""Runs that are killed, interrupted or out of room: the same command goes on, and the results are the same bytes."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from benchmarks.kill import AGES, children, kill
from experiments.__main__ import main
from experiments.cli.signals import Interrupted, collected_signals, raised_signals
from experiments.errors import UserError
from experiments.store.run_folder import finished

# The report takes most of a small run's time and is tested elsewhere: here it says that it was reached.
PIGMM = """
import sys
from experiments.run import stages
from experiments.__main__ import main
stages.report = lambda folder, published: folder.path
sys.exit(main())
"""
SIZE = ["--members", "24", "--epochs", "30", "--hidden", "4", "4", "--batch-size", "400", "--save-share", "1"]
LARGE = 10**9


def command(folder: Path, largest_file: int = LARGE) -> list[str]:
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({largest_file}, {largest_file}))"
    return [sys.executable, "-c", limit + PIGMM, "run", "quickstart", *SIZE, "--out", str(folder)]


def finish(folder: Path) -> str:
    """Give the command (again) and let it end; returns what it prints."""
    done = subprocess.run(command(folder), capture_output=True, text=True, timeout=AGES, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def running(folder: Path, until: str) -> Iterator[subprocess.Popen[str]]:
    """A run that has come as far as to have a file or folder of the given name."""
    with subprocess.Popen(command(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            while not is_there(folder, until):
                assert process.poll() is None, process.communicate()
                time.sleep(0.01)
            yield process
        finally:
            process.kill()


def is_there(folder: Path, name: str) -> bool:
    """Whether there is a file or folder of this name; one may be renamed while it is looked for."""
    with suppress(FileNotFoundError):
        return any(folder.glob(name))
    return False


CHECKPOINT = "**/checkpoints/[0-9]"


def learned(folder: Path) -> bytes:
    """What a run has recorded, and what its members had learned at its end."""
    return b"".join((folder / name).read_bytes() for name in ("results.nc", "state.safetensors"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    finish(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        ".lock",
        "config.json",
        "provenance.json",
        "results.nc",
        "results.sha256",
        "state.safetensors",
        "state.sha256",
    ]
    return learned(folder)


@pytest.mark.slow
@pytest.mark.parametrize(("target", "seed"), [("all", 0), ("main", 1), ("worker", 2)])
def test_a_killed_run_goes_on_to_the_same_bytes(undisturbed, tmp_path, target, seed):
    with running(tmp_path / "run", CHECKPOINT) as process:
        workers = children(process.pid)
        time.sleep(random.Random(seed).uniform(0, 0.1))  # benchmarks/kill.py kills at any time
        assert kill(process, target)
        while any(Path(f"/proc/{worker}").exists() for worker in workers):  # they notice that the main one is gone
            time.sleep(0.01)
        assert process.stderr is not None
        told = process.stderr.read()
    if target == "worker":
        assert "was killed by SIGKILL (out of memory, perhaps); give the same command again to resume" in told
    # A part that had just ended has nothing to resume.
    left = any(not finished(place.parents[1]) for place in (tmp_path / "run").glob(CHECKPOINT))
    assert ("resuming at member" in finish(tmp_path / "run")) == left
    assert learned(tmp_path / "run") == undisturbed


@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow), (signal.SIGTERM, 143)]
)
def test_a_signal_saves_says_how_to_resume_and_tells_by_the_exit_code(undisturbed, tmp_path, number, code):
    with running(tmp_path / "run", "parts/*/checkpoints") as process:
        process.send_signal(number)
        _, told = process.communicate(timeout=AGES)
    assert process.returncode == code
    assert told.splitlines()[-1] == f"pigmm: stopped by {number.name}: give the same command again to resume"
    assert "Traceback" not in told
    assert any((tmp_path / "run").glob(CHECKPOINT))
    if number == signal.SIGTERM:
        assert "resuming at member" in finish(tmp_path / "run")
        assert learned(tmp_path / "run") == undisturbed


def test_a_signal_while_reporting_stops_at_once(undisturbed, tmp_path, capsys, monkeypatch):
    def report(folder, published) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    monkeypatch.setattr("experiments.run.stages.report", report)
    arguments = ["run", "quickstart", "--members", "4", "--epochs", "1", "--hidden", "4", "4", "--batch-size", "400"]
    assert main([*arguments, "--out", str(tmp_path / "run")]) == 143
    assert "stopped by SIGTERM" in capsys.readouterr().err
    assert (tmp_path / "run" / "results.sha256").exists()


def refusal(folder: Path, capsys, *more: str) -> str:
    assert main(["run", "quickstart", *SIZE, "--out", str(folder), *more]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_folder_belongs_to_one_process_and_one_configuration(tmp_path, capsys):
    folder = tmp_path / "run"
    with running(folder, "config.json"):
        assert f"{folder} is in use by another process: wait for it" in refusal(folder, capsys)
    for setting, told in (
        (["--seed", "3"], "train.seed is 0 there, 3 now"),
        (["--chunk", "5"], "train.chunk is null there, 5 now"),
        (["--member-range", "0:10"], "members is absent there, [0, 10] now"),
    ):
        message = refusal(folder, capsys, *setting)
        assert f"another configuration ({told}): choose another --out" in message


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of its own, of 200 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(place)]
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def assert_stopped_for_want_of_room(folder: Path, reason: str, largest_file: int = LARGE) -> None:
    full = subprocess.run(command(folder, largest_file), capture_output=True, text=True, timeout=AGES, check=False)
    assert full.returncode == 2, full.stdout
    complaint = [line for line in full.stderr.splitlines() if not line.startswith("training: ")]
    assert len(complaint) == 1
    assert complaint[0].startswith("pigmm: error: cannot ")
    assert f"({reason})" in complaint[0]
    assert not (folder / "results.sha256").exists()


def test_a_file_that_may_not_grow_stops_the_run_in_one_line_and_it_resumes(undisturbed, tmp_path):
    assert_stopped_for_want_of_room(tmp_path / "run", "File too large", largest_file=50_000)
    finish(tmp_path / "run")
    assert learned(tmp_path / "run") == undisturbed


@pytest.mark.slow
def test_a_full_disk_stops_the_run_in_one_line_and_it_resumes(undisturbed, small_disk):
    assert_stopped_for_want_of_room(small_disk / "run", "No space left on device")
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    finish(small_disk / "run")
    assert learned(small_disk / "run") == undisturbed


def test_a_read_only_disk_is_told_in_one_line(small_disk, capsys):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert "Read-only file system" in refusal(small_disk / "run", capsys)


def interrupt(times: int) -> None:
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGINT)


def test_collected_signals_stop_nothing_and_a_doubled_one_counts_once():
    forwarded = []
    with collected_signals(lambda: forwarded.append(1)) as received:
        interrupt(2)
    assert received == [signal.SIGINT]
    assert forwarded == [1]


def test_a_second_signal_stops_at_once(monkeypatch):
    monkeypatch.setattr("experiments.cli.signals.ONCE", -1.0)
    with pytest.raises(Interrupted) as caught, collected_signals():
        interrupt(2)
    assert caught.value.exit_code == 130


def test_signals_have_their_usual_effect_again_afterwards():
    before = signal.getsignal(signal.SIGTERM)
    with raised_signals(), collected_signals():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
    assert not issubclass(Interrupted, Exception)  # no library that catches every Exception swallows it
    assert not issubclass(UserError, Interrupted)
