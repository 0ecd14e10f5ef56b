"""The figures of several runs side by side. They only draw: every number comes from the arrays they are given."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from analysis.comparison import Between, SideBySide
from analysis.show.chart import Chart, Curve, Panel, series
from analysis.show.comparison_tables import layers_of, relative_distances
from analysis.show.drawing import Figure, PowerNorm, laid_out, legend
from analysis.show.figures import learning
from analysis.show.style import COLOURS, CONFIDENCE
from analysis.statistics import Statistics, deviating, largest_deviation, significant

MOST_PAIRS = 15
"""Pairs of runs whose distances one figure can show; more are in the tables only."""
BARS: dict[str, Any] = {"fmt": "o", "markersize": 4, "capsize": 2}


def training(several: SideBySide) -> Chart:
    """Test accuracy and test loss: median over members with the range from 5 % to 95 %."""
    accuracy, loss = [], []
    for name, t in several.runs.items():
        record = t.training
        assert record is not None, "there is nothing to draw of matrices that were not trained"
        for curves, values in ((accuracy, record.test_accuracy), (loss, record.test_loss)):
            curves.append(learning(name, t.epochs, record, values)._replace(label=_label(name)))
    left = Panel(tuple(accuracy), "", "epoch", "accuracy (fraction)")
    right = Panel(tuple(loss), "", "epoch", "test cross-entropy (nats)")
    return Chart(((left, right),), (8.4, 2.8), share="none")


def trajectories(several: SideBySide) -> Chart:
    """Relative distance, number of deviating invariants and largest deviation, one column a layer."""
    layers = layers_of(several)
    columns = [_trajectory(several, layer) for layer in layers]
    labels = _measure_labels(several)
    rows = tuple(
        tuple(
            Panel(
                column[r],
                layer if r == 0 else "",
                "epoch" if r == len(labels) - 1 else "",
                "" if k else labels[r],
                floor=0.0,
            )
            for k, (layer, column) in enumerate(zip(layers, columns, strict=True))
        )
        for r in range(len(labels))
    )
    return Chart(rows, (2.4 + 2.1 * len(layers), 5.6))


def _trajectory(several: SideBySide, layer: str) -> tuple[tuple[Curve, ...], ...]:
    """Of one layer the curves of all runs, measure by measure; the first has the level of chance."""
    found: list[list[Curve]] = [[], [], []]
    for name, t in several.runs.items():
        if layer in t.layers:
            i = t.layers.index(layer)
            for curves, (values, se) in zip(found, _measures(t, i), strict=True):
                curves += series(t.epochs, values[:, None], [name], se[:, None], labels=[_label(name)])
            found[0].append(Curve(name, t.epochs, relative_distances(t)[2, :, i], mark="dotted"))
    return tuple(map(tuple, found))


def _measures(t: Statistics, i: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Relative distance, number deviating and largest deviation of a layer over epochs, with standard errors."""
    (distance, distance_se, _), (deviation, deviation_se, _) = relative_distances(t), largest_deviation(t)
    count = significant(t).astype(float)
    pairs = ((distance, distance_se), (count, np.full_like(count, np.nan)), (deviation, deviation_se))
    return tuple((values[:, i], errors[:, i]) for values, errors in pairs)


def _measure_labels(several: SideBySide) -> tuple[str, str, str]:
    predicted = len(next(iter(several.runs.values())).symmetry.predicted)
    return "$W_2$ / initial norm", f"deviating of {predicted}", "largest deviation"


def distances(several: SideBySide) -> Chart:
    """The 2-Wasserstein distance between each two runs, with intervals of 95 % and the null level dotted."""
    layers = list(dict.fromkeys(layer for b in several.pairs.values() for layer in b.layers))
    row = tuple(
        Panel(
            tuple(
                curve for names, b in several.pairs.items() if layer in b.layers for curve in _apart(names, b, layer)
            ),
            layer,
            "epoch",
            "" if k else "$W_2$ between runs (weight units)",
            floor=0.0,
        )
        for k, layer in enumerate(layers)
    )
    return Chart((row,), (3.4 + 2.1 * len(layers), max(2.8, 0.35 * len(several.pairs))))


def _apart(names: tuple[str, str], b: Between, layer: str) -> Iterator[Curve]:
    if layer not in b.layers:
        return
    i, name, label = b.layers.index(layer), " to ".join(names), "\nto ".join(map(_label, names))
    yield from series(b.epochs, b.w2[:, [i]], [name], b.w2_se[:, [i]], labels=[label])
    yield Curve(name, b.epochs, b.w2_null[:, i], mark="dotted")


def deviations(several: SideBySide) -> Figure:
    """The deviation of each predicted invariant at each run's last epoch, as a map, one panel a layer."""
    return laid_out(lambda figure: _deviations(figure, several))


def _deviations(figure: Figure, several: SideBySide) -> Figure:
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


def sizes(several: SideBySide) -> Figure:
    """The same three numbers as in `trajectories`, at each run's last epoch over the size of its matrices."""
    return laid_out(lambda figure: _sizes(figure, several))


def _sizes(figure: Figure, several: SideBySide) -> Figure:
    layers = [layer for layer in layers_of(several) if len(_dims(several, layer)) > 1]
    figure.set_size_inches(2.4 + 2.4 * len(layers), 5.8)
    grid = figure.subplots(3, len(layers), sharex="col", sharey="row", squeeze=False)
    for column, layer in zip(grid.T, layers, strict=True):
        for k, (name, t) in enumerate(several.runs.items()):
            if layer in t.layers:
                _at_the_end(column, t, t.layers.index(layer), _label(name), COLOURS[k % len(COLOURS)])
        dims = _dims(several, layer)
        column[0].set_title(layer)
        column[-1].set(xlabel="D", xscale="log")
        column[-1].set_xticks(dims, map(str, dims))
        column[-1].minorticks_off()
    for ax, label in zip(grid[:, 0], _measure_labels(several), strict=True):
        ax.set_ylabel(label)
        ax.set_ylim(bottom=0)
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

    draw: Callable[[SideBySide], Chart | Figure]
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


def draw(several: SideBySide, name: str) -> Chart | Figure:
    """Draw one of `FIGURES`."""
    return FIGURES[name].draw(several)


def _dims(several: SideBySide, layer: str) -> list[int]:
    return sorted(
        {t.symmetries[t.layers.index(layer)].shapes[0][0] for t in several.runs.values() if layer in t.layers}
    )


def _label(name: str) -> str:
    """A name as a legend shows it: matplotlib takes $ for mathematics and leaves out what begins with _."""
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")
