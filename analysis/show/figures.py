"""The figures of a run, as charts. They only show: every number comes from the arrays they are given."""

from collections.abc import Callable
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.recording import Training, member_quantiles
from analysis.show.chart import Band, Chart, Curve, Panel, series
from analysis.show.dots import dot_deviations, dot_parameters
from analysis.show.style import (
    CONFIDENCE,
    families,
    height_of,
    invariant_labels,
    layer_titles,
    panels,
    parameter_panels,
)
from analysis.statistics import Statistics, initial_deviation, normalised_change, resolved_change


def initial_deviations(t: Statistics) -> Chart:
    """The fitted invariants against their exact expectation at initialisation, in exact standard errors, by layer."""
    labels, names, graphs = invariant_labels(t, t.low), t.names[t.low], t.graphs[t.low]
    values = initial_deviation(t)
    noise = np.full(len(t.epochs), CONFIDENCE)
    row = tuple(
        Panel(
            series(t.epochs, values[:, layer], names, labels=labels, graphs=graphs),
            title,
            "epoch",
            "" if layer else "(mean − expectation) / standard error",
            (Band(t.epochs, -noise, noise),),
            linear=10.0,
        )
        for layer, title in enumerate(layer_titles(t))
    )
    return Chart((row,), (_width(t), 3.0), share="all", symmetry=t.symmetry)


def deviations(t: Statistics) -> Chart:
    """The deviations |theory - mean| / std of the predicted invariants, rows by family, columns by layer, one scale."""
    groups = panels(t.symmetry)
    last = list(groups)[-1]
    rows = tuple(
        tuple(
            _deviations(t, layer, members, title=title if not r else "", below=family == last)._replace(
                y_label="" if layer else family.replace(", ", "\n")
            )
            for layer, title in enumerate(layer_titles(t))
        )
        for r, (family, members) in enumerate(groups.items())
    )
    label = "deviation |theory − mean| / standard deviation"
    return Chart(rows, (_width(t), max(1.75 * len(rows), 3.0)), "all", label, symmetry=t.symmetry)


def _deviations(t: Statistics, layer: int, members: slice, title: str, below: bool) -> Panel:
    names, graphs, labels = t.names[t.high][members], t.graphs[t.high][members], invariant_labels(t, t.high)[members]
    values, errors, q, chance = (
        some[:, layer, members] for some in (t.deviation, t.deviation_se, t.q, t.deviation_chance)
    )
    noise = np.max(np.nan_to_num(chance), axis=-1)
    curves = series(t.epochs, values, names, errors, q, labels, graphs, intervals=False)
    bands = (Band(t.epochs, np.zeros_like(noise), noise),)
    return Panel(curves, title, "epoch" if below else "", bands=bands, linear=0.1, floor=0.0)


def changes(t: Statistics) -> Chart:
    """The normalised change of each deviation from the first to the last epoch, as dots, one panel a layer."""
    names = t.names[t.high]
    row = tuple(
        Panel(
            tuple(_changes(t, layer, family, members) for family, members in families(t.symmetry).items()),
            title,
            "invariant",
            "normalised change",
            level=0.0,
            floor=-1.05,
            ceiling=1.05,
            places=names,
        )
        for layer, title in enumerate(layer_titles(t))
    )
    return Chart((row,), (_width(t), height_of(names)), "all", epochs=False, symmetry=t.symmetry)


def _changes(t: Statistics, layer: int, family: str, members: slice) -> Curve:
    values, resolved = normalised_change(t)[layer, members], resolved_change(t)[layer, members]
    numbers = 1.0 + np.arange(len(t.names[t.high]))[members]
    return Curve(family, numbers, values, within_chance=~resolved, graphs=t.graphs[t.high][members], mark="dots")


def wasserstein(t: Statistics) -> Chart:
    """The 2-Wasserstein distance to the i.i.d. Gaussian, with 95 % intervals and the level of chance dotted."""
    unknown = np.isnan(t.initial_variance).any()
    law = "nearest i.i.d." if unknown else "initial i.i.d."
    label = "$W_2$, as published" if t.published else f"$W_2$ to the {law} Gaussian"
    panel = Panel(distances(t, np.ones(len(t.layers))), "", "epoch", label, floor=0.0)
    return Chart(((panel,),), (4.6, 3.0))


def distances(t: Statistics, units: Float[np.ndarray, "L"]) -> tuple[Curve, ...]:
    """W2 of each layer in a unit of its own, with the 95 % interval of the true one; dotted, what is due to chance."""
    w2, low, high, se, null = ((values / units).T for values in (t.w2, t.w2_low, t.w2_high, t.w2_se, t.w2_null))
    found = [Curve(title, t.epochs, w2[k], low[k], high[k], se[k]) for k, title in enumerate(layer_titles(t))]
    chance = [
        Curve(title, t.epochs, null[k], mark="dotted")
        for k, title in enumerate(layer_titles(t))
        if np.isfinite(null[k]).any()
    ]
    return (*found, *chance)


