"""From what was recorded of every weight matrix to the statistics of the five-parameter model at every epoch."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.comparison import compare
from analysis.false_discovery import benjamini_hochberg
from analysis.members import finite_so_far, status_with
from analysis.moments import deviation, moments
from analysis.rectangular.family import fit_family
from analysis.rectangular.fitting import fit_moments
from analysis.rectangular.likelihood import wasserstein_squared_parts
from analysis.rectangular.null_distance import distance, null_distance, reference
from analysis.rectangular.representation import Shape
from analysis.rectangular.trajectories import HIGH, RectangularRecording, RectangularTrajectories
from analysis.rectangular.wick import expectations
from analysis.resampling import bootstrap
from analysis.trajectories import REPLICATES, SEED
from invariants import BIPARTITE


class Cell(NamedTuple):
    """Statistics of one matrix at one epoch; fields of `RectangularTrajectories`, and `p` from which q is made."""

    excluded: int
    status: str
    mean: Float[np.ndarray, "48"]
    std: Float[np.ndarray, "48"]
    se: Float[np.ndarray, "48"]
    parameters: Float[np.ndarray, "5"]
    parameters_se: Float[np.ndarray, "5"]
    unbiased: Float[np.ndarray, "5"]
    theory: Float[np.ndarray, "43"]
    theory_se: Float[np.ndarray, "43"]
    deviation: Float[np.ndarray, "43"]
    deviation_se: Float[np.ndarray, "43"]
    z: Float[np.ndarray, "43"]
    p: Float[np.ndarray, "43"]
    w2: float
    w2_se: float
    w2_null: float
    w2_null_upper: float
    w2_squared_parts: Float[np.ndarray, "5"]
    loglik: Float[np.ndarray, "3"]
    aic: Float[np.ndarray, "3"]
    bic: Float[np.ndarray, "3"]


def trajectories(recording: RectangularRecording, variances: tuple[float | None, ...]) -> RectangularTrajectories:
    """Statistics of an ensemble at every epoch and weight matrix.

    Args:
        recording: what was recorded.
        variances: variance of the initial independent entries of each matrix; None where it is unknown or they are
            dependent, and distances are then taken to the independent entries nearest to each fit.

    Raises:
        ValueError: at some epoch and matrix no member is finite.
    """
    members, epochs, matrices, _ = recording.invariants.shape
    used = finite_so_far(recording.finite, recording.invariants, recording.block_moments)
    cells = [
        [
            describe(
                recording.invariants[used[:, e, k], e, k],
                recording.block_moments[used[:, e, k], e, k],
                recording.shapes[k],
                variances[k],
                excluded=members - int(used[:, e, k].sum()),
            )
            for k in range(matrices)
        ]
        for e in range(epochs)
    ]
    stacked = {name: np.array([[getattr(cell, name) for cell in row] for row in cells]) for name in Cell._fields}
    p, status = stacked.pop("p"), stacked.pop("status")
    return RectangularTrajectories(
        epochs=recording.epochs,
        matrices=recording.matrices,
        shapes=recording.shapes,
        initial_variance=np.array([np.nan if variance is None else variance for variance in variances]),
        members=members,
        status=tuple(map(tuple, status.tolist())),
        q=benjamini_hochberg(p),
        **stacked,  # pyright: ignore[reportArgumentType]
    )


def describe(
    invariants: Float[np.ndarray, "N 48"],
    block_moments: Float[np.ndarray, "N 4"],
    shape: Shape,
    variance: float | None,
    excluded: int = 0,
) -> Cell:
    """Statistics of one ensemble of m x n matrices, given by the recordings of its finite members.

    Raises:
        ValueError: there is no member.
    """
    observed, fitted, members = moments(invariants), fit_moments(block_moments, shape), len(invariants)
    resampling = bootstrap(members, REPLICATES, SEED)
    f, replicates = fitted.model.parameters, replicated_parameters(block_moments, shape, resampling.weights)
    theory, theories = (expectations(values, BIPARTITE[HIGH], shape) for values in (f, replicates))
    comparison = compare(invariants[:, HIGH], theory, theories, resampling)
    target = reference(f, shape, variance)
    null = null_distance(shape, members, float(target[1]), nearest=variance is None)
    family = fit_family(f, shape, members)
    return Cell(
        excluded=excluded,
        status=status_with(fitted.status, excluded),
        mean=observed.mean,
        std=observed.std,
        se=observed.se,
        parameters=f,
        parameters_se=resampling.error(replicates),
        unbiased=np.full(5, np.nan) if fitted.unbiased is None else fitted.unbiased,
        theory=theory,
        theory_se=resampling.error(theories),
        deviation=deviation(theory, observed.mean[HIGH], observed.std[HIGH]),
        deviation_se=comparison.deviation,
        z=np.abs(comparison.z),
        p=comparison.p,
        w2=float(distance(f, shape, variance)),
        w2_se=float(resampling.error(distance(replicates, shape, variance))),
        w2_null=null.mean,
        w2_null_upper=null.upper,
        w2_squared_parts=wasserstein_squared_parts(f, target, shape),
        loglik=family.loglik,
        aic=family.aic,
        bic=family.bic,
    )


def replicated_parameters(
    block_moments: Float[np.ndarray, "N 4"], shape: Shape, weights: Float[np.ndarray, "replicates N"]
) -> Float[np.ndarray, "replicates 5"]:
    """Plug-in parameters of all replicates by one product: v0 = <x^2> - <x>^2, with x centred on the mean over all."""
    centre = np.mean(block_moments[:, 0])
    x = block_moments[:, :1] - centre
    shifts, squares, variances = np.split(weights @ np.concatenate([x, x**2, block_moments[:, 1:]], axis=1), [1, 2], 1)
    return np.concatenate(
        [(centre + shifts) / np.sqrt(np.prod(shape)), np.maximum(squares - shifts**2, 0), variances], axis=1
    )
