"""The figures of an ensemble at one time: each number as a dot with its interval, in the order of its table."""

from collections.abc import Sequence

import numpy as np

from analysis.show.chart import Band, Chart, Curve, Panel
from analysis.show.style import CONFIDENCE, families, layer_titles, parameter_panels
from analysis.statistics import Statistics


def dot_deviations(t: Statistics) -> Chart:
    """The deviations |theory - mean| / std of the predicted invariants by number, coloured by family."""
    groups = families(t.symmetry)
    row = tuple(
        Panel(
            tuple(_family(t, layer, family, members) for family, members in groups.items()),
            title,
            "number of the invariant",
            "" if layer else "|theory − mean| / standard deviation",
            (_chance(t, layer),),
            linear=0.1,
            floor=0.0,
        )
        for layer, title in enumerate(layer_titles(t))
    )
    return Chart((row,), (1.6 + 4.0 * len(row), 3.0), "all", epochs=False, symmetry=t.symmetry)


def _family(t: Statistics, layer: int, family: str, members: slice) -> Curve:
    values, errors, q = (some[0, layer, members] for some in (t.deviation, t.deviation_se, t.q))
    names, graphs = t.names[t.high][members], t.graphs[t.high][members]
    return Curve(family, _numbers(t)[members], values, se=errors, q=q, graphs=graphs, points=names, mark="dots")


def _chance(t: Statistics, layer: int) -> Band:
    """What 95 % of true laws stay below, invariant by invariant."""
    level = np.nan_to_num(t.deviation_chance[0, layer])
    return Band(_numbers(t), np.zeros_like(level), level)


def _numbers(t: Statistics) -> np.ndarray:
    """Of the predicted invariants, which follow those that are fitted: I14 has 14."""
    return 1.0 + len(t.names[t.low]) + np.arange(len(t.names[t.high]))


def dot_parameters(t: Statistics) -> Chart:
    """The parameters by number with intervals of 95 %, a panel a block, rows by layer."""
    groups = parameter_panels(t.symmetry)
    rows = tuple(
        tuple(
            Panel(
                (_block(t, layer, members),),
                f"{layer_title}, {title}" if len(t.layers) > 1 else title,
                "number of the parameter",
                level=0.0,
            )
            for title, (members, _) in groups.items()
        )
        for layer, layer_title in enumerate(layer_titles(t))
    )
    return Chart(rows, (1.0 + 2.2 * len(groups), 0.4 + 2.4 * len(rows)), "none", epochs=False)


def _block(t: Statistics, layer: int, members: Sequence[int]) -> Curve:
    chosen = list(members)
    values, errors = (some[0, layer, chosen] for some in (t.parameters, t.parameters_se))
    half, names = CONFIDENCE * errors, tuple(t.symmetry.parameter_names[k] for k in chosen)
    x = 1.0 + np.array(chosen)
    return Curve("parameters", x, values, values - half, values + half, errors, points=names, mark="dots")
