"""The figures of several runs side by side. They only draw: every number comes from the arrays they are given."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from analysis.comparison import Between, SideBySide
from analysis.show.chart import Chart, Curve, Panel, series
from analysis.show.comparison_tables import layers_of, relative_distances
from analysis.show.figures import learning
from analysis.show.style import height_of
from analysis.statistics import Statistics, deviating, largest_deviation, significant

MOST_PAIRS = 15
"""Pairs of runs whose distances one figure can show; more are in the tables only."""
SPREAD = 0.6
"""Of the distance between two invariants, the part over which the dots of the runs are spread."""


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


def deviations(several: SideBySide) -> Chart:
    """The deviation of each predicted invariant at each run's last epoch, one panel a layer."""
    first = next(iter(several.runs.values()))
    names, apart = first.names[first.high], np.linspace(-SPREAD / 2, SPREAD / 2, len(several.runs))
    row = tuple(
        Panel(
            tuple(
                _deviations(name, t, t.layers.index(layer), shift)
                for (name, t), shift in zip(several.runs.items(), apart, strict=True)
                if layer in t.layers
            ),
            layer,
            "invariant",
            "deviation",
            linear=0.1,
            floor=0.0,
            places=names,
        )
        for layer in layers_of(several)
    )
    return Chart((row,), (2.4 + 2.1 * len(row), height_of(names)), epochs=False, symmetry=first.symmetry)


def _deviations(name: str, t: Statistics, layer: int, shift: float) -> Curve:
    values, errors, q = (field[-1, layer] for field in (t.deviation, t.deviation_se, t.q))
    return Curve(
        name,
        1.0 + np.arange(len(values)) + shift,
        values,
        se=errors,
        q=q,
        within_chance=~deviating(t)[-1, layer],
        label=_label(name),
        graphs=t.graphs[t.high],
        mark="dots",
    )


def sizes(several: SideBySide) -> Chart:
    """The same three numbers as in `trajectories`, at each run's last epoch over the size of its matrices."""
    layers, labels = [layer for layer in layers_of(several) if len(_dims(several, layer)) > 1], _measure_labels(several)
    rows = tuple(
        tuple(
            Panel(
                tuple(_at_the_end(several, layer, measure)),
                "" if measure else layer,
                "D" if measure == len(labels) - 1 else "",
                "" if k else label,
                floor=0.0,
                sizes=True,
            )
            for k, layer in enumerate(layers)
        )
        for measure, label in enumerate(labels)
    )
    return Chart(rows, (2.4 + 2.4 * len(layers), 5.8), epochs=False)


def _at_the_end(several: SideBySide, layer: str, measure: int) -> Iterator[Curve]:
    """One dot a run."""
    for name, t in several.runs.items():
        if layer in t.layers:
            i = t.layers.index(layer)
            values, se = (field[-1:, None] for field in _measures(t, i)[measure])
            (curve,) = series(np.array([_dim(t, i)]), values, [name], se, labels=[_label(name)])
            yield curve._replace(mark="dots")


class Plot(NamedTuple):
    """A figure: how to draw it, and its explanation."""

    draw: Callable[[SideBySide], Chart]
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
        "How far each predicted invariant is off at the last epoch of each run, |theory − mean| in standard deviations "
        "over members (linear up to 0.1); open where it does not deviate at a false-discovery rate of 5 %.",
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


def draw(several: SideBySide, name: str) -> Chart:
    """Draw one of `FIGURES`."""
    return FIGURES[name].draw(several)


def _dims(several: SideBySide, layer: str) -> list[int]:
    return sorted({_dim(t, t.layers.index(layer)) for t in several.runs.values() if layer in t.layers})


def _dim(t: Statistics, i: int) -> int:
    """The rows of a layer."""
    return t.symmetries[i].shapes[0][0]


def _label(name: str) -> str:
    """A name as a legend shows it: matplotlib takes $ for mathematics and leaves out what begins with _."""
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")
