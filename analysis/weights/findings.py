"""What is unusual about a group of matrices, as sentences that a user understands, each with a size to sort by."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from analysis.inference.multiplicity import LEVEL
from analysis.weights.group_study import Finding, GroupStudy, varies
from analysis.weights.traits import NAMES

SMALLEST = 0.02
"""Part of the variance, or relative variance of scales, from which a difference is worth a sentence."""
SHAPELESS = 0.1
"""Skewness and kurtosis from which they are."""
FEWEST_SIDE = 4
"""Rows and columns below which scales and tails cannot be told from means."""
HALF = 0.5
"""Singular values above the bulk in a matrix from which most matrices have one."""
GAUSSIAN_TAILS = 3.0
"""Excess kurtosis as large as that of the Laplace law, twice the Gaussian fourth moment."""
ODD = 0.5
"""Size of a finding that members do not fit."""
MOST_NAMED = 3
"""Members that are named in a sentence."""
COORDINATES = {
    "x": "mean",
    "columns": "means of columns",
    "rows": "means of rows",
    "rest": "scale",
    "0-0,0-0,0-0": "skewness",
    "0-0,0-0,0-0,0-0": "kurtosis",
    "0-0,0-0,0-1,0-1": "scales of rows",
    "0-0,0-0,1-0,1-0": "scales of columns",
    "0-0,0-1,0-2": "skewness of row means",
    "0-0,1-0,2-0": "skewness of column means",
    "0-0,0-1,0-2,0-3": "kurtosis of row means",
    "0-0,1-0,2-0,3-0": "kurtosis of column means",
    "0-0,0-1,1-0,1-1": "large singular values",
}
NODE_COORDINATES = {
    "x1": "mean",
    "x2": "mean of the diagonal",
    "h11": "means of nodes",
    "h12": "diagonal along means of nodes",
    "h22": "diagonal",
    "v2": "scale",
    "0-1,0-1,0-1": "skewness",
    "0-1,0-1,0-1,0-1": "kurtosis",
    "0-1,0-1,0-2,0-2": "scales of nodes",
    "0-1,0-2,0-3": "skewness of node means",
    "0-1,0-2,0-3,0-4": "kurtosis of node means",
    "0-1,0-2,1-2": "triangles",
    "0-1,0-2,1-3,2-3": "large eigenvalues",
}
"""Of symmetric matrices."""
MEANS = {
    "row means": "outputs (rows) differ in their mean weight, which makes {share} of the variance",
    "column means": "inputs (columns) differ in their mean weight, which makes {share} of the variance",
    "member means": "members differ in their mean weight, which makes {share} of the variance",
}
NODE_MEANS = {
    "row means": "nodes differ in their mean weight, which makes {share} of the variance",
    "member means": MEANS["member means"],
}
SCALES = {
    "row scales": "some outputs (rows) have larger weights than others: their variances spread by {spread}",
    "column scales": "some inputs (columns) have larger weights than others: their variances spread by {spread}",
}


NODE_SCALES = {"row scales": "some nodes have larger weights than others: their variances spread by {spread}"}


def findings_of(study: GroupStudy) -> tuple[Finding, ...]:
    """What departs from independent entries of one law by more than chance and by enough to matter, largest first."""
    if not varies(study.statistics, study.rms):
        return (*_not_finite(study), Finding(1.0, "the entries do not vary"))
    found = [*_not_finite(study), *_odd(study), *_traits(study), *_outliers(study)]
    return tuple(sorted(found, key=lambda finding: -finding.size))


def _not_finite(study: GroupStudy) -> Iterator[Finding]:
    count, members = int(study.statistics.excluded), study.group.members
    if count:
        yield Finding(1 + count / members, f"{count} of {members} members have entries that are not finite")


def _odd(study: GroupStudy) -> Iterator[Finding]:
    one = study.anomalies
    if not len(one.found):
        return
    names = COORDINATES if study.statistics.symmetry.tensors.separate else NODE_COORDINATES
    titles, shown = study.group.short_titles, one.found[:MOST_NAMED].tolist()
    # Which block moment, or cumulant, makes a member odd.
    listed = ", ".join(f"{titles[k]} ({names.get(one.oddest[k], f'cumulant {one.oddest[k]}')})" for k in shown)
    more = ", …" if len(one.found) > len(shown) else ""
    plural = "member does" if len(one.found) == 1 else "members do"
    yield Finding(ODD, f"{len(one.found)} {plural} not fit among the others: {listed}{more}")


def _traits(study: GroupStudy) -> Iterator[Finding]:
    beyond = study.traits.value - study.traits.expected
    values = dict(zip(NAMES, beyond.tolist(), strict=True))
    apart = study.statistics.symmetry.tensors.separate
    means, scales = (MEANS, SCALES) if apart else (NODE_MEANS, NODE_SCALES)
    told = NAMES if min(study.group.shape) >= FEWEST_SIDE else MEANS
    clear = {name for name, q in zip(NAMES, study.traits_q.tolist(), strict=True) if q < LEVEL and name in told}
    for name, text in means.items():
        if name in clear and values[name] > SMALLEST:
            yield Finding(values[name], text.format(share=_percent(values[name])))
    for name, text in scales.items():
        if name in clear and values[name] > SMALLEST:
            yield Finding(values[name], text.format(spread=_percent(values[name] ** 0.5)))
    if "member scales" in clear and values["member scales"] > SMALLEST:
        yield Finding(values["member scales"], f"members differ in scale: {_range(study.rms)} (root mean square)")
    if "skewness" in clear and abs(values["skewness"]) > SHAPELESS:
        yield Finding(abs(values["skewness"]), f"entries are skewed: skewness {_short(values['skewness'])}")
    tails, besides = ("tails", " besides what scales explain") if np.isfinite(values["tails"]) else ("kurtosis", "")
    if tails in clear and abs(values[tails]) > SHAPELESS:
        size, kind = abs(values[tails]) / GAUSSIAN_TAILS, "heavy" if values[tails] > 0 else "light"
        yield Finding(size, f"entries have {kind} tails: excess kurtosis {_short(values[tails])}{besides}")


def _outliers(study: GroupStudy) -> Iterator[Finding]:
    one = study.outliers
    if one is None or one.count.mean() - one.predicted < HALF or (study.one and not study.largest_q < LEVEL):
        return
    sides = "rows and columns" if study.statistics.symmetry.tensors.separate else "nodes"
    made = f", {one.predicted} of them by means and variances of {sides}" if one.predicted else ""
    size = float(one.share.mean())
    yield Finding(
        size,
        f"{one.count.mean():.3g} of {one.singular.shape[1]} singular values of a matrix exceed those of independent "
        f"entries{made}, and carry {_percent(size)} of {_norm(study)}",
    )


def _norm(study: GroupStudy) -> str:
    """What the singular values are those of."""
    return "what means of rows and columns leave of its squared norm" if study.one else "its squared norm"


def _range(values: Float[np.ndarray, "N"]) -> str:
    return f"{np.nanmin(values):.3g} to {np.nanmax(values):.3g}"


def _short(value: float) -> str:
    return f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"


def _percent(part: float) -> str:
    return f"{100 * part:.2g} %" if part < 0.995 else f"{100 * part:.0f} %"
