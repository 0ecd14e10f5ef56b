"""The figures of a run. They only draw: every number comes from the arrays they are given."""

from collections.abc import Callable
from operator import attrgetter
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.recording import member_quantiles
from analysis.show.drawing import Axes, Figure, Patch, curves, interval, laid_out, legend, symlog
from analysis.show.style import (
    COLOURS,
    CONFIDENCE,
    NOISE,
    families,
    invariant_labels,
    layer_titles,
    panels,
    parameter_panels,
)
from analysis.statistics import Statistics, initial_deviation, normalised_change, resolved_change


def initial_deviations(figure: Figure, t: Statistics) -> Figure:
    """The fitted invariants against their exact expectation at initialisation, in exact standard errors, by layer."""
    row = _grid(figure, t, rows=1, height=3.0)[0]
    labels = invariant_labels(t, t.low)
    for ax, values in zip(row, np.moveaxis(initial_deviation(t), 1, 0), strict=True):
        ax.axhspan(-CONFIDENCE, CONFIDENCE, **NOISE)
        curves(ax, t.epochs, values, labels)
    symlog(row[0], linear=10.0)
    row[0].set_ylabel("(mean − expectation) / standard error")
    legend(row[-1])
    return figure


def deviations(figure: Figure, t: Statistics) -> Figure:
    """The deviations |theory - mean| / std of the predicted invariants, rows by family, columns by layer, one scale."""
    labels, groups = invariant_labels(t, t.high), panels(t.symmetry)
    grid = _grid(figure, t, rows=len(groups), height=max(1.75 * len(groups), 3.0))
    for row, (family, members) in zip(grid, groups.items(), strict=True):
        for layer, ax in enumerate(row):
            noise = CONFIDENCE * np.nanmax(_or_zero(t.deviation_se[:, layer, members]), axis=-1)
            ax.fill_between(t.epochs, 0, noise, **NOISE)
            curves(ax, t.epochs, t.deviation[:, layer, members], labels[members])
        row[0].set_ylabel(family.replace(", ", "\n"))
        legend(row[-1])
    symlog(grid[0, 0], linear=0.1)
    grid[0, 0].set_ylim(bottom=0)
    figure.supylabel("deviation |theory − mean| / standard deviation", fontsize=9)
    return figure


