"""The report of a run: one static page that says what was run, what came out, and where each number is from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from analysis.as_published import DIFFERENCES, Difference
from analysis.recording import finite_values
from analysis.show import figures, tables
from analysis.show.style import layer_titles
from analysis.statistics import Statistics
from experiments.report.content import (
    Content,
    Document,
    Files,
    Folded,
    Grid,
    Heading,
    Paragraph,
    Picture,
    Section,
    Tiles,
    Verdicts,
    drawn_graph,
    drawn_invariant,
    lists_edges,
    verdicts_of,
)
from experiments.report.key_numbers import key_numbers
from experiments.report.verdicts import moved_verdict, predicted_verdict, sure_verdict, symmetry_verdict, when

KINDS = {
    "simultaneous": "simultaneous permutations of rows and columns",
    "separate": "separate permutations of rows and of columns",
    "symmetric": "symmetric matrices under simultaneous permutations of rows and columns",
}
"""The symmetries in words."""
SETTINGS = ("dataset", "init", "weight_decay", "order", "seed")
"""Settings named in the opening paragraph, where a run has them."""
OF_TRAJECTORIES = ("training", "geometry")
"""Tables that an ensemble at one time does not have."""
SOURCES = {
    "accuracy, losses, divergence of members": ("results.nc: test_accuracy, test_loss, train_loss, finite", "training"),
    "invariants, predictions, deviations": ("fit.json: invariants, theory", "invariants"),
    "parameters of the model": ("fit.json: parameters", "parameters"),
    "Wasserstein distances": ("fit.json: wasserstein", "wasserstein"),
}
"""The file and field each kind of number comes from, and its table."""


def report_document(
    statistics: Statistics,
    config: Mapping[str, Any],
    provenance: Mapping[str, Any],
    drawn: Sequence[str],
    sections: Sequence[Section] = (),
    first: Sequence[Section] = (),
    command: str = "",
) -> Document:
    """The report of an ensemble.

    Args:
        statistics: the numbers.
        config: settings, may be nested; all are listed.
        provenance: circumstances, likewise.
        drawn: names of the figures that there are.
        sections: further parts of the page.
        first: parts that stand above all others.
        command: what makes the report again.
    """
    t = statistics
    settings = {path.split(".")[-1]: value for path, value in _flat(config)}
    title = "Weight matrices of an ensemble"
    plots = figures.plots(t)
    pictures = [Picture(name, plots[name].caption) for name in drawn]
    key = Section("Key numbers", tuple(key_numbers(t)), (moved_verdict(t), predicted_verdict(t), sure_verdict(t)))
    answers = (symmetry_verdict(t)._replace(section=key.title), *verdicts_of([*first, key, *sections]))
    opening = _what_was_run(t, settings, bool(config.get("start")))
    return Document(
        f"{title} trained on {settings['dataset']}" if "dataset" in settings else title,
        (Verdicts(answers), Paragraph(opening), Tiles(_headline(t))),
        (
            *first,
            key,
            Section("Figures", pictures),
            *sections,
            *((Section("As published", _published()),) if t.published else ()),
            Section("Tables", [_drawn_invariants(t), *_tables(t)]),
            Section("Provenance", tuple(_provenance(config, provenance))),
        ),
        command,
    )


def _what_was_run(t: Statistics, settings: Mapping[str, str], started: bool) -> str:
    """The opening sentences; `started` from fitted models, an initialisation was not drawn in all layers."""
    named = [f"{name.replace('_', ' ')} {settings[name]}" for name in SETTINGS if name in settings]
    if started:
        named.append("square layers started from fitted models")
    how = f" ({', '.join(named)})" if named else ""
    epochs = f", recorded at epochs {t.epochs[0]} to {t.epochs[-1]}" if len(t.epochs) > 1 else ""
    run = f"An ensemble of size {t.members.max()}{epochs}{how}."
    low, high, kind = t.names[t.low], t.names[t.high], t.symmetry.name
    span = "" if lists_edges(low[0]) else f", {low[0]} to {low[-1]}"
    return (
        f"{run} For each of its matrices {', '.join(layer_titles(t))} there are {len(t.names)} invariants of "
        f"{KINDS.get(kind, kind)}. The Gaussian law with this symmetry, of {len(t.symmetry.parameter_names)} "
        f"parameters, is fitted to the {len(low)} linear and quadratic ones{span}, and predicts the {len(high)} cubic "
        "and quartic ones."
    )


def _headline(t: Statistics) -> dict[str, str]:
    numbers = {
        f"members used{when(t)}": f"{t.used[-1].min()} of {t.members.max()}",
        "members excluded as not finite": str(t.excluded.max()),
    }
    accuracy = np.array([]) if t.training is None else finite_values(t.training, t.training.test_accuracy, -1)
    if accuracy.size:
        several = accuracy.size > 1
        spread = f" ± {accuracy.std():.2%}" if several else ""
        numbers[f"test accuracy{when(t)}{', mean ± sd' if several else ''}"] = f"{accuracy.mean():.2%}{spread}"
        if several:
            numbers["lowest to highest accuracy"] = f"{accuracy.min():.2%} to {accuracy.max():.2%}"
    return numbers


def _published() -> tuple[Content, ...]:
    return (
        Paragraph(
            "Deviations, error bars at initialisation and distances on this page are made as the paper's scripts make "
            "them. They differ from this program's own numbers as follows."
        ),
        Grid(Difference._fields, [tuple(difference) for difference in DIFFERENCES]),
    )


def _drawn_invariants(t: Statistics) -> Folded:
    rows = [
        (drawn_graph(t.symmetry, graph), name, graph.degree, "fitted" if k < t.low.stop else "predicted")
        for k, (name, graph) in enumerate(zip(t.names, t.graphs, strict=True))
    ]
    nodes = "filled dots are rows, open ones columns" if t.symmetry.tensors.separate else "dots are indices"
    about = f"Each is a sum over all indices of a product of entries: {nodes}, each line is one entry."
    return Folded(
        f"the {len(rows)} invariants drawn", (Paragraph(about), Grid(("graph", "name", "degree", "is"), rows))
    )


def _tables(t: Statistics) -> Iterator[Folded]:
    several = len(t.epochs) > 1
    for name, make in tables.TABLES.items():
        if several or name not in OF_TRAJECTORIES:
            yield _table(t, name, make(t))


def _table(t: Statistics, name: str, table: tables.Table) -> Folded:
    """Every row, with invariants drawn where their names only list edges."""
    header = [column.replace("_", " ") for column in table.header]
    drawn = {edges: drawn_invariant(t.symmetry, edges) for edges in t.names if lists_edges(edges)}
    rows = [tuple(drawn.get(cell, cell) if isinstance(cell, str) else cell for cell in row) for row in table.rows]
    several = len(t.epochs) > 1
    grid = Grid(header, rows) if several else Grid(header[1:], [row[1:] for row in rows])
    caption = Paragraph(table.caption)
    content = (caption, grid, Files([(f"tables/{name}.csv", "csv")]))
    return Folded(f"{name} ({len(table.rows)} rows)", content)


def _provenance(config: Mapping[str, Any], provenance: Mapping[str, Any]) -> Iterator[Content]:
    yield Paragraph("Every number and figure on this page is computed from results.nc alone; fit.json holds all fits.")
    rows = [(what, field, f"tables/{name}.csv") for what, (field, name) in SOURCES.items()]
    yield Grid(("numbers", "file: field", "table"), rows)
    yield Heading("Configuration (config.json)")
    yield Grid(("setting", "value"), [*_flat(config)])
    yield Heading("Circumstances (provenance.json)")
    yield Grid(("item", "value"), [*_flat(provenance)])


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted path and text of every leaf."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
