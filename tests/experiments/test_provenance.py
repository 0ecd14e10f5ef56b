"""Provenance: complete, plain JSON, and about this source tree only."""

import json
import os
import platform
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from experiments.compiler import verdict
from experiments.run import stages
from experiments.run.presets import RunConfig, settings
from experiments.run.provenance import SOURCE, git_state, provenance
from experiments.run.stopwatch import Timing
from experiments.run.training import Session
from experiments.store import atomic
from experiments.store.run_folder import RunFolder
from tests.experiments.test_merge import results_of
from tests.tiny import TINY, tiny_data


def test_provenance_is_complete(tmp_path: Path, monkeypatch):
    began = datetime.now(UTC) - timedelta(seconds=4)
    monkeypatch.setattr(sys, "argv", ["pigmm", "run", "a preset"])
    monkeypatch.setenv("JAX_OF_THIS_TEST", "1")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    record = provenance(seed=7, timing=Timing(began, 4.0, sessions=2), network_epochs=20, data="ten images")
    atomic.write_json(tmp_path / "provenance.json", record)
    assert json.loads((tmp_path / "provenance.json").read_text()) == record
    assert record["versions"]["numpy"] == np.__version__
    assert record["seeds"] == {"root": 7}
    assert record["data"] == "ten images"
    assert record["network_epochs_per_second"] == 5.0
    assert record["wall_seconds"] == 4.0
    assert record["sessions"] == 2
    assert record["command"] == "pigmm run 'a preset'"
    assert record["python"] == platform.python_version()
    assert record["platform"] == platform.platform()
    assert record["cpus"] == 7
    assert record["deterministic"] is True
    assert record["git"] == git_state(SOURCE)
    assert record["compiler_check"] == verdict().to_json()
    assert record["environment"]["JAX_OF_THIS_TEST"] == "1"
    assert all(name.startswith(("XLA_", "JAX_")) for name in record["environment"])
    assert record["backend"] == "cpu"
    assert len(record["devices"]) == 2
    assert "--xla_force_host_platform_device_count=2" in record["environment"]["XLA_FLAGS"]
    started, ended = (datetime.fromisoformat(record[f"training_{when}_utc"]) for when in ("started", "ended"))
    assert (ended - started).total_seconds() == pytest.approx(4.0, abs=1.0)


def test_the_network_epochs_of_a_range_of_members_are_those_of_the_range(tmp_path: Path, monkeypatch):
    config = RunConfig(replace(TINY, members=10, epochs=3), dataset="sample")
    monkeypatch.setattr(stages, "train_members", lambda *arguments: results_of(range(2, 6)))
    with RunFolder.open(tmp_path, settings(config)) as folder:
        stages.measure(folder, config, tiny_data(), Session(devices=1), range(2, 6))
        record = folder.read_json("provenance.json")
    assert record["network_epochs_per_second"] * record["wall_seconds"] == pytest.approx(4 * 3)


def test_git_state_is_of_this_folder_alone(tmp_path: Path):
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True)

    assert git_state(tmp_path) is None
    git("init")
    assert git_state(tmp_path) is None
    (tmp_path / "f").write_text("1")
    git("add", "f")
    git("commit", "-m", "one")
    state = git_state(tmp_path)
    assert state is not None
    assert len(state["commit"]) == 40
    assert not state["dirty"]
    (tmp_path / "f").write_text("2")
    assert git_state(tmp_path) == state | {"dirty": True}
    (tmp_path / "site-packages").mkdir()
    assert git_state(tmp_path / "site-packages") is None
