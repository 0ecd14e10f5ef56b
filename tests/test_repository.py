"""What is written down twice says the same: versions, and what CI installs."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

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
