"""How well the weights tell the test loss: as tables, a figure and JSON."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.inference.held_out import Score
from analysis.prediction import Prediction
from analysis.show.drawing import Axes, Figure, curves, laid_out, legend, symlog
from analysis.show.entries import numbers
from analysis.show.style import COLOURS, CONFIDENCE, block_title
from analysis.show.tables import Table

CAPTION = (
    "Left, the share R² of the variance of the rank of the test loss that each set of features tells, of members that "
    "nothing was fitted to, with its 95 % interval. Right, at the last of these epochs, what R² of coordinates and "
    "energies together loses when one block of one layer is shuffled among the members, with its 95 % interval."
)
TABLE_CAPTION = (
    "By epoch and set of features: R² of the rank of the test loss with its standard error, its mean when losses are "
    "shuffled among the members, the p-value against shuffled losses, and R² of the test loss itself."
)
IMPORTANCE_CAPTION = (
    "By epoch, layer and block: what R² of coordinates and energies loses when the block is shuffled among the members."
)
COLUMNS = ("features", "r2", "se", "control", "p", "loss_r2", "loss_se")
LINEAR = 0.02
"""Importance below which its axis is linear."""
SPREAD = 0.6
"""Of the distance between two layers, the part over which the dots of the blocks are spread."""


def draw_predictions(predictions: Sequence[Prediction]) -> Figure:
    """R^2 over epochs, and importance by layer and block at the last of them.

    Raises:
        ValueError: if nothing was predicted at any epoch.
    """
    made = [one for one in predictions if one.scores]
    if not made:
        raise ValueError("no prediction to draw: give at least one with scores")
    return laid_out(lambda figure: _paint(figure, made))


def scores(predictions: Sequence[Prediction]) -> Table:
    """One row for each epoch and set of features."""
    rows = tuple(
        (one.epoch, one.members, name, *map(float, score)) for one in predictions for name, score in one.scores.items()
    )
    return Table(("epoch", "members", "set", *COLUMNS), rows, TABLE_CAPTION)


def importance(predictions: Sequence[Prediction]) -> Table:
    """One row for each epoch, layer and block."""
    rows = tuple(
        (one.epoch, layer, block, float(one.importance[i, j]), float(one.importance_se[i, j]))
        for one in predictions
        if one.scores
        for i, layer in enumerate(one.layers)
        for j, block in enumerate(one.blocks)
    )
    return Table(("epoch", "layer", "block", "importance", "se"), rows, IMPORTANCE_CAPTION)


def prediction_entry(prediction: Prediction) -> dict[str, Any]:
    """A prediction as plain values for JSON; NaN becomes null."""
    one = prediction
    return {
        "epoch": one.epoch,
        "members": one.members,
        "excluded": one.excluded,
        "scores": {name: _score_entry(score) for name, score in one.scores.items()},
        "importance": {
            layer: {
                block: numbers(value=one.importance[i, j], se=one.importance_se[i, j])
                for j, block in enumerate(one.blocks)
            }
            for i, layer in enumerate(one.layers)
        },
        "status": one.status,
    }


def _score_entry(score: Score) -> dict[str, float | None]:
    return numbers(**dict(zip(COLUMNS, map(float, score), strict=True)))


def _paint(figure: Figure, predictions: Sequence[Prediction]) -> Figure:
    figure.set_size_inches(8.4, 2.8)
    left, right = figure.subplots(1, 2)
    names = list(predictions[0].scores)
    values, errors = (
        np.array([[getattr(score, what) for score in one.scores.values()] for one in predictions])
        for what in ("r2", "se")
    )
    epochs = np.array([one.epoch for one in predictions])
    curves(left, epochs, values[:, :-1], names[:-1], errors[:, :-1])
    # All features often do as well as invariants alone: both are to be seen.
    curves(left, epochs, values[:, -1:], names[-1:], errors[:, -1:], linestyle="--")
    left.axhline(0, color="black", linewidth=0.8)
    left.set(xlabel="epoch", ylabel="held-out $R^2$")
    legend(left)
    _importance(right, predictions[-1])
    return figure


def _importance(ax: Axes, one: Prediction) -> None:
    layers, places = np.arange(len(one.layers)), np.linspace(-SPREAD / 2, SPREAD / 2, len(one.blocks))
    for j, (block, place) in enumerate(zip(one.blocks, places, strict=True)):
        half = CONFIDENCE * one.importance_se[:, j]
        look: dict[str, Any] = {"color": COLOURS[j % len(COLOURS)], "fmt": "o", "markersize": 4, "capsize": 2}
        ax.errorbar(layers + place, one.importance[:, j], half, label=block_title(block), **look)
    symlog(ax, LINEAR)
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set_xticks(layers, one.layers)
    ax.set(xlabel="layer", ylabel="loss of $R^2$", title=f"epoch {one.epoch}")
    legend(ax)
