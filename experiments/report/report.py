"""The report of a run: one static page that says what was run, what came out, and where each number is from."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from analysis import plots, tables
from analysis.as_published import DIFFERENCES, Difference
from analysis.family import MODELS, parameter_counts
from analysis.style import MODEL_TITLES, layer_titles
from analysis.trajectories import HIGH, Trajectories, finite_values, members_used
from experiments.report import page
from experiments.report.figures import figure_on_page

SETTINGS = ("dataset", "init", "weight_decay", "order", "seed")
"""Settings named in the opening paragraph, where a run has them."""
SOURCES = {
    "accuracy, losses, divergence of members": ("results.nc: test_accuracy, test_loss, train_loss, finite", "training"),
    "invariants, predictions, deviations": ("fit.json: invariants, theory", "invariants"),
    "parameters of the model": ("fit.json: parameters", "parameters"),
    "Wasserstein distances": ("fit.json: wasserstein", "wasserstein"),
}
"""The file and field each kind of number comes from, and its table."""


def render(
    trajectories: Trajectories,
    config: Mapping[str, Any],
    provenance: Mapping[str, Any],
    pictures: Mapping[str, bytes],
    sections: Sequence[str] = (),
) -> str:
    """The report as self-contained HTML: no script, no network, every text escaped.

    `config` and `provenance` may be nested; all of their entries are listed. `pictures` are the figures as PNG,
    `sections` further parts of the page, already HTML. Links lead to the files of the run folder in which the page is
    meant to lie.
    """
    t = trajectories
    settings = {path.split(".")[-1]: value for path, value in _flat(config)}
    title = "Weight matrices of an ensemble"
    figures = [figure_on_page(name, png, plots.FIGURES[name].caption) for name, png in pictures.items()]
    return page.page(
        f"{title} trained on {settings['dataset']}" if "dataset" in settings else title,
        page.paragraph(_what_was_run(t, settings)),
        page.tiles(_headline(t)),
        page.section("Key numbers", *_key_numbers(t)),
        page.section("Figures", *figures),
        *sections,
        *([page.section("As published", *_published())] if t.published else []),
        page.section("Tables", *(_table(name, make(t)) for name, make in tables.TABLES.items())),
        page.section("Provenance", *_provenance(config, provenance)),
    )


def _what_was_run(t: Trajectories, settings: Mapping[str, str]) -> str:
    named = ", ".join(f"{name.replace('_', ' ')} {settings[name]}" for name in SETTINGS if name in settings)
    epochs = f"epochs {t.epochs[0]} to {t.epochs[-1]}" if len(t.epochs) > 1 else f"epoch {t.epochs[0]}"
    run = f"An ensemble of size {t.finite.shape[0]}, recorded at {epochs}{f' ({named})' if named else ''}."
    return (
        f"{run} For each of its square matrices {', '.join(layer_titles(t))} there are {len(t.names)} permutation "
        "invariants. The 13-parameter permutation-invariant Gaussian model is fitted to the linear and quadratic ones, "
        f"{t.names[0]} to {t.names[HIGH.start - 1]}, and predicts the cubic and quartic ones."
    )


def _headline(t: Trajectories) -> dict[str, str]:
    last = f"at epoch {t.epochs[-1]}"
    numbers = {
        f"members used {last}": f"{members_used(t)[-1].min()} of {t.members.max()}",
        "members excluded as not finite": str(t.excluded.max()),
    }
    accuracy = finite_values(t, t.test_accuracy, -1)
    if accuracy.size:
        numbers[f"test accuracy {last}, mean ± sd"] = f"{accuracy.mean():.2%} ± {accuracy.std():.2%}"
        numbers["lowest to highest accuracy"] = f"{accuracy.min():.2%} to {accuracy.max():.2%}"
    return numbers


def _key_numbers(t: Trajectories) -> Iterator[str]:
    header = ("epoch", *t.layers)
    early = [e for e, epoch in enumerate(t.epochs) if epoch in (t.epochs[0], 1, 10, t.epochs[-1])]
    squared = "Squared " if t.published else ""
    yield f"<h3>{squared}2-Wasserstein distance to the initial i.i.d. Gaussian</h3>"
    rows = [(str(t.epochs[e]), *map(page.measured, t.w2[e].tolist(), t.w2_se[e].tolist())) for e in early]
    if np.isfinite(t.w2_null[-1]).any():
        rows.append(("without change", *map(page.number, t.w2_null[-1].tolist())))
    yield page.table(header, rows)
    yield "<h3>Largest deviation |theory − mean| / std among the cubic and quartic invariants</h3>"
    yield page.table(header, [(str(t.epochs[e]), *_largest_deviations(t, e)) for e in sorted({early[0], early[-1]})])
    yield "<h3>The smallest model that the data accept, and how many of the 39 invariants deviate</h3>"
    yield page.table(header, [(str(t.epochs[e]), *_verdicts(t, e)) for e in early])
    yield page.paragraph(
        "Accepted: the smallest model of the family, with its number of parameters, that Wald tests with the members' "
        "own covariance do not reject at 5 % within the 13-parameter one; p: joint test of the eight identities that "
        "independent permutations of rows and columns force (5 parameters instead of 13); deviating: at a "
        "false-discovery rate of 5 % over all invariants, epochs and layers. Effect sizes are in tables/models.csv."
    )
    problems = Counter(
        (layer, status)
        for statuses in t.status
        for layer, status in zip(t.layers, statuses, strict=True)
        if status != "ok"
    )
    if problems:
        rows = [(layer, f"{count} of {len(t.epochs)} epochs", status) for (layer, status), count in problems.items()]
        yield "<h3>Fits with a remark</h3>" + page.table(("layer", "where", "remark"), rows)


def _published() -> Iterator[str]:
    yield page.paragraph(
        "Deviations, error bars at initialisation and distances on this page are made as the paper's scripts make "
        "them. They differ from this program's own numbers as follows."
    )
    yield page.table(Difference._fields, [tuple(difference) for difference in DIFFERENCES])


def _verdicts(t: Trajectories, e: int) -> Iterator[str]:
    counts = tables.significant(t)
    parameters = [dict(zip(MODELS, parameter_counts(int(dim)), strict=True)) for dim in t.dims]
    for i in range(len(t.layers)):
        p = t.identities_p[e, i]
        identities = f"p = {p:.2g}" if np.isfinite(p) else "p –"
        model = t.accepted[e][i]
        size = f" ({parameters[i][model]})" if model in MODELS else ""
        yield f"{MODEL_TITLES.get(model, model)}{size}, {identities}, {counts[e, i]} deviating"


def _largest_deviations(t: Trajectories, e: int) -> Iterator[str]:
    value, _, position = (numbers[e] for numbers in tables.largest_deviation(t))
    for largest, which in zip(value.tolist(), position.tolist(), strict=True):
        yield f"{page.number(largest)}\u00a0({t.names[HIGH][which]})" if np.isfinite(largest) else "–"


def _table(name: str, table: tables.Table) -> str:
    title = f"{name} ({len(table.rows)} rows)"
    rows = page.table([column.replace("_", " ") for column in table.header], table.rows)
    return page.folded(title, page.paragraph(table.caption) + rows + page.link(f"tables/{name}.csv", "csv"))


def _provenance(config: Mapping[str, Any], provenance: Mapping[str, Any]) -> Iterator[str]:
    yield page.paragraph(
        "Every number and figure on this page is computed from results.nc alone; fit.json holds all fits."
    )
    rows = [(what, field, f"tables/{name}.csv") for what, (field, name) in SOURCES.items()]
    yield page.table(("numbers", "file: field", "table"), rows)
    yield "<h3>Configuration (config.json)</h3>" + page.table(("setting", "value"), [*_flat(config)])
    yield "<h3>Circumstances (provenance.json)</h3>" + page.table(("item", "value"), [*_flat(provenance)])


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted path and text of every leaf."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
