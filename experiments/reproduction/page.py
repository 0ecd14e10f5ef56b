"""Pages with the tables of results: one of all tables, and one of people's words with places for tables in it."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from experiments.reproduction import tables
from experiments.reproduction.excerpts import Excerpt, read_excerpt
from experiments.reproduction.tables import Runs

MAIN = "paper-gaussian"
RUNS = {
    "paper-gaussian": "Gaussian",
    "paper-uniform": "Uniform",
    "paper-gaussian-l2": "Gaussian, L2",
    "paper-uniform-l2": "Uniform, L2",
}
WIDTHS = {f"width-{width}": str(width) for width in (10, 20, 40, 80, 160, 320, 640)}
OF_MAIN: Mapping[str, tuple[str, Callable[[Excerpt], str]]] = {
    "main": ("The main run", tables.main_table),
    "cumulants": ("How Gaussian, in units that do not grow with the matrix", tables.cumulants_table),
    "couplings": ("Which couplings", tables.couplings_table),
    "layers": ("Connections between layers", tables.layers_table),
    "joint-law": ("The joint law of all matrices", tables.joint_law_table),
    "prediction": ("What the weights say about the test loss", tables.prediction_table),
}
OF_RUNS: Mapping[str, tuple[str, Mapping[str, str], Callable[[Runs], str]]] = {
    "runs": ("The runs on MNIST side by side", RUNS, tables.runs_table),
    "widths": ("The width study", WIDTHS, tables.widths_table),
}
OF_COMPARISON: Mapping[str, tuple[str, str, Callable[[Excerpt], str]]] = {
    "distances": ("How far the runs are from each other", "runs", tables.distances_table),
    "start": ("Networks that start from fitted models, less plain ones", "start", tables.learning_table),
}
MARK = re.compile(r"(<!-- table ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def made_tables(results: Path) -> dict[str, tuple[str, str]]:
    """Title and Markdown of every table that the excerpts in a folder allow, by name."""
    found = {path.name: read_excerpt(path) for path in sorted(results.iterdir()) if path.is_dir()}
    made = {}
    for name, (title, table) in OF_MAIN.items():
        if MAIN in found:
            made[name] = (title, table(found[MAIN]))
    for name, (title, columns, side_by_side) in OF_RUNS.items():
        there = {label: found[job] for job, label in columns.items() if job in found}
        if there:
            made[name] = (title, side_by_side(there))
    for name, (title, comparison, table) in OF_COMPARISON.items():
        if comparison in found:
            made[name] = (title, table(found[comparison]))
    return made


def page(lead: str, results: Path) -> str:
    """A page of all tables under their titles."""
    sections = [f"## {title}\n\n{table}\n" for title, table in made_tables(results).values()]
    return "\n".join(["# Results\n", f"```text\n{lead}\n```\n", *sections])


def filled(text: str, results: Path) -> str:
    """The text with every table between its marks, `<!-- table NAME -->` and `<!-- end -->`, made anew.

    Raises:
        KeyError: a table is marked that cannot be made of the excerpts.
    """
    made = made_tables(results)
    return MARK.sub(lambda match: f"{match[1]}{made[match[2]][1]}\n{match[3]}", text)
