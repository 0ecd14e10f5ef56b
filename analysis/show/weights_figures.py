"""Figures of the groups of a model: how each departs from independent entries, and one group's matrices in detail."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Int

from analysis.inference.multiplicity import LEVEL
from analysis.show.chart import Chart, Curve, Panel
from analysis.show.patterns import titled_patterns
from analysis.show.spectra import histogram
from analysis.show.style import CONFIDENCE, height_of
from analysis.weights.group_study import GroupStudy, Outliers
from analysis.weights.model_study import ModelStudy
from analysis.weights.traits import NAMES

PANELS = {
    "means: part of the variance": {"rows": "row means", "columns": "column means", "members": "member means"},
    "scales: relative variance": {"rows": "row scales", "columns": "column scales", "members": "member scales"},
    "single entries": {"skewness": "skewness", "tails": "tails"},
}
"""Traits that share an axis, by what they are called there."""
LINEAR = 0.1
"""Up to which an axis of traits is linear; logarithmic beyond."""
APART = 0.22
"""Of the distance between two groups, what lies between the dots of one."""
LONGEST = 46
"""Characters of a name beside a figure; of longer ones the end is shown."""
ROOM = 1.6
"""Height of the panel of singular values, in that of the law of independent entries: one bin may be far higher."""
FEW_MEMBERS = 60
"""Members up to which their scales are large dots."""
MOST_MEMBERS = 400
"""Members that are drawn one by one; of more, so many at even distances."""
TRAITS_CAPTION = (
    "How each group departs from independent entries of one law, with 95 % intervals; open dots are within chance at a "
    f"false-discovery rate of {LEVEL:.0%}. The axes are linear up to {LINEAR} and logarithmic beyond. Groups are "
    "numbered as in the table. The rows of symmetric matrices are their nodes."
)
GROUP_CAPTION = (
    "Singular values of all members, the largest of each marked; the line is Marchenko and Pastur's law of independent "
    "entries of the fitted variance (vE; of symmetric matrices v2/2, the mean of the diagonal moved to that of the "
    "others). Root mean square of the entries of each member, the line that of all. Standardised graph cumulants, 0 "
    "for every Gaussian law, with 95 % intervals; open dots are within chance."
)
SHORT_CAPTION = "Singular values beside their law, scales of the members, and graph cumulants, as in the first group."


def draw_traits(study: ModelStudy) -> Chart:
    """One line a group, one panel for the traits of a kind, dots with intervals."""
    places = tuple(f"{short(row.group.name)}  {k}" for k, row in enumerate(study.rows, start=1))
    row = tuple(
        Panel(
            _traits(study, names),
            title,
            "group",
            "",
            level=0.0,
            linear=LINEAR,
            places=places,
        )
        for title, names in PANELS.items()
    )
    return Chart((row,), (9.6, height_of(places, dots=3)), "none", epochs=False)


def draw_group(row: GroupStudy) -> Chart:
    """Singular values against their law, scales of the members, and cumulants of one group."""
    panels = [_scales(row)]
    if row.outliers is not None:
        panels.insert(0, _singular_values(row.outliers))
    if np.isfinite(row.statistics.standardised).any():
        panels.append(_cumulants(row))
    return Chart((tuple(panels),), (9.6, 2.7), "none", epochs=False, symmetry=row.statistics.symmetry)


def short(name: str) -> str:
    """A name, or the end of it where it is long."""
    return name if len(name) <= LONGEST else f"…{name[-LONGEST + 1 :]}"


def _traits(study: ModelStudy, names: Mapping[str, str]) -> tuple[Curve, ...]:
    """The traits of a kind of every group, a little apart."""
    curves = []
    for k, (label, name) in enumerate(names.items()):
        at, shift = NAMES.index(name), APART * (k - (len(names) - 1) / 2)
        values, errors = (np.array([getattr(row.traits, part)[at] for row in study.rows]) for part in ("value", "se"))
        q = np.array([row.traits_q[at] for row in study.rows])
        curves.append(_tested(label, 1.0 + np.arange(len(q)) + shift, values, errors, q))
    return tuple(curves)


def _tested(name: str, x: np.ndarray, values: np.ndarray, errors: np.ndarray, q: np.ndarray) -> Curve:
    """Dots with their intervals, open where they may be chance."""
    ends = values - CONFIDENCE * errors, values + CONFIDENCE * errors
    return Curve(name, x, values, *ends, errors, q, within_chance=~(q < LEVEL), mark="dots")


def _singular_values(outliers: Outliers) -> Panel:
    members, bulk = histogram(outliers.singular, outliers.bulk, float(np.sqrt(outliers.bulk.edges[1])))
    largest = np.sort(outliers.singular[:, 0])[_shown(len(outliers.singular))]
    marks = Curve("largest of each", largest, np.zeros(len(largest)), mark="ticks")
    ceiling = ROOM * float(bulk.y.max()) or None
    return Panel((members, bulk, marks), "singular values", "singular value", "density", floor=0.0, ceiling=ceiling)


def _scales(row: GroupStudy) -> Panel:
    shown, titles = _shown(len(row.rms)), row.group.titles
    name, whole = "root mean square", float(np.sqrt(np.nanmean(row.rms**2)))
    few = len(shown) <= FEW_MEMBERS
    points = tuple(titles[k] for k in shown)
    curve = Curve(name, 1.0 + shown, row.rms[shown], points=points, mark="dots" if few else "points")
    return Panel((curve,), "members", "number of the member", name, level=whole, floor=0.0)


def _shown(members: int) -> Int[np.ndarray, "shown"]:
    return np.unique(np.linspace(0, members - 1, min(members, MOST_MEMBERS)).round().astype(int))


def _cumulants(row: GroupStudy) -> Panel:
    s = row.statistics
    titled = {title: at for title, at in titled_patterns(s.symmetry).items() if np.isfinite(s.standardised[at])}
    at = list(titled.values())
    errors = np.where(np.isfinite(s.standardised_se[at]), s.standardised_se[at], np.nan)
    curve = _tested("cumulants", 1.0 + np.arange(len(at)), s.standardised[at], errors, s.cumulants_q[at])
    curve = curve._replace(graphs=tuple(s.symmetry.patterns[k] for k in at))
    return Panel(
        (curve,), "graph cumulants", "cumulant", "standardised cumulant", level=0.0, linear=LINEAR, places=tuple(titled)
    )
