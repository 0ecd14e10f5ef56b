"""Which couplings do the data need? Forward selection on members held out of their fit.

Members are split into folds. Relative to the Gaussian fit of the other folds, a member gains in log-likelihood by the
couplings g of these, to first order, g^T :I: - g^T C g / 2: a number that is negative on average where g fits noise.
At each step a coupling qualifies if it raises the gain by more than a standard error over folds, and if it stands out
among as many as there are to choose from: the first by its score, chi^2 with one degree of freedom under the Gaussian
law; further ones, when the law is no longer Gaussian, by their error over members. Of those that qualify, the one that
raises the gain most is added.
"""

from itertools import takewhile
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import chdtrc, stdtr

from analysis.inference.couplings import FEWEST, cumulants_of_means
from analysis.inference.leaving_out import error_of, left_out
from analysis.inference.multiplicity import LEVEL
from analysis.model.coupling_covariance import coupled_graphs, coupled_positions, usable
from analysis.model.couplings import FirstOrder, first_order, fitted_couplings, whitened
from analysis.model.cumulants import cumulant_table, distinct_moments
from analysis.model.hermite import HIGHEST, wick_products
from analysis.model.plugin import parameters_from_moments
from analysis.model.status import OK
from analysis.symmetry import Symmetry
from invariants import Graph

FOLDS = 10


class Selection(NamedTuple):
    """The couplings that the data need, in the order in which they were chosen."""

    graphs: tuple[Graph, ...]
    g: Float[np.ndarray, "chosen"]
    """Fitted to all members, without the couplings that were not chosen."""
    g_se: Float[np.ndarray, "chosen"]
    """Standard error over members, whatever their law; that the same members chose the couplings is not in it."""
    tried: tuple[Graph, ...]
    """The couplings chosen, then the best of those at which the selection stopped, if any were left."""
    gain: Float[np.ndarray, "tried"]
    """By how much each raises the held-out log-likelihood of all members, in nats."""
    gain_se: Float[np.ndarray, "tried"]
    """Standard error over folds."""
    p: Float[np.ndarray, "tried"]
    """Of the first by its score, of others by their error, times the number of couplings there were to choose from."""
    status: str
    """"ok", or cause and remedy in one line."""


class _Step(NamedTuple):
    """What one more coupling does."""

    coupling: int
    gain: float
    gain_se: float
    p: float

    @property
    def needed(self) -> bool:
        return self.gain > self.gain_se and self.p < LEVEL


class _Fitted(NamedTuple):
    """A law fitted to the members, and laws fitted without some of them."""

    law: FirstOrder
    y: Float[np.ndarray, "graphs"]
    members: int
    others: FirstOrder
    others_y: Float[np.ndarray, "groups graphs"]

    def couplings(
        self, chosen: Bool[np.ndarray, "graphs"]
    ) -> tuple[Float[np.ndarray, "graphs"], Float[np.ndarray, "graphs"]]:
        """The chosen couplings and their errors over members."""
        g, _ = fitted_couplings(self.law, self.y, chosen)
        return g, error_of(fitted_couplings(self.others, self.others_y, chosen)[0])

    def p(self, coupling: int, chosen: Bool[np.ndarray, "graphs"]) -> float:
        """Of one more coupling: by its score if it is the first, else by its error."""
        more = _with(coupling, chosen)
        if chosen.any():
            g, error = self.couplings(more)
            return 2 * float(stdtr(len(self.others_y) - 1, -abs(g[coupling]) / error[coupling]))
        g, _ = fitted_couplings(self.law, self.y, more)
        return float(chdtrc(1, self.members * np.sum((self.law.design @ g) ** 2)))


class _Folds(NamedTuple):
    """Each fold, and the others that it is predicted by."""

    law: FirstOrder
    fitted: Float[np.ndarray, "folds graphs"]
    """y of the other folds."""
    held_out: Float[np.ndarray, "folds graphs"]
    """y of the fold, relative to the Gaussian fit of the others."""
    sizes: Float[np.ndarray, "folds"]

    def gains(self, chosen: Bool[np.ndarray, "graphs"]) -> Float[np.ndarray, "folds"]:
        """Held-out log-likelihood of each fold over that of the Gaussian law."""
        g, _ = fitted_couplings(self.law, self.fitted, chosen)
        predicted = (self.law.design @ g[..., None])[..., 0]
        return self.sizes * np.sum(predicted * (self.held_out - predicted / 2), axis=-1)


