"""Statistics as plain values for JSON: the entries of fit.json and of `pigmm analyze --json`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from analysis.comparison import Between
from analysis.contrast import Difference
from analysis.inference.one_matrix import OneMatrix
from analysis.model.family import parameter_counts
from analysis.statistics import REPLICATES, SEED, Statistics
from analysis.symmetry import Symmetry

SCHEMA = 1


def by_name(names: Sequence[str], **columns: Float[np.ndarray, " names"]) -> dict[str, dict[str, float | None]]:
    """One dictionary for each name, of its entries in the columns."""
    return {name: numbers(**{key: values[i] for key, values in columns.items()}) for i, name in enumerate(names)}


def numbers(**values: float) -> dict[str, float | None]:
    """Plain numbers; None for NaN and infinity, which JSON has not."""
    return {name: float(value) if np.isfinite(value) else None for name, value in values.items()}


def symmetry_entry(symmetry: Symmetry) -> dict[str, Any]:
    """Name, shapes and blocks of a symmetry."""
    blocks = [{"name": b.name, "copies": b.copies, "dimension": b.dimension} for b in symmetry.blocks]
    return {"name": symmetry.name, "shapes": [list(shape) for shape in symmetry.shapes], "blocks": blocks}


def one_matrix_entry(one: OneMatrix) -> dict[str, Any]:
    """What one matrix allows; its cumulants are among the statistics."""
    way = one.two_way
    shares = zip(way.names, *(end.tolist() for end in way.share), way.p.tolist(), strict=False)
    return {
        "symmetry": one.symmetry.name,
        "mean": numbers(**way.mean._asdict()),
        "shares": {name: numbers(value=value, low=low, high=high, p=p) for name, value, low, high, p in shares},
        "variances": by_name(way.names, **way.variances._asdict(), freedom=way.freedom),
        "skewness": numbers(**one.skewness._asdict()),
        "kurtosis": numbers(**one.kurtosis._asdict()),
        "status": one.status,
    }


def statistics_entry(statistics: Statistics, at: tuple[int, ...] = ()) -> dict[str, Any]:
    """Everything at one epoch and layer, by position, or of given matrices; NaN becomes null."""
    s, symmetry = statistics, statistics.symmetries[at[-1] if at else 0]
    place = {"epoch": int(s.epochs[at[0]]), "layer": s.layers[at[1]]} if at else {}
    return {
        "schema": SCHEMA,
        **place,
        **_size(symmetry),
        "symmetry": symmetry_entry(symmetry),
        "members": int(s.members[at]),
        "excluded": int(s.excluded[at]),
        "invariants": by_name(s.names, mean=s.mean[at], std=s.std[at], se=s.se[at]),
        "parameters": by_name(
            symmetry.parameter_names, value=s.parameters[at], se=s.parameters_se[at], unbiased=s.unbiased[at]
        ),
        "theory": by_name(
            s.names[s.high],
            value=s.theory[at],
            se=s.theory_se[at],
            deviation=s.deviation[at],
            deviation_se=s.deviation_se[at],
            chance=s.deviation_chance[at],
            z=s.z[at],
            q=s.q[at],
        ),
        "cumulants": _cumulants(s, symmetry, at),
        "models": _models(s, symmetry, at),
        "accepted": str(s.accepted[at]),
        "tests": {
            "identities": numbers(p=s.identities_p[at], effect=s.identities_effect[at]),
            "normality": numbers(p=s.normality_p[at], effect=s.normality_effect[at]),
        },
        "wasserstein": {
            "to_iid": numbers(
                w2=s.w2[at],
                w2_squared=s.w2[at] ** 2,
                se=s.w2_se[at],
                debiased=s.w2_debiased[at],
                low=s.w2_low[at],
                high=s.w2_high[at],
                null=s.w2_null[at],
                null_upper=s.w2_null_upper[at],
            ),
            "squared_parts": numbers(**dict(zip(s.parts, s.w2_squared_parts[at], strict=True))),
        },
        "bootstrap": {"replicates": REPLICATES, "seed": SEED},
        "published": s.published,
        "status": str(s.status[at]),
    }


def training_entry(difference: Difference, epoch: int) -> dict[str, Any]:
    """The difference of mean test accuracies, or losses, at one epoch by position; NaN becomes null."""
    value, se, effect, z, p = (float(column[epoch]) for column in difference)
    return numbers(difference=value, se=se, effect=effect, z=z, p=p)


def between_entry(between: Between, epoch: int, layer: int) -> dict[str, Any]:
    """What differs at one epoch and layer by position, second minus first; NaN becomes null."""
    b, at = between, (epoch, layer)
    return {
        "schema": SCHEMA,
        "epoch": int(b.epochs[epoch]),
        "layer": b.layers[layer],
        **_size(b.symmetries[layer]),
        "symmetry": symmetry_entry(b.symmetries[layer]),
        "members": b.members[at].tolist(),
        "paired": b.paired,
        "invariants": by_name(
            b.names,
            difference=b.invariants.value[at],
            se=b.invariants.se[at],
            effect=b.invariants.effect[at],
            z=b.invariants.z[at],
            q=b.q[at],
        ),
        "wasserstein": {
            "between": numbers(w2=b.w2[at], w2_squared=b.w2[at] ** 2, se=b.w2_se[at], null=b.w2_null[at], p=b.w2_p[at]),
            "squared_parts": numbers(**dict(zip(b.parts, b.w2_squared_parts[at], strict=True))),
        },
        "kullback_leibler": numbers(kl=b.kl[at], se=b.kl_se[at], null=b.kl_null[at]),
    }


def _size(symmetry: Symmetry) -> dict[str, int]:
    """D of square matrices."""
    rows, columns = symmetry.shapes[0]
    return {"dim": rows} if rows == columns and len(symmetry.shapes) == 1 else {}


def _cumulants(s: Statistics, symmetry: Symmetry, at: tuple[int, ...]) -> dict[str, Any]:
    """By key of the graph; empty where not all invariants up to degree 4 are known."""
    columns = {
        "value": s.cumulants,
        "se": s.cumulants_se,
        "standardised": s.standardised,
        "standardised_se": s.standardised_se,
        "z": s.cumulants_z,
        "q": s.cumulants_q,
    }
    if not np.isfinite(s.cumulants[at]).any():
        return {}
    return by_name(symmetry.pattern_names, **{name: values[at] for name, values in columns.items()})


def _models(s: Statistics, symmetry: Symmetry, at: tuple[int, ...]) -> dict[str, Any]:
    columns = {
        "loglik": s.loglik,
        "aic": s.aic,
        "bic": s.bic,
        "held_out": s.held_out,
        "p": s.model_p,
        "effect": s.model_effect,
    }
    return {
        name: {"parameters": int(count)} | numbers(**{key: values[(*at, k)] for key, values in columns.items()})
        for k, (name, count) in enumerate(zip(s.models, parameter_counts(symmetry), strict=True))
    }
