"""What an ensemble did during training: the arrays from which figures, tables and `fit.json` are made."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

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
MODELS = {"iid": 2, "bipartite": 5, "pigmm": 13}
"""The models compared by likelihood and their numbers of parameters."""


class Trajectories(NamedTuple):
    """Statistics of one ensemble at E epochs and L layers, float64, NaN where a quantity is not available.

    `members` counts all, `excluded` those among them left out of every statistic as non-finite. `mean` and `std`
    (population) are over the others, `se` is the standard error of the mean. `expected_initial` and `se_initial`
    are exact, for independent entries at initialisation. `parameters` are f1..f13, means in units of the weights,
    covariances in units squared. `deviation` is |theory - mean| / std, `z` the difference over its joint standard
    error, `q` the p-value adjusted for the false-discovery rate. `w2` is the 2-Wasserstein distance (not squared) of
    the fitted model to the initial i.i.d. Gaussian, `w2_null` what the same number of members would show without any
    change. `loglik` is the maximum log-likelihood of each of `MODELS`. `status` is "ok" or cause and remedy of a fit.
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
    theory: Float[np.ndarray, "E L 39"]
    deviation: Float[np.ndarray, "E L 39"]
    z: Float[np.ndarray, "E L 39"]
    q: Float[np.ndarray, "E L 39"]
    w2: Float[np.ndarray, "E L"]
    w2_se: Float[np.ndarray, "E L"]
    w2_null: Float[np.ndarray, "E L"]
    loglik: Float[np.ndarray, "E L models"]
    train_loss: Float[np.ndarray, "members E"]
    test_loss: Float[np.ndarray, "members E"]
    test_accuracy: Float[np.ndarray, "members E"]
    finite: Bool[np.ndarray, "members E"]


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
    """One entry of `fit.json`, for one epoch and layer by position; NaN becomes null.

    aic = 2 k - 2 log L and bic = k log N - 2 log L for a model of k parameters and N members used.
    """
    t, at = trajectories, (epoch, layer)
    used = max(members_used(t)[at], 1)
    return {
        "schema": SCHEMA,
        "epoch": int(t.epochs[epoch]),
        "layer": t.layers[layer],
        "dim": int(t.dims[layer]),
        "members": int(t.members[at]),
        "excluded": int(t.excluded[at]),
        "invariants": _by_name(t.names, mean=t.mean[at], std=t.std[at], se=t.se[at]),
        "parameters": _by_name(PARAMETERS, value=t.parameters[at], se=t.parameters_se[at]),
        "theory": _by_name(t.names[HIGH], value=t.theory[at], deviation=t.deviation[at], z=t.z[at], q=t.q[at]),
        "models": {
            name: {"parameters": k} | _numbers(loglik=log, aic=2 * k - 2 * log, bic=k * np.log(used) - 2 * log)
            for (name, k), log in zip(MODELS.items(), t.loglik[at], strict=True)
        },
        "wasserstein": {"to_iid": _numbers(w2=t.w2[at], w2_squared=t.w2[at] ** 2, se=t.w2_se[at], null=t.w2_null[at])},
        "status": t.status[epoch][layer],
    }


def _by_name(names: tuple[str, ...], **columns: Float[np.ndarray, " names"]) -> dict[str, dict[str, float | None]]:
    return {name: _numbers(**{key: values[i] for key, values in columns.items()}) for i, name in enumerate(names)}


def _numbers(**values: float) -> dict[str, float | None]:
    """Plain numbers for JSON, which has no NaN and no infinity."""
    return {name: float(value) if np.isfinite(value) else None for name, value in values.items()}
