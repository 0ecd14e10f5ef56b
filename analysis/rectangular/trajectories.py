"""What every weight matrix of an ensemble did during training, whatever its shape: arrays for tables and figures."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.plain import by_name, numbers
from analysis.rectangular.family import MODELS, parameter_counts
from analysis.rectangular.representation import Shape, dimensions
from analysis.trajectories import REPLICATES, SEED
from invariants import BIPARTITE, bipartite_key

SCHEMA = 1
LOW = slice(0, 5)
"""Linear and quadratic bipartite invariants, which the model is fitted to."""
HIGH = slice(5, 48)
"""Cubic and quartic bipartite invariants, which the model predicts."""
NAMES = tuple(bipartite_key(graph) for graph in BIPARTITE)
PARAMETERS = ("mean", "v0", "vC", "vR", "vE")


class RectangularRecording(NamedTuple):
    """What was recorded of N members at E epochs and L weight matrices; given matrices have one of each."""

    epochs: Int[np.ndarray, "E"]
    matrices: tuple[str, ...]
    shapes: tuple[Shape, ...]
    invariants: Float[np.ndarray, "N E L 48"]
    block_moments: Float[np.ndarray, "N E L 4"]
    finite: Bool[np.ndarray, "N E"]


class RectangularTrajectories(NamedTuple):
    """Statistics of one ensemble at E epochs and L weight matrices, float64, NaN where a quantity is not available.

    `initial_variance` is that of the initial independent entries, NaN where their law is unknown or they are dependent.
    `parameters` are mean (units of the weights), v0, vC, vR, vE (units squared). The other fields are as in
    `analysis.trajectories.Trajectories`, for the bipartite invariants `NAMES`, the models `family.MODELS` and a square
    of `w2` split over mean, v0, vC, vR, vE.
    """

    epochs: Int[np.ndarray, "E"]
    matrices: tuple[str, ...]
    shapes: tuple[Shape, ...]
    initial_variance: Float[np.ndarray, "L"]
    members: int
    excluded: Int[np.ndarray, "E L"]
    status: tuple[tuple[str, ...], ...]
    mean: Float[np.ndarray, "E L 48"]
    std: Float[np.ndarray, "E L 48"]
    se: Float[np.ndarray, "E L 48"]
    parameters: Float[np.ndarray, "E L 5"]
    parameters_se: Float[np.ndarray, "E L 5"]
    unbiased: Float[np.ndarray, "E L 5"]
    theory: Float[np.ndarray, "E L 43"]
    theory_se: Float[np.ndarray, "E L 43"]
    deviation: Float[np.ndarray, "E L 43"]
    deviation_se: Float[np.ndarray, "E L 43"]
    z: Float[np.ndarray, "E L 43"]
    q: Float[np.ndarray, "E L 43"]
    w2: Float[np.ndarray, "E L"]
    w2_se: Float[np.ndarray, "E L"]
    w2_null: Float[np.ndarray, "E L"]
    w2_null_upper: Float[np.ndarray, "E L"]
    w2_squared_parts: Float[np.ndarray, "E L 5"]
    loglik: Float[np.ndarray, "E L 3"]
    aic: Float[np.ndarray, "E L 3"]
    bic: Float[np.ndarray, "E L 3"]

    @property
    def root_size(self) -> Float[np.ndarray, "L"]:
        """The root sqrt(mn) of the number of entries: distances of matrices of unlike shape compare in units of it."""
        return np.sqrt(np.prod(np.array(self.shapes), axis=1))


def entry_variance(trajectories: RectangularTrajectories) -> Float[np.ndarray, "E L"]:
    """Variance of an entry under the model, averaged over the matrix: sum_b n_b v_b / mn."""
    sizes = np.array([dimensions(shape) for shape in trajectories.shapes], dtype=np.float64)
    return np.sum(sizes * trajectories.parameters[..., 1:], axis=-1) / trajectories.root_size**2


def variance_unit(trajectories: RectangularTrajectories) -> Float[np.ndarray, "L"]:
    """Variance of an initial entry; where its law is unknown or dependent, the fitted one at the first epoch."""
    initial = trajectories.initial_variance
    unit = np.where(np.isnan(initial), entry_variance(trajectories)[0], initial)
    return np.where(unit > 0, unit, np.nan)


def to_json_entry(trajectories: RectangularTrajectories, epoch: int, matrix: int) -> dict:
    """One entry of `rectangular.json`, for one epoch and matrix by position; NaN becomes null."""
    t, at = trajectories, (epoch, matrix)
    return {
        "schema": SCHEMA,
        "epoch": int(t.epochs[epoch]),
        "matrix": t.matrices[matrix],
        "shape": list(t.shapes[matrix]),
        "members": t.members,
        "excluded": int(t.excluded[at]),
        "invariants": by_name(NAMES, mean=t.mean[at], std=t.std[at], se=t.se[at]),
        "parameters": by_name(PARAMETERS, value=t.parameters[at], se=t.parameters_se[at], unbiased=t.unbiased[at]),
        "theory": by_name(
            NAMES[HIGH],
            value=t.theory[at],
            se=t.theory_se[at],
            deviation=t.deviation[at],
            deviation_se=t.deviation_se[at],
            z=t.z[at],
            q=t.q[at],
        ),
        "models": {
            name: {"parameters": int(count)} | numbers(loglik=loglik, aic=aic, bic=bic)
            for name, count, loglik, aic, bic in zip(
                MODELS, parameter_counts(t.shapes[matrix]), t.loglik[at], t.aic[at], t.bic[at], strict=True
            )
        },
        "wasserstein": {
            "to_iid": numbers(
                w2=t.w2[at],
                w2_squared=t.w2[at] ** 2,
                se=t.w2_se[at],
                null=t.w2_null[at],
                null_upper=t.w2_null_upper[at],
            ),
            "squared_parts": numbers(**dict(zip(PARAMETERS, t.w2_squared_parts[at], strict=True))),
        },
        "bootstrap": {"replicates": REPLICATES, "seed": SEED},
        "status": t.status[epoch][matrix],
    }
