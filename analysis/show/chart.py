"""A chart as data: the printed figure, the one that answers on the page, and its CSV file are all made from it."""

import re
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Real

from analysis.show.style import COLOURS, CONFIDENCE
from analysis.show.tables import Table
from analysis.symmetry import Symmetry
from invariants import Graph

Vector = Real[np.ndarray, "points"]
Mark = Literal["line", "dotted", "dots", "points", "steps", "ticks"]
"""How a curve is drawn: as a line, its chance level, separate dots with or without a line of intervals, a histogram
(of which the last value is the end of the last bin), or marks on the axis."""
LINES = ("-", "--", ":", "-.")
SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
WORDS = {r"\otimes": "⊗", r"\sqrt{mn}": "√(mn)", r"\chi": "χ", r"\sum ": "Σ ", r"^2": "²", r"\$": "$"}
"""What LaTeX says, as text."""


class Curve(NamedTuple):
    """One series: a name, its numbers, and what is known of each of them."""

    name: str
    """Curves of one name share a colour and an entry of the legend."""
    x: Vector
    y: Vector
    low: Vector | None = None
    """Lower end of a 95 % interval; None without one."""
    high: Vector | None = None
    se: Vector | None = None
    """Standard errors."""
    q: Vector | None = None
    """Adjusted p-values."""
    within_chance: Bool[np.ndarray, "points"] | None = None
    """Which points, drawn as separate dots, chance explains: they are open; None where that is not asked."""
    label: str = ""
    """The name in LaTeX, where it has one."""
    graph: Graph | None = None
    """What it is the number of."""
    graphs: tuple[Graph, ...] = ()
    """Where each point is of a graph of its own, these."""
    points: tuple[str, ...] = ()
    """Where each point has a name of its own, these."""
    mark: Mark = "line"
    frame: str = ""
    """The position of the slider at which it is seen; "" at all of them."""
    printed: bool = True
    """Whether it is in the printed figure."""


class Band(NamedTuple):
    """A grey area: what chance makes."""

    x: Vector
    low: Vector
    high: Vector
    frame: str = ""
    printed: bool = True


class Panel(NamedTuple):
    """Curves on common axes."""

    curves: tuple[Curve, ...]
    title: str = ""
    x_label: str = ""
    y_label: str = ""
    bands: tuple[Band, ...] = ()
    level: float | Literal["diagonal"] | None = None
    """Where a black line marks what is to be compared with."""
    linear: float | None = None
    """Up to where the vertical scale is linear that is logarithmic beyond; None for a linear scale."""
    floor: float | None = None
    """Where the vertical scale begins; None for where the numbers do."""
    ceiling: float | None = None
    """Where it ends."""
    sizes: bool = False
    """Whether the horizontal scale is logarithmic, with a tick at every point."""
    places: tuple[str, ...] = ()
    """Names of the places 1, 2, ... of separate dots: they stand below each other, and their values go across."""


class Chart(NamedTuple):
    """Rows of panels."""

    rows: tuple[tuple[Panel, ...], ...]
    size: tuple[float, float]
    """Width and height in inches."""
    share: Literal["all", "row", "none"] = "row"
    """Which panels have the same vertical scale."""
    label: str = ""
    """What is on all vertical axes."""
    epochs: bool = True
    """Whether the horizontal axis is that of epochs, common to all panels without places."""
    symmetry: Symmetry | None = None
    """That of the graphs of the curves, where they have some."""


class Look(NamedTuple):
    """Colour and dashes of a curve."""

    colour: str
    dashes: str


def series(
    x: Vector,
    values: Float[np.ndarray, "points curves"],
    names: tuple[str, ...] | list[str],
    se: Float[np.ndarray, "points curves"] | None = None,
    q: Float[np.ndarray, "points curves"] | None = None,
    labels: tuple[str, ...] | list[str] = (),
    graphs: tuple[Graph, ...] = (),
    intervals: bool = True,
) -> tuple[Curve, ...]:
    """One curve a column, with the 95 % intervals of its standard errors where these are given and to be shown."""
    made = []
    for k, name in enumerate(names):
        y, error = values[:, k], None if se is None else se[:, k]
        half = None if error is None or not intervals else CONFIDENCE * error
        made.append(
            Curve(
                name,
                x,
                y,
                *((None, None) if half is None else (y - half, y + half)),
                se=error,
                q=None if q is None else q[:, k],
                label=labels[k] if labels else "",
                graph=graphs[k] if graphs else None,
            )
        )
    return tuple(made)


def looks(row: tuple[Panel, ...]) -> Mapping[str, Look]:
    """The look of each name of a row, the same in all its panels: colours first, then dashes."""
    names = dict.fromkeys(curve.name for panel in row for curve in panel.curves)
    return {
        name: Look(COLOURS[k % len(COLOURS)], LINES[k // len(COLOURS) % len(LINES)]) for k, name in enumerate(names)
    }


def frames(chart: Chart) -> tuple[str, ...]:
    """Positions of the slider, by their numbers, as not every panel has all of them; none without a slider."""
    named = (curve.frame for row in chart.rows for panel in row for curve in panel.curves)
    return tuple(sorted(dict.fromkeys(frame for frame in named if frame), key=_number))


def _number(frame: str) -> float:
    """The first number in the name of a frame, such as "epoch 10"."""
    found = re.search(r"\d+", frame)
    return float(found[0]) if found else 0.0


def plain(latex: str) -> str:
    r"""A short text in LaTeX as plain text: "$W_2 / \sqrt{mn}$" becomes "W₂ / √(mn)"."""
    text = re.sub(r"_\{?(\d+)\}?", lambda match: match[1].translate(SUBSCRIPT), latex)
    for word, sign in WORDS.items():
        text = text.replace(word, sign)
    return re.sub(r"(?<!\w)\$|\$(?!\w)|[{}]", "", text) if "$" in latex else text


def points(chart: Chart) -> Table:
    """All numbers of a chart, one row a point."""
    header = ("panel", "curve", "at", "x", "y", "low", "high", "se", "q", "within_chance", "graph", "point")
    rows = (line for row in chart.rows for panel in row for curve in panel.curves for line in _points(panel, curve))
    return Table(header, tuple(rows), "All numbers of the figure.")


def _points(panel: Panel, curve: Curve) -> Iterator[tuple[str | float, ...]]:
    where = " ".join(filter(None, (plain(panel.title), plain(panel.y_label).replace("\n", " "))))
    name = f"{curve.name}, by chance" if curve.mark == "dotted" else curve.name
    absent = np.full(len(curve.x), np.nan)
    columns = (curve.low, curve.high, curve.se, curve.q, curve.within_chance)
    numbers = zip(curve.x, curve.y, *(absent if one is None else one for one in columns), strict=True)
    for k, values in enumerate(numbers):
        graph = curve.graphs[k] if curve.graphs else curve.graph
        yield (
            where,
            name,
            curve.frame,
            *map(float, values),
            "" if graph is None else str(graph),
            _name(panel, curve, k),
        )


def _name(panel: Panel, curve: Curve, k: int) -> str:
    """Of a point: its own, or that of its place, from which dots that would hide each other stand a little apart."""
    if curve.points:
        return curve.points[k]
    return panel.places[round(float(curve.x[k])) - 1] if panel.places else ""