def select_couplings(
    values: Float[np.ndarray, "N graphs"],
    block_moments: Float[np.ndarray, "N moments"],
    symmetry: Symmetry,
    folds: int = FOLDS,
    seed: int = 0,
) -> Selection:
    """Choose couplings to connected invariants of degree 3 and 4 one by one.

    gain = sum over folds of the members held out times (g^T delta - g^T C g / 2), with delta of these members, g and C
    of the others. Of Gaussian ensembles about 5 % or fewer need any.

    Args:
        values: invariants of degree 1 to 4 of the members.
        block_moments: of the same members.
        symmetry: that of separate permutations.
        folds: into how many parts of equal size the members are split.
        seed: of the split.

    Raises:
        ValueError: if there are fewer than 2 folds, or the symmetry does not permute rows and columns apart.
    """
    if folds < 2:
        raise ValueError(f"{folds} folds: give at least 2, so that members are held out of some fit")
    members, graphs = len(values), coupled_graphs(symmetry)
    if members < 2 * FEWEST:
        return _nothing(f"{members} members: couplings are selected from {2 * FEWEST} on; add members")
    law = first_order(parameters_from_moments(block_moments, symmetry), symmetry)
    split = _split(values, block_moments, symmetry, min(folds, members), seed)
    if law.singular or split.law.singular.any():
        return _nothing("a fitted variance vanishes (constant or linearly dependent matrices): add members that vary")
    parts = left_out(values, block_moments, symmetry)
    others = first_order(parts.parameters, symmetry)
    y, others_y = (
        whitened(each, cumulants_of_means(means, symmetry))
        for each, means in ((law, values.mean(axis=0)), (others, parts.means))
    )
    fitted = _Fitted(law, y, members, others, others_y)
    chosen = np.zeros(len(graphs), dtype=bool)
    steps: list[_Step] = []
    while np.any(usable(symmetry) & ~chosen) and (not steps or steps[-1].needed):
        steps.append(_next(chosen, usable(symmetry), split, fitted))
        chosen[steps[-1].coupling] = steps[-1].needed
    g, error = fitted.couplings(chosen)
    order = [step.coupling for step in steps]
    found = order[: chosen.sum()]
    return Selection(
        tuple(graphs[k] for k in found),
        g[found],
        error[found],
        tuple(graphs[k] for k in order),
        np.array([step.gain for step in steps]),
        np.array([step.gain_se for step in steps]),
        np.array([step.p for step in steps]),
        OK,
    )


def _next(
    chosen: Bool[np.ndarray, "graphs"], candidates: Bool[np.ndarray, "graphs"], split: _Folds, fitted: _Fitted
) -> _Step:
    """The coupling that is added to those chosen; if none qualifies, the one that raises the gain most."""
    left, before = np.flatnonzero(candidates & ~chosen).tolist(), split.gains(chosen)
    raised = {k: split.gains(_with(k, chosen)) - before for k in left}
    steps = (
        _Step(
            coupling,
            gain=float(np.sum(raised[coupling])),
            gain_se=float(np.sqrt(len(before)) * np.std(raised[coupling], ddof=1)),
            p=min(1.0, len(left) * fitted.p(coupling, chosen)),
        )
        for coupling in sorted(left, key=lambda k: -np.sum(raised[k]))
    )
    best = next(steps)
    # Gains only fall from here: what does not raise the likelihood need not be looked at.
    others = takewhile(lambda step: step.gain > 0, steps)
    return best if best.needed else next((step for step in others if step.needed), best)


def _with(coupling: int, chosen: Bool[np.ndarray, "graphs"]) -> Bool[np.ndarray, "graphs"]:
    return chosen | (np.arange(len(chosen)) == coupling)


def _split(values: np.ndarray, moments: np.ndarray, symmetry: Symmetry, folds: int, seed: int) -> _Folds:
    inside = np.random.default_rng(seed).permutation(len(values)) % folds == np.arange(folds)[:, None]
    parameters = np.stack([parameters_from_moments(moments[~part], symmetry) for part in inside])
    law = first_order(parameters, symmetry)
    means, own = (np.stack([values[part].mean(axis=0) for part in parts]) for parts in (~inside, inside))
    t = distinct_moments(cumulant_table(HIGHEST, symmetry), own)
    held_out = wick_products(t, parameters, symmetry)[..., coupled_positions(symmetry)]
    return _Folds(
        law,
        fitted=whitened(law, cumulants_of_means(means, symmetry)),
        held_out=whitened(law, held_out),
        sizes=inside.sum(axis=1).astype(float),
    )


def _nothing(status: str) -> Selection:
    none = np.array([])
    return Selection((), none, none, (), none, none, none, status)
