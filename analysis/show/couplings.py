"""Couplings of every matrix: tables of the score tests and of the couplings selected, and JSON."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.coupling_study import CouplingStudy
from analysis.inference.selection import Selection
from analysis.show.entries import by_name, numbers
from analysis.show.tables import Table

SCORES_CAPTION = (
    "Score tests of the Gaussian law of each matrix against all couplings of a degree: N delta^T C^-1 delta, which is "
    "chi^2 with the degrees of freedom beside it; how many couplings the members need, and how many of the cubic and "
    "quartic invariants deviate neither from the Gaussian law nor from the law with these couplings."
)
SELECTED_CAPTION = (
    "The couplings that the members need, in the order in which they were chosen: g with its standard error over "
    "members, by how much each raises the log-likelihood of members held out, and p, adjusted for the choice."
)


def score_table(studies: Sequence[CouplingStudy]) -> Table:
    """One row for each epoch and matrix."""
    header = ("epoch", "matrix", "cubic", "cubic_dof", "cubic_p", "quartic", "quartic_dof", "quartic_p")
    rows = tuple(
        (
            *(one.epoch, one.layer),
            *(float(value) for degree in zip(*_tests(one), strict=True) for value in degree),
            *(len(one.selection.graphs), *_explained(one)),
        )
        for one in studies
    )
    return Table((*header, "selected", "explained_gaussian", "explained_coupled"), rows, SCORES_CAPTION)


def selected_table(studies: Sequence[CouplingStudy]) -> Table:
    """One row for each coupling selected."""
    rows = tuple(
        (one.epoch, one.layer, one.symmetry.key(graph), *map(float, values))
        for one in studies
        for graph, *values in zip(*_chosen(one.selection), strict=True)
    )
    return Table(("epoch", "matrix", "graph", "g", "se", "gain", "gain_se", "p"), rows, SELECTED_CAPTION)


def coupling_entry(one: CouplingStudy) -> dict[str, Any]:
    """Everything at one epoch and matrix; NaN becomes null."""
    found, key = one.couplings, one.symmetry.key
    chosen = one.selection
    gaussian, coupled = one.predictions.explained or (None, None)
    return {
        "epoch": one.epoch,
        "layer": one.layer,
        "members": one.members,
        "tilt": numbers(value=one.tilt)["value"],
        "score": {
            str(degree): numbers(value=value, dof=float(dof), p=p)
            for degree, value, dof, p in zip(found.degrees, *_tests(one), strict=True)
        },
        "couplings": by_name(
            list(map(key, found.graphs)),
            kappa=found.kappa,
            kappa_se=found.kappa_se,
            delta=found.delta,
            g=found.g,
            g_se=found.g_se,
            g_robust_se=found.g_robust_se,
        ),
        "selected": by_name(list(map(key, chosen.graphs)), g=chosen.g, se=chosen.g_se),
        "explained": {"of": len(one.predictions.graphs), "gaussian": gaussian, "coupled": coupled},
        "status": one.status,
    }


def _chosen(one: Selection) -> tuple[Any, ...]:
    """Graph, g, error, gain, its error and p of the couplings chosen, without the one tried last."""
    count = len(one.graphs)
    return one.graphs, one.g, one.g_se, one.gain[:count], one.gain_se[:count], one.p[:count]


def _tests(one: CouplingStudy) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return one.couplings.score, one.couplings.dof, one.couplings.p


def _explained(one: CouplingStudy) -> tuple[float, float]:
    gaussian, coupled = one.predictions.explained or (np.nan, np.nan)
    return float(gaussian), float(coupled)
