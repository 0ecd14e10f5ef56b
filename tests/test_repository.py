"""What is written down twice says the same: versions, and what CI installs."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from docs.address import edits, write_address

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(name: str) -> dict[str, str]:
    """Versions by package of a list of CI."""
    lines = [line for line in (ROOT / ".ci" / name).read_text().splitlines() if not line.startswith("#")]
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in map(Requirement, lines)}


def requirements(*extras: str) -> list[Requirement]:
    """What the project and some of its extras need, without those that name other extras."""
    texts = [*PROJECT["dependencies"], *(text for extra in extras for text in PROJECT["optional-dependencies"][extra])]
    return [requirement for requirement in map(Requirement, texts) if requirement.name != "pigmm"]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(
    ("name", "extras"), [("python3.11.txt", ("prepare", "test", "dev", "docs")), ("python3.13.txt", ())]
)
def test_locked_versions_are_all_there_and_allowed(name, extras):
    locked = pins(name)
    for requirement in requirements(*extras):
        assert plain(requirement.name) in locked, f"{requirement.name} is not locked: run .ci/lock"
        assert requirement.specifier.contains(locked[plain(requirement.name)], prereleases=True), requirement


def test_what_colab_has_is_allowed():
    colab = pins("colab.txt")
    for requirement in requirements():
        if requirement.name in colab:
            assert requirement.specifier.contains(colab[requirement.name]), requirement
    assert {requirement.name for requirement in requirements()} >= set(colab)


def test_the_citation_is_of_this_version():
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"version: {PROJECT['version']}\n" in citation
    assert "arXiv:2510.05218" in citation


def test_commits_are_looked_at_by_the_ruff_of_ci():
    (pinned,) = [requirement for requirement in requirements("dev") if requirement.name == "ruff"]
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert f"ruff-pre-commit\n    rev: {str(pinned.specifier).replace('==', 'v')}\n" in hooks


def test_the_address_is_written_where_it_is_needed(tmp_path):
    names = sorted({name for name, _, _ in edits("")})
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    write_address(tmp_path, "https://github.com/someone/old")
    write_address(tmp_path, "https://github.com/someone/pigmm")
    written = {name: (tmp_path / name).read_text() for name in names}
    address = "https://github.com/someone/pigmm"
    assert tomllib.loads(written["pyproject.toml"])["project"]["urls"] == {"Repository": address}
    assert tomllib.loads(written["pyproject.toml"])["project"] == PROJECT | {"urls": {"Repository": address}}
    assert f"\nrepository-code: {address}\n" in written["CITATION.cff"]
    assert f'\nSOURCE = "git+{address}"\n' in written["experiments/colab.md"]
    opened = "https://colab.research.google.com/github/someone/pigmm/blob/main/experiments/colab.ipynb"
    for name in ("README.md", "experiments/colab.md"):
        assert written[name].count(f"]({opened})\n") == written[name].count("Open in Colab") == 1
    assert "/old" not in "".join(written.values())


@pytest.mark.parametrize(
    "address", ["", "github.com/a/b", "https://github.com/a", "https://github.com/a/b\n", "https://github.com/a/b.git"]
)
def test_what_is_no_address_is_refused(tmp_path, address):
    with pytest.raises(ValueError, match="is not of the form"):
        write_address(tmp_path, address)
