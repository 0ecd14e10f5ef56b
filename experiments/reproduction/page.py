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
OF_ONE: Mapping[str, tuple[str, str, str, Callable[[Excerpt], str]]] = {
    "main": ("The main run", MAIN, "wasserstein", tables.main_table),
    "cumulants": ("How Gaussian, in units that do not grow", MAIN, "cumulants", tables.cumulants_table),
    "couplings": ("Which couplings", MAIN, "couplings", tables.couplings_table),
    "layers": ("Connections between layers", MAIN, "layers", tables.layers_table),
    "joint-law": ("The joint law of all matrices", MAIN, "joint_law", tables.joint_law_table),
    "prediction": ("What the weights say about the test loss", MAIN, "prediction", tables.prediction_table),
    "distances": ("How far the runs are from each other", "runs", "between", tables.distances_table),
    "start": ("Networks that start from fitted models, less plain ones", "start", "learning", tables.learning_table),
}
"""Tables of one run or comparison: title, whose excerpt, which of its tables must have rows, and how it is made."""
OF_MANY: Mapping[str, tuple[str, Mapping[str, str], Callable[[Runs], str]]] = {
    "runs": ("The runs on MNIST side by side", RUNS, tables.runs_table),
    "widths": ("The width study", WIDTHS, tables.widths_table),
}
"""Tables of several runs: title, label of each run, and how it is made."""
MARK = re.compile(r"(<!-- table ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def made_tables(results: Path) -> dict[str, tuple[str, str]]:
    """Title and Markdown of every table that the excerpts in a folder allow, by name."""
    found = {path.name: read_excerpt(path) for path in sorted(results.iterdir()) if path.is_dir()}
    made = {}
    for name, (title, source, needed, table) in OF_ONE.items():
        if source in found and found[source][needed]:
            made[name] = (title, table(found[source]))
    for name, (title, labels, side_by_side) in OF_MANY.items():
        there = {label: found[job] for job, label in labels.items() if job in found}
        if there:
            made[name] = (title, side_by_side(there))
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
