"""The part of a comparison on how Gaussian the ensembles are: a section, two tables, JSON."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from analysis.cumulant_contrast import CumulantDifference, LastCumulants, cumulant_differences
from analysis.inference.multiplicity import LEVEL
from analysis.show.cumulants import SHOWN
from analysis.show.entries import by_name
from analysis.show.patterns import pattern_title, titled_patterns
from analysis.show.tables import Table
from experiments.report import page
from experiments.report.content import (
    Cell,
    Content,
    Files,
    Grid,
    Paragraph,
    Section,
    Sketch,
    Verdict,
    drawn_graph,
    explained,
)
from experiments.report.outputs import Part
from experiments.report.verdicts import GAUSSIAN

TITLE = "How Gaussian are they?"
ABOUT = (
    "Standardised graph cumulants of every weight matrix at the last epoch, ± standard error over members: 0 for every "
    "Gaussian law, whatever the size of the matrix. Last, how many of those tested differ from 0 at a false-discovery "
    "rate of 5 %."
)
ABOUT_DIFFERENCES = (
    "How many of them differ between two ensembles at that rate, and the clearest difference, second less first. "
    "Errors take ensembles for independent: those of runs of one seed are too large."
)
CAPTION = "Standardised graph cumulants of every ensemble and matrix at its last epoch, with standard errors, z and q."
DIFFERENCES_CAPTION = "Differences of standardised cumulants, second less first, with standard errors, z and q."

Ensembles = Mapping[str, Mapping[str, LastCumulants]]
"""By name of the ensemble and of the layer."""
Differences = Mapping[tuple[str, str, str], CumulantDifference]


def compared_cumulants_part(ensembles: Ensembles) -> Part:
    """The section with its tables and JSON."""
    between = cumulant_differences(ensembles)
    tables = {"cumulants": _table(ensembles), "cumulant_differences": _differences(ensembles, between)}
    entries = [
        {
            **{"first": first, "second": second, "layer": layer},
            "cumulants": by_name(_names(ensembles, first, layer), difference=d.value, se=d.se, z=d.z, q=d.q),
        }
        for (first, second, layer), d in between.items()
    ]
    json: dict[str, Any] = {"cumulants": entries}
    section = Section(TITLE, list(_content(ensembles, between)), tuple(_verdict(ensembles, between)))
    return Part(section, tables, {}, json)


def _content(ensembles: Ensembles, between: Differences) -> Iterator[Content]:
    known = [layer for layers in ensembles.values() for layer in layers.values() if layer.found[1]]
    if not known:
        yield Paragraph(
            "Cumulants under simultaneous permutations need all invariants up to degree 4: run again with --graphs all."
        )
        return
    titles = [title for title in SHOWN if any(title in titled_patterns(one.symmetry) for one in known)]
    yield explained(ABOUT)
    rows = [_row(name, layer, one, titles) for name, layers in ensembles.items() for layer, one in layers.items()]
    yield Grid(("ensemble", "matrix", "epoch", *titles, "differ from 0"), rows)
    if between:
        yield Paragraph(ABOUT_DIFFERENCES)
        header = ("ensembles", "matrix", "differing", "clearest", "difference")
        yield Grid(header, [_between_row(ensembles, names, d) for names, d in between.items()])
    yield Files([(f"tables/{name}.csv", name) for name in ("cumulants", "cumulant_differences")])


def _verdict(ensembles: Ensembles, between: Differences) -> Iterator[Verdict]:
    """How many cumulants differ from 0 in each ensemble, and the clearest difference between two of them."""
    tallies = {name: [one.found for one in layers.values()] for name, layers in ensembles.items()}
    counts = [
        f"{sum(found for found, _ in one)} of {sum(of for _, of in one)} in {name}" for name, one in tallies.items()
    ]
    if not any(of for one in tallies.values() for _, of in one):
        return
    answer: list[str | Sketch] = [f"Cumulants that differ from 0: {', '.join(counts)}"]
    known = {names: d for names, d in between.items() if np.isfinite(d.z).any()}
    if known:
        first, second, layer = names = max(known, key=lambda one: float(np.nanmax(np.abs(known[one].z))))
        d, symmetry = known[names], ensembles[names[0]][names[2]].symmetry
        k = int(np.nanargmax(np.abs(d.z)))
        difference = page.measured(float(d.value[k]), float(d.se[k]))
        answer += [
            "; the clearest difference is ",
            drawn_graph(symmetry, symmetry.patterns[k]),
            f" of {layer}, {difference} in {second} less {first}",
        ]
    yield Verdict(GAUSSIAN, (*answer, "."))


def _row(name: str, layer: str, one: LastCumulants, titles: list[str]) -> tuple[Cell, ...]:
    positions, found = titled_patterns(one.symmetry), one.found
    values = (
        page.measured(float(one.estimates.standardised[k]), float(one.estimates.standardised_se[k]))
        if (k := positions.get(title)) is not None
        else "–"
        for title in titles
    )
    return (name, layer, one.epoch, *values, f"{found[0]} of {found[1]}")


def _between_row(ensembles: Ensembles, names: tuple[str, str, str], d: CumulantDifference) -> tuple[Cell, ...]:
    first, second, layer = names
    tested, place = int(np.sum(np.isfinite(d.q))), (f"{first} to {second}", layer)
    if not tested:
        return (*place, "–", "–", "–")
    symmetry, k = ensembles[first][layer].symmetry, int(np.nanargmax(np.abs(d.z)))
    clearest = drawn_graph(symmetry, symmetry.patterns[k], pattern_title(symmetry, symmetry.patterns[k]))
    value = page.measured(float(d.value[k]), float(d.se[k]))
    return (*place, f"{int(np.sum(d.q < LEVEL))} of {tested}", clearest, value)


def _table(ensembles: Ensembles) -> Table:
    rows = tuple(
        (name, layer, one.epoch, key, *map(float, values))
        for name, layers in ensembles.items()
        for layer, one in layers.items()
        for key, *values in zip(
            one.symmetry.pattern_names,
            one.estimates.standardised,
            one.estimates.standardised_se,
            one.estimates.z,
            one.q,
            strict=True,
        )
    )
    return Table(("run", "matrix", "epoch", "graph", "standardised", "se", "z", "q"), rows, CAPTION)


def _differences(ensembles: Ensembles, between: Differences) -> Table:
    rows = tuple(
        (first, second, layer, key, *map(float, values))
        for (first, second, layer), d in between.items()
        for key, *values in zip(_names(ensembles, first, layer), d.value, d.se, d.z, d.q, strict=True)
    )
    return Table(("first", "second", "matrix", "graph", "difference", "se", "z", "q"), rows, DIFFERENCES_CAPTION)


def _names(ensembles: Ensembles, name: str, layer: str) -> list[str]:
    return list(ensembles[name][layer].symmetry.pattern_names)
