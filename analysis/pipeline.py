"""From what was recorded of every member to the statistics of the ensemble at every epoch and layer."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.entry_law import EntryLaw
from analysis.fitting import fit_moments
from analysis.initialisation import iid_invariants, iid_model
from analysis.moments import deviation, moments
from analysis.pigmm import PIGMM
from analysis.trajectories import HIGH, LOW, MODELS, Trajectories
from analysis.wasserstein import wasserstein
from analysis.wick import expectation
from invariants import NAMES, PAPER, latex


class Recording(NamedTuple):
    """What was recorded of N members at E epochs and L layers; an ensemble of given matrices has one of each."""

    epochs: Int[np.ndarray, "E"]
    layers: tuple[str, ...]
    dims: tuple[int, ...]
    invariants: Float[np.ndarray, "N E L 52"]
    block_moments: Float[np.ndarray, "N E L 10"]
    finite: Bool[np.ndarray, "N E"]
    train_loss: Float[np.ndarray, "N E"]
    test_loss: Float[np.ndarray, "N E"]
    test_accuracy: Float[np.ndarray, "N E"]


class Cell(NamedTuple):
    """Statistics of one layer at one epoch; the fields are those of `Trajectories`."""

    excluded: int
    status: str
    mean: Float[np.ndarray, "52"]
    std: Float[np.ndarray, "52"]
    se: Float[np.ndarray, "52"]
    parameters: Float[np.ndarray, "13"]
    parameters_se: Float[np.ndarray, "13"]
    theory: Float[np.ndarray, "39"]
    deviation: Float[np.ndarray, "39"]
    z: Float[np.ndarray, "39"]
    q: Float[np.ndarray, "39"]
    w2: float
    w2_se: float
    w2_null: float
    loglik: Float[np.ndarray, "models"]


def included(recording: Recording) -> Bool[np.ndarray, "N E L"]:
    """Which members enter the statistics: those finite, in weights and invariants, at this and all earlier epochs."""
    values = np.isfinite(recording.invariants).all(axis=-1) & np.isfinite(recording.block_moments).all(axis=-1)
    return np.logical_and.accumulate(values & recording.finite[:, :, None], axis=1)


def trajectories(recording: Recording, laws: tuple[EntryLaw | None, ...]) -> Trajectories:
    """Statistics of an ensemble at every epoch and layer.

    Args:
        recording: what was recorded.
        laws: law of the initial entries of each layer; None where it is unknown, see `reference_model`.

    Raises:
        ValueError: at some epoch and layer no member is finite.
    """
    members, epochs, layers, _ = recording.invariants.shape
    used = included(recording)
    cells = [
        [
            describe(
                recording.invariants[used[:, e, layer], e, layer],
                recording.block_moments[used[:, e, layer], e, layer],
                recording.dims[layer],
                laws[layer],
                excluded=members - int(used[:, e, layer].sum()),
            )
            for layer in range(layers)
        ]
        for e in range(epochs)
    ]
    stacked = {
        name: np.array([[getattr(cell, name) for cell in row] for row in cells])
        for name in Cell._fields
        if name != "status"
    }
    initial = np.array([_initial(law, dim, members) for law, dim in zip(laws, recording.dims, strict=True)])
    return Trajectories(
        epochs=recording.epochs,
        layers=recording.layers,
        dims=np.array(recording.dims),
        names=NAMES,
        labels=tuple(latex(graph) for graph in PAPER),
        members=np.full((epochs, layers), members),
        status=tuple(tuple(cell.status for cell in row) for row in cells),
        expected_initial=initial[:, 0],
        se_initial=initial[:, 1],
        train_loss=recording.train_loss,
        test_loss=recording.test_loss,
        test_accuracy=recording.test_accuracy,
        finite=recording.finite,
        **stacked,
    )


def describe(
    invariants: Float[np.ndarray, "N 52"],
    block_moments: Float[np.ndarray, "N 10"],
    dim: int,
    law: EntryLaw | None,
    excluded: int = 0,
) -> Cell:
    """Statistics of one ensemble of D x D matrices, given by the recordings of its finite members.

    Raises:
        ValueError: there is no member.
    """
    observed = moments(invariants)
    fitted = fit_moments(block_moments, dim)
    theory = expectation(fitted.model, PAPER[HIGH])
    unknown = np.full(theory.shape, np.nan)
    exclusion = f"{excluded} members excluded as not finite, at this or an earlier epoch; " if excluded else ""
    return Cell(
        excluded=excluded,
        status=(exclusion + fitted.status) if fitted.status != "ok" or not exclusion else exclusion + "otherwise ok",
        mean=observed.mean,
        std=observed.std,
        se=observed.se,
        parameters=fitted.model.parameters,
        parameters_se=parameter_errors(block_moments),
        theory=theory,
        deviation=deviation(theory, observed.mean[HIGH], observed.std[HIGH]),
        z=unknown,
        q=unknown,
        w2=wasserstein(fitted.model, reference_model(law, fitted.model)),
        w2_se=np.nan,
        w2_null=np.nan,
        loglik=np.full(len(MODELS), np.nan),
    )


def parameter_errors(block_moments: Float[np.ndarray, "N 10"]) -> Float[np.ndarray, "13"]:
    """Standard errors of f1..f13 over members, by the delta method.

    f1, f2, f6..f13 are means over members; f3..f5 respond to a member by (x_a - <x_a>)(x_b - <x_b>) to first order.
    """
    x = block_moments[:, :2] - block_moments[:, :2].mean(axis=0)
    squares = np.stack([x[:, 0] ** 2, x[:, 0] * x[:, 1], x[:, 1] ** 2], axis=1)
    return moments(np.concatenate([block_moments[:, :2], squares, block_moments[:, 2:]], axis=1)).se


def reference_model(law: EntryLaw | None, model: PIGMM) -> PIGMM:
    """The i.i.d. Gaussian that distances are taken to.

    It has the mean and variance of the initial entries where their law is known, and otherwise those that are most
    likely for the fitted model: mean f1/D, variance (E|M|^2 - f1^2)/D^2.
    """
    if law is not None:
        return iid_model(float(law.cumulant(1)), float(law.cumulant(2)) ** 0.5, model.dim)
    square = model.mean[1] ** 2 + sum(b.multiplicity * np.trace(b.covariance) for b in model.blocks)
    return iid_model(model.mean[0] / model.dim, float(np.sqrt(square)) / model.dim, model.dim)


def _initial(law: EntryLaw | None, dim: int, members: int) -> Float[np.ndarray, "2 13"]:
    """Exact expectation and standard error of I1..I13 at initialisation; NaN for an unknown law."""
    if law is None:
        return np.full((2, 13), np.nan)
    return np.array(iid_invariants(law, PAPER[LOW], dim, members))
