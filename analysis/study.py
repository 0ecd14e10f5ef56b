"""An ensemble, or its recording during training, to its `Statistics`."""

from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from analysis.inference.cumulants import centred_invariants, pattern_cumulants
from analysis.inference.errors import uncertainty
from analysis.inference.moments import deviation, moments
from analysis.inference.multiplicity import benjamini_hochberg, hierarchical
from analysis.inference.nesting import accepted, nested_tests, within_full
from analysis.inference.normality import normality_test
from analysis.inference.null import null_distance, squared_distance_to
from analysis.inference.path_length import PathLength, path_length
from analysis.inference.resampling import bootstrap
from analysis.inference.theory_test import chance_level, theory_test
from analysis.model.entry_law import EntryLaw
from analysis.model.family import fit_family, nearest_iid
from analysis.model.fitting import finite_ensemble, fit_moments, unbiasing
from analysis.model.gaussian import Gaussian, model_of
from analysis.model.initial import iid_invariants
from analysis.model.status import joined
from analysis.model.wasserstein import wasserstein_squared_parts
from analysis.model.wick import expectations
from analysis.recording import Recording, included
from analysis.statistics import REPLICATES, SEED, Statistics, stacked
from analysis.symmetry import Symmetry, default_symmetry


def study(data: Any, symmetry: Symmetry | None = None, law: EntryLaw | None = None) -> Statistics:
    """Statistics of an ensemble of matrices [N, m, n].

    Args:
        data: the matrices; members with a non-finite entry are excluded and counted.
        symmetry: by default simultaneous permutations for square matrices, separate ones for others.
        law: law of the independent entries that the matrices started from, to which distances are taken; None where
            there is none, and distances are then to the nearest i.i.d. Gaussian.

    Raises:
        ValueError: if the data are not matrices of the shape of the symmetry, or no member is finite.
    """
    symmetry = symmetry or default_symmetry(data)
    kept, finite = finite_ensemble(data, symmetry)
    values, block_moments = symmetry.evaluate_observed(kept), np.asarray(symmetry.block_moments(kept))
    every = centred_invariants(kept, block_moments, symmetry.every, symmetry) if symmetry.every else None
    return describe(values, block_moments, symmetry, law, int(np.sum(~finite)), every)


def study_recording(recording: Recording, laws: tuple[EntryLaw | None, ...]) -> Statistics:
    """Statistics of an ensemble at every epoch and layer.

    Args:
        recording: what was recorded.
        laws: law of the initial entries of each layer; None where it is unknown.

    Raises:
        ValueError: at some epoch and layer no member is finite.
    """
    used = included(recording)
    members, epochs, layers = used.shape
    cells = [
        [
            describe(
                recording.invariants[used[:, e, layer], e, layer],
                recording.block_moments[used[:, e, layer], e, layer],
                recording.symmetries[layer],
                laws[layer],
                excluded=members - int(used[:, e, layer].sum()),
                every=None if recording.every is None else recording.every[used[:, e, layer], e, layer],
            )
            for layer in range(layers)
        ]
        for e in range(epochs)
    ]
    p, of_cumulants = (
        np.array([[getattr(cell, name) for cell in row] for row in cells]) for name in ("p", "cumulants_p")
    )
    return stacked(
        cells,
        q=hierarchical(p),
        cumulants_q=hierarchical(of_cumulants),
        paths=tuple(_path(recording, used, layer) for layer in range(layers)),
        symmetries=recording.symmetries,
        epochs=recording.epochs,
        layers=recording.layers,
        training=recording.training,
        published=False,
    )


def _path(recording: Recording, used: Bool[np.ndarray, "N E L"], layer: int) -> PathLength:
    """How far a layer travels, by the members that are finite to the end."""
    moments = recording.block_moments[used[:, -1, layer], :, layer]
    return path_length(moments, recording.symmetries[layer], bootstrap(len(moments), REPLICATES, SEED))


