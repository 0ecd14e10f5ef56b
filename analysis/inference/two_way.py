"""The analysis of variance of a single matrix: what rows and columns share, and how well one matrix says so.

The layout is that of rows and columns; of a symmetric matrix that of its nodes, without the diagonal. Its block moments
are mean squares: in matrices of independent entries each has the expectation of the last one, that of what remains. So
their ratios to it follow Fisher's law, whatever the law of rows and columns; for entries that are not Gaussian nearly.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import chdtri, fdtrc, fdtri, stdtr, stdtrit

from analysis.inference.entry_sums import entry_count
from analysis.symmetry import Symmetry

LEVEL = 0.95


class Interval(NamedTuple):
    """Estimates with 95 % intervals."""

    value: Float[np.ndarray, "*rest"]
    low: Float[np.ndarray, "*rest"]
    high: Float[np.ndarray, "*rest"]


class Mean(NamedTuple):
    """A mean over entries, its 95 % interval, and the two-sided probability of one as far from 0 if that is true."""

    value: float
    low: float
    high: float
    p: float


class TwoWay(NamedTuple):
    """What block moments of one matrix say; NaN where a block is absent or nothing remains."""

    names: tuple[str, ...]
    """Of the mean squares, that of what remains last."""
    variances: Interval
    """[names]: per unit vector, in units of the matrix squared."""
    freedom: Float[np.ndarray, "names"]
    """Degrees of freedom of each; of the last one less than its dimension where entries have heavy tails."""
    share: Interval
    """[names less the last]: of the squares around the mean the part that exceeds chance, d_b (v_b - v) / sum of d v;
    negative by chance where there is none."""
    p: Float[np.ndarray, "sides"]
    """Probability of shares at least as large in a matrix of independent entries."""
    mean: Mean
    """Of an entry; see `mean_of`."""


def two_way(block_moments: Float[np.ndarray, "moments"], layout: Symmetry, kurtosis: float = 0.0) -> TwoWay:
    """The analysis of variance of one matrix from its block moments under the layout.

    With degrees of freedom d of a mean square v, the interval of the variance is d v / chi^2 at 97.5 % and at 2.5 %.
    For entries with heavy tails the last one has d / (1 + kurtosis / 2).

    Args:
        block_moments: of the matrix: the coordinate of its mean, then one mean square a block.
        layout: whose blocks occur once each.
        kurtosis: excess kurtosis of what remains; below 0 it counts as 0.

    Source: Scheffe, The Analysis of Variance (1959), chapters 4 and 10; the correction of d: Box, Biometrika 40 (1953),
    318; the share: Kelley, Proc. Natl. Acad. Sci. 21 (1935), 554.
    """
    values = block_moments[1:]
    dimensions = np.array([block.dimension for block in layout.blocks[1:]], dtype=float)
    present = (dimensions > 0) & (values[-1] > 0)
    d, v = (np.where(present, column, np.nan) for column in (dimensions, values))
    freedom = d.copy()
    freedom[-1] /= 1 + max(kurtosis, 0.0) / 2
    tail = (1 - LEVEL) / 2
    variances = Interval(v, *(freedom * v / chdtri(freedom, share) for share in (tail, 1 - tail)))
    ratio = v[:-1] / v[-1]
    ends = [ratio / fdtri(d[:-1], d[-1], share) for share in (1 - tail, tail)]
    share = Interval(*(_share(end, ratio, d) for end in (ratio, *ends)))
    p = fdtrc(d[:-1], d[-1], ratio)
    return TwoWay(layout.moment_names[1:], variances, freedom, share, p, mean_of(block_moments, layout))


def mean_of(block_moments: Float[np.ndarray, "moments"], layout: Symmetry) -> Mean:
    """The mean of an entry, if rows and columns are drawn at random and nothing is common to all entries of a matrix.

    Its variance, times the number of entries, is what remains, v, and the excess v_b - v of what each side shares; for
    symmetric matrices twice, as both sides are the same. The interval is Student's with Satterthwaite's degrees of
    freedom.

    Source: Satterthwaite, Biometrics Bulletin 2 (1946), 110.
    """
    x, *squares = block_moments
    *sides, rest = squares
    terms = np.array([*(2 / len(sides) * side for side in sides), -rest])
    d = np.array([block.dimension for block in layout.blocks[1:]], dtype=float)
    variance, freedom = rest, d[-1]
    if terms.sum() > rest:  # rows and columns can't share less than nothing
        variance = terms.sum()
        freedom = variance**2 / np.sum(terms**2 / np.maximum(d, 1))
    unit = np.sqrt(entry_count(layout))
    value, se = x / unit, np.sqrt(variance) / unit if variance > 0 else np.nan
    freedom = max(freedom, 1.0)
    reach = stdtrit(freedom, (1 + LEVEL) / 2) * se
    return Mean(*map(float, (value, value - reach, value + reach, 2 * stdtr(freedom, -abs(value) / se))))


def _share(
    ratio: Float[np.ndarray, "sides"], observed: Float[np.ndarray, "sides"], d: Float[np.ndarray, "names"]
) -> Float[np.ndarray, "sides"]:
    """The share of each side if its mean square is `ratio` times the last, and those of the others are as observed."""
    squares = np.sum(d[:-1] * observed) + d[-1] + d[:-1] * (ratio - observed)
    return np.asarray(d[:-1] * (ratio - 1) / squares)
