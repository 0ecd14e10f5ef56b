"""From what was recorded of every member to the statistics of the ensemble at every epoch and layer."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.entry_law import EntryLaw
from analysis.false_discovery import benjamini_hochberg
from analysis.family import fit_family
from analysis.fitting import fit_moments
from analysis.initialisation import iid_invariants, iid_model
from analysis.members import finite_so_far, status_with
from analysis.moments import deviation, moments
from analysis.nesting import accepted, nested_tests
from analysis.normality import normality_test
from analysis.null_distance import distance_to, nearest_iid, null_distance
from analysis.pigmm import PIGMM
from analysis.resampling import bootstrap
from analysis.symmetry import identity_test
from analysis.trajectories import HIGH, LOW, REPLICATES, SEED, Trajectories
from analysis.uncertainty import uncertainty
from analysis.wasserstein import wasserstein_squared_parts
from analysis.wick import expectation
from invariants import NAMES, PAPER, latex


class Recording(NamedTuple):
    """What was recorded of N members at E epochs and L layers; an ensemble of given matrices has one of each."""

    members: Int[np.ndarray, "N"]
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
    """Statistics of one layer at one epoch; the fields are those of `Trajectories`, `p` that from which q is made."""

    excluded: int
    status: str
    mean: Float[np.ndarray, "52"]
    std: Float[np.ndarray, "52"]
    se: Float[np.ndarray, "52"]
    parameters: Float[np.ndarray, "13"]
    parameters_se: Float[np.ndarray, "13"]
    unbiased: Float[np.ndarray, "13"]
    theory: Float[np.ndarray, "39"]
    theory_se: Float[np.ndarray, "39"]
    deviation: Float[np.ndarray, "39"]
    deviation_se: Float[np.ndarray, "39"]
    z: Float[np.ndarray, "39"]
    p: Float[np.ndarray, "39"]
    w2: float
    w2_se: float
    w2_null: float
    w2_null_upper: float
    w2_squared_parts: Float[np.ndarray, "5"]
    loglik: Float[np.ndarray, "models"]
    aic: Float[np.ndarray, "models"]
    bic: Float[np.ndarray, "models"]
    held_out: Float[np.ndarray, "models"]
    accepted: str
    identities_p: float
    identities_effect: float
    normality_p: float
    normality_effect: float


def included(recording: Recording) -> Bool[np.ndarray, "N E L"]:
    """Which members enter the statistics: those finite, in weights and invariants, at this and all earlier epochs."""
    return finite_so_far(recording.finite, recording.invariants, recording.block_moments)


def trajectories(recording: Recording, laws: tuple[EntryLaw | None, ...]) -> Trajectories:
    """Statistics of an ensemble at every epoch and layer.

    Args:
        recording: what was recorded.
        laws: law of the initial entries of each layer; None where it is unknown, and distances are then taken to the
            i.i.d. Gaussian nearest to each fit.

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
    stacked = {name: np.array([[getattr(cell, name) for cell in row] for row in cells]) for name in Cell._fields}
    p, status, accepted_models = stacked.pop("p"), stacked.pop("status"), stacked.pop("accepted")
    initial = np.array([_initial(law, dim, members) for law, dim in zip(laws, recording.dims, strict=True)])
    return Trajectories(
        epochs=recording.epochs,
        layers=recording.layers,
        dims=np.array(recording.dims),
        names=NAMES,
        labels=tuple(latex(graph) for graph in PAPER),
        members=np.full((epochs, layers), members),
        status=tuple(map(tuple, status.tolist())),
        accepted=tuple(map(tuple, accepted_models.tolist())),
        q=benjamini_hochberg(p),
        expected_initial=initial[:, 0],
        se_initial=initial[:, 1],
        train_loss=recording.train_loss,
        test_loss=recording.test_loss,
        test_accuracy=recording.test_accuracy,
        finite=recording.finite,
        **stacked,  # pyright: ignore[reportArgumentType]
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
    observed, fitted = moments(invariants), fit_moments(block_moments, dim)
    f, members = fitted.model.parameters, len(invariants)
    theory = expectation(fitted.model, PAPER[HIGH])
    reference = initial_model(law, dim)
    errors = uncertainty(
        invariants[:, HIGH], block_moments, PAPER[HIGH], dim, reference, bootstrap(members, REPLICATES, SEED)
    )
    target = nearest_iid(f, dim) if reference is None else reference.parameters
    null = null_distance(law or EntryLaw.gaussian(float(target[12]) ** 0.5), dim, members, nearest=law is None)
    family = fit_family(block_moments, dim)
    identities, normality = identity_test(block_moments, dim), normality_test(block_moments, dim)
    return Cell(
        excluded=excluded,
        status=status_with(fitted.status, excluded),
        mean=observed.mean,
        std=observed.std,
        se=observed.se,
        parameters=f,
        parameters_se=errors.parameters,
        unbiased=np.full(13, np.nan) if fitted.unbiased is None else fitted.unbiased,
        theory=theory,
        theory_se=errors.theory,
        deviation=deviation(theory, observed.mean[HIGH], observed.std[HIGH]),
        deviation_se=errors.deviation,
        z=np.abs(errors.z),
        p=errors.p,
        w2=float(distance_to(reference, f, dim)),
        w2_se=float(errors.w2),
        w2_null=null.mean,
        w2_null_upper=null.upper,
        w2_squared_parts=np.array(wasserstein_squared_parts(f, target, dim)),
        loglik=family.loglik,
        aic=family.aic,
        bic=family.bic,
        held_out=family.held_out,
        accepted=str(accepted(nested_tests(block_moments, family, dim), dim)),
        identities_p=float(identities.p),
        identities_effect=float(identities.effect),
        normality_p=float(normality.p),
        normality_effect=float(normality.effect),
    )


def initial_model(law: EntryLaw | None, dim: int) -> PIGMM | None:
    """The i.i.d. Gaussian with mean and variance of the initial entries; None where their law is unknown."""
    return None if law is None else iid_model(float(law.cumulant(1)), float(law.cumulant(2)) ** 0.5, dim)


def _initial(law: EntryLaw | None, dim: int, members: int) -> Float[np.ndarray, "2 13"]:
    """Exact expectation and standard error of I1..I13 at initialisation; NaN for an unknown law."""
    if law is None:
        return np.full((2, 13), np.nan)
    return np.array(iid_invariants(law, PAPER[LOW], dim, members))
