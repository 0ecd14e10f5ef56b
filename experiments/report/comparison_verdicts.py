"""What a comparison says first: each question answered in one sentence, with a number and its error."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from analysis.comparison import Between, SideBySide
from analysis.inference.multiplicity import LEVEL
from analysis.show.comparison_tables import relative_distances
from analysis.show.style import model_title
from analysis.statistics import Statistics
from experiments.report import page
from experiments.report.content import Verdict
from experiments.report.verdicts import MOVED, SURE, SYMMETRY, UNKNOWN

APART, LEARNING = "How far apart?", "Do they train differently?"


class Place(NamedTuple):
    """Two ensembles, and where they are compared."""

    names: tuple[str, str]
    between: Between
    epoch: int
    layer: int


def symmetries_verdict(several: SideBySide) -> Verdict:
    """How many matrices agree with which law at the last epochs."""
    laws = Counter(model_title(t.symmetry, str(model)) for t in several.runs.values() for model in t.accepted[-1])
    listed = ", ".join(f"{law} {count} times" for law, count in laws.most_common())
    text = f"The smallest law that second moments accept at {LEVEL:.0%} is, of {laws.total()} matrices, {listed}."
    return Verdict(SYMMETRY, [text])


def furthest_verdict(several: SideBySide) -> Verdict:
    """The ensemble and layer that is furthest from its initial law at its last epoch."""
    found = [
        (float(value), float(error), f"{layer} of {name}")
        for name, t in several.runs.items()
        for layer, value, error in zip(t.layers, *_relative(t), strict=True)
        if np.isfinite(value)
    ]
    if not found:
        return Verdict(MOVED, [UNKNOWN.format("no distance has a unit")])
    value, error, where = max(found)
    text = f"{where} is furthest from its initial law: W2 is {page.measured(value, error)} of the norm it began with."
    return Verdict(MOVED, [text])


def apart_verdict(several: SideBySide) -> Verdict:
    """The two ensembles, and the layer, that are furthest apart at their last common epoch, in units of chance."""
    places = [place for place in _places(several) if np.isfinite(_over_chance(place))]
    if not places:
        return Verdict(APART, ["No two of them have a layer of one size and an epoch in common."])
    names, b, e, i = place = max(places, key=_over_chance)
    differing, tested = (int(np.sum(mask)) for mask in (b.q[e, i] < LEVEL, np.isfinite(b.q[e, i])))
    text = (
        f"{names[0]} and {names[1]} differ most in {b.layers[i]} at epoch {b.epochs[e]}: "
        f"W2 = {page.measured(float(b.w2[e, i]), float(b.w2_se[e, i]))}, {_over_chance(place):.2g} times what chance "
        f"makes (p = {page.probability(float(b.w2_p[e, i]))}), and {differing} of {tested} mean invariants differ."
    )
    return Verdict(APART, [text])


def learning_verdict(several: SideBySide) -> Verdict | None:
    """The two ensembles whose test accuracies differ most clearly at their last common epoch; None without training."""
    p = {names: float(b.accuracy.p[-1]) for names, b in several.pairs.items() if np.isfinite(b.accuracy.p[-1])}
    if not p:
        return None
    first, second = names = min(p, key=lambda one: p[one])
    b = several.pairs[names]
    value, error = 100 * float(b.accuracy.value[-1]), 100 * float(b.accuracy.se[-1])
    text = (
        f"At epoch {b.epochs[-1]} the mean test accuracy of {second} less that of {first} is "
        f"{page.measured(value, error)} percentage points (p = {page.probability(p[names])})."
    )
    return Verdict(LEARNING, [text])


def members_verdict(several: SideBySide) -> Verdict:
    """How many members there are."""
    used = [int(t.used[-1].min()) for t in several.runs.values()]
    listed = ", ".join(f"{count} of {name}" for name, count in zip(several.runs, used, strict=True))
    paired = " and are compared in pairs" if any(b.paired for b in several.pairs.values()) else ""
    return Verdict(SURE, [f"As members, {listed} enter{paired}; ± is one standard error, intervals hold 95 %."])


def _relative(t: Statistics) -> tuple[np.ndarray, np.ndarray]:
    value, error, _ = relative_distances(t)
    return value[-1], error[-1]


def _places(several: SideBySide) -> Iterator[Place]:
    """All pairs and layers at the last common epoch."""
    for names, b in several.pairs.items():
        for i in range(len(b.layers)):
            yield Place(names, b, len(b.epochs) - 1, i)


def _over_chance(place: Place) -> float:
    """W2 over its mean by chance; NaN where that is 0 or unknown."""
    null = float(place.between.w2_null[place.epoch, place.layer])
    return float(place.between.w2[place.epoch, place.layer]) / null if null > 0 else np.nan
