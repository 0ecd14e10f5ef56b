"""The figures of several runs side by side. They only draw: every number comes from the arrays they are given."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from analysis.comparison import SideBySide
from analysis.recording import member_quantiles
from analysis.show.comparison_tables import layers_of, relative_distances
from analysis.show.drawing import Figure, PowerNorm, curves, interval, laid_out, legend
from analysis.show.style import COLOURS, CONFIDENCE
from analysis.statistics import Statistics, deviating, largest_deviation, significant

LINES = ("-", "--", ":", "-.")
MOST_PAIRS = 15
"""Pairs of runs whose distances one figure can show; more are in the tables only."""
CHANCE: dict[str, Any] = {"linestyle": (0, (1, 3)), "linewidth": 0.8}
"""The look of what shows by chance, apart from that of any run."""
BARS = {"fmt": "o", "markersize": 4, "capsize": 2}


def training(figure: Figure, several: SideBySide) -> Figure:
    """Test accuracy and test loss: median over members with the band from 5 % to 95 %."""
    figure.set_size_inches(8.4, 2.8)
    left, right = figure.subplots(1, 2)
    for name, look, t in _with_looks(several):
        record = t.training
        assert record is not None, "there is nothing to draw of matrices that were not trained"
        for ax, values in ((left, record.test_accuracy), (right, record.test_loss)):
            low, median, high = member_quantiles(record, values)
            curves(ax, t.epochs, median[:, None], [name], **look)
            interval(ax, t.epochs, low, high, look["color"])
    left.set(xlabel="epoch", ylabel="accuracy (fraction)")
    right.set(xlabel="epoch", ylabel="test cross-entropy (nats)")
    legend(right)
    return figure


def trajectories(figure: Figure, several: SideBySide) -> Figure:
    """Relative distance, number of deviating invariants and largest deviation, one column a layer."""
    layers = layers_of(several)
    figure.set_size_inches(2.4 + 2.1 * len(layers), 5.6)
    grid = figure.subplots(3, len(layers), sharex=True, sharey="row", squeeze=False)
    for column, layer in zip(grid.T, layers, strict=True):
        for name, look, t in _with_looks(several):
            if layer in t.layers:
                _trajectory(column, t, t.layers.index(layer), name, look)
        column[0].set_title(layer)
        column[-1].set_xlabel("epoch")
    return _finish(figure, grid, several)


def _trajectory(column: np.ndarray, t: Statistics, i: int, name: str, look: dict[str, Any]) -> None:
    for ax, (values, se) in zip(column, _measures(t, i), strict=True):
        curves(ax, t.epochs, values[:, None], [name], se[:, None], **look)
    column[0].plot(t.epochs, relative_distances(t)[2, :, i], color=look["color"], **CHANCE)


def _measures(t: Statistics, i: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Relative distance, number deviating and largest deviation of a layer over epochs, with standard errors."""
    (distance, distance_se, _), (deviation, deviation_se, _) = relative_distances(t), largest_deviation(t)
    count = significant(t).astype(float)
    pairs = ((distance, distance_se), (count, np.full_like(count, np.nan)), (deviation, deviation_se))
    return tuple((values[:, i], errors[:, i]) for values, errors in pairs)


def distances(figure: Figure, several: SideBySide) -> Figure:
    """The 2-Wasserstein distance between each two runs, with bands of 95 % and the null level dotted."""
    layers = list(dict.fromkeys(layer for b in several.pairs.values() for layer in b.layers))
    figure.set_size_inches(3.4 + 2.1 * len(layers), max(2.8, 0.35 * len(several.pairs)))
    panels = figure.subplots(1, len(layers), sharex=True, sharey=True, squeeze=False)[0]
    for ax, layer in zip(panels, layers, strict=True):
        for k, ((first, second), b) in enumerate(several.pairs.items()):
            if layer in b.layers:
                i, look = b.layers.index(layer), _look(k)
                label = f"{_label(first)}\nto {_label(second)}"
                curves(ax, b.epochs, b.w2[:, [i]], [label], b.w2_se[:, [i]], **look)
                ax.plot(b.epochs, b.w2_null[:, i], color=look["color"], **CHANCE)
        ax.set(title=layer, xlabel="epoch")
    panels[0].set_ylabel("$W_2$ between runs (weight units)")
    panels[0].set_ylim(bottom=0)
    legend(panels[-1], *panels)
    return figure


def deviations(figure: Figure, several: SideBySide) -> Figure:
    """The deviation of each predicted invariant at each run's last epoch, as a map, one panel a layer."""
    first = next(iter(several.runs.values()))
    layers, names = layers_of(several), first.names[first.high]
    figure.set_size_inches(2.2 + sum(0.6 + 0.32 * len(several.runs) for _ in layers), 6.4)
    panels = figure.subplots(1, len(layers), sharey=True, squeeze=False)[0]
    known = [float(d) for t in several.runs.values() for d in t.deviation[-1].ravel() if np.isfinite(d)]
    norm = PowerNorm(0.5, 0.0, max(known, default=1.0))
    for ax, layer in zip(panels, layers, strict=True):
        shown = {name: t for name, t in several.runs.items() if layer in t.layers}
        values = np.stack([t.deviation[-1, t.layers.index(layer)] for t in shown.values()], axis=1)
        image = ax.imshow(values, aspect="auto", cmap="cividis", norm=norm, interpolation="nearest")
        marked = np.stack([deviating(t)[-1, t.layers.index(layer)] for t in shown.values()], axis=1)
        ax.scatter(*np.nonzero(marked.T), s=4, color="white", linewidths=0)
        ax.set_xticks(range(len(shown)), map(_label, shown), rotation=90, fontsize=7)
        ax.set_title(layer)
        ax.grid(visible=False)
    panels[0].set_yticks(range(len(names)), names, fontsize=6.5)
    figure.colorbar(image, ax=list(panels), label="deviation |theory − mean| / standard deviation")
    return figure


