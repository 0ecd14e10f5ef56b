"""A made-up but plausible run: what figures, tables and the report are tried on."""

from dataclasses import replace
from typing import Any

import numpy as np

from analysis.inference.path_length import PathLength
from analysis.recording import Training
from analysis.statistics import Statistics
from analysis.symmetry import Simultaneous

MODELS = len(Simultaneous(10).family)


def cumulants(rng: np.random.Generator, epochs: int, layers: int) -> dict[str, Any]:
    """Invented cumulants of all patterns."""
    names = (
        "cumulants",
        "cumulants_se",
        "standardised",
        "standardised_se",
        "cumulants_z",
        "cumulants_p",
        "cumulants_q",
    )
    size = len(Simultaneous(10).patterns)
    return {name: rng.random((epochs, layers, size)) for name in names}


def synthetic(epochs: int = 51, layers: int = 3, members: int = 1000, complete: bool = True) -> Statistics:
    """Statistics of an invented run; without its later statistics (z, q, standard errors of W2) unless complete."""
    rng = np.random.default_rng(7)
    E, L = epochs, layers
    time = np.arange(E)[:, None, None] / 50
    depth = (1 + np.arange(L))[None, :, None]
    growth = depth * (1 - np.exp(-6 * time))
    noise = 1 / np.sqrt(members)
    wander = np.cumsum(rng.normal(size=(E, L, 52)), axis=0) / np.sqrt(1 + np.arange(E))[:, None, None]
    missing = 1.0 if complete else np.nan

    mean = growth * rng.normal(scale=4, size=52) + noise * wander
    std = 1 + 0.3 * growth * rng.random(52)
    deviation = np.abs(0.35 * growth * rng.normal(size=39) ** 3 + noise * wander[..., 13:])
    theory = mean[..., 13:] + deviation * std[..., 13:]
    parameters = np.array([0, 0, 0.1, 0, 0.1, 0.1, 0, 0, 0.1, 0, 0.1, 0.1, 0.1]) + 0.2 * growth * rng.normal(size=13)
    w2 = np.sqrt(0.02**2 + (growth[..., 0] * 0.9) ** 2)
    accuracy = 0.1 + 0.83 * (1 - np.exp(-np.arange(E) / 2)) + 0.01 * rng.normal(size=(members, E))
    loss = 2.3 * np.exp(-np.arange(E) / 8) + 0.2 + 0.02 * rng.normal(size=(members, E))
    loglik = -100.0 * rng.random((E, L, MODELS)) * missing
    return Statistics(
        epochs=np.arange(E),
        layers=tuple(f"L{i + 1}" for i in range(L)),
        symmetries=(Simultaneous(10),) * L,
        members=np.full((E, L), members),
        excluded=np.zeros((E, L), dtype=int),
        status=np.full((E, L), "ok", dtype=object),
        mean=mean,
        std=std,
        se=std * noise,
        expected_initial=np.zeros((E, L, 13)),
        se_initial=np.full((E, L, 13), noise),
        initial_variance=np.full((E, L), 0.1),
        parameters=parameters,
        parameters_se=np.full((E, L, 13), 0.1 * noise) * missing,
        unbiased=parameters,
        theory=theory,
        theory_se=std[..., 13:] * noise * missing,
        deviation=deviation,
        deviation_se=np.full((E, L, 39), noise) * missing,
        deviation_chance=np.full((E, L, 39), 2 * noise) * missing,
        z=deviation / noise * missing,
        p=np.exp(-deviation / noise) * missing,
        q=np.exp(-deviation / noise) * missing,
        **cumulants(rng, epochs, layers),
        w2=w2,
        w2_se=np.full((E, L), 0.01) * missing,
        w2_debiased=w2 * missing,
        w2_low=(w2 - 0.02) * missing,
        w2_high=(w2 + 0.02) * missing,
        w2_null=np.full((E, L), 0.03) * missing,
        w2_null_upper=np.full((E, L), 0.04) * missing,
        w2_squared_parts=w2[..., None] ** 2 * np.array([0.1, 0.1, 0.3, 0.2, 0.3]),
        loglik=loglik,
        aic=26 - 2 * loglik,
        bic=13 * np.log(members) - 2 * loglik,
        held_out=loglik - 20,
        accepted=np.full((E, L), "bipartite", dtype=object),
        model_p=rng.random((E, L, MODELS)) * missing,
        model_effect=np.full((E, L, MODELS), 0.1) * missing,
        normality_p=rng.random((E, L)) * missing,
        normality_effect=np.full((E, L), 0.2) * missing,
        paths=(PathLength(2.0, 1.0, 1.5, 1.8, 0.9, 0.001),) * L,
        training=Training(loss, loss + 0.05, accuracy, np.ones((members, E), dtype=bool)),
    )


def with_diverged_members(t: Statistics, count: int) -> Statistics:
    """The same run in which the first members diverge halfway and are excluded from then on."""
    assert t.training is not None
    late = np.arange(len(t.epochs)) >= len(t.epochs) // 2
    lost = (np.arange(len(t.training.finite)) < count)[:, None] & late
    training = Training(
        train_loss=np.where(lost, np.nan, t.training.train_loss),
        test_loss=np.where(lost, np.inf, t.training.test_loss),
        test_accuracy=np.where(lost, np.nan, t.training.test_accuracy),
        finite=~lost,
    )
    return replace(t, excluded=np.where(late[:, None], count, t.excluded), training=training)
