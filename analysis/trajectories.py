"""What an ensemble did during training: the arrays from which figures, tables and `fit.json` are made."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.family import MODELS, parameter_counts
from analysis.plain import by_name, numbers

SCHEMA = 1
LOW = slice(0, 13)
"""Linear and quadratic invariants, I1..I13, which the model is fitted to."""
HIGH = slice(13, 52)
"""Cubic and quartic invariants, I14..I52, which the model predicts."""
FAMILIES = {
    "cubic, 1 or 2 nodes": slice(0, 10),
    "cubic, 5 or 6 nodes": slice(10, 15),
    "quartic, 1 or 2 nodes": slice(15, 34),
    "quartic, 7 or 8 nodes": slice(34, 39),
}
"""The families of the 39 predicted invariants, as positions within I14..I52."""
PARAMETERS = tuple(f"f{k}" for k in range(1, 14))
PARTS = ("mean", "V_0", "V_H", "V_2", "V_3")
"""The parts of a squared distance."""
REPLICATES, SEED = 1000, 0
"""The bootstrap over members behind every standard error."""


class Trajectories(NamedTuple):
    """Statistics of one ensemble at E epochs and L layers, float64, NaN where a quantity is not available.

    `members` counts all, `excluded` those among them left out of every statistic as non-finite. `mean` and `std`
    (population) are over the others, `se` is the standard error of the mean. `expected_initial` and `se_initial`
    are exact, for independent entries at initialisation. `parameters` are f1..f13, means in units of the weights,
    covariances in units squared. `deviation` is |theory - mean| / std, `z` the difference over its joint standard
    error, `q` the p-value adjusted for the false-discovery rate. `w2` is the 2-Wasserstein distance (not squared) of
    the fitted model to the initial i.i.d. Gaussian, `w2_null` the mean and `w2_null_upper` the 95 % quantile of what
    the same number of members would show without any change, `w2_squared_parts` its square split over mean, V_0, V_H,
    V_2, V_3. `loglik` to `held_out` compare the models of the family, `accepted` names the smallest that the Wald tests
    accept. `identities_*` test the eight identities of independent row and column permutations, `normality_*` the
    Gaussian law. `status` is "ok" or cause and remedy of a fit. `published` marks numbers made as the
    paper's scripts do.
    """

    epochs: Int[np.ndarray, "E"]
    layers: tuple[str, ...]
    dims: Int[np.ndarray, "L"]
    names: tuple[str, ...]
    labels: tuple[str, ...]
    members: Int[np.ndarray, "E L"]
    excluded: Int[np.ndarray, "E L"]
    status: tuple[tuple[str, ...], ...]
    mean: Float[np.ndarray, "E L 52"]
    std: Float[np.ndarray, "E L 52"]
    se: Float[np.ndarray, "E L 52"]
    expected_initial: Float[np.ndarray, "L 13"]
    se_initial: Float[np.ndarray, "L 13"]
    parameters: Float[np.ndarray, "E L 13"]
    parameters_se: Float[np.ndarray, "E L 13"]
    unbiased: Float[np.ndarray, "E L 13"]
    theory: Float[np.ndarray, "E L 39"]
    theory_se: Float[np.ndarray, "E L 39"]
    deviation: Float[np.ndarray, "E L 39"]
    deviation_se: Float[np.ndarray, "E L 39"]
    z: Float[np.ndarray, "E L 39"]
    q: Float[np.ndarray, "E L 39"]
    w2: Float[np.ndarray, "E L"]
    w2_se: Float[np.ndarray, "E L"]
    w2_null: Float[np.ndarray, "E L"]
    w2_null_upper: Float[np.ndarray, "E L"]
    w2_squared_parts: Float[np.ndarray, "E L 5"]
    loglik: Float[np.ndarray, "E L models"]
    aic: Float[np.ndarray, "E L models"]
    bic: Float[np.ndarray, "E L models"]
    held_out: Float[np.ndarray, "E L models"]
    accepted: tuple[tuple[str, ...], ...]
    identities_p: Float[np.ndarray, "E L"]
    identities_effect: Float[np.ndarray, "E L"]
    normality_p: Float[np.ndarray, "E L"]
    normality_effect: Float[np.ndarray, "E L"]
    train_loss: Float[np.ndarray, "members E"]
    test_loss: Float[np.ndarray, "members E"]
    test_accuracy: Float[np.ndarray, "members E"]
    finite: Bool[np.ndarray, "members E"]
    published: bool = False


def initial_deviation(trajectories: Trajectories) -> Float[np.ndarray, "E L 13"]:
    """Move of I1..I13 from initialisation in its exact standard errors, (mean - expected) / se_initial."""
    t = trajectories
    return (t.mean[..., LOW] - t.expected_initial) / t.se_initial


def normalised_change(trajectories: Trajectories) -> Float[np.ndarray, "L 39"]:
    """Change of each deviation d from the first epoch to the last, (d_last - d_first) / (d_last + d_first).

    It lies in [-1, 1]: +1 where a deviation appeared, -1 where it vanished, 0 where it is unchanged; NaN for 0 / 0 and
    for a single epoch.
    Hirst and Ramgoolam (arXiv:2510.05218), "normalised change".
    """
    first, last = trajectories.deviation[0], trajectories.deviation[-1]
    total = first + last
    return np.divide(
        last - first, total, out=np.full_like(total, np.nan), where=(total > 0) & (len(trajectories.epochs) > 1)
    )


def members_used(trajectories: Trajectories) -> Int[np.ndarray, "E L"]:
    """How many members the statistics rest on."""
    return trajectories.members - trajectories.excluded


def noise_level(trajectories: Trajectories) -> Float[np.ndarray, "E L"]:
    """Standard error of a mean in standard deviations, 1 / sqrt(members used): a deviation below it is noise."""
    used = members_used(trajectories)
    return np.divide(1.0, np.sqrt(used), out=np.full(used.shape, np.nan), where=used > 0)


def resolved_change(trajectories: Trajectories) -> Bool[np.ndarray, "L 39"]:
    """Whether a deviation exceeds twice the noise level at the first or the last epoch: else its change is noise."""
    noise = noise_level(trajectories)[..., None]
    return (trajectories.deviation[0] > 2 * noise[0]) | (trajectories.deviation[-1] > 2 * noise[-1])


def finite_values(
    trajectories: Trajectories, values: Float[np.ndarray, "members E"], epoch: int
) -> Float[np.ndarray, "finite"]:
    """Values of the members that have not diverged at one epoch (by position); empty where nothing was recorded."""
    column = values[:, epoch]
    return column[trajectories.finite[:, epoch] & np.isfinite(column)]


def member_quantiles(trajectories: Trajectories, values: Float[np.ndarray, "members E"]) -> Float[np.ndarray, "3 E"]:
    """Quantiles 5 %, 50 % and 95 % at each epoch over the members that have not diverged; NaN where there are none."""
    columns = [finite_values(trajectories, values, epoch) for epoch in range(len(trajectories.epochs))]
    quantiles = [np.quantile(column, (0.05, 0.5, 0.95)) if column.size else np.full(3, np.nan) for column in columns]
    return np.stack(quantiles, axis=1)


def to_json_entry(trajectories: Trajectories, epoch: int, layer: int) -> dict:
    """One entry of `fit.json`, for one epoch and layer by position; NaN becomes null."""
    t, at = trajectories, (epoch, layer)
    return {
        "schema": SCHEMA,
        "epoch": int(t.epochs[epoch]),
        "layer": t.layers[layer],
        "dim": int(t.dims[layer]),
        "members": int(t.members[at]),
        "excluded": int(t.excluded[at]),
        "invariants": by_name(t.names, mean=t.mean[at], std=t.std[at], se=t.se[at]),
        "parameters": by_name(PARAMETERS, value=t.parameters[at], se=t.parameters_se[at], unbiased=t.unbiased[at]),
        "theory": by_name(
            t.names[HIGH],
            value=t.theory[at],
            se=t.theory_se[at],
            deviation=t.deviation[at],
            deviation_se=t.deviation_se[at],
            z=t.z[at],
            q=t.q[at],
        ),
        "models": {
            name: {"parameters": int(count)} | numbers(loglik=loglik, aic=aic, bic=bic, held_out=held_out)
            for name, count, loglik, aic, bic, held_out in zip(
                MODELS,
                parameter_counts(int(t.dims[layer])),
                t.loglik[at],
                t.aic[at],
                t.bic[at],
                t.held_out[at],
                strict=True,
            )
        },
        "accepted": t.accepted[epoch][layer],
        "tests": {
            "identities": numbers(p=t.identities_p[at], effect=t.identities_effect[at]),
            "normality": numbers(p=t.normality_p[at], effect=t.normality_effect[at]),
        },
        "wasserstein": {
            "to_iid": numbers(
                w2=t.w2[at],
                w2_squared=t.w2[at] ** 2,
                se=t.w2_se[at],
                null=t.w2_null[at],
                null_upper=t.w2_null_upper[at],
            ),
            "squared_parts": numbers(**dict(zip(PARTS, t.w2_squared_parts[at], strict=True))),
        },
        "bootstrap": {"replicates": REPLICATES, "seed": SEED},
        "status": t.status[epoch][layer],
    }
