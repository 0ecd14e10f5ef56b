"""The wheel and the sdist: built, installed where the source is not, and used there."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[1]


def run(*command: object, cwd: Path) -> str:
    elsewhere = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=cwd, env=elsewhere, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the sdist and the wheel that was built from it."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    return out


@pytest.fixture(scope="module")
def clean(built, tmp_path_factory) -> Path:
    """The programs of an environment that holds the wheel; dependencies are those of this environment, by a link."""
    path = tmp_path_factory.mktemp("clean")
    run(sys.executable, "-m", "venv", "--without-pip", path, cwd=path)
    (packages,) = path.glob("lib/*/site-packages")
    (packages / "beside.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (wheel,) = built.glob("*.whl")
    # Without --ignore-installed, pip finds the project installed through the link.
    options = ("--no-deps", "--no-index", "--ignore-installed", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "--python", path / "bin/python", "install", "-q", *options, wheel, cwd=path)
    return path / "bin"


def test_the_wheel_holds_the_packages_and_nothing_else(built):
    (wheel,) = built.glob("*.whl")
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    described = f"pigmm-{version('pigmm')}.dist-info"
    assert tops == {"analysis", "ensemble", "experiments", "invariants", "pigmm_jax.py", described}


def test_the_sdist_holds_what_the_tests_need(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "tests/conftest.py", "docs/results.md", "CITATION.cff", ".ci/run"} <= names


def test_what_is_installed_is_used(clean, tmp_path):
    where = run(clean / "python", "-c", "import experiments; print(experiments.__file__)", cwd=tmp_path)
    assert Path(where).is_relative_to(clean.parent)


def test_the_installed_program_says_its_version(clean, tmp_path):
    assert run(clean / "pigmm", "--version", cwd=tmp_path) == f"pigmm {version('pigmm')}"


def test_the_installed_quickstart_works_outside_the_repository(clean, tmp_path):
    tiny = ("--members", 4, "--epochs", 1, "--batch-size", 400)
    *_, report = run(clean / "pigmm", "run", "quickstart", *tiny, "--out", "tiny", cwd=tmp_path).splitlines()
    assert report == "tiny/report.html"
    assert (tmp_path / report).read_text().startswith("<!doctype html>")
    assert json.loads((tmp_path / "tiny/config.json").read_text())["train"]["members"] == 4
