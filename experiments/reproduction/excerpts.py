"""The few numbers of a run folder that a page of results quotes: rows of its tables, small enough to be kept."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from analysis.inference.multiplicity import LEVEL
from analysis.inspection import key_epochs
from experiments.errors import UserError
from experiments.store import atomic

Row = Mapping[str, str]
Excerpt = Mapping[str, Sequence[Row]]
"""Rows by table."""
DIGITS = 6
KEPT = {
    "training": ("epoch", "members", "test_accuracy_mean", "test_accuracy_sd"),
    "wasserstein": ("epoch", "layer", "w2", "se", "null", "null_upper"),
    "geometry": ("layer", "length", "net", "p"),
    "models": (
        *("epoch", "layer", "accepted", "identities_p", "normality_p", "normality_effect"),
        *("significant", "largest_deviation"),
    ),
    "inspection": ("epoch", "layer", "rows_p", "columns_p"),
    "layers": (
        *("epoch", "below", "above", "rho", "low", "high", "difference", "difference_se"),
        *("relabelled_sums", "relabelled_squares"),
    ),
    "joint_law": ("epoch", "bartlett", "dof", "p", "w2", "w2_independent"),
    "prediction": ("epoch", "set", "r2", "se", "p"),
    "couplings": ("epoch", "matrix", "cubic", "quartic", "selected", "explained_gaussian", "explained_coupled"),
}
"""Columns of the tables of which the rows of the key epochs are kept as they are."""
OF_COMPARISONS = {
    "between": ("epoch", "first", "second", "layer", "w2", "se", "null", "p", "differing"),
    "learning": ("epoch", "first", "second", "accuracy_difference", "accuracy_se", "loss_difference", "loss_se"),
}
"""The same of a comparison."""
COUNTED = ("deviations", "cumulants")
"""Tables of counts."""
NAMED = ("skewness", "excess kurtosis", "row-shared variance", "column-shared variance")
"""Cumulants of which the values are kept, not only the count."""


def excerpt(folder: Path) -> dict[str, list[dict[str, str]]]:
    """What is quoted of a finished run: tables at its key epochs, counts of deviations and of cumulants.

    Raises:
        UserError: the folder holds no table of its training, as finished runs do.
    """
    key = _key(folder, "training")
    found = {name: _kept(_read(folder / "tables" / f"{name}.csv"), columns, key) for name, columns in KEPT.items()}
    predicted = {name: _read(folder / "tables" / f"{name}.csv") for name in ("invariants", "all_invariants")}
    deviations = [row for name, rows in predicted.items() for row in _deviations(rows, name, key)]
    cumulants = _cumulants(_read(folder / "tables" / "cumulants.csv"), key)
    return found | {"deviations": deviations, "cumulants": cumulants}


def comparison_excerpt(folder: Path) -> dict[str, list[dict[str, str]]]:
    """What is quoted of a comparison of runs, at its key epochs.

    Raises:
        UserError: the folder holds no comparison.
    """
    key = _key(folder, "learning")
    tables = {name: _read(folder / "tables" / f"{name}.csv") for name in OF_COMPARISONS}
    return {name: _kept(tables[name], columns, key) for name, columns in OF_COMPARISONS.items()}


def write_excerpt(found: Excerpt, place: Path) -> None:
    """One CSV file a table that has rows."""
    for name, rows in found.items():
        if rows:
            text = io.StringIO()
            writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            atomic.write_text(place / f"{name}.csv", text.getvalue())


def read_excerpt(place: Path) -> dict[str, list[dict[str, str]]]:
    """What `write_excerpt` wrote; tables that had no rows have none."""
    return {name: _read(place / f"{name}.csv") for name in (*KEPT, *OF_COMPARISONS, *COUNTED)}


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _key(folder: Path, table: str) -> set[str]:
    """The key epochs of the table that has a row for every epoch."""
    path = folder / "tables" / f"{table}.csv"
    epochs = np.unique([int(row["epoch"]) for row in _read(path)])
    if not len(epochs):
        raise UserError(f"{folder} is not finished: {path.name} is missing among its tables, or empty")
    return {str(epochs[k]) for k in key_epochs(epochs)}


def _kept(rows: Iterable[Row], columns: Sequence[str], key: set[str]) -> list[dict[str, str]]:
    return [{c: _short(row[c]) for c in columns} for row in rows if "epoch" not in row or row["epoch"] in key]


def _deviations(rows: Iterable[Row], family: str, key: set[str]) -> list[dict[str, str]]:
    """How many of the predicted invariants deviate in a cell, how much in the middle, and which one most."""
    found = []
    for (epoch, layer), cell in _cells(rows, "q", key).items():
        deviations = [float(row["deviation"]) for row in cell]
        largest = cell[int(np.argmax(deviations))]
        found.append(
            {
                "family": family,
                "epoch": epoch,
                "layer": layer,
                "of": str(len(cell)),
                "significant": str(_significant(cell)),
                "median": _short(str(np.median(deviations))),
                "largest": _short(largest["deviation"]),
                "invariant": largest["invariant"],
            }
        )
    return found


def _cumulants(rows: Iterable[Row], key: set[str]) -> list[dict[str, str]]:
    """How many cumulants differ from 0 in a cell, and the values of those that people have names for."""
    found = []
    for (epoch, layer), cell in _cells(rows, "q", key).items():
        one = {"epoch": epoch, "layer": layer, "of": str(len(cell)), "significant": str(_significant(cell))}
        for row in cell:
            if row["name"] in NAMED:
                one[row["name"]] = _short(row["standardised"])
                one[f"{row['name']} se"] = _short(row["standardised_se"])
        found.append(one)
    return found


def _cells(rows: Iterable[Row], tested: str, key: set[str]) -> dict[tuple[str, str], list[Row]]:
    """The rows that have a test, by epoch and layer."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["epoch"] in key and row[tested]:
            found.setdefault((row["epoch"], row["layer"]), []).append(row)
    return found


def _significant(cell: Iterable[Row]) -> int:
    return sum(float(row["q"]) < LEVEL for row in cell)


def _short(text: str) -> str:
    """A number to so many digits; words and whole numbers as they are."""
    try:
        return text if text.isdigit() else f"{float(text):.{DIGITS}g}"
    except ValueError:
        return text
