"""The notebook: in step with its text, and run from beginning to end."""

import os
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "experiments/colab.ipynb"
FORMAT = 4
"""Version of the format of notebooks."""


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=FORMAT)


def test_the_notebook_is_made_from_its_text():
    made, written = jupytext.read(NOTEBOOK.with_suffix(".md")), read(NOTEBOOK)
    remedy = "jupytext --to ipynb experiments/colab.md --output experiments/colab.ipynb"
    cells = [[(cell.cell_type, cell.source, cell.metadata) for cell in notebook.cells] for notebook in (made, written)]
    assert cells[0] == cells[1], remedy
    assert written.metadata.accelerator == "GPU"
    assert not [cell for cell in written.cells if cell.get("outputs")]


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    """In a kernel of this environment, small; errors of a cell fail it."""
    notebook = read(NOTEBOOK)
    (parameters,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    parameters.source = parameters.source.replace("SMALL = False", "SMALL = True")
    nbformat.write(notebook, tmp_path / "small.ipynb")
    command = [sys.executable, "-m", "jupyter", "execute", "--output", "done.ipynb", tmp_path / "small.ipynb"]
    environment = os.environ | {"PYTHONPATH": str(NOTEBOOK.parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    outputs = [output for cell in read(tmp_path / "done.ipynb").cells for output in cell.get("outputs", ())]
    printed = "".join(output.get("text", "") for output in outputs)
    assert "x cpu, platform cpu" in printed
    assert "all is well" in printed
    assert "memory: " in printed
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 4
    assert (tmp_path / "runs/mine/report.html").exists()
