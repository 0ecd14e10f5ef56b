"""`pigmm doctor`, and accelerators that stand idle."""

import json
from pathlib import Path

import pytest

from experiments.__main__ import main
from experiments.cli import doctor, health
from experiments.cli.doctor import Item
from experiments.run import devices


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


DRIVER = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {}.95.05  Tue Sep 23 2025\nGCC version: 12\n"


@pytest.fixture(autouse=True)
def platform_is_not_chosen(monkeypatch):
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)


@pytest.mark.parametrize(("driver", "extra"), [("580", "cuda13"), ("550", "cuda12"), (None, "cuda")])
def test_an_idle_gpu_is_named_with_the_extra_that_fits_its_driver(tmp_path, driver, extra):
    files = {"dev/nvidia0": ""} | ({"proc/driver/nvidia/version": DRIVER.format(driver)} if driver else {})
    (idle,) = devices.idle_accelerators(machine(tmp_path, files))
    assert "NVIDIA GPU (/dev/nvidia0)" in str(idle)
    assert f"pip install -e '.[{extra}]'" in str(idle)


def test_a_plugin_left_behind_by_an_upgrade_of_jax_is_named(tmp_path, monkeypatch):
    versions = {"jax": "0.12.0.1", "jax-cuda12-plugin": "0.7.2"}
    monkeypatch.setattr(devices, "version", versions.__getitem__)
    (idle,) = devices.idle_accelerators(machine(tmp_path, {"dev/nvidia0": ""}))
    assert "jax-cuda12-plugin 0.7.2 does not go with jax 0.12.0.1: pip install -e '.[cuda12]'" in str(idle)


def test_a_tpu_is_told_from_a_network_card_of_the_same_vendor(tmp_path):
    card = {"sys/bus/pci/devices/0/vendor": "0x1ae0\n", "sys/bus/pci/devices/0/class": "0x020000\n"}
    chip = {"sys/bus/pci/devices/1/vendor": "0x1ae0\n", "sys/bus/pci/devices/1/class": "0x088000\n"}
    assert devices.idle_accelerators(machine(tmp_path / "a", card)) == []
    (idle,) = devices.idle_accelerators(machine(tmp_path / "b", card | chip))
    assert "a TPU" in str(idle)
    assert ".[tpu]" in str(idle)


def test_a_cpu_that_was_asked_for_is_no_warning(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert devices.idle_accelerators(machine(tmp_path, {"dev/nvidia0": ""})) == []


def test_every_command_warns_of_an_idle_accelerator(monkeypatch, capsys):
    monkeypatch.setattr(health, "idle_accelerators", lambda: [devices.Idle("a GPU", "use it")])
    assert main(["presets"]) == 0
    assert capsys.readouterr().err.startswith("pigmm: WARNING: there is a GPU, but JAX computes on the CPU: use it")


def test_the_doctor_finds_a_good_machine_well(monkeypatch, capsys, mnist_dir):
    monkeypatch.setattr(doctor, "LEAST_MEMORY", 0)
    assert main(["doctor", "--data-dir", str(mnist_dir), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"]
    assert set(told["items"]) == {"packages", "devices", "memory", "compiler", "data sets"}
    assert told["items"]["packages"]["details"]["jax"]
    assert all(
        family["error"] <= family["tolerance"] for family in told["items"]["compiler"]["details"]["families"].values()
    )
    assert "canonical MNIST" in told["items"]["data sets"]["found"]


def test_one_thing_amiss_is_told_with_its_remedy_and_by_the_exit_code(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "compiler", lambda: Item("compiler", True, "agrees"))
    assert main(["doctor", "--data-dir", str(tmp_path / "nowhere")]) == 1
    out = capsys.readouterr().out
    assert "BAD  data sets" in out
    assert "is not a folder" in out
    assert "not all is well" in out


def test_a_bad_release_and_a_missing_package_are_amiss(monkeypatch):
    monkeypatch.setattr(doctor, "version", lambda package: "0.10.2")
    assert "jaxlib 0.10.2 computes wrong numbers" in doctor.packages().remedy
    monkeypatch.setattr(doctor, "versions", lambda: {"jax": "0.10.1", "xarray": None})
    assert doctor.packages().remedy == "xarray missing: pip install -e ."
