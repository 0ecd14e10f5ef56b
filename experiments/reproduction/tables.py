"""The tables of docs/results.md, made of excerpts of runs, as Markdown."""

import math
from collections.abc import Mapping, Sequence

from experiments.report import page
from experiments.reproduction.cells import (
    NONE,
    Line,
    Shown,
    block,
    cell,
    markdown,
    model,
    number,
    of,
    percentages,
    probability,
    values,
    with_error,
)
from experiments.reproduction.excerpts import NAMED, Excerpt, Row

Runs = Mapping[str, Excerpt]
"""Excerpts by title of the run."""
PAPER, ALL = "invariants", "all_invariants"
"""Families of predicted invariants: the paper's 39, all of degree 3 and 4."""


def main_table(run: Excerpt) -> str:
    """Distance, accepted models and deviations of the square layers at every key epoch."""
    wasserstein = run["wasserstein"]
    layers, epochs = values(wasserstein, "layer"), values(wasserstein, "epoch")
    null, upper = (_two(wasserstein[0][name]) for name in ("null", "null_upper"))
    quantities: tuple[tuple[str, Sequence[Row], Shown], ...] = (
        ("smallest model accepted (Wald, 5 %)", run["models"], of("accepted", model)),
        ("p of the eight identities", run["models"], of("identities_p", probability)),
        ("invariants that deviate, of the paper's 39", run["models"], of("significant")),
        ("of all of degree 3 and 4", _family(run, ALL), lambda row: f"{row['significant']} of {row['of']}"),
        ("largest deviation among the 39, in standard deviations", run["models"], of("largest_deviation", _two)),
        ("among all", _family(run, ALL), of("largest", _two)),
        ("Gaussian law: p / excess variance of the Mahalanobis distance", run["models"], _normality),
        ("law invariant under row permutations, p", run["inspection"], of("rows_p", probability)),
        ("law invariant under column permutations, p", run["inspection"], of("columns_p", probability)),
    )
    lines = block("W2 to the initial i.i.d. law ± standard error", wasserstein, epochs, layers, with_error("w2", "se"))
    lines.append((f"({null} on average, {upper} at most in 95 %, without any change)", *[""] * (1 + len(layers))))
    paths = (cell(run["geometry"], layer, _detour) for layer in layers)
    lines.append(("path length over net displacement", f"0 to {epochs[-1]}", *paths))
    for label, rows, shown in quantities:
        lines += block(label, rows, epochs, layers, shown)
    return markdown(("", "epoch", *layers), lines)


def cumulants_table(run: Excerpt) -> str:
    """How Gaussian every matrix is, in units that do not grow with it."""
    rows = run["cumulants"]
    layers, epochs = values(rows, "layer"), values(rows, "epoch")
    lines = block(f"cumulants that differ from 0, of {rows[0]['of']}", rows, epochs, layers, of("significant"))
    for name in NAMED:
        lines += block(name, rows, epochs, layers, with_error(name, f"{name} se"))
    return markdown(("", "epoch", *layers), lines)


def couplings_table(run: Excerpt) -> str:
    """Score tests of the Gaussian law, and how many couplings are needed."""
    rows = [{**row, "layer": row["matrix"]} for row in run["couplings"]]
    layers, epochs = values(rows, "layer"), values(rows, "epoch")

    def scores(row: Row) -> str:
        return f"{number(row['cubic'])} / {number(row['quartic'])}"

    def explained(row: Row) -> str:
        return f"{number(row['explained_gaussian'])} → {number(row['explained_coupled'])}"

    return markdown(
        ("", "epoch", *layers),
        [
            *block("score, cubic / quartic", rows, epochs, layers, scores),
            *block("couplings selected", rows, epochs, layers, of("selected")),
            *block("explained without → with them, of 43", rows, epochs, layers, explained),
        ],
    )


def layers_table(run: Excerpt) -> str:
    """What connects the layers."""
    rows = [{**row, "layer": f"{row['below']}–{row['above']}"} for row in run["layers"]]
    layers, epochs = values(rows, "layer"), values(rows, "epoch")

    def rho(row: Row) -> str:
        low, middle, high = (f"{float(row[name]):.3f}".replace("-", "−") for name in ("low", "rho", "high"))
        return f"{middle} ({low} to {high})"

    def relabelled(row: Row) -> str:
        return f"{probability(row['relabelled_sums'])} / {probability(row['relabelled_squares'])}"

    def balance(row: Row) -> str:
        return _two(float(row["difference"]) / float(row["difference_se"]))

    return markdown(
        ("", "epoch", *layers),
        [
            *block("rho (95 % interval)", rows, epochs, layers, rho),
            *block("one side relabelled, p (0.005 is the least): sums / squares", rows, epochs, layers, relabelled),
            *block("z of the balance", rows, epochs, layers, balance),
        ],
    )


def joint_law_table(run: Excerpt) -> str:
    """The test of independent layers, and how far the joint law has moved."""
    lines = []
    for row in run["joint_law"]:
        distances = (f"{float(row[name]):.4f}" for name in ("w2", "w2_independent"))
        lines.append((row["epoch"], number(row["bartlett"]), row["dof"], probability(row["p"]), *distances))
    header = ("epoch", "likelihood ratio", "degrees of freedom", "p", "W2 of the joint law", "without terms between")
    return markdown(header, lines)


def prediction_table(run: Excerpt) -> str:
    """How well the weights tell the rank of the test loss."""
    rows = run["prediction"]
    shown = with_error("r2", "se")
    lines = [(kind, *(shown(row) for row in rows if row["set"] == kind)) for kind in values(rows, "set")]
    return markdown(("R² ± standard error", *(f"epoch {epoch}" for epoch in values(rows, "epoch"))), lines)


