"""What is known of an ensemble: the one structure that figures, tables and JSON are made from."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from analysis.inference.multiplicity import LEVEL
from analysis.inference.path_length import PathLength
from analysis.model.status import OK
from analysis.recording import Training
from analysis.symmetry import Symmetry
from invariants import Graph, latex

REPLICATES, SEED = 1000, 0
"""The bootstrap over members behind every standard error."""


@dataclass(frozen=True, repr=False)
class Statistics:
    """Statistics of an ensemble, float64, with leading axes (epoch, layer), or none for given matrices.

    NaN where a quantity is not available, and "" among texts. Means have the units of the matrices, covariances these
    squared, an invariant of degree k their k-th power.
    """

    symmetries: tuple[Symmetry, ...]
    """Of each layer, with its size; all of one kind. A single one where there are no leading axes."""
    epochs: Int[np.ndarray, "E"]
    """Number of each epoch; empty without leading axes."""
    layers: tuple[str, ...]
    """Names of the layers; empty without leading axes."""
    members: Int[np.ndarray, "*at"]
    """Members in all."""
    excluded: Int[np.ndarray, "*at"]
    """Members left out of every statistic as non-finite, at this or an earlier epoch."""
    status: Shaped[np.ndarray, "*at"]
    """"ok", or cause and remedy of a fit."""
    mean: Float[np.ndarray, "*at graphs"]
    """Mean of each invariant over members."""
    std: Float[np.ndarray, "*at graphs"]
    """Standard deviation over members (population: divided by N)."""
    se: Float[np.ndarray, "*at graphs"]
    """Standard error of the mean."""
    expected_initial: Float[np.ndarray, "*at fitted"]
    """Exact expectation of each fitted invariant for the independent entries of an initialisation of known law."""
    se_initial: Float[np.ndarray, "*at fitted"]
    """Exact standard error of its mean over as many members."""
    initial_variance: Float[np.ndarray, "*at"]
    """Variance of an entry at initialisation, in units squared; NaN where its law is unknown."""
    parameters: Float[np.ndarray, "*at parameters"]
    """Plug-in parameters of the law: the maximum-likelihood ones."""
    parameters_se: Float[np.ndarray, "*at parameters"]
    """Their standard errors, by bootstrap over members."""
    unbiased: Float[np.ndarray, "*at parameters"]
    """Unbiased parameters: the covariance on the trivial block times N / (N - 1)."""
    theory: Float[np.ndarray, "*at predicted"]
    """Exact expectation of each predicted invariant at the plug-in parameters."""
    theory_se: Float[np.ndarray, "*at predicted"]
    """Its standard error."""
    deviation: Float[np.ndarray, "*at predicted"]
    """|theory - mean| / std, in standard deviations over members, as published."""
    deviation_se: Float[np.ndarray, "*at predicted"]
    """Its standard error, by bootstrap over members."""
    deviation_chance: Float[np.ndarray, "*at predicted"]
    """What 95 % of deviations stay below if the model holds: theory and mean come from the same members."""
    z: Float[np.ndarray, "*at predicted"]
    """|theory - mean| over the joint standard error of the difference, as a normal quantile; without the bias of the
    plug-in theory."""
    p: Float[np.ndarray, "*at predicted"]
    """Two-sided p-value of the same."""
    q: Float[np.ndarray, "*at predicted"]
    """p adjusted for the false-discovery rate within each epoch and layer that is found to deviate."""
    cumulants: Float[np.ndarray, "*at patterns"]
    """Joint cumulant of the entries on the edges of each pattern: 0 for every Gaussian law; NaN where not all graphs
    are recorded, or a pattern has more nodes than the matrix has rows or columns."""
    cumulants_se: Float[np.ndarray, "*at patterns"]
    """Its standard error over members."""
    standardised: Float[np.ndarray, "*at patterns"]
    """The cumulant over the standard deviations of its entries: skewness and excess kurtosis for a single entry."""
    standardised_se: Float[np.ndarray, "*at patterns"]
    """Its standard error over members."""
    cumulants_z: Float[np.ndarray, "*at patterns"]
    """The cumulant over its standard error; of one or two members over that of Gaussian ones."""
    cumulants_p: Float[np.ndarray, "*at patterns"]
    """Two-sided p-value of the same."""
    cumulants_q: Float[np.ndarray, "*at patterns"]
    """p adjusted as `q` is."""
    w2: Float[np.ndarray, "*at"]
    """2-Wasserstein distance (not squared) of the plug-in law to the initial i.i.d. Gaussian, in units of the matrices;
    to the nearest i.i.d. Gaussian where the initial law is unknown."""
    w2_se: Float[np.ndarray, "*at"]
    """Its standard error; not valid for distances near `w2_null`, where `w2_low` and `w2_high` are."""
    w2_debiased: Float[np.ndarray, "*at"]
    """The distance less what chance adds to its square."""
    w2_low: Float[np.ndarray, "*at"]
    """Lower end of a 95 % interval of the distance, valid at every distance."""
    w2_high: Float[np.ndarray, "*at"]
    """Upper end."""
    w2_null: Float[np.ndarray, "*at"]
    """What as many unchanged members show on average."""
    w2_null_upper: Float[np.ndarray, "*at"]
    """The 95 % quantile of what they show."""
    w2_squared_parts: Float[np.ndarray, "*at parts"]
    """The square of `w2` split over the mean and the blocks."""
    loglik: Float[np.ndarray, "*at models"]
    """Log-likelihood of all members under each model of the family, in nats."""
    aic: Float[np.ndarray, "*at models"]
    """2 k - 2 log L: for Gaussian members; where `normality_p` is small it prefers too many parameters."""
    bic: Float[np.ndarray, "*at models"]
    """k log N - 2 log L, with the same caveat."""
    held_out: Float[np.ndarray, "*at models"]
    """Log-likelihood of all members, each under the fit to the other folds."""
    model_p: Float[np.ndarray, "*at models"]
    """p-value of each model of the family within the full one, by a Wald test that assumes no law; NaN for the full."""
    model_effect: Float[np.ndarray, "*at models"]
    """Distance from the model in the spread of members, whatever their number, less what is due to chance."""
    accepted: Shaped[np.ndarray, "*at"]
    """The smallest model that the tests accept together with all models that contain it, or "undetermined"."""
    normality_p: Float[np.ndarray, "*at"]
    """p-value of the Gaussian law, by the energies of the blocks."""
    normality_effect: Float[np.ndarray, "*at"]
    """Variance of the squared Mahalanobis distance relative to that of a Gaussian law, less 1."""
    paths: tuple[PathLength, ...] = ()
    """How far the law of each layer travels through the epochs; empty without leading axes."""
    training: Training | None = None
    """How the members learned, where they were trained."""
    published: bool = False
    """Whether deviations, errors at initialisation and distances are made as the paper's scripts make them."""

    @property
    def symmetry(self) -> Symmetry:
        """The symmetry of the first layer: all are of one kind."""
        return self.symmetries[0]

    @property
    def graphs(self) -> tuple[Graph, ...]:
        """The invariants: those the law is fitted to, then those it predicts."""
        return self.symmetry.observed

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the invariants."""
        return self.symmetry.observed_names

    @property
    def labels(self) -> tuple[str, ...]:
        """The invariants in LaTeX."""
        return tuple(map(latex, self.graphs))

    @property
    def low(self) -> slice:
        """The fitted invariants among all."""
        return slice(0, len(self.symmetry.fitted))

    @property
    def high(self) -> slice:
        """The predicted invariants among all."""
        return slice(len(self.symmetry.fitted), None)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models of the family, by increasing number of parameters."""
        return tuple(self.symmetry.family)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts of a squared distance."""
        return self.symmetry.part_names

    @property
    def identities_p(self) -> Float[np.ndarray, "*at"]:
        """p-value of the identities of separate permutations of rows and columns; NaN where they are not tested."""
        return self._of_model(self.model_p, "bipartite")

    @property
    def identities_effect(self) -> Float[np.ndarray, "*at"]:
        """Their effect size."""
        return self._of_model(self.model_effect, "bipartite")

    @property
    def used(self) -> Int[np.ndarray, "*at"]:
        """Members that the statistics rest on."""
        return self.members - self.excluded

    @property
    def root_size(self) -> Float[np.ndarray, "layers"]:
        """Root of the number of entries of each layer: distances of matrices of unlike shape compare in units of it."""
        return np.sqrt([sum(rows * columns for rows, columns in symmetry.shapes) for symmetry in self.symmetries])

    def _of_model(self, values: np.ndarray, name: str) -> np.ndarray:
        if name not in self.models or name == self.symmetry.full:
            return np.full(self.w2.shape, np.nan)
        return values[..., self.models.index(name)]

    def __repr__(self) -> str:
        return f"Statistics({summary(self)})"

    def _repr_html_(self) -> str:
        from analysis.notebook import statistics_html

        return statistics_html(self)

    def to_xarray(self) -> Any:
        """The numbers as an `xarray.Dataset`, with named dimensions."""
        from analysis.notebook import to_xarray

        return to_xarray(self)

    def to_pandas(self) -> Any:
        """The predicted invariants as a `pandas.DataFrame`, one row each (at every epoch and layer)."""
        from analysis.notebook import to_pandas

        return to_pandas(self)


def stacked(cells: list[list[Statistics]], **shared: Any) -> Statistics:
    """Statistics with axes (epoch, layer) from those of single cells; `shared` are the fields without these axes."""
    names = {field.name for field in fields(Statistics)} - {*shared}
    arrays = {name: np.array([[getattr(cell, name) for cell in row] for row in cells]) for name in names}
    return replace(cells[0][0], **arrays, **shared)


def summary(statistics: Statistics) -> str:
    """What there is, in one line."""
    s = statistics
    deviating = int(np.sum(significant(s)[-1])) if s.w2.ndim else int(significant(s))
    where = f"epochs {s.epochs[0]} to {s.epochs[-1]}, layers {', '.join(s.layers)}, " if s.w2.ndim else ""
    predicted = len(s.symmetry.predicted) * max(len(s.layers), 1)
    last = " at the last epoch" if len(s.epochs) > 1 else ""
    text = f"{', '.join(map(str, dict.fromkeys(s.symmetries)))}: {where}{s.members.max()} members, "
    problems = sorted(set(np.unique(s.status)) - {OK})
    state = problems[0] if problems else OK
    return text + f"{deviating} of {predicted} predicted invariants deviate{last}, status: {state}"


def deviating(statistics: Statistics) -> Bool[np.ndarray, "*at predicted"]:
    """Which predicted invariants deviate at a false-discovery rate of 5 % within their epoch and layer."""
    return statistics.q < LEVEL


def significant(statistics: Statistics) -> Int[np.ndarray, "*at"]:
    """How many predicted invariants deviate."""
    return np.asarray(np.sum(deviating(statistics), axis=-1))


def largest(values: Float[np.ndarray, "*at n"]) -> Int[np.ndarray, "*at"]:
    """Position of the finite value of largest size; 0 where there is none."""
    return np.asarray(np.argmax(np.where(np.isfinite(values), np.abs(values), -1.0), axis=-1))


def largest_deviation(
    statistics: Statistics,
) -> tuple[Float[np.ndarray, "*at"], Float[np.ndarray, "*at"], Int[np.ndarray, "*at"]]:
    """The largest finite deviation, its standard error and its position; NaN where there is none."""
    position = largest(statistics.deviation)
    at = position[..., None]
    value = np.take_along_axis(statistics.deviation, at, axis=-1)[..., 0]
    error = np.take_along_axis(statistics.deviation_se, at, axis=-1)[..., 0]
    return np.where(np.isfinite(value), value, np.nan), error, position


def initial_deviation(statistics: Statistics) -> Float[np.ndarray, "*at fitted"]:
    """Move of the fitted invariants from initialisation in its exact standard errors, (mean - expected) / se."""
    s = statistics
    return (s.mean[..., s.low] - s.expected_initial) / s.se_initial


def normalised_change(statistics: Statistics) -> Float[np.ndarray, "L predicted"]:
    """Change of each deviation d from the first epoch to the last, (d_last - d_first) / (d_last + d_first).

    It lies in [-1, 1]: +1 where a deviation appeared, -1 where it vanished, 0 where it is unchanged; NaN for 0 / 0,
    for an infinite one, and for a single epoch.
    Hirst and Ramgoolam (arXiv:2510.05218), "normalised change".
    """
    first, last = statistics.deviation[0], statistics.deviation[-1]
    total = first + last
    known = (total > 0) & np.isfinite(total) & (len(statistics.epochs) > 1)
    change = np.subtract(last, first, out=np.zeros_like(total), where=known)
    return np.divide(change, total, out=np.full_like(total, np.nan), where=known)


def resolved_change(statistics: Statistics) -> Bool[np.ndarray, "L predicted"]:
    """Whether a deviation exceeds what chance makes of it at the first or the last epoch: else its change is noise."""
    clear = statistics.deviation > statistics.deviation_chance
    return clear[0] | clear[-1]


def entry_variance(statistics: Statistics) -> Float[np.ndarray, "*at"]:
    """Variance of an entry under the law, averaged over the matrix: sum_b d_b tr S_b over the number of entries."""
    variances = [
        sum(
            block.dimension * np.trace(covariance, axis1=-2, axis2=-1)
            for block, covariance in zip(symmetry.blocks, symmetry.unpack(f).covariances, strict=True)
        )
        for symmetry, f in zip(
            statistics.symmetries, np.moveaxis(np.atleast_2d(statistics.parameters), -2, 0), strict=True
        )
    ]
    total = np.stack(variances, axis=-1) / statistics.root_size**2
    return total.reshape(statistics.w2.shape)


def variance_unit(statistics: Statistics) -> Float[np.ndarray, "L"]:
    """Variance of an initial entry; where its law is unknown or dependent, the fitted one at the first epoch."""
    initial = statistics.initial_variance[0]
    unit = np.where(np.isnan(initial), entry_variance(statistics)[0], initial)
    return np.where(unit > 0, unit, np.nan)
