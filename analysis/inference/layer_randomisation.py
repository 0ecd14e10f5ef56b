"""Randomisation tests that the two sides of a hidden layer are unrelated, whatever the law of the members.

Relabelling the units on one side only, within each member, changes nothing in law if units are not matched: it leaves
every statistic of single matrices, and the covariance of their sums, exactly as they are. Joining W_1..W_l of one
member with W_(l+1)..W_K of another changes nothing in law if the halves of a network are independent of each other.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from analysis.inference.networks import MOST_UNITS, Networks
from analysis.model.status import OK
from analysis.symmetry import Chain

ROUNDING = 1e-9
"""Relative differences of statistics below this are ties."""
UNRECORDED = f"no randomisation tests: sums of units are recorded of networks of up to {MOST_UNITS} hidden units"


class LayerRandomisation(NamedTuple):
    """Two-sided p of each hidden layer, (1 + draws at least as large) / (1 + draws); NaN where `status` says why."""

    layers: Int[np.ndarray, "hidden"]
    relabelled_sums: Float[np.ndarray, "hidden"]
    """Covariance of row sums of W_l and column sums of W_(l+1), units relabelled on one side."""
    relabelled_squares: Float[np.ndarray, "hidden"]
    """Balance of the same unit less that of another one, units relabelled on one side."""
    joined_sums: Float[np.ndarray, "hidden"]
    """All second-order terms across the layer, halves joined: squared correlations, times their degrees of freedom."""
    joined_squares: Float[np.ndarray, "hidden"]
    """Balance of the same unit, halves joined."""
    status: tuple[str, ...]


class _Sides(NamedTuple):
    """What the tests of a layer need of both of its sides."""

    below: Float[np.ndarray, "N h 2"]
    """Of each row of W_l the mean and the mean square of its entries."""
    above: Float[np.ndarray, "N h 2"]
    """Of each column of W_(l+1) likewise."""
    totals_below: Float[np.ndarray, "N l"]
    """The sums of the entries of W_1, ..., W_l, standardised over members."""
    totals_above: Float[np.ndarray, "N K-l"]


def layer_randomisation(networks: Networks, draws: int = 199, seed: int = 0) -> LayerRandomisation:
    """Both randomisation tests of every hidden layer; p is exact for any law and number of members.

    Source: Hemerik and Goeman, TEST 27 (2018), 811, theorem 1.
    """
    symmetry, members, rows = networks.symmetry, networks.members, []
    for layer in symmetry.inner:
        sides, units = _sides(networks, layer), symmetry.sizes[layer]
        if sides is None:
            rows.append((*np.full(4, np.nan), UNRECORDED))
            continue
        rng = np.random.default_rng([seed, layer])

        def relabelled(units: int = units, rng: np.random.Generator = rng) -> _Order:
            return np.arange(members)[:, None], rng.permuted(np.tile(np.arange(units), (members, 1)), axis=1)

        def rejoined(units: int = units, rng: np.random.Generator = rng) -> _Order:
            return rng.permutation(members)[:, None], np.arange(units)[None, :]

        within = _ranks(sides, relabelled, _within_units, draws) if units > 1 else np.full(2, np.nan)
        between = _ranks(sides, rejoined, _across, draws) if members > 1 else np.full(2, np.nan)
        status = OK if units > 1 else f"layer {layer} has one unit: nothing to relabel"
        status = status if members > 1 else "1 member: no other one to join it with; add members"
        rows.append((*within, *between, status))
    numbers = np.array([row[:-1] for row in rows], dtype=np.float64).reshape(len(rows), 4).T
    return LayerRandomisation(np.array(symmetry.inner, dtype=int), *numbers, status=tuple(row[-1] for row in rows))


def untested(symmetry: Chain) -> LayerRandomisation:
    """What is known without any test."""
    layers = np.array(symmetry.inner, dtype=int)
    return LayerRandomisation(
        layers, *np.full((4, len(layers)), np.nan), status=("not tested at this epoch",) * len(layers)
    )


_Order = tuple[Int[np.ndarray, "N 1"] | Int[np.ndarray, "N h"], Int[np.ndarray, "N h"] | Int[np.ndarray, "1 h"]]
"""Member and unit that each unit above is taken from."""


def _sides(networks: Networks, layer: int) -> _Sides | None:
    sums = networks.unit_sums(layer)
    if sums is None:
        return None
    totals = networks.moments[:, : networks.symmetry.layers]
    centred = totals - np.mean(totals, axis=0)
    spread = np.sqrt(np.mean(centred**2, axis=0))
    standard = centred / np.where(spread > 0, spread, np.inf)
    return _Sides(sums.below, sums.above, standard[:, :layer], standard[:, layer:])


def _ranks(
    sides: _Sides,
    draw: Callable[[], _Order],
    statistics: Callable[[_Sides], Float[np.ndarray, "2"]],
    draws: int,
) -> Float[np.ndarray, "2"]:
    observed = np.abs(statistics(sides))
    drawn = []
    for _ in range(draws):
        order = draw()
        moved = sides._replace(above=sides.above[order])
        if order[0].shape[1] == 1:
            moved = moved._replace(totals_above=sides.totals_above[order[0][:, 0]])
        drawn.append(np.abs(statistics(moved)))
    return (1 + np.sum(np.array(drawn) >= observed * (1 - ROUNDING), axis=0)) / (1 + draws)


def _within_units(sides: _Sides) -> Float[np.ndarray, "2"]:
    """Product of means at the same unit less that at another one, and of the balance likewise."""
    same, other = _products(sides)
    return np.array([same[0, 0] - other[0, 0], _balance(same, sides) - _balance(other, sides)])


def _across(sides: _Sides) -> Float[np.ndarray, "2"]:
    """Squared correlations of totals, and of sums of units times the units less one; balance of the same unit."""
    totals = sides.totals_below.T @ sides.totals_above / len(sides.below)
    below, above = (side[..., 0] - np.mean(side[..., 0], axis=1, keepdims=True) for side in (sides.below, sides.above))
    scale = np.sum(below**2) * np.sum(above**2)
    units = (below.shape[1] - 1) * np.sum(below * above) ** 2 / scale if scale > 0 else 0.0
    return np.array([np.sum(totals**2) + units, _balance(_products(sides)[0], sides)])


def _products(sides: _Sides) -> tuple[Float[np.ndarray, "2 2"], Float[np.ndarray, "2 2"]]:
    """Mean products of X^a and Y^b, a, b = 1, 2, over members and entries: at the same unit, and at two others."""
    members, units, _ = sides.below.shape
    both = np.einsum("nia,nib->ab", sides.below, sides.above)
    apart = np.sum(sides.below, axis=1).T @ np.sum(sides.above, axis=1) - both
    return both / (members * units), apart / (members * max(units * (units - 1), 1))


def _balance(mixed: Float[np.ndarray, "2 2"], sides: _Sides) -> float:
    """Joint cumulant of X, X, Y, Y from the mixed moments, with X of a row below and Y of a column above."""
    (x, xx), (y, yy) = (np.mean(side, axis=(0, 1)) for side in (sides.below, sides.above))
    (xy, xyy), (xxy, xxyy) = mixed
    connected = xxyy - 2 * xxy * y - 2 * xyy * x - xx * yy - 2 * xy**2
    return float(connected + 2 * xx * y**2 + 2 * yy * x**2 + 8 * x * y * xy - 6 * x**2 * y**2)
