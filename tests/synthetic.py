"""A made-up but plausible run: what figures, tables and the report are tried on."""

import numpy as np

from analysis.family import MODELS
from analysis.trajectories import Trajectories
from invariants import NAMES, PAPER, latex


def synthetic(epochs: int = 51, layers: int = 3, members: int = 1000, complete: bool = True) -> Trajectories:
    """Trajectories of an invented run; without its later statistics (z, q, standard errors of W2) unless complete."""
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
    loglik = -100.0 * rng.random((E, L, len(MODELS))) * missing
    return Trajectories(
        epochs=np.arange(E),
        layers=tuple(f"L{i + 1}" for i in range(L)),
        dims=np.full(L, 10),
        names=NAMES,
        labels=tuple(map(latex, PAPER)),
        members=np.full((E, L), members),
        excluded=np.zeros((E, L), dtype=int),
        status=(("ok",) * L,) * E,
        mean=mean,
        std=std,
        se=std * noise,
        expected_initial=np.zeros((L, 13)),
        se_initial=np.full((L, 13), noise),
        parameters=parameters,
        parameters_se=np.full((E, L, 13), 0.1 * noise) * missing,
        unbiased=parameters,
        theory=theory,
        theory_se=std[..., 13:] * noise * missing,
        deviation=deviation,
        deviation_se=np.full((E, L, 39), noise) * missing,
        z=deviation / noise * missing,
        q=np.exp(-deviation / noise) * missing,
        w2=w2,
        w2_se=np.full((E, L), 0.01) * missing,
        w2_null=np.full((E, L), 0.03) * missing,
        w2_null_upper=np.full((E, L), 0.04) * missing,
        w2_squared_parts=w2[..., None] ** 2 * np.array([0.1, 0.1, 0.3, 0.2, 0.3]),
        loglik=loglik,
        aic=26 - 2 * loglik,
        bic=13 * np.log(members) - 2 * loglik,
        held_out=loglik - 20,
        accepted=(("bipartite",) * L,) * E,
        identities_p=rng.random((E, L)) * missing,
        identities_effect=np.full((E, L), 0.1) * missing,
        normality_p=rng.random((E, L)) * missing,
        normality_effect=np.full((E, L), 0.2) * missing,
        train_loss=loss,
        test_loss=loss + 0.05,
        test_accuracy=accuracy,
        finite=np.ones((members, E), dtype=bool),
    )


def with_diverged_members(t: Trajectories, count: int) -> Trajectories:
    """The same run in which the first members diverge halfway and are excluded from then on."""
    late = np.arange(len(t.epochs)) >= len(t.epochs) // 2
    lost = (np.arange(t.finite.shape[0]) < count)[:, None] & late
    return t._replace(
        finite=~lost,
        excluded=np.where(late[:, None], count, t.excluded),
        train_loss=np.where(lost, np.nan, t.train_loss),
        test_loss=np.where(lost, np.inf, t.test_loss),
        test_accuracy=np.where(lost, np.nan, t.test_accuracy),
    )