def runs_table(runs: Runs) -> str:
    """Several runs side by side at their last epoch, layer by layer."""
    first = next(iter(runs.values()))
    lines = [("test accuracy, mean / sd over members (%)", "", *map(_accuracy, runs.values()))]
    for label, table, shown in (
        ("W2 ± standard error", "wasserstein", with_error("w2", "se")),
        ("p of the eight identities", "models", of("identities_p", probability)),
        ("largest deviation, in standard deviations", PAPER, _largest),
        ("median deviation / significant, of 39", PAPER, lambda row: f"{_two(row['median'])} / {row['significant']}"),
    ):
        layers = values(first["wasserstein"], "layer")
        for layer in layers:
            title = label if layer == layers[0] else ""
            lines.append((title, layer, *(cell(_last(run, table), layer, shown) for run in runs.values())))
    return markdown(("last epoch", "layer", *runs), lines)


def widths_table(runs: Runs, layer: str = "L1") -> str:
    """The width study at its last epoch, of the w x w matrix."""
    lines: list[Line] = [
        ("members", *(run["training"][-1]["members"] for run in runs.values())),
        ("test accuracy, mean / sd over members (%)", *map(_accuracy, runs.values())),
    ]
    for label, table, shown in (
        ("W2 to the initial law ± standard error", "wasserstein", with_error("w2", "se")),
        ("the same without any change", "wasserstein", of("null", _two)),
        ("p of the eight identities", "models", of("identities_p", probability)),
        ("significant, of 39", PAPER, of("significant")),
        ("largest deviation, in standard deviations", PAPER, _largest),
        *((name, "cumulants", with_error(name, f"{name} se")) for name in NAMED),
        ("cumulants that differ from 0", "cumulants", lambda row: f"{row['significant']} of {row['of']}"),
    ):
        lines.append((label, *(cell(_last(run, table), layer, shown) for run in runs.values())))
    norms = (cell(_last(run, "wasserstein"), layer, _relative(int(width))) for width, run in runs.items())
    lines.append(("W2 relative to the norm of the initial matrices", *norms))
    kurtoses = (cell(_last(run, "cumulants"), layer, _unshared) for run in runs.values())
    lines.append(("excess kurtosis less 3 (row-shared + column-shared)", *kurtoses))
    lines.append(("rho over units, input to hidden / hidden to output", *map(_correlations, runs.values())))
    return markdown(("last epoch", *runs), lines)


def distances_table(comparison: Excerpt) -> str:
    """How far each two runs are from each other at their last epoch."""
    rows = _last(comparison, "between")
    layers = values(rows, "layer")
    lines = []
    for first, second in dict.fromkeys((row["first"], row["second"]) for row in rows):
        of_pair = [row for row in rows if (row["first"], row["second"]) == (first, second)]
        distances = (cell(of_pair, layer, with_error("w2", "se")) for layer in layers)
        summaries = (
            ", ".join(text(row[name]) for row in of_pair) for name, text in (("null", _two), ("differing", str))
        )
        lines.append((f"{first} to {second}", *distances, *summaries))
    header = ("W2 between the models at the last epoch ± standard error", *layers)
    return markdown((*header, "by chance", "mean invariants that differ, of 52"), lines)


def learning_table(comparison: Excerpt) -> str:
    """Differences of test accuracy and test loss between runs, second less first."""
    lines = [
        (
            f"{row['second']} less {row['first']}",
            row["epoch"],
            page.measured(100 * float(row["accuracy_difference"]), 100 * float(row["accuracy_se"])),
            with_error("loss_difference", "loss_se")(row),
        )
        for row in comparison["learning"]
    ]
    return markdown(("", "epoch", "test accuracy (percentage points)", "test loss (nats)"), lines)


def _family(run: Excerpt, family: str) -> list[Row]:
    return [row for row in run["deviations"] if row["family"] == family]


def _last(run: Excerpt, table: str) -> list[Row]:
    """Rows of the last epoch; `table` may be a family of deviations."""
    rows = _family(run, table) if table in (PAPER, ALL) else run[table]
    return [row for row in rows if row["epoch"] == rows[-1]["epoch"]]


def _two(value: str | float) -> str:
    return number(value, 2)


def _largest(row: Row) -> str:
    return f"{_two(row['largest'])} ({row['invariant']})"


def _relative(width: int) -> Shown:
    """W2 in units of sqrt(width), the norm of a matrix of entries of variance 1 / width."""
    return lambda row: _two(float(row["w2"]) / math.sqrt(width))


def _unshared(row: Row) -> str:
    """What is left of the excess kurtosis without scales that rows and columns have of their own."""
    shared = float(row["row-shared variance"]) + float(row["column-shared variance"])
    return _two(float(row["excess kurtosis"]) - 3 * shared)


def _detour(row: Row) -> str:
    return f"{float(row['length']) / float(row['net']):.2f}" if float(row["net"]) else NONE


def _normality(row: Row) -> str:
    return f"{probability(row['normality_p'])} / {_two(row['normality_effect'])}"


def _accuracy(run: Excerpt) -> str:
    last = run["training"][-1]
    return percentages(last["test_accuracy_mean"], last["test_accuracy_sd"])


def _correlations(run: Excerpt) -> str:
    rows = _last(run, "layers")
    return " / ".join(f"{float(row['rho']):.2f}".replace("-", "−") for row in rows) or NONE
