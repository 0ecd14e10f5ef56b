"""The page of a comparison: what was compared, how the runs stand, how far they are apart, and where it is all from."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from analysis.comparison import Between, SideBySide
from analysis.inference.multiplicity import LEVEL, benjamini_yekutieli
from analysis.inspection import key_epochs
from analysis.show import comparison_figures, comparison_tables
from analysis.show.comparison_tables import differing, relative_distances, test_accuracy
from analysis.show.style import layer_titles, model_title
from analysis.statistics import Statistics, largest_deviation, significant
from experiments.report import page
from experiments.report.comparison_verdicts import (
    apart_verdict,
    furthest_verdict,
    learning_verdict,
    members_verdict,
    symmetries_verdict,
)
from experiments.report.content import (
    Cell,
    Content,
    Document,
    Files,
    Folded,
    Grid,
    Paragraph,
    Picture,
    Section,
    Verdicts,
    drawn_invariant,
    explained,
    verdicts_of,
)
from experiments.run.provenance import versions
from experiments.store.differences import flatten

Runs = Mapping[str, Mapping[str, Any]]
"""Of each run its folder, the SHA-256 of its results.nc and its configuration, as in comparison.json."""


def comparison_document(
    several: SideBySide, runs: Runs, drawn: Sequence[str], parts: Sequence[Section], command: str
) -> Document:
    """The page; `drawn` are the names of the figures that there are, `parts` further sections on single ensembles."""
    pictures = [Picture(name, comparison_figures.FIGURES[name].caption) for name in drawn]
    learning = learning_verdict(several)
    sections = (
        Section(
            "Where each ensemble has arrived",
            tuple(_last_epochs(several)),
            (symmetries_verdict(several), furthest_verdict(several)),
        ),
        *parts,
        Section("How far they are apart", tuple(_distances(several)), (apart_verdict(several),)),
        Section("Do they train differently?", tuple(_learning(several)), (learning,) if learning else ()),
    )
    return Document(
        f"{len(several.runs)} ensembles side by side",
        (Verdicts((*verdicts_of(sections), members_verdict(several))),),
        (
            Section("What was compared", tuple(_settings(runs))),
            *sections,
            Section("Figures", pictures),
            Section("Tables", tuple(_tables(several))),
            Section("Provenance", tuple(_provenance(runs))),
        ),
        command,
    )


def _settings(runs: Runs) -> Iterator[Content]:
    """The settings in which the runs differ, one column a run."""
    flat = {name: flatten(run["config"]) for name, run in runs.items()}
    every = sorted({setting for settings in flat.values() for setting in settings})
    rows = [(setting, *(settings.get(setting, "–") for settings in flat.values())) for setting in every]
    different = [row for row in rows if len(set(row[1:])) > 1]
    if different:
        yield Paragraph("The settings in which the ensembles differ; all others are the same, and listed below.")
        yield Grid(("setting", *runs), different)
    else:
        yield Paragraph("The ensembles have the same settings.")
    yield Folded("All settings", (Grid(("setting", *runs), rows),))


def _last_epochs(several: SideBySide) -> Iterator[Content]:
    yield explained(
        "At the last epoch of each run: test accuracy, mean ± standard deviation over members; the 2-Wasserstein "
        "distance of the fitted model to the initial i.i.d. Gaussian (the nearest one where the initial law is "
        "unknown) with the 95 % interval of the true one, what unchanged members would show, and the distance relative "
        "to the norm of the initial matrices; the smallest model that Wald tests accept; how many of the predicted "
        "invariants deviate at a false-discovery rate of 5 % wherever anything deviates, and the "
        "largest deviation in standard deviations."
    )
    header = ("run", "layer", "epoch", "members", "accuracy", "W2", "unchanged", "W2 / norm")
    yield Grid(header, [row for name, t in several.runs.items() for row in _last(name, t)])
    header = ("run", "layer", "accepted", "deviating", "largest deviation", "of")
    yield Grid(header, [row for name, t in several.runs.items() for row in _law(name, t)])


def _last(name: str, t: Statistics) -> Iterator[tuple[Cell, ...]]:
    mean, sd = test_accuracy(t, -1)
    accuracy = f"{mean:.2%} ± {sd:.2%}" if np.isfinite(mean) else "–"
    relative, relative_se, _ = relative_distances(t)
    for i, layer in enumerate(layer_titles(t)):
        yield (
            *(name, layer, int(t.epochs[-1]), int(t.used[-1, i]), accuracy),
            f"{float(t.w2[-1, i]):.3g}\u00a0({page.between(float(t.w2_low[-1, i]), float(t.w2_high[-1, i]))})",
            page.number(float(t.w2_null[-1, i])),
            page.measured(float(relative[-1, i]), float(relative_se[-1, i])),
        )


def _law(name: str, t: Statistics) -> Iterator[tuple[Cell, ...]]:
    value, error, position = (numbers[-1] for numbers in largest_deviation(t))
    for i, layer in enumerate(layer_titles(t)):
        yield (
            *(name, layer, model_title(t.symmetry, str(t.accepted[-1, i])), int(significant(t)[-1, i])),
            page.measured(float(value[i]), float(error[i])),
            drawn_invariant(t.symmetries[i], t.names[t.high][position[i]]),
        )


def _distances(several: SideBySide) -> Iterator[Content]:
    if several.pairs:
        yield explained(
            "The 2-Wasserstein distance between the models fitted to two runs ± standard error; its mean, and the "
            "share of distances at least as large (p), when members are assigned to the two runs at random; how many "
            "of the mean invariants differ at a false-discovery rate of 5 % within the epochs and layers that differ "
            "at all, and the largest difference, second minus first, in standard deviations over members. W2 is too "
            "large by about its mean by chance where it is close to that; p is of each row by itself."
        )
        header = ("runs", "layer", "epoch", "members", "W2", "by chance", "p", "differing", "largest difference", "of")
        yield Grid(header, list(_distance_rows(several)))
    paired = [" and ".join(names) for names, b in several.pairs.items() if b.paired]
    if paired:
        yield Paragraph(
            "In runs of the same seed, members of the same number draw from the same keys and are not independent: "
            f"those of {'; '.join(paired)} were compared in pairs, and members without a partner left out."
        )
    if len(several.pairs) > comparison_figures.MOST_PAIRS:
        yield Paragraph("There are too many pairs of runs for a figure of their distances.")
    apart = [" and ".join(names) for names in combinations(several.runs, 2) if names not in several.pairs]
    if apart:
        yield Paragraph(
            f"Between matrices of different size there is no distance: {'; '.join(apart)} have no layer of the same "
            "name and size, or no epoch, in common."
        )


def _distance_rows(several: SideBySide) -> Iterator[tuple[Cell, ...]]:
    for names, b in several.pairs.items():
        for i, (layer, symmetry) in enumerate(zip(b.layers, b.symmetries, strict=True)):
            rows, columns = symmetry.shapes[0]
            for e in key_epochs(b.epochs):
                count, effect, invariant = differing(b, e, i)
                yield (
                    *(" to ".join(names), f"{layer}\u00a0({rows}\u00a0×\u00a0{columns})", int(b.epochs[e])),
                    _counted(b, e, i),
                    page.measured(float(b.w2[e, i]), float(b.w2_se[e, i])),
                    page.short(b.w2_null[e, i], 2),
                    *(page.probability(float(b.w2_p[e, i])), count),
                    page.short(effect, 2),
                    drawn_invariant(symmetry, invariant) if np.isfinite(effect) else "–",
                )


def _counted(b: Between, epoch: int, layer: int) -> str:
    """How many members were compared."""
    first, second = b.members[epoch, layer]
    return f"{first} pairs" if b.paired else f"{first} and {second}"


def _learning(several: SideBySide) -> Iterator[Content]:
    trained = {names: b for names, b in several.pairs.items() if b.trained.all(axis=-1).any()}
    if not trained:
        yield Paragraph("No two of the ensembles have test losses at a common epoch, and layers of the same size.")
        return
    yield Paragraph(
        "Differences of the mean test accuracy and of the mean test loss, second minus first, ± standard error, over "
        "members that have not diverged, with the p-value of each row by itself; "
        "of all common epochs, those that differ at a false-discovery rate of 5 % under any dependence of the epochs."
    )
    yield Paragraph(" ".join(_verdict(names, b) for names, b in trained.items()))
    header = ("runs", "epoch", "members", "accuracy, percentage points", "p", "loss, nats", "p")
    yield Grid(header, [row for names, b in trained.items() for row in _learning_rows(names, b)])
    yield Files([("tables/learning.csv", "csv")])


def _verdict(names: tuple[str, str], b: Between) -> str:
    counts = [int(np.sum(benjamini_yekutieli(one.p) < LEVEL)) for one in (b.accuracy, b.loss)]
    made = int(b.trained.all(axis=-1).sum())
    return f"{' to '.join(names)}: accuracy differs at {counts[0]} of {made} epochs, loss at {counts[1]}."


def _learning_rows(names: tuple[str, str], b: Between) -> Iterator[tuple[Cell, ...]]:
    for e in key_epochs(b.epochs):
        if b.trained[e].all():
            first, second = b.trained[e]
            yield (
                *(" to ".join(names), int(b.epochs[e]), f"{first} pairs" if b.paired else f"{first} and {second}"),
                page.measured(100 * float(b.accuracy.value[e]), 100 * float(b.accuracy.se[e])),
                page.probability(float(b.accuracy.p[e])),
                page.measured(float(b.loss.value[e]), float(b.loss.se[e])),
                page.probability(float(b.loss.p[e])),
            )


def _tables(several: SideBySide) -> Iterator[Content]:
    for name, make in comparison_tables.TABLES.items():
        table = make(several)
        yield Paragraph(f"{name}, {len(table.rows)} rows. {table.caption}")
        yield Files([(f"tables/{name}.csv", "csv")])


def _provenance(runs: Runs) -> Iterator[Content]:
    yield Paragraph(
        "Every number on this page is computed from the results.nc of the ensembles; comparison.json holds what "
        "differs between each two of them at every epoch and layer."
    )
    rows = [(name, run["folder"], run["results_sha256"]) for name, run in runs.items()]
    yield Grid(("run", "folder", "SHA-256 of results.nc"), rows)
    yield Grid(("package", "version"), [(name, str(number)) for name, number in versions().items()])
