"""The figures of a run. They only draw: every number comes from the arrays they are given."""

from collections.abc import Callable
from operator import attrgetter
from typing import Literal, NamedTuple

import numpy as np

from analysis.drawing import Figure, Patch, curves, interval, laid_out, legend, symlog
from analysis.style import BLOCKS, COLOURS, CONFIDENCE, NOISE, PANELS, invariant_labels, layer_titles
from analysis.trajectories import (
    FAMILIES,
    HIGH,
    LOW,
    Trajectories,
    initial_deviation,
    member_quantiles,
    noise_level,
    normalised_change,
    resolved_change,
)


def initial_deviations(figure: Figure, t: Trajectories) -> Figure:
    """I1..I13 against their exact expectation at initialisation, in exact standard errors, one panel a layer."""
    panels = _grid(figure, t, rows=1, height=3.0)[0]
    labels = invariant_labels(t, LOW)
    for ax, values in zip(panels, np.moveaxis(initial_deviation(t), 1, 0), strict=True):
        ax.axhspan(-CONFIDENCE, CONFIDENCE, **NOISE)
        curves(ax, t.epochs, values, labels)
    symlog(panels[0], linear=10.0)
    panels[0].set_ylabel("(mean − expectation) / standard error")
    legend(panels[-1])
    return figure


def deviations(figure: Figure, t: Trajectories) -> Figure:
    """The deviations |theory - mean| / std of I14..I52, rows by family and columns by layer, on one scale."""
    labels = invariant_labels(t, HIGH)
    grid = _grid(figure, t, rows=len(PANELS), height=1.75 * len(PANELS))
    noise = noise_level(t)
    for row, (family, members) in zip(grid, PANELS.items(), strict=True):
        for layer, ax in enumerate(row):
            ax.fill_between(t.epochs, 0, noise[:, layer], **NOISE)
            curves(ax, t.epochs, t.deviation[:, layer, members], labels[members])
        row[0].set_ylabel(family.replace(", ", "\n"))
        legend(row[-1])
    symlog(grid[0, 0], linear=0.1)
    grid[0, 0].set_ylim(bottom=0)
    figure.supylabel("deviation |theory − mean| / standard deviation", fontsize=9)
    return figure