def describe(
    values: Float[np.ndarray, "N graphs"],
    block_moments: Float[np.ndarray, "N moments"],
    symmetry: Symmetry,
    law: EntryLaw | None,
    excluded: int = 0,
    every: Float[np.ndarray, "N every"] | None = None,
) -> Statistics:
    """Statistics of one ensemble, given by the invariants and block moments of its finite members.

    Args:
        values: the invariants observed.
        block_moments: the block moments.
        symmetry: the permutations.
        law: of the initial entries, None where there is none.
        excluded: number of members that were left out.
        every: invariants of `symmetry.every`, for the cumulants; the observed ones where these are all.

    Raises:
        ValueError: there is no member.
    """
    members = len(values)
    observed, fitted = moments(values), fit_moments(block_moments, symmetry)
    f, low = fitted.model.parameters, len(symmetry.fitted)
    theory = expectations(f, symmetry.predicted, symmetry)
    reference = initial_model(law, symmetry)
    resampling = bootstrap(members, REPLICATES, SEED)
    errors = uncertainty(values[:, low:], block_moments, symmetry.predicted, symmetry, reference, resampling)
    test = theory_test(values[:, low:], block_moments, symmetry.predicted, symmetry)
    target = nearest_iid(f, symmetry) if reference is None else reference.parameters
    spread = float(symmetry.unpack(target).covariances[-1][0, 0])
    null = null_distance(law or EntryLaw.gaussian(spread**0.5), symmetry, members, nearest=law is None)
    family, normality = fit_family(block_moments, symmetry), normality_test(block_moments, symmetry)
    tests = nested_tests(block_moments, family, symmetry)
    cumulants = pattern_cumulants(values if every is None else every, block_moments, symmetry)
    expected_initial, se_initial = _initial(law, symmetry, members + excluded)
    return Statistics(
        symmetries=(symmetry,),
        epochs=np.array([], dtype=int),
        layers=(),
        members=np.array(members + excluded),
        excluded=np.array(excluded),
        status=np.array(joined((_left_out(excluded), fitted.status, test.status))),
        mean=observed.mean,
        std=observed.std,
        se=observed.se,
        expected_initial=expected_initial,
        se_initial=se_initial,
        initial_variance=np.array(np.nan if law is None else float(law.cumulant(2))),
        parameters=f,
        parameters_se=errors.parameters,
        unbiased=f * unbiasing(symmetry, members),
        theory=theory,
        theory_se=errors.theory,
        deviation=deviation(theory, observed.mean[low:], observed.std[low:]),
        deviation_se=errors.deviation,
        deviation_chance=chance_level(test, observed.std[low:], members, symmetry),
        z=np.abs(test.z),
        p=test.p,
        q=benjamini_hochberg(test.p),
        cumulants=cumulants.value,
        cumulants_se=cumulants.se,
        standardised=cumulants.standardised,
        standardised_se=cumulants.standardised_se,
        cumulants_z=cumulants.z,
        cumulants_p=cumulants.p,
        cumulants_q=benjamini_hochberg(cumulants.p),
        w2=np.array(np.sqrt(squared_distance_to(reference, f, symmetry))),
        w2_se=np.array(errors.w2),
        w2_debiased=np.array(errors.distance.debiased),
        w2_low=np.array(errors.distance.low),
        w2_high=np.array(errors.distance.high),
        w2_null=np.array(null.mean),
        w2_null_upper=np.array(null.upper),
        w2_squared_parts=wasserstein_squared_parts(f, target, symmetry),
        loglik=family.loglik,
        aic=family.aic,
        bic=family.bic,
        held_out=family.held_out,
        model_p=_of_models(tests.wald_p, symmetry),
        model_effect=_of_models(tests.effect, symmetry),
        accepted=np.array(str(accepted(tests, symmetry))),
        normality_p=np.asarray(normality.p),
        normality_effect=np.asarray(normality.effect),
    )


def initial_model(law: EntryLaw | None, symmetry: Symmetry) -> Gaussian | None:
    """The i.i.d. Gaussian with mean and variance of the initial entries; None where their law is unknown."""
    if law is None:
        return None
    return model_of(symmetry, symmetry.isotropic(float(law.cumulant(1)), float(law.cumulant(2)) ** 0.5))


def _left_out(excluded: int) -> str:
    return f"{excluded} members excluded as not finite, at this or an earlier epoch" if excluded else ""


def _of_models(values: np.ndarray, symmetry: Symmetry) -> Float[np.ndarray, "models"]:
    """Of each model its test within the full one; NaN for the full one itself."""
    position = within_full(symmetry)
    return np.array([values[position[name]] if name in position else np.nan for name in symmetry.family])


@lru_cache(maxsize=64)
def _initial(law: EntryLaw | None, symmetry: Symmetry, members: int) -> tuple[np.ndarray, np.ndarray]:
    """Exact expectation and standard error of the fitted invariants at initialisation; NaN for an unknown law."""
    shape, *others = symmetry.shapes
    if law is None or others:
        return np.full(len(symmetry.fitted), np.nan), np.full(len(symmetry.fitted), np.nan)
    return iid_invariants(law, symmetry.fitted, shape, members)
