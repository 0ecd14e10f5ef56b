"""How many cubic and quartic invariants does a law explain: the Gaussian one, and the one with a few couplings?

The law is fitted to the same members, so the error of mean less prediction is that of their difference: members, or
groups of them, are left out in turn, and parameters, couplings and predictions computed again. The mean of the
pseudo-values has the bias of order 1/N of the plug-in prediction removed; their spread is the error.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import stdtr

from analysis.inference.couplings import cumulants_of_means
from analysis.inference.leaving_out import left_out, pseudo_values
from analysis.inference.multiplicity import LEVEL, benjamini_hochberg
from analysis.inference.theory_test import SKEW
from analysis.model.coupling_covariance import coupled_graphs
from analysis.model.couplings import coupled_expectations, first_order, fitted_couplings, whitened
from analysis.model.plugin import parameters_from_moments
from analysis.model.status import OK
from analysis.symmetry import Symmetry
from invariants import Graph

FEWEST = 20
"""Members below which errors over members are too rough for tests of many invariants."""
ROUNDING = 1e-11
"""Differences below this fraction of the invariants are rounding errors, spread by the pseudo-values."""


class Predictions(NamedTuple):
    """All cubic and quartic invariants against the Gaussian law (first) and that with couplings (second)."""

    graphs: tuple[Graph, ...]
    mean: Float[np.ndarray, "graphs"]
    theory: Float[np.ndarray, "laws graphs"]
    """Plug-in predictions."""
    error: Float[np.ndarray, "laws graphs"]
    """Standard error of mean less prediction."""
    z: Float[np.ndarray, "laws graphs"]
    """Mean less prediction, without its bias, in these errors; 0 where the prediction is exact by construction."""
    p: Float[np.ndarray, "laws graphs"]
    """Two-sided, by Student's law."""
    q: Float[np.ndarray, "laws graphs"]
    """Adjusted for the false-discovery rate among the invariants of a law."""
    status: str
    """"ok", or cause and remedy in one line."""

    @property
    def explained(self) -> tuple[int, int] | None:
        """How many invariants do not deviate at q <= 5 % from the Gaussian law, and from that with couplings.

        None where they are not tested.
        """
        if np.isnan(self.q).any():
            return None
        gaussian, coupled = np.sum(self.q > LEVEL, axis=1)
        return int(gaussian), int(coupled)


def coupled_predictions(
    values: Float[np.ndarray, "N graphs"],
    block_moments: Float[np.ndarray, "N moments"],
    symmetry: Symmetry,
    chosen: tuple[Graph, ...],
) -> Predictions:
    """Predict all invariants of degree 3 and 4 by the Gaussian fit, and with the chosen couplings, fitted too.

    E_g[I_H] = E[I_H] + sum_G g_G E[:I_G: I_H]; z = d/s + skewness / (2 sqrt N), with d the mean and s the error of the
    pseudo-values of mean less prediction, and their skewness: the studentised mean of skewed numbers is biased by that.

    Args:
        values: invariants of degree 1 to 4 of the members.
        block_moments: of the same members.
        symmetry: that of separate permutations.
        chosen: graphs of the couplings, as `select_couplings` returns them; the choice itself is taken as given.

    Raises:
        ValueError: if a coupling is not to a connected graph of degree 3 or 4.

    Source: Miller, Biometrika 61 (1974), 1, for pseudo-values.
    """
    graphs = coupled_graphs(symmetry)
    if not set(chosen) <= set(graphs):
        raise ValueError("couplings to graphs that are not connected and bipartite, of degree 3 or 4: leave them out")
    kept = np.array([graph in chosen for graph in graphs])
    members, low = len(values), len(symmetry.fitted)
    mean, f = values.mean(axis=0), parameters_from_moments(block_moments, symmetry)
    theory = _predicted(mean, f, symmetry, kept)
    nan = np.full(theory.shape, np.nan)
    if members < FEWEST:
        status = f"{members} members: predictions with couplings are tested from {FEWEST} on; add members"
        return Predictions(symmetry.predicted, mean[low:], theory, nan, nan, nan, nan, status)
    if first_order(f, symmetry).singular:
        status = "a fitted variance vanishes (constant or linearly dependent matrices): add members that vary"
        return Predictions(symmetry.predicted, mean[low:], nan, nan, nan, nan, nan, status)
    parts = left_out(values, block_moments, symmetry)
    differences = parts.means[:, None, low:] - _predicted(*parts, symmetry, kept)
    pseudo = pseudo_values(mean[low:] - theory, differences)
    scale = ROUNDING * (np.abs(mean[low:]) + np.abs(theory) + values[:, low:].std(axis=0))
    z, error = _studentised(pseudo, scale)
    p = 2 * stdtr(len(pseudo) - 1 - low, -np.abs(z))
    q = np.stack([benjamini_hochberg(row) for row in p])
    return Predictions(symmetry.predicted, mean[low:], theory, error, z, p, q, OK)


def _predicted(
    means: Float[np.ndarray, "*batch graphs"],
    parameters: Float[np.ndarray, "*batch parameters"],
    symmetry: Symmetry,
    kept: Bool[np.ndarray, "couplings"],
) -> Float[np.ndarray, "*batch 2 predicted"]:
    """Predictions without and with the couplings, from mean invariants and parameters of the same members."""
    law = first_order(parameters, symmetry)
    g, _ = fitted_couplings(law, whitened(law, cumulants_of_means(means, symmetry)), kept)
    both = np.stack([coupled_expectations(parameters, each, symmetry) for each in (np.zeros_like(g), g)], axis=-2)
    return both[..., len(symmetry.fitted) :]


def _studentised(
    pseudo: Float[np.ndarray, "groups laws graphs"], scale: Float[np.ndarray, "laws graphs"]
) -> tuple[Float[np.ndarray, "laws graphs"], Float[np.ndarray, "laws graphs"]]:
    """Z and the error of the mean of pseudo-values; 0 where all is rounding."""
    groups, difference = len(pseudo), pseudo.mean(axis=0)
    spread = pseudo.std(axis=0)
    error = spread / np.sqrt(groups - 1)
    exact = (np.abs(difference) <= scale) & (error <= scale)
    standard = (pseudo - difference) / np.where(exact, np.inf, spread)
    skew = np.clip(np.mean(standard**3, axis=0), -SKEW, SKEW)
    z = difference / np.where(exact, np.inf, error) + skew / (2 * np.sqrt(groups))
    return np.where(exact, 0.0, z), error
