"""The table of every weight matrix: one row per epoch and matrix."""

import numpy as np

from analysis.rectangular.family import MODELS
from analysis.rectangular.trajectories import HIGH, NAMES, PARAMETERS, RectangularTrajectories
from analysis.tables import Table

LEVEL = 0.05
CAPTION = (
    "The five-parameter model of every weight matrix: 2-Wasserstein distance (not squared) from its initial "
    "independent entries with standard error, mean and 95 % quantile of what as many unchanged members show; the "
    "parameters with standard errors; BIC of the models; how many of the 43 cubic and quartic bipartite invariants "
    "deviate at a false-discovery rate of 5 % over all epochs and matrices, the largest deviation "
    "|theory - mean| / std, and the key of its graph."
)


def matrices(trajectories: RectangularTrajectories) -> Table:
    """Distances, parameters, criteria and the predictions in short of every matrix at every epoch."""
    t = trajectories
    header = (
        *("epoch", "matrix", "rows", "columns", "members", "w2", "se", "null", "null_upper"),
        *(column for name in PARAMETERS for column in (name, f"{name}_se")),
        *(f"bic_{model}" for model in MODELS),
        *("significant", "largest_deviation", "invariant"),
    )
    rows = tuple(
        (
            *(int(epoch), name, *t.shapes[k], t.members - int(t.excluded[e, k])),
            *(float(value[e, k]) for value in (t.w2, t.w2_se, t.w2_null, t.w2_null_upper)),
            *np.stack([t.parameters[e, k], t.parameters_se[e, k]], axis=-1).ravel().tolist(),
            *t.bic[e, k].tolist(),
            *predictions(t, e, k),
        )
        for e, epoch in enumerate(t.epochs)
        for k, name in enumerate(t.matrices)
    )
    return Table(header, rows, CAPTION)


def predictions(trajectories: RectangularTrajectories, epoch: int, matrix: int) -> tuple[int, float, str]:
    """How many predicted invariants deviate significantly, the largest deviation, and the key of its graph."""
    deviations = trajectories.deviation[epoch, matrix]
    largest = int(np.argmax(deviations))
    significant = int(np.sum(trajectories.q[epoch, matrix] < LEVEL))
    return significant, float(deviations[largest]), NAMES[HIGH][largest]