def sizes(figure: Figure, several: SideBySide) -> Figure:
    """The same three numbers as in `trajectories`, at each run's last epoch over the size of its matrices."""
    layers = [layer for layer in layers_of(several) if len(_dims(several, layer)) > 1]
    figure.set_size_inches(2.4 + 2.4 * len(layers), 5.8)
    grid = figure.subplots(3, len(layers), sharex="col", sharey="row", squeeze=False)
    for column, layer in zip(grid.T, layers, strict=True):
        for name, look, t in _with_looks(several):
            if layer in t.layers:
                _at_the_end(column, t, t.layers.index(layer), name, look["color"])
        dims = _dims(several, layer)
        column[0].set_title(layer)
        column[-1].set(xlabel="D", xscale="log")
        column[-1].set_xticks(dims, map(str, dims))
        column[-1].minorticks_off()
    return _finish(figure, grid, several)


def _finish(figure: Figure, grid: np.ndarray, several: SideBySide) -> Figure:
    """Name and bound the scales of a grid of distances, counts and deviations, one row each."""
    predicted = len(next(iter(several.runs.values())).symmetry.predicted)
    labels = ("$W_2$ / initial norm", f"deviating of {predicted}", "largest deviation")
    for ax, label in zip(grid[:, 0], labels, strict=True):
        ax.set_ylabel(label)
        ax.set_ylim(bottom=0)
    grid[1, 0].set_ylim(top=predicted + 1)  # room for a curve at the very top
    legend(grid[0, -1], *grid[0])
    return figure


def _at_the_end(column: np.ndarray, t: Statistics, i: int, name: str, colour: str) -> None:
    for ax, (values, se) in zip(column, _measures(t, i), strict=True):
        ax.errorbar(
            t.symmetries[i].shapes[0][0],
            values[-1],
            CONFIDENCE * np.nan_to_num(se[-1]),
            label=name,
            color=colour,
            **BARS,
        )


class Plot(NamedTuple):
    """A figure: how to draw it, and its explanation."""

    draw: Callable[[Figure, SideBySide], Figure]
    caption: str


FIGURES = {
    "training": Plot(training, "Test accuracy and loss: median over members, with the range from 5 % to 95 %."),
    "trajectories": Plot(
        trajectories,
        "Above, the 2-Wasserstein distance of each run's model from its own initial i.i.d. Gaussian (the nearest one "
        "where the initial law is unknown), relative to the root mean square norm of its initial matrices, with 95 % "
        "intervals; dotted, what unchanged ensembles would show. In the middle, how many of the predicted "
        "invariants deviate at a false-discovery rate of 5 %. Below, the largest of their deviations in standard "
        "deviations over members, with 95 % intervals; as the largest of many it is never zero, even where nothing "
        "deviates.",
    ),
    "distances": Plot(
        distances,
        "The 2-Wasserstein distance between the models of each two runs, ± 1.96 standard errors; dotted, its mean when "
        "members are assigned to the two at random: near that level the distance is too large by about as much.",
    ),
    "deviations": Plot(
        deviations,
        "How far each predicted invariant is off at the last epoch of each run, in standard deviations over members "
        "(root scale); a white dot marks those that deviate at a false-discovery rate of 5 %.",
    ),
    "sizes": Plot(
        sizes, "The numbers of the trajectories at the last epoch of each run, over the size D of the matrix."
    ),
}
"""The figures by file name, in the order of the page."""


def available(several: SideBySide) -> tuple[str, ...]:
    """Names of the figures for which there is something to show."""
    several_sizes = any(len(_dims(several, layer)) > 1 for layer in layers_of(several))
    trained = all(t.training is not None for t in several.runs.values())
    shown = {"training": trained, "distances": 0 < len(several.pairs) <= MOST_PAIRS, "sizes": several_sizes}
    return tuple(name for name in FIGURES if shown.get(name, True))


def draw(several: SideBySide, name: str) -> Figure:
    """Draw one of `FIGURES`."""
    return laid_out(lambda figure: FIGURES[name].draw(figure, several))


def _dims(several: SideBySide, layer: str) -> list[int]:
    return sorted(
        {t.symmetries[t.layers.index(layer)].shapes[0][0] for t in several.runs.values() if layer in t.layers}
    )


def _with_looks(several: SideBySide) -> list[tuple[str, dict[str, Any], Statistics]]:
    return [(_label(name), _look(k), t) for k, (name, t) in enumerate(several.runs.items())]


def _label(name: str) -> str:
    """A name as a legend shows it: matplotlib takes $ for mathematics and leaves out what begins with _."""
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")


def _look(k: int) -> dict[str, Any]:
    """Colour and line of the k-th curve, the same in all panels."""
    return {"color": COLOURS[k % len(COLOURS)], "linestyle": LINES[k // len(COLOURS) % len(LINES)]}
