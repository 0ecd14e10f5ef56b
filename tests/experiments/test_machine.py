"""What this machine offers, what it is asked for and has not, and whether equal bytes are promised."""

import json
import subprocess
import sys
import threading
from dataclasses import replace
from types import SimpleNamespace

import jax
import pytest
import xarray as xr

from experiments.__main__ import main
from experiments.errors import UserError
from experiments.run import parts, stages
from experiments.run.machine import is_deterministic, this_machine
from experiments.run.presets import RunConfig, settings
from experiments.run.runtime import DETERMINISTIC, cores
from experiments.run.training import Session
from experiments.store.run_folder import RunFolder
from tests.experiments.test_merge import results_of
from tests.tiny import TINY, tiny_data

HERE = len(cores())


@pytest.fixture
def accelerator(monkeypatch):
    """Has JAX tell of four devices of a kind that is not there."""

    def pretend(platform: str) -> None:
        device = SimpleNamespace(platform=platform, device_kind="Pretended", memory_stats=lambda: {"bytes_limit": 7})
        monkeypatch.setattr(jax, "local_devices", lambda: [device] * 4)
        monkeypatch.setattr(jax, "local_device_count", lambda: 4)
        monkeypatch.setattr(jax, "default_backend", lambda: platform)

    return pretend


def test_a_cpu_trains_in_a_process_a_core_and_an_accelerator_in_one(accelerator):
    assert this_machine(Session(), 1000).processes == HERE
    assert this_machine(Session(), 1).processes == 1
    assert this_machine(Session(devices=1), 1000).processes == 1
    accelerator("gpu")
    assert this_machine(Session(), 1000)[:4] == ("gpu", 4, 1, 7)
    assert this_machine(Session(devices=3), 1000).devices == 3


@pytest.mark.parametrize("count", sorted({1, HERE}))
def test_the_chunk_is_decided_once_whoever_trains(count, tmp_path, monkeypatch):
    """By the plan that is printed: this process is handed it as an argument, others as a part of their request."""
    handed, one_writer = {}, threading.Lock()

    def train_members(*arguments) -> xr.Dataset:
        handed["chunk"] = arguments[7]
        return results_of(range(50))

    class Workers:
        failure = None

        def __init__(self, request: dict, *others) -> None:
            handed.update(json.loads(json.dumps(request)))

        def train(self, part) -> None:
            mine = identity | {"members": [part.members.start, part.members.stop]}
            with one_writer, RunFolder.open(part.path, mine) as folder:
                folder.write_results(results_of(part.members))

        def stop(self) -> None:
            raise AssertionError

    monkeypatch.setattr(stages, "train_members", train_members)
    monkeypatch.setattr(parts, "_Workers", Workers)
    config, session = RunConfig(replace(TINY, members=50, chunk=None), dataset="sample"), Session(devices=count)
    identity = settings(config)
    with RunFolder.open(tmp_path, identity) as folder:
        stages.measure(folder, config, tiny_data(), session, range(50))
    assert handed["chunk"] == stages.plan_here(config, tiny_data(), 50, session).chunk
    if count > 1:
        assert Session(**handed["session"]) == session


@pytest.mark.parametrize("asked", [0, -1, 5, 1000])
def test_devices_that_are_not_there_are_refused(accelerator, asked):
    accelerator("gpu")
    with pytest.raises(UserError, match=rf"--devices is {asked}, but here are 4 devices \(Pretended\): give 1 to 4"):
        this_machine(Session(devices=asked), 10)


def test_equal_bytes_are_promised_where_they_can_be(accelerator, monkeypatch):
    assert is_deterministic()
    accelerator("gpu")
    assert this_machine(Session(deterministic=True), 10).platform == "gpu"
    monkeypatch.setenv("XLA_FLAGS", DETERMINISTIC[0])
    assert not is_deterministic()
    monkeypatch.setenv("XLA_FLAGS", " ".join(["--other", *DETERMINISTIC]))
    assert is_deterministic()
    accelerator("tpu")
    assert not is_deterministic()
    with pytest.raises(UserError, match="--deterministic holds on CPUs and GPUs, and this run is on a Pretended"):
        this_machine(Session(deterministic=True), 10)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--devices", "1000"], f"--devices is 1000, but here are {HERE} cores of a CPU"),
        (["--devices", "0"], "--devices is 0"),
        (["--batch-size", "5000"], "batch_size is 5000, but sample has 4000 training images: give at most 4000"),
        (["--hidden", "99999", "99999"], "the training needs about"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_before_a_folder_is_made(tmp_path, capsys, options, told):
    assert main(["run", "quickstart", *options, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert told in error
    assert not (tmp_path / "run").exists()


def test_quickstart_takes_devices_too(tmp_path, capsys):
    assert main(["quickstart", "--devices", "1000", "--out", str(tmp_path / "run")]) == 2
    assert "--devices is 1000" in capsys.readouterr().err


CHILD = """
import sys
from experiments.run import stages
from experiments.__main__ import main
stages.report = lambda folder, published: folder.path
sys.exit(main())
"""


@pytest.mark.slow
def test_a_deterministic_run_sets_the_flags_and_records_them(tmp_path):
    out = tmp_path / "run"
    size = ["run", "quickstart", "--members", "1", "--epochs", "0", "--hidden", "4", "4", "--batch-size", "400"]
    command = [sys.executable, "-c", CHILD, *size, "--deterministic", "--devices", "1", "--out", str(out)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    told = json.loads((out / "provenance.json").read_text())
    assert told["deterministic"]
    assert all(flag in told["environment"]["XLA_FLAGS"] for flag in DETERMINISTIC)
