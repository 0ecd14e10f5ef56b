"""What guards against releases of jaxlib that compute wrong numbers, wherever the project is imported."""

import re
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import pytest

from pigmm_jax import BAD_RELEASES, FUSION, guard

ROOT = Path(__file__).resolve().parents[1]


def test_bad_releases_are_left_out_by_name_when_pip_chooses():
    requirements = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    for package in ("jax", "jaxlib"):
        (line,) = (text for text in requirements if re.match(rf"{package}[^a-z]", text))
        assert tuple(re.findall(r"!=([\d.]+)", line)) == BAD_RELEASES


def test_the_fusions_at_fault_are_switched_off_in_a_bad_release(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_other=1")
    with pytest.warns(RuntimeWarning, match=r"jaxlib 0\.10\.2 computes wrong numbers.*pip install"):
        guard("0.10.2")
    assert sys.modules["os"].environ["XLA_FLAGS"] == f"--xla_other=1 {FUSION}="


@pytest.mark.parametrize(("release", "flags"), [("0.10.1", ""), ("0.7.2", ""), ("0.10.2", f"{FUSION}=dot")])
def test_good_releases_and_the_users_own_flags_are_left_alone(monkeypatch, release, flags):
    monkeypatch.setenv("XLA_FLAGS", flags)
    with warnings.catch_warnings(action="error"):
        guard(release)
    assert sys.modules["os"].environ["XLA_FLAGS"] == flags


@pytest.mark.parametrize("package", ["analysis", "ensemble"])
def test_a_notebook_that_imports_a_package_is_guarded(package):
    question = f"import {package}, sys; sys.exit('pigmm_jax' not in sys.modules)"
    subprocess.run([sys.executable, "-c", question], cwd=ROOT, check=True)
