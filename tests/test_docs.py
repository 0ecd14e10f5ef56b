"""Documentation that is true: examples run, commands are accepted, all public names are there, graphs are drawn."""

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray

from docs.drawings import on_page_markdown
from experiments.__main__ import build_parser
from experiments.run.presets import PRESETS
from invariants import NAMES, PAPER

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
WITH_PYTHON = [page for page in PAGES if "```python" in page.read_text()]


def title(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    """Code blocks of a page, each with empty lines above it, so that an error names the line of the page."""
    text = page.read_text()
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return ["\n" * text.count("\n", 0, match.start(1)) + match[1] for match in found]


@pytest.fixture
def workplace(tmp_path, monkeypatch) -> Path:
    """A folder with what the examples say that a reader has: weights, and a finished run."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    np.save("weights.npy", generator.standard_normal((120, 4, 4)))
    run = tmp_path / "runs/quickstart"
    run.mkdir(parents=True)
    variables = {
        "invariants": (("member", "epoch", "layer", "invariant"), np.zeros((2, 3, 3, len(PAPER)))),
        "test_accuracy": (("member", "epoch"), np.zeros((2, 3))),
    }
    names = {"layer": ["L1", "L2", "L3"], "invariant": list(NAMES)}
    xarray.Dataset(variables, names).to_netcdf(run / "results.nc")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_PYTHON, ids=title)
def test_examples_run(page, workplace):
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(block, title(page), "exec"), names)


def commands() -> Iterator[tuple[str, str]]:
    """Every pigmm command of the pages, with the page."""
    for page in PAGES:
        for line in "".join(blocks(page, "sh")).splitlines():
            if found := re.search(r"(?:^|&& |/)pigmm (.+)", line):
                yield title(page), found[1]


@pytest.mark.parametrize(("page", "command"), list(commands()))
def test_commands_are_accepted(page, command):
    options = build_parser().parse_args(shlex.split(command, comments=True))
    assert getattr(options, "preset", "quickstart") in PRESETS


@pytest.mark.parametrize("package", ["ensemble", "invariants", "analysis", "analysis.weights"])
def test_every_public_name_has_its_place_in_the_reference(package):
    # A function that its module is called after is listed with it.
    pattern = rf"^::: {package}\.(?:\w+\.)?(\w+)$"
    page = ROOT / "docs/reference" / f"{package.split('.')[-1]}.md"
    listed = re.findall(pattern, page.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(importlib.import_module(package).__all__)


def test_graphs_are_drawn_into_pages():
    drawn = on_page_markdown("{graph 0-1,1-2}, {rows-columns 0-0} and\n\n{catalogue}")
    assert drawn.count("<svg") == 2 + len(PAPER)
    assert "{" not in drawn