def changes(figure: Figure, t: Statistics) -> Figure:
    """The normalised change of each deviation from the first to the last epoch, as bars."""
    column = figure.subplots(len(t.layers), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    figure.set_size_inches(7.2, 1.0 + 1.5 * len(t.layers))
    names, groups = t.names[t.high], dict(zip(COLOURS, families(t.symmetry).items(), strict=False))
    position = np.arange(len(names))
    change, resolved = normalised_change(t), resolved_change(t)
    for layer, (ax, title) in enumerate(zip(column, layer_titles(t), strict=True)):
        for colour, (_, members) in groups.items():
            bars = ax.bar(position[members], change[layer, members], color=colour)
            for bar, clear in zip(bars, resolved[layer, members], strict=True):
                bar.set_alpha(1.0 if clear else 0.25)
        ax.axhline(0, color="black", linewidth=0.8)
        ax.set(ylabel=title, ylim=(-1.05, 1.05), xlim=(-0.7, len(position) - 0.3))
        ax.grid(visible=False, axis="x")
    column[-1].set_xticks(position, names, rotation=90, fontsize=7 if len(names) < 60 else 3.5)
    figure.supylabel("normalised change of the deviation", fontsize=9)
    patches = [Patch(color=colour, label=family) for colour, (family, _) in groups.items()]
    figure.legend(handles=patches, loc="outside upper center", ncols=len(patches), fontsize=7)
    return figure


def wasserstein(figure: Figure, t: Statistics) -> Figure:
    """The 2-Wasserstein distance to the i.i.d. Gaussian, with bands of 95 % and the level of chance dotted."""
    figure.set_size_inches(4.6, 3.0)
    ax = distances(figure.subplots(), t, np.ones(len(t.layers)))
    unknown = np.isnan(t.initial_variance).any()
    law = "nearest i.i.d." if unknown else "initial i.i.d."
    distance = "$W_2$, as published" if t.published else f"$W_2$ to the {law} Gaussian"
    ax.set_ylabel(distance)
    return figure


def distances(ax: Axes, t: Statistics, units: Float[np.ndarray, "L"]) -> Axes:
    """W2 of each layer in a unit of its own, with the 95 % interval of the true one; dotted, what is due to chance."""
    curves(ax, t.epochs, t.w2 / units, layer_titles(t))
    low, high, null = ((values / units).T for values in (t.w2_low, t.w2_high, t.w2_null))
    for k, line in enumerate(ax.get_lines()):
        interval(ax, t.epochs, low[k], high[k], line.get_color())
        if np.isfinite(null[k]).any():
            ax.plot(t.epochs, null[k], color=line.get_color(), linestyle=":")
    ax.set_xlabel("epoch")
    ax.set_ylim(bottom=0)
    legend(ax)
    return ax


def parameters(figure: Figure, t: Statistics) -> Figure:
    """The parameters with bands of 95 %, rows by block of the representation and columns by layer."""
    groups = parameter_panels(t.symmetry)
    grid = _grid(figure, t, rows=len(groups), height=1.7 * len(groups), share="row")
    for row, (title, (members, labels)) in zip(grid, groups.items(), strict=True):
        for layer, ax in enumerate(row):
            curves(ax, t.epochs, t.parameters[:, layer, members], labels, t.parameters_se[:, layer, members])
        row[0].set_ylabel(title)
        legend(row[-1])
    return figure


def training(figure: Figure, t: Statistics) -> Figure:
    """Test accuracy, and training and test loss: median over members with the band from 5 % to 95 %."""
    figure.set_size_inches(7.2, 2.8)
    left, right = figure.subplots(1, 2)
    record = t.training
    assert record is not None, "there is nothing to draw of matrices that were not trained"
    series = (
        *((left, "test", record.test_accuracy), (right, "test", record.test_loss)),
        (right, "training", record.train_loss),
    )
    for ax, name, values in series:
        low, median, high = member_quantiles(record, values)
        curves(ax, t.epochs, median[:, None], [name])
        interval(ax, t.epochs, low, high, ax.get_lines()[-1].get_color())
    left.set(xlabel="epoch", ylabel="accuracy (fraction)")
    right.set(xlabel="epoch", ylabel="cross-entropy (nats)")
    right.legend()
    return figure


class Plot(NamedTuple):
    """A figure: how to draw it, the numbers without which it is empty, and its explanation."""

    draw: Callable[[Figure, Statistics], Figure]
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
        "Change of each deviation d from the first to the last epoch, (d_last - d_first) / (d_last + d_first); pale "
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


def available(statistics: Statistics) -> tuple[str, ...]:
    """Names of the figures for which the trajectories hold numbers."""
    return tuple(name for name, plot in FIGURES.items() if np.isfinite(plot.numbers(statistics)).any())


def draw(statistics: Statistics, name: str) -> Figure:
    """Draw one of `FIGURES`.

    Raises:
        ValueError: if there is no figure of that name.
    """
    if name not in FIGURES:
        raise ValueError(f"no figure is called {name!r}: choose one of {', '.join(FIGURES)}")
    return laid_out(lambda figure: FIGURES[name].draw(figure, statistics))


def _or_zero(errors: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(errors), errors, 0.0)


def _grid(figure: Figure, t: Statistics, rows: int, height: float, share: Literal["all", "row"] = "all") -> np.ndarray:
    """Panels [rows, layers] with the layers' titles above and the epochs' label below."""
    figure.set_size_inches(1.6 + 2.1 * len(t.layers), height)
    grid = figure.subplots(rows, len(t.layers), sharex=True, sharey=share, squeeze=False)
    for ax, title in zip(grid[0], layer_titles(t), strict=True):
        ax.set_title(title)
    for ax in grid[-1]:
        ax.set_xlabel("epoch")
    return grid
