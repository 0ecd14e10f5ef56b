"""The page of a comparison: what was compared, how the runs stand, how far they are apart, and where it is all from."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np

from analysis import run_plots, run_tables
from analysis.inspection import key_epochs
from analysis.run_tables import differing, relative_distances
from analysis.runs import Between, SideBySide
from analysis.style import MODEL_TITLES, layer_titles
from analysis.tables import largest_deviation, mean_sd, significant
from analysis.trajectories import HIGH, Trajectories, finite_values, members_used
from experiments.report import page
from experiments.report.figures import figure_on_page
from experiments.run.provenance import versions
from experiments.store.differences import flatten

Runs = Mapping[str, Mapping[str, Any]]
"""Of each run its folder, the SHA-256 of its results.nc and its configuration, as in comparison.json."""


def comparison_page(several: SideBySide, runs: Runs, pictures: Mapping[str, bytes]) -> str:
    """The page as self-contained HTML; `pictures` are the figures as PNG, links lead to files beside the page."""
    figures = [figure_on_page(name, png, run_plots.FIGURES[name].caption) for name, png in pictures.items()]
    return page.page(
        f"{len(several.runs)} runs side by side",
        page.section("What was compared", *_settings(runs)),
        page.section("Where each run has arrived", *_arrived(several)),
        page.section("How far they are apart", *_apart(several)),
        page.section("Figures", *figures),
        page.section("Tables", *(_table(name, several) for name in run_tables.TABLES)),
        page.section("Provenance", *_provenance(runs)),
    )


def _settings(runs: Runs) -> Iterator[str]:
    """The settings in which the runs differ, one column a run."""
    flat = {name: flatten(run["config"]) for name, run in runs.items()}
    every = sorted({setting for settings in flat.values() for setting in settings})
    rows = [(setting, *(settings.get(setting, "–") for settings in flat.values())) for setting in every]
    different = [row for row in rows if len(set(row[1:])) > 1]
    if different:
        yield page.paragraph("The settings in which the runs differ; all others are the same, and listed below.")
        yield page.table(("setting", *runs), different)
    else:
        yield page.paragraph("The runs have the same settings.")
    yield page.folded("All settings", page.table(("setting", *runs), rows))


def _arrived(several: SideBySide) -> Iterator[str]:
    yield page.paragraph(
        "At the last epoch of each run: test accuracy, mean ± standard deviation over members; the 2-Wasserstein "
        "distance of the fitted model to the initial i.i.d. Gaussian (the nearest one where the initial law is "
        "unknown) ± standard error, what unchanged members would show, and the distance relative to the norm of the "
        "initial matrices; the smallest model that Wald tests accept; how many of the 39 predicted invariants deviate "
        "at a false-discovery rate of 5 %, and the largest deviation in standard deviations over members."
    )
    header = ("run", "layer", "epoch", "members", "accuracy", "W2", "unchanged", "W2 / norm", "accepted", "of 39")
    rows = [row for name, t in several.runs.items() for row in _last(name, t)]
    yield page.table((*header, "largest deviation"), rows)


def _last(name: str, t: Trajectories) -> Iterator[tuple[page.Cell, ...]]:
    mean, sd = mean_sd(finite_values(t, t.test_accuracy, -1))
    reached = f"{mean:.2%} ± {sd:.2%}" if np.isfinite(mean) else "–"
    value, error, position = (numbers[-1] for numbers in largest_deviation(t))
    relative, relative_se, _ = relative_distances(t)
    for i, layer in enumerate(layer_titles(t)):
        yield (
            *(name, layer, int(t.epochs[-1]), int(members_used(t)[-1, i]), reached),
            page.measured(float(t.w2[-1, i]), float(t.w2_se[-1, i])),
            page.number(float(t.w2_null[-1, i])),
            page.measured(float(relative[-1, i]), float(relative_se[-1, i])),
            MODEL_TITLES.get(t.accepted[-1][i], t.accepted[-1][i]),
            int(significant(t)[-1, i]),
            f"{page.measured(float(value[i]), float(error[i]))}\u00a0({t.names[HIGH][position[i]]})",
        )


def _apart(several: SideBySide) -> Iterator[str]:
    if several.pairs:
        yield page.paragraph(
            "The 2-Wasserstein distance between the models fitted to two runs ± standard error; its mean, and the "
            "share of distances at least as large (p), when members are assigned to the two runs at random; how many "
            "of the 52 mean invariants differ at a false-discovery rate of 5 % over all epochs and layers, and the "
            "largest difference, second minus first, in standard deviations over members. W2 is too large by about "
            "its mean by chance where it is close to that; p is of each row by itself."
        )
        header = ("runs", "layer", "epoch", "members", "W2", "by chance", "p", "of 52", "largest difference")
        yield page.table(header, list(_distances(several)))
        yield page.paragraph("The difference of the mean test accuracies at the last common epoch, second minus first.")
        yield page.table(("runs", "epoch", "difference", "p"), list(_accuracies(several)))
    paired = [" and ".join(names) for names, b in several.pairs.items() if b.paired]
    if paired:
        yield page.paragraph(
            "In runs of the same seed, members of the same number draw from the same keys and are not independent: "
            f"those of {'; '.join(paired)} were compared in pairs, and members without a partner left out."
        )
    if len(several.pairs) > run_plots.MOST_PAIRS:
        yield page.paragraph("There are too many pairs of runs for a figure of their distances.")
    apart = [" and ".join(names) for names in combinations(several.runs, 2) if names not in several.pairs]
    if apart:
        yield page.paragraph(
            f"Between matrices of different size there is no distance: {'; '.join(apart)} have no layer of the same "
            "name and size, or no epoch, in common."
        )


def _distances(several: SideBySide) -> Iterator[tuple[page.Cell, ...]]:
    for names, b in several.pairs.items():
        for i, (layer, dim) in enumerate(zip(b.layers, b.dims, strict=True)):
            for e in key_epochs(b.epochs):
                count, effect, invariant = differing(b, e, i)
                yield (
                    *(" to ".join(names), f"{layer}\u00a0({dim}\u00a0×\u00a0{dim})", int(b.epochs[e])),
                    _counted(b, e, i),
                    page.measured(float(b.w2[e, i]), float(b.w2_se[e, i])),
                    page.number(float(f"{b.w2_null[e, i]:.2g}")),
                    *(page.number(float(f"{b.w2_p[e, i]:.2g}")), count),
                    f"{page.number(float(f'{effect:.2g}'))}\u00a0({invariant})" if np.isfinite(effect) else "–",
                )


def _counted(b: Between, epoch: int, layer: int) -> str:
    """How many members were compared."""
    first, second = b.members[epoch, layer]
    return f"{first} pairs" if b.paired else f"{first} and {second}"


def _accuracies(several: SideBySide) -> Iterator[tuple[page.Cell, ...]]:
    for names, b in several.pairs.items():
        value, error, p = (100 * float(b.accuracy.value[-1]), 100 * float(b.accuracy.se[-1]), float(b.accuracy.p[-1]))
        difference = f"{page.measured(value, error)} percentage points" if np.isfinite(value) else "–"
        yield (" to ".join(names), int(b.epochs[-1]), difference, page.number(float(f"{p:.2g}")))


def _table(name: str, several: SideBySide) -> str:
    table = run_tables.TABLES[name](several)
    return page.paragraph(f"{name}, {len(table.rows)} rows. {table.caption}") + page.link(f"tables/{name}.csv", "csv")


def _provenance(runs: Runs) -> Iterator[str]:
    yield page.paragraph(
        "Every number on this page is computed from the results.nc of the runs; comparison.json holds what differs "
        "between each two of them at every epoch and layer."
    )
    rows = [(name, run["folder"], run["results_sha256"]) for name, run in runs.items()]
    yield page.table(("run", "folder", "SHA-256 of results.nc"), rows)
    yield page.table(("package", "version"), [(name, str(number)) for name, number in versions().items()])
