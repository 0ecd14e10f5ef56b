"""Groups of matrices through the checkpoints of a training: figure, tables, JSON, and what a line says of them."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from analysis.inference.displacement import Displacement
from analysis.inference.multiplicity import LEVEL
from analysis.show.chart import Chart, Curve, Panel, series
from analysis.show.cumulants import SHOWN
from analysis.show.entries import by_name, numbers
from analysis.show.matrices import matrices
from analysis.show.patterns import titled_patterns
from analysis.show.tables import Table, geometry, table_of
from analysis.statistics import Statistics, largest_deviation, variance_unit
from analysis.symmetry import Symmetry
from analysis.symmetry.blocks import upper_triangle
from analysis.weights.group_study import GroupStudy
from analysis.weights.trajectory import Trajectory

MOVED = ("w2", "se", "debiased", "low", "high", "null", "null_upper", "p")
"""What is known of a move."""
CAPTION = (
    "The group through the checkpoints. Above, the 2-Wasserstein distance of its Gaussian law from that of the "
    "first checkpoint, and from that of the one before, per root of the number of entries, with 95 % intervals of the "
    "true ones; dotted, what as many matrices show whose law does not move. In the middle, the mean of an entry in "
    "standard deviations of the first checkpoint, and the variances of the mean entry, of column means, of row means "
    "and of the rest in its variance (linear up to 1). Below, standardised cumulants, 0 for a Gaussian law, and the "
    "largest deviation |theory − mean| / std of the invariants that the law predicts; dotted, what 95 % stay below "
    "by chance. Intervals are of 95 %."
)
SHORT_CAPTION = "Moves, mean and variances, cumulants and the largest deviation, as in the first group."
TABLE_CAPTION = (
    "Every group at every checkpoint: how far its law is from that of the first checkpoint, and from that of the one "
    "before: 2-Wasserstein distance (not squared) with standard error, the same without what chance adds to its "
    "square, 95 % interval of the true one, mean and 95 % quantile of what as many matrices show whose law does not "
    "move, and the share p of such distances that are at least as large. Then what the law at this checkpoint is, as "
    "of every weight matrix of a run; its distance is to the nearest independent entries."
)


def moved(row: GroupStudy) -> dict[str, float]:
    """From the first checkpoint to the last, all distances per root of the number of entries; by name in `MOVED`."""
    values = _values(_path(row).from_first[-1], _size(row))
    return dict(zip(MOVED, values, strict=True))


def moved_texts(row: GroupStudy) -> tuple[str, str]:
    """The same with its error, and what chance makes of it."""
    one = moved(row)
    error = f" ± {one['se']:.2g}" if np.isfinite(one["se"]) else ""
    return f"{one['w2']:.3g}{error}", f"{one['null']:.2g}" if np.isfinite(one["null"]) else "–"


def move_sentence(row: GroupStudy) -> str:
    """Whether the law moved on its way, and when most; empty where there is one model, or too few matrices to tell."""
    if row.trajectory is None or not np.isfinite(row.trajectory.statistics.paths[0].p):
        return ""
    path, steps = row.trajectory, row.trajectory.statistics.epochs
    p = path.statistics.paths[0].p
    if p >= LEVEL:
        return f"Through its checkpoints its law moves no further than by chance (p = {p:.2g})."
    most = int(np.argmax(_column(path.by_step, "w2", 1.0)))
    w2, null = (_values(path.by_step[most], _size(row))[MOVED.index(name)] for name in ("w2", "null"))
    return f"Its law moves most from step {steps[most]} to {steps[most + 1]}: by {w2:.2g} ({null:.2g} by chance)."


def trajectory_table(rows: Sequence[GroupStudy]) -> Table:
    """Every group at every checkpoint."""
    lines = []
    for row in rows:
        of_law = matrices(_path(row).statistics)
        for (step, first, before), values in zip(_moves(_path(row)), of_law.rows, strict=True):
            cells: dict[str, str | int | float] = {"group": row.group.name, "step": step}
            cells |= {f"moved_{name}": value for name, value in zip(MOVED, _values(first), strict=True)}
            cells |= {f"step_{name}": value for name, value in zip(MOVED, _values(before), strict=True)}
            lines.append(cells | dict(zip(of_law.header[2:], values[2:], strict=True)))
    return table_of(lines, TABLE_CAPTION)


def paths_table(rows: Sequence[GroupStudy]) -> Table:
    """How long the way of every group through all checkpoints is, and how far it gets."""
    known = [geometry(_path(row).statistics) for row in rows]
    cells = [dict(zip(("group", *one.header[1:]), line, strict=True)) for one in known for line in one.rows]
    return table_of(cells, known[0].caption)


def trajectory_entry(row: GroupStudy) -> dict[str, Any]:
    """The same as plain values for JSON; NaN becomes null."""
    t, path = _path(row).statistics, _path(row)
    named = titled_patterns(t.symmetry)
    at = list(named.values())
    return {
        "path": numbers(**t.paths[0]._asdict()),
        "checkpoints": [
            {
                "step": step,
                "members": int(t.used[e, 0]),
                "from_first": numbers(**dict(zip(MOVED, _values(first), strict=True))),
                "from_previous": numbers(**dict(zip(MOVED, _values(before), strict=True))),
                "parameters": by_name(t.symmetry.parameter_names, value=t.parameters[e, 0], se=t.parameters_se[e, 0]),
                "to_iid": numbers(w2=t.w2[e, 0], se=t.w2_se[e, 0], null=t.w2_null[e, 0]),
                "standardised": by_name(
                    tuple(named),
                    value=t.standardised[e, 0, at],
                    se=t.standardised_se[e, 0, at],
                    q=t.cumulants_q[e, 0, at],
                ),
            }
            for e, (step, first, before) in enumerate(_moves(path))
        ],
    }


def draw_trajectory(row: GroupStudy) -> Chart:
    """Moves, mean and variances, cumulants and the largest deviation at every step."""
    path = _path(row)
    t = path.statistics
    middle = (_mean(t), _variances(t))
    panels = ((_distances(path, _size(row)),), middle, (_cumulants(t), _deviations(t)))
    rows = tuple(tuple(panel._replace(x_label="step") for panel in one) for one in panels)
    return Chart(rows, (7.2, 6.4), share="none", epochs=False, symmetry=t.symmetry)


def draw_moves(rows: Sequence[GroupStudy]) -> Chart:
    """How far the law of each group is from that of the first checkpoint, one curve a group."""
    curves = tuple(
        Curve(f"{k} {row.group.name}", _path(row).statistics.epochs, _column(_path(row).from_first, "w2", _size(row)))
        for k, row in enumerate(rows, start=1)
    )
    panel = Panel(curves, "", "step", r"$W_2 / \sqrt{mn}$ from the first", floor=0.0)
    return Chart(((panel,),), (7.2, 3.0), epochs=False)


def _distances(path: Trajectory, size: float) -> Panel:
    steps = path.statistics.epochs
    curves = []
    for name, moves, x in (
        ("from the first", path.from_first, steps),
        ("from the one before", path.by_step, steps[1:]),
    ):
        w2, se, low, high, null = (_column(moves, field, size) for field in ("w2", "se", "low", "high", "null"))
        curves += [Curve(name, x, w2, low, high, se), Curve(name, x, null, mark="dotted")]
    return Panel(tuple(curves), "", y_label=r"$W_2 / \sqrt{mn}$ (weight units)", floor=0.0)


def _mean(t: Statistics) -> Panel:
    ones = np.asarray(t.symmetry.project(np.ones(t.symmetry.shapes[0]))[0])[:1]
    unit = np.sqrt(variance_unit(t)[0]) * t.symmetry.mean_unit * ones
    values, errors = (f[:, 0, :1] / unit for f in (t.parameters, t.parameters_se))
    return Panel(series(t.epochs, values, ["mean"], errors), "", y_label="mean / standard deviation", level=0.0)


def _variances(t: Statistics) -> Panel:
    places = _variance_places(t.symmetry)
    values, errors = (f[:, 0, places] / variance_unit(t)[0] for f in (t.parameters, t.parameters_se))
    curves = series(t.epochs, values, [t.symmetry.parameter_names[k] for k in places], errors)
    return Panel(curves, "", y_label="variance / first variance", level=1.0, linear=1.0, floor=0.0)


def _variance_places(symmetry: Symmetry) -> list[int]:
    """Positions of the parameters that are variances, not means or covariances."""
    start, places = symmetry.blocks[0].slots, []
    for block in symmetry.blocks:
        rows, columns = upper_triangle(block.slots)
        places += (start + np.flatnonzero(rows == columns)).tolist()
        start += block.entries
    return places


def _cumulants(t: Statistics) -> Panel:
    titled = {title: at for title, at in titled_patterns(t.symmetry).items() if title in SHOWN}
    at = list(titled.values())
    values, errors, q = (field[:, 0, at] for field in (t.standardised, t.standardised_se, t.cumulants_q))
    graphs = tuple(t.symmetry.patterns[k] for k in at)
    curves = series(t.epochs, values, list(titled), errors, q, graphs=graphs)
    return Panel(curves, "", y_label="standardised cumulant", level=0.0, linear=0.1)


def _deviations(t: Statistics) -> Panel:
    value, error, position = (one[:, 0] for one in largest_deviation(t))
    chance = np.take_along_axis(t.deviation_chance[:, 0], position[:, None], axis=1)[:, 0]
    graphs = tuple(t.symmetry.predicted[k] for k in position)
    name = "largest deviation"
    curves = (Curve(name, t.epochs, value, se=error, graphs=graphs), Curve(name, t.epochs, chance, mark="dotted"))
    return Panel(curves, "", y_label="deviation", linear=0.1, floor=0.0)


def _moves(path: Trajectory) -> Iterator[tuple[int, Displacement, Displacement | None]]:
    """Of each checkpoint its step, the move from the first, and that from the one before."""
    return zip(path.statistics.epochs.tolist(), path.from_first, (None, *path.by_step), strict=True)


def _values(move: Displacement | None, size: float = 1.0) -> tuple[float, ...]:
    """What is known of a move, in the order of `MOVED`; distances in a unit."""
    if move is None:
        return (float("nan"),) * len(MOVED)
    lengths = (move.w2, move.se, *move.distance, move.null, move.null_upper)
    return (*(length / size for length in lengths), move.p)


def _column(moves: Sequence[Displacement], name: str, size: float) -> Float[np.ndarray, "moves"]:
    at = MOVED.index(name)
    return np.array([_values(move, size)[at] for move in moves])


def _path(row: GroupStudy) -> Trajectory:
    assert row.trajectory is not None, "a group of a single model has not moved"
    return row.trajectory


def _size(row: GroupStudy) -> float:
    return float(row.statistics.root_size[0])
