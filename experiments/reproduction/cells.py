"""Cells of the tables of results: one row of a CSV file as the text that people read."""

from collections.abc import Callable, Iterable, Sequence

from analysis.show.style import MODEL_TITLES
from experiments.report import page
from experiments.reproduction.excerpts import Row

Shown = Callable[[Row], str]
Line = tuple[str, ...]
"""One row of a table as text."""
NONE = "–"
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def markdown(header: Line, lines: Iterable[Line]) -> str:
    """A table in GitHub's Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, tuple("---" for _ in header), *lines))


def block(label: str, rows: Sequence[Row], epochs: Sequence[str], layers: Sequence[str], shown: Shown) -> list[Line]:
    """One quantity: a line an epoch, a column a layer; the label stands before its first line."""
    lines = []
    for epoch in epochs:
        of_epoch = [row for row in rows if row["epoch"] == epoch]
        if of_epoch:
            lines.append(("" if lines else label, epoch, *(cell(of_epoch, layer, shown) for layer in layers)))
    return lines


def cell(rows: Iterable[Row], layer: str, shown: Shown) -> str:
    """The text of a layer, a dash where there is none."""
    found = [shown(row) for row in rows if row["layer"] == layer]
    return found[0] if found else NONE


def values(rows: Iterable[Row], column: str) -> list[str]:
    """The different values of a column in their order."""
    return list(dict.fromkeys(row[column] for row in rows))


def of(column: str, text: Callable[[str], str] = str) -> Shown:
    """The text of one column."""
    return lambda row: text(row[column]) if row[column] else NONE


def with_error(column: str, error: str) -> Shown:
    """A number with its standard error."""

    def shown(row: Row) -> str:
        return page.measured(float(row[column]), float(row[error])) if row.get(column) else NONE

    return shown


def number(value: str | float, digits: int = 3) -> str:
    """A number to a few digits; large ones with a power of ten."""
    if value == "":
        return NONE
    mantissa, _, power = f"{float(value):.{digits}g}".replace("-", "−").partition("e+")
    return f"{mantissa}·10{power.lstrip('0').translate(RAISED)}" if power else mantissa


def probability(text: str) -> str:
    """A p-value to two digits."""
    return page.probability(float(text)) if text else NONE


def percentages(mean: str, sd: str) -> str:
    """Mean and standard deviation over members, in per cent."""
    return f"{100 * float(mean):.1f} / {100 * float(sd):.1f}"


def model(name: str) -> str:
    """What people call a model of the family."""
    return MODEL_TITLES.get(name, name)
