"""Two models compared, a row a group: for the terminal, as CSV, as JSON."""

import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np

from analysis.inference.multiplicity import LEVEL
from analysis.show.entries import by_name, numbers
from analysis.show.tables import Table
from analysis.weights.model_contrast import GroupContrast, ModelContrast
from analysis.weights.tensors import sized

SCHEMA = 1
WIDTH = 112
MOST = 3
"""Quantities named in a sentence."""
ROUNDING = 1e-12
"""Nats below which a divergence is one of rounding."""
COLUMNS = (("shape", 14), ("members", 12), ("moved", 9), ("W2/√mn", 19), ("by chance", 10), ("KL, nats", 10), ("q", 8))
"""Headings of the numbers in a terminal, and how many characters each has."""
LEGEND = (
    "moved: |B - A| / |A| of a matrix, root mean square over members. W2/√mn: distance between the Gaussian laws of "
    "the two groups, and what chance makes of it: members that trade places. KL: divergence of the second law from the "
    "first. q: of the distance, false-discovery rate over the groups. Members of one name in both are pairs, and what "
    "differs within pairs is tested by its signs."
)
CAPTION = (
    "One row a group that both models have: members of each, and whether they are pairs; root mean square of |B - A| / "
    "|A|; 2-Wasserstein distance of the fitted laws per root of the number of entries with standard error, mean where "
    "members trade places, p and q; Kullback-Leibler divergence of the second law from the first in nats with error "
    "and mean; p that nothing differs within pairs, and what does at a false-discovery rate of 5 %."
)


def contrast_table(found: ModelContrast) -> Table:
    """All numbers, one row a group, the largest distance first."""
    cells = [dict(_cells(row)) for row in found.rows]
    return Table(tuple(cells[0]), tuple(tuple(row.values()) for row in cells), CAPTION)


def contrast_entry(found: ModelContrast) -> dict[str, Any]:
    """The comparison as plain values for JSON; NaN becomes null."""
    return {
        "schema": SCHEMA,
        "titles": list(found.titles),
        "groups": [_entry(row) for row in found.rows],
        "alone": list(found.alone),
    }


def contrast_terminal(found: ModelContrast) -> str:
    """The table as text."""
    indent = "   "
    head = indent + " ".join(f"{name:>{width}}" for name, width in COLUMNS)
    lines = [f"{found.titles[1]} against {found.titles[0]}: {len(found.rows)} groups, the most distant first", "", head]
    for number, row in enumerate(found.rows, start=1):
        cells = zip(contrast_texts(row), COLUMNS, strict=True)
        lines += [
            f"{number:2} {row.group.name} ({row.group.formed})",
            indent + " ".join(f"{text:>{width}}" for text, (_, width) in cells),
            *_wrapped(contrast_sentence(row), indent),
        ]
    alone = [f"Left out: {'; '.join(found.alone)}."] if found.alone else []
    return "\n".join([*lines, "", *_wrapped(" ".join([LEGEND, *alone]), "")])


def contrast_texts(row: GroupContrast) -> tuple[str, ...]:
    """The numbers of a line, in the order of `COLUMNS`."""
    c, size = row.contrast, float(np.sqrt(np.prod(row.group.shape)))
    first, second = c.members
    error = f" ± {c.w2_se / size:.2g}" if np.isfinite(c.w2_se) else ""
    return (
        sized(row.group.shape),
        f"{first} pair{'' if first == 1 else 's'}" if row.pairs else f"{first} and {second}",
        _percent(root_mean_square(row.pairs.moved)) if row.pairs else "–",
        f"{c.w2 / size:.3g}{error}",
        f"{c.w2_null / size:.2g}",
        (f"{c.kl:.3g}" if c.kl > ROUNDING else "0") if np.isfinite(c.kl) else "–",
        f"{row.q:.2g}",
    )


def root_mean_square(values: np.ndarray) -> float:
    """Over those that are known; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(np.sqrt(np.mean(known**2))) if len(known) else np.nan


def contrast_sentence(row: GroupContrast) -> str:
    """What differs, in a sentence."""
    c = row.contrast
    if row.pairs and not np.nansum(row.pairs.moved):
        return "The two are the same."
    if row.pairs:
        within = row.pairs.within
        names = [(n, v, q) for n, v, q in zip(within.names, within.value, within.q, strict=True) if q < LEVEL]
        known = f"nothing differs in the same way in all pairs (p = {within.any_p:.2g})"
    else:
        difference = zip(c.names, c.invariants.effect, c.q, strict=True)
        names = [(n, v, q) for n, v, q in difference if q < LEVEL]
        known = "no mean invariant differs by more than chance"
    far = f"The laws are {'' if row.q < LEVEL else 'not shown to be '}apart (q = {row.q:.2g})"
    if not names:
        return f"{far}; {known}."
    listed = ", ".join(_change(name, float(value)) for name, value, _ in sorted(names, key=lambda one: one[2])[:MOST])
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return f"{far}; what differs: {listed}{more}."


def _change(name: str, value: float) -> str:
    """A ratio for a logarithm, else which way."""
    if name.startswith("log "):
        return f"variance of {name.removeprefix('log ')} times {np.exp(value):.3g}"
    return f"{name} {'up' if value > 0 else 'down'}"


def _percent(part: float) -> str:
    if np.isinf(part):
        return "from 0"
    return f"{100 * part:.3g} %" if np.isfinite(part) else "–"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _cells(row: GroupContrast) -> Iterator[tuple[str, str | int | float]]:
    c, size, pairs = row.contrast, float(np.sqrt(np.prod(row.group.shape))), row.pairs
    yield from (("group", row.group.name), ("rows", row.group.shape[0]), ("columns", row.group.shape[1]))
    yield from (("first_members", c.members[0]), ("second_members", c.members[1]))
    yield "paired", str(pairs is not None).lower()
    yield "moved", root_mean_square(pairs.moved) if pairs else np.nan
    yield from (("w2", c.w2 / size), ("se", c.w2_se / size), ("null", c.w2_null / size), ("p", c.w2_p), ("q", row.q))
    yield from (("kl", c.kl), ("kl_se", c.kl_se), ("kl_null", c.kl_null))
    yield "within_p", pairs.within.any_p if pairs else np.nan
    yield "what", contrast_sentence(row)


def _entry(row: GroupContrast) -> dict[str, Any]:
    c = row.contrast
    entry: dict[str, Any] = {
        "name": row.group.name,
        "shape": list(row.group.shape),
        "members": list(c.members),
        "wasserstein": numbers(w2=c.w2, se=c.w2_se, null=c.w2_null, p=c.w2_p, q=row.q),
        "kullback_leibler": numbers(kl=c.kl, se=c.kl_se, null=c.kl_null),
        "invariants": by_name(
            c.names, difference=c.invariants.value, se=c.invariants.se, effect=c.invariants.effect, q=c.q
        ),
    }
    if row.pairs:
        one = row.pairs.within
        entry["pairs"] = {
            "moved": [value if np.isfinite(value) else None for value in row.pairs.moved.tolist()],
            "any_p": one.any_p,
            "status": one.status,
            "quantities": by_name(one.names, difference=one.value, se=one.se, effect=one.effect, p=one.p, q=one.q),
        }
    return entry
