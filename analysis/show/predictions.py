"""How well the weights tell the test loss: as tables, a figure and JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from analysis.inference.held_out import Score
from analysis.prediction import Prediction
from analysis.show.chart import Chart, Curve, Panel, plain, series
from analysis.show.entries import numbers
from analysis.show.style import CONFIDENCE, block_title
from analysis.show.tables import Table

CAPTION = (
    "Above, the share R² of the variance of the rank of the test loss that each set of features tells, of members that "
    "nothing was fitted to, with its 95 % interval. Below, what R² of coordinates and energies together loses when one "
    "block of one layer is shuffled among the members, with its 95 % interval; printed, at the last of these epochs."
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


def draw_predictions(predictions: Sequence[Prediction]) -> Chart:
    """R^2 over epochs above, importance by layer and block below, at an epoch to choose; printed, at the last.

    Raises:
        ValueError: if nothing was predicted at any epoch.
    """
    made = [one for one in predictions if one.scores]
    if not made:
        raise ValueError("no prediction to draw: give at least one with scores")
    height = 3.4 + 0.3 * len(made[-1].layers)
    return Chart(((_scores(made),), (_importance(made),)), (6.8, height), share="none")


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


def _scores(made: Sequence[Prediction]) -> Panel:
    """R^2 of every set over epochs."""
    names = list(made[0].scores)
    values, errors = (
        np.array([[getattr(score, what) for score in one.scores.values()] for one in made]) for what in ("r2", "se")
    )
    *others, last = series(np.array([one.epoch for one in made]), values, names, errors)
    # All features often do as well as invariants alone: a line would hide those.
    return Panel((*others, last._replace(mark="dots")), "", "epoch", "held-out $R^2$", level=0.0)


def _importance(made: Sequence[Prediction]) -> Panel:
    """What every block of every layer is worth, at each epoch; the last is printed."""
    curves = tuple(curve for one in made for curve in _blocks(one, printed=one is made[-1]))
    layers = made[-1].layers
    return Panel(curves, "", "layer", "loss of $R^2$", level=0.0, linear=LINEAR, places=layers)


def _blocks(one: Prediction, printed: bool) -> Iterator[Curve]:
    """Importance at one epoch, the blocks of a layer a little apart."""
    layers, apart = 1.0 + np.arange(len(one.layers)), np.linspace(-SPREAD / 2, SPREAD / 2, len(one.blocks))
    for j, (block, shift) in enumerate(zip(one.blocks, apart, strict=True)):
        value, error, title = one.importance[:, j], one.importance_se[:, j], block_title(block)
        yield Curve(
            plain(title),
            layers + shift,
            value,
            value - CONFIDENCE * error,
            value + CONFIDENCE * error,
            error,
            label=title,
            mark="dots",
            frame=f"epoch {one.epoch}",
            printed=printed,
        )
