"""Figures of the groups of a model: how each departs from independent entries, and one group's matrices in detail."""

import numpy as np
from jaxtyping import Bool, Float

from analysis.inference.multiplicity import LEVEL
from analysis.show.drawing import Axes, Figure, laid_out, symlog_across
from analysis.show.patterns import titled_patterns
from analysis.show.style import COLOURS, CONFIDENCE
from analysis.weights.group_study import GroupStudy
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
LONGEST = 46
"""Characters of a name beside a figure; of longer ones the end is shown."""
BINS = 60
MOST_MEMBERS = 60
"""Members whose scales are drawn one by one."""
TRAITS_CAPTION = (
    "How each group departs from independent entries of one law, with 95 % intervals; open dots are within chance at a "
    f"false-discovery rate of {LEVEL:.0%}. The axes are linear up to {LINEAR} and logarithmic beyond. Groups are "
    "numbered as in the table. The rows of symmetric matrices are their nodes."
)
GROUP_CAPTION = (
    "Left, the singular values of all members, the largest of each marked; the line is Marchenko and Pastur's law of "
    "independent entries of the fitted variance (vE, of symmetric matrices v2/2). Middle, root mean square of the "
    "entries of each member. Right, standardised graph cumulants, 0 for every Gaussian law, with 95 % intervals; open "
    "dots are within chance."
)
SHORT_CAPTION = "Singular values beside their law, scales of the members, and graph cumulants, as in the first group."


def draw_traits(study: ModelStudy) -> Figure:
    """One line a group, one panel for the traits of a kind, dots with intervals."""
    return laid_out(lambda figure: _paint_traits(figure, study))


def draw_group(row: GroupStudy) -> Figure:
    """Singular values against their law, scales of the members, and cumulants of one group."""
    return laid_out(lambda figure: _paint_group(figure, row))


def short(name: str) -> str:
    """A name, or the end of it where it is long."""
    return name if len(name) <= LONGEST else f"…{name[-LONGEST + 1 :]}"


def dots(
    ax: Axes,
    places: Float[np.ndarray, "dots"],
    values: Float[np.ndarray, "dots"],
    errors: Float[np.ndarray, "dots"],
    clear: Bool[np.ndarray, "dots"],
    colour: str,
) -> None:
    """Values with 95 % intervals on horizontal lines; what is not clear is open."""
    known = np.isfinite(values)
    ax.hlines(places, values - CONFIDENCE * errors, values + CONFIDENCE * errors, color=colour, linewidth=1)
    for chosen, face in ((known & clear, colour), (known & ~clear, "white")):
        ax.plot(values[chosen], places[chosen], "o", color=colour, markerfacecolor=face, markersize=4)


def _paint_traits(figure: Figure, study: ModelStudy) -> Figure:
    rows = study.rows
    figure.set_size_inches(9.6, 1.4 + 0.34 * len(rows))
    panels = figure.subplots(1, len(PANELS), sharey=True)
    for ax, (title, names) in zip(panels, PANELS.items(), strict=True):
        ax.axvline(0.0, color="black", linewidth=0.8)
        for k, ((label, name), colour) in enumerate(zip(names.items(), COLOURS, strict=False)):
            at, shift = NAMES.index(name), 0.22 * (k - (len(names) - 1) / 2)
            values, errors = (np.array([getattr(row.traits, part)[at] for row in rows]) for part in ("value", "se"))
            clear = np.array([row.traits_q[at] < LEVEL for row in rows])
            dots(ax, np.arange(len(rows)) + shift, values, errors, clear, colour)
            ax.plot([], [], "o", color=colour, markersize=4, label=label)
        symlog_across(ax, LINEAR)
        ax.set_xlabel(title)
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(names), handletextpad=0.1, columnspacing=0.8)
    panels[0].set_yticks(range(len(rows)), [f"{short(row.group.name)}  {k}" for k, row in enumerate(rows, start=1)])
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    return figure


def _paint_group(figure: Figure, row: GroupStudy) -> Figure:
    figure.set_size_inches(9.6, 2.7)
    spectrum, scales, cumulants = figure.subplots(1, 3, width_ratios=(1, 0.8, 1))
    _singular_values(spectrum, row)
    _scales(scales, row)
    _cumulants(cumulants, row)
    return figure


def _singular_values(ax: Axes, row: GroupStudy) -> None:
    ax.set_xlabel("singular value")
    if row.outliers is None:
        ax.text(0.5, 0.5, "not computed", ha="center", transform=ax.transAxes)
        ax.set_yticks([])
        return
    values, bulk = row.outliers.singular, row.outliers.bulk
    top = max(float(values.max()), float(np.sqrt(bulk.edges[1])), 1e-300) * 1.04
    ax.hist(
        values.ravel(),
        bins=min(BINS, 4 + values.size // 4),
        range=(0.0, top),
        density=True,
        color=COLOURS[0],
        alpha=0.35,
    )
    low, high = np.sqrt(bulk.edges)
    sigma = np.linspace(low, high, 400)
    law = 2 * sigma * bulk.density(sigma**2)
    ax.plot(sigma, law, color=COLOURS[0], linestyle="-")
    ax.set_ylim(0, 1.6 * float(law.max()) or None)
    ax.plot(values[:, 0], np.full(len(values), 0.03 * ax.get_ylim()[1]), "|", color=COLOURS[1], markersize=7)
    ax.set_ylabel("density")


def _scales(ax: Axes, row: GroupStudy) -> None:
    members = len(row.rms)
    ax.set_xlabel("member")
    ax.set_ylabel("root mean square")
    if members <= MOST_MEMBERS:
        ax.plot(np.arange(members), row.rms, "o", color=COLOURS[0], markersize=4)
    else:
        ax.plot(np.arange(members), row.rms, ".", color=COLOURS[0], markersize=2)
    ax.axhline(float(np.sqrt(np.nanmean(row.rms**2))), color="black", linewidth=0.8)
    ax.set_ylim(0, 1.15 * float(np.nanmax(row.rms)) or 1.0)


def _cumulants(ax: Axes, row: GroupStudy) -> None:
    s = row.statistics
    titled = {title: at for title, at in titled_patterns(s.symmetry).items() if np.isfinite(s.standardised[at])}
    at = list(titled.values())
    ax.axvline(0.0, color="black", linewidth=0.8)
    errors = np.nan_to_num(s.standardised_se[at])
    dots(ax, np.arange(len(at), dtype=float), s.standardised[at], errors, s.cumulants_q[at] < LEVEL, COLOURS[0])
    symlog_across(ax, LINEAR)
    ax.set_yticks(range(len(at)), list(titled))
    ax.set_ylim(len(at) - 0.5, -0.5)
    ax.set_xlabel("standardised cumulant")