def parameters(t: Statistics) -> Chart:
    """The parameters with intervals of 95 %, rows by block of the representation and columns by layer."""
    groups, names = parameter_panels(t.symmetry), t.symmetry.parameter_names
    last = list(groups)[-1]
    rows = tuple(
        tuple(
            Panel(
                series(
                    t.epochs,
                    t.parameters[:, layer, members],
                    [names[k] for k in members],
                    t.parameters_se[:, layer, members],
                    labels=labels,
                ),
                layer_title if not r else "",
                "epoch" if title == last else "",
                "" if layer else title,
            )
            for layer, layer_title in enumerate(layer_titles(t))
        )
        for r, (title, (members, labels)) in enumerate(groups.items())
    )
    return Chart(rows, (_width(t), 1.7 * len(rows)))


def training(t: Statistics) -> Chart:
    """Test accuracy, and training and test loss: median over members with the band from 5 % to 95 %."""
    record = t.training
    assert record is not None, "there is nothing to draw of matrices that were not trained"
    accuracy = learning("test", t.epochs, record, record.test_accuracy)
    loss = learning("test", t.epochs, record, record.test_loss)
    training_loss = learning("training", t.epochs, record, record.train_loss)
    left = Panel((accuracy,), "", "epoch", "accuracy (fraction)")
    right = Panel((loss, training_loss), "", "epoch", "cross-entropy (nats)")
    return Chart(((left, right),), (7.2, 2.8), share="none")


def learning(name: str, epochs: np.ndarray, record: Training, values: Float[np.ndarray, "N E"]) -> Curve:
    """Median over the members that have not diverged, with the range from 5 % to 95 %."""
    low, median, high = member_quantiles(record, values)
    return Curve(name, epochs, median, low, high)


class Plot(NamedTuple):
    """A figure: how to draw it, the numbers without which it is empty, and its explanation."""

    draw: Callable[[Statistics], Chart]
    numbers: Callable[[Statistics], np.ndarray]
    caption: str


FIGURES = {
    "training": Plot(
        training,
        lambda t: np.array([]) if t.training is None else t.training.test_accuracy,
        "Accuracy and loss: median over the networks and range from the 5 % to the 95 % quantile.",
    ),
    "initial_deviations": Plot(
        initial_deviations,
        initial_deviation,
        "How far the linear and quadratic invariants move from initialisation, in exact standard errors: 95 % of the "
        "values of an untrained ensemble lie in the grey band (the scale is linear up to 10).",
    ),
    "deviations": Plot(
        deviations,
        attrgetter("deviation"),
        "How well the model predicts the cubic and quartic invariants, to which it was not fitted: predicted minus "
        "measured mean in standard deviations over members; 95 % of what chance makes of the least certain of a panel "
        "is grey (linear up to 0.1).",
    ),
    "changes": Plot(
        changes,
        normalised_change,
        "Change of each deviation d from the first to the last epoch, (d_last - d_first) / (d_last + d_first); open "
        "where neither deviation exceeds what chance makes of it.",
    ),
    "wasserstein": Plot(
        wasserstein,
        attrgetter("w2"),
        "2-Wasserstein distance of the fitted model from the i.i.d. Gaussian of its initial entries (the nearest one "
        "where their law is unknown), with 95 % intervals of the "
        "true distance, which lie lower where chance adds to it; dotted, what as many unchanged members would show.",
    ),
    "parameters": Plot(
        parameters,
        attrgetter("parameters"),
        "The parameters, with 95 % intervals; c, r, d: column sums, row sums and remaining diagonal.",
    ),
}
"""The figures of a run folder by file name, in the order of the report."""
AT_ONE_TIME = {
    "deviations": Plot(
        dot_deviations,
        attrgetter("deviation"),
        "How well the model predicts the cubic and quartic invariants, to which it was not fitted: predicted minus "
        "measured mean in standard deviations over members, by number in the table of invariants; 95 % of what chance "
        "makes of each is grey (linear up to 0.1).",
    ),
    "parameters": Plot(
        dot_parameters, attrgetter("parameters"), "The parameters by number in their table, with 95 % intervals."
    ),
}
"""Those of an ensemble without epochs."""


def plots(statistics: Statistics) -> dict[str, Plot]:
    """The figures that there are of a trajectory, or of an ensemble at one time."""
    return FIGURES if len(statistics.epochs) > 1 else AT_ONE_TIME


def available(statistics: Statistics) -> tuple[str, ...]:
    """Names of the figures for which the trajectories hold numbers."""
    return tuple(name for name, plot in plots(statistics).items() if np.isfinite(plot.numbers(statistics)).any())


def draw(statistics: Statistics, name: str) -> Chart:
    """Draw one of `plots`.

    Raises:
        ValueError: if there is no figure of that name.
    """
    known = plots(statistics)
    if name not in known:
        raise ValueError(f"no figure is called {name!r}: choose one of {', '.join(known)}")
    return known[name].draw(statistics)


def _width(t: Statistics) -> float:
    """Of a figure with one column a layer, in inches."""
    return 1.6 + 2.1 * len(t.layers)