def changes(figure: Figure, t: Trajectories) -> Figure:
    """The normalised change of each of the 39 deviations from the first to the last epoch, as bars."""
    panels = figure.subplots(len(t.layers), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    figure.set_size_inches(7.2, 1.0 + 1.5 * len(t.layers))
    position = np.arange(len(t.names[HIGH]))
    change, resolved = normalised_change(t), resolved_change(t)
    for layer, (ax, title) in enumerate(zip(panels, layer_titles(t), strict=True)):
        for members, colour in zip(FAMILIES.values(), COLOURS, strict=False):
            bars = ax.bar(position[members], change[layer, members], color=colour)
            for bar, clear in zip(bars, resolved[layer, members], strict=True):
                bar.set_alpha(1.0 if clear else 0.25)
        ax.axhline(0, color="black", linewidth=0.8)
        ax.set(ylabel=title, ylim=(-1.05, 1.05), xlim=(-0.7, len(position) - 0.3))
        ax.grid(visible=False, axis="x")
    panels[-1].set_xticks(position, t.names[HIGH], rotation=90, fontsize=7)
    figure.supylabel("normalised change of the deviation", fontsize=9)
    patches = [Patch(color=colour, label=family) for family, colour in zip(FAMILIES, COLOURS, strict=False)]
    figure.legend(handles=patches, loc="outside upper center", ncols=len(FAMILIES), fontsize=7)
    return figure


def wasserstein(figure: Figure, t: Trajectories) -> Figure:
    """The 2-Wasserstein distance to the initial i.i.d. Gaussian, with bands of 95 % and the null level dotted."""
    figure.set_size_inches(4.6, 3.0)
    ax = curves(figure.subplots(), t.epochs, t.w2, layer_titles(t), t.w2_se)
    for line, null in zip(ax.get_lines(), t.w2_null.T, strict=True):
        if np.isfinite(null).any():
            ax.plot(t.epochs, null, color=line.get_color(), linestyle=":")
    distance = "squared $W_2$, as published" if t.published else "$W_2$ to the initial Gaussian (weight units)"
    ax.set(xlabel="epoch", ylabel=distance)
    ax.set_ylim(bottom=0)
    legend(ax)
    return figure


def parameters(figure: Figure, t: Trajectories) -> Figure:
    """The thirteen parameters with bands of 95 %, rows by block of the representation and columns by layer."""
    grid = _grid(figure, t, rows=len(BLOCKS), height=1.7 * len(BLOCKS), share="row")
    for row, (title, (members, labels)) in zip(grid, BLOCKS.items(), strict=True):
        for layer, ax in enumerate(row):
            curves(ax, t.epochs, t.parameters[:, layer, members], labels, t.parameters_se[:, layer, members])
        row[0].set_ylabel(title)
        legend(row[-1])
    return figure


def training(figure: Figure, t: Trajectories) -> Figure:
    """Test accuracy, and training and test loss: median over members with the band from 5 % to 95 %."""
    figure.set_size_inches(7.2, 2.8)
    left, right = figure.subplots(1, 2)
    series = ((left, "test", t.test_accuracy), (right, "test", t.test_loss), (right, "training", t.train_loss))
    for ax, name, values in series:
        low, median, high = member_quantiles(t, values)
        curves(ax, t.epochs, median[:, None], [name])
        interval(ax, t.epochs, low, high, ax.get_lines()[-1].get_color())
    left.set(xlabel="epoch", ylabel="accuracy (fraction)")
    right.set(xlabel="epoch", ylabel="cross-entropy (nats)")
    right.legend()
    return figure


class Plot(NamedTuple):
    """A figure: how to draw it, the numbers without which it is empty, and its explanation."""

    draw: Callable[[Figure, Trajectories], Figure]
    numbers: Callable[[Trajectories], np.ndarray]
    caption: str


FIGURES = {
    "training": Plot(
        training,
        attrgetter("test_accuracy"),
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
        "measured mean in standard deviations over members; grey is one standard error (linear up to 0.1).",
    ),
    "changes": Plot(
        changes,
        normalised_change,
        "Change of each deviation d from the first to the last epoch, (d_last - d_first) / (d_last + d_first); pale "
        "where neither deviation exceeds twice the noise.",
    ),
    "wasserstein": Plot(
        wasserstein,
        attrgetter("w2"),
        "2-Wasserstein distance of the fitted model from the initial i.i.d. Gaussian, with 95 % "
        "intervals; dotted, what as many unchanged members would show.",
    ),
    "parameters": Plot(
        parameters,
        attrgetter("parameters"),
        "The thirteen parameters, with 95 % intervals; c, r, d: column sums, row sums and remaining diagonal.",
    ),
}
"""The figures of a run folder by file name, in the order of the report."""


def available(trajectories: Trajectories) -> tuple[str, ...]:
    """Names of the figures for which the trajectories hold numbers."""
    return tuple(name for name, plot in FIGURES.items() if np.isfinite(plot.numbers(trajectories)).any())


def draw(trajectories: Trajectories, name: str) -> Figure:
    """Draw one of `FIGURES`.

    Raises:
        ValueError: if there is no figure of that name.
    """
    if name not in FIGURES:
        raise ValueError(f"no figure is called {name!r}: choose one of {', '.join(FIGURES)}")
    return laid_out(lambda figure: FIGURES[name].draw(figure, trajectories))


def _grid(
    figure: Figure, t: Trajectories, rows: int, height: float, share: Literal["all", "row"] = "all"
) -> np.ndarray:
    """Panels [rows, layers] with the layers' titles above and the epochs' label below."""
    figure.set_size_inches(1.6 + 2.1 * len(t.layers), height)
    grid = figure.subplots(rows, len(t.layers), sharex=True, sharey=share, squeeze=False)
    for ax, title in zip(grid[0], layer_titles(t), strict=True):
        ax.set_title(title)
    for ax in grid[-1]:
        ax.set_xlabel("epoch")
    return grid
