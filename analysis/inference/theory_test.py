"""Tests of a law by the mean invariants it predicts, valid at every number of members at which they give a number.

The difference d between the unbiased theory and the mean has expectation 0 under the model. Its error s comes from what
each member contributes to it, r = (I - <I>) - (gradient of the theory) . influence: s^2 = sum r^2 / (N (N - 1)).

Above `EXACT` members z = d/s - g/(2 sqrt N), with g the skewness of r: the studentised mean of skewed numbers is biased
by that; p from Student's law with N - 1 less the number of parameters. Up to `EXACT` members p is the rank of
t = d / sqrt((N s^2 + 10 s_0^2) / (N + 10)), s_0^2 the mean of s^2 under the null, among draws of the model with
exactly the observed fit. Beyond the outer tenth on either side log p falls linearly in |t - median|^1.5, with a fitted
slope, so that p is not bounded by the number of draws.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri, stdtr, stdtrit

from analysis.inference.conditional import conditional_ensembles, evaluated
from analysis.inference.tails import tail
from analysis.model.contractions import ExpectationTable, evaluate_table
from analysis.model.plugin import parameters_from_moments, products
from analysis.model.status import OK
from analysis.model.unbiased import FEWEST, table_gradient, unbiased_table
from analysis.model.wick import expectation_table
from analysis.symmetry import Symmetry
from invariants import Graph

EXACT = 40
"""Members up to which the null law is simulated."""
PRIOR = 10
"""Members' worth of the null's own error in the denominator, so that few members do not divide by chance."""
VALUES, FEWEST_DRAWS, MOST_DRAWS = 400_000, 250, 1_000
"""Invariants of members simulated for one ensemble, and limits on the number of simulated ensembles."""
MOST_ENTRIES = 1 << 22
"""Entries that are simulated at most for one ensemble."""
SKEW = 3.0
"""Largest skewness that is corrected for."""
ROUNDING = 1e-13
"""Differences and errors below this fraction of the terms that they are made of are rounding errors."""
NEWTON, STEP = 20, 1e-4


class TheoryTest(NamedTuple):
    """A test of each predicted invariant; NaN where `status` says why."""

    z: Float[np.ndarray, "graphs"]
    """Theory less mean in errors, with its sign, as a normal quantile."""
    p: Float[np.ndarray, "graphs"]
    """Two-sided."""
    error: Float[np.ndarray, "graphs"]
    """Joint standard error of theory less mean."""
    bias: Float[np.ndarray, "graphs"]
    """Plug-in theory less the unbiased one."""
    status: str
    """"ok", or cause and remedy."""


def chance_level(
    test: TheoryTest, std: Float[np.ndarray, "graphs"], members: int, symmetry: Symmetry
) -> Float[np.ndarray, "graphs"]:
    """What 95 % of the deviations |theory - mean| / std stay below if the model holds.

    sigma q with sigma the error of theory less mean in standard deviations of a member, and q the 95 % quantile of
    |t + b|, t of Student's law and b the bias of the plug-in theory in errors. Not 1.96 / sqrt(N): the theory moves
    with the mean.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma, b = test.error / std, np.abs(np.where(test.error > 0, test.bias / test.error, 0.0))
    freedom = max(members - 1 - len(symmetry.parameter_names), 1)
    q = stdtrit(freedom, 0.975) + b
    for _ in range(NEWTON):  # from above, monotone
        value = stdtr(freedom, q - b) - stdtr(freedom, -q - b) - 0.95
        slope = (stdtr(freedom, q - b + STEP) - stdtr(freedom, -q - b - STEP) - 0.95 - value) / STEP
        # Next to a bias of so many errors that q - b has no digits, b is the level.
        q = q - np.divide(value, slope, out=np.zeros_like(value), where=slope > 0)
    return sigma * q


class _Contributions(NamedTuple):
    """d [..., graphs], s [..., graphs] and r [..., N, graphs] of the module, over leading axes."""

    difference: np.ndarray
    error: np.ndarray
    residuals: np.ndarray


def theory_test(
    values: Float[np.ndarray, "N graphs"],
    block_moments: Float[np.ndarray, "N moments"],
    graphs: tuple[Graph, ...],
    symmetry: Symmetry,
    seed: int = 0,
) -> TheoryTest:
    """Test the expectations of graphs of degree 3 and 4 under the law fitted to the same N members, all finite."""
    members, nan = len(values), np.full(len(graphs), np.nan)
    if members < FEWEST:
        status = f"{members} member{'s' * (members > 1)}: predictions are tested from {FEWEST} members on; add members"
        return TheoryTest(nan, nan, nan, nan, status)
    f = parameters_from_moments(block_moments, symmetry)
    table = unbiased_table(graphs, symmetry, members)
    theory, slopes = evaluate_table(table, f), table_gradient(table, f)
    own = _contributions(values, block_moments, f, theory, slopes, symmetry)
    bias = evaluate_table(expectation_table(graphs, symmetry), f) - theory
    scale = ROUNDING * (np.abs(values.mean(axis=0)) + values.std(axis=0) + _term_sizes(table, f))
    if members > EXACT:
        z, freedom = _skewness_corrected(own, scale), members - 1 - len(f)
        p = 2 * stdtr(freedom, -np.abs(z))
    elif draws := _draws(members, len(graphs), symmetry):
        null = _simulated(f, members, graphs, theory, slopes, symmetry, draws, seed)
        z, p = _ranked(own, null, scale)
    else:
        status = f"{members} members: predictions for matrices of this size are tested from {EXACT + 1} on; add members"
        return TheoryTest(nan, nan, own.error, bias, status)
    # What does not vary and is predicted exactly; elsewhere an error that is all rounding says nothing.
    exact = (np.abs(own.difference) <= scale) & (values.std(axis=0) <= scale)
    lost = (own.error <= scale) & ~exact
    z, p = np.where(exact, 0.0, z), np.where(exact, 1.0, p)
    return TheoryTest(np.where(lost, np.nan, z), np.where(lost, np.nan, p), own.error, bias, OK)


def _contributions(
    values: np.ndarray,
    moments: np.ndarray,
    f: np.ndarray,
    theory: np.ndarray,
    slopes: np.ndarray,
    symmetry: Symmetry,
) -> _Contributions:
    members, mean = values.shape[-2], values.mean(axis=-2)
    residuals = values - mean[..., None, :] - _influence(moments, f, symmetry) @ slopes
    error = np.sqrt(np.sum(residuals**2, axis=-2) / (members * (members - 1)))
    return _Contributions(theory - mean, error, residuals)


def _term_sizes(table: ExpectationTable, f: np.ndarray) -> np.ndarray:
    """Size of the terms that add up to each expectation: large next to it where they cancel."""
    return evaluate_table(table._replace(coefficients=np.abs(table.coefficients)), np.abs(f))


def _influence(moments: np.ndarray, f: np.ndarray, symmetry: Symmetry) -> np.ndarray:
    """First-order contributions [..., N, parameters] of the members to the plug-in parameters, of mean 0."""
    block, unit = symmetry.blocks[0], symmetry.mean_unit
    mean, spread, rest = np.split(f, [block.slots, block.slots + block.entries])
    x = moments[..., : block.slots] - mean / unit
    return np.concatenate([x * unit, products(x) - spread, moments[..., block.slots :] - rest], axis=-1)


def _skewness_corrected(own: _Contributions, scale: np.ndarray) -> np.ndarray:
    """Quantiles z of many members; NaN where the error is all rounding."""
    members = len(own.residuals)
    spread = np.sqrt(np.mean(own.residuals**2, axis=0))
    usable = own.error > scale
    standard = own.residuals / np.where(usable, spread, np.inf)
    skew = np.clip(np.mean(standard**3, axis=0), -SKEW, SKEW)
    return own.difference / np.where(usable, own.error, np.nan) - skew / (2 * np.sqrt(members))


def _draws(members: int, graphs: int, symmetry: Symmetry) -> int:
    """How many ensembles are simulated; 0 where enough of them would take too long."""
    affordable = MOST_ENTRIES // (members * symmetry.size)
    wanted = int(np.clip(VALUES // (members * graphs), FEWEST_DRAWS, MOST_DRAWS))
    return min(affordable, wanted) if affordable >= FEWEST_DRAWS else 0


def _simulated(
    f: np.ndarray,
    members: int,
    graphs: tuple[Graph, ...],
    theory: np.ndarray,
    slopes: np.ndarray,
    symmetry: Symmetry,
    draws: int,
    seed: int,
) -> _Contributions:
    """Differences and errors of ensembles of the model that have exactly the observed fit."""
    differences, errors = [], []
    for data in conditional_ensembles(f, members, symmetry, draws, seed):
        values = evaluated(graphs, data, symmetry)
        moments = np.asarray(symmetry.block_moments(data))
        drawn = _contributions(values, moments, f, theory, slopes, symmetry)
        differences.append(drawn.difference)
        errors.append(drawn.error)
    none = np.empty((0, len(graphs)))
    return _Contributions(np.concatenate(differences), np.concatenate(errors), none)


def _ranked(own: _Contributions, null: _Contributions, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles z and p from the rank of the observed difference among the simulated ones."""
    members = len(own.residuals)
    usual = np.mean(null.error**2, axis=0)

    def studentised(one: _Contributions) -> np.ndarray:
        variance = (members * one.error**2 + PRIOR * usual) / (members + PRIOR)
        return one.difference / np.sqrt(np.where(usual > scale**2, variance, np.inf))

    t, drawn = studentised(own), studentised(null)
    middle = np.median(drawn, axis=0)
    upper, lower = tail(t - middle, drawn - middle), tail(middle - t, middle - drawn)
    # Determined by the fit, as third moments of x are for 3 members: no draw can differ.
    fixed = np.std(null.difference, axis=0) <= scale
    p = np.where(fixed, 1.0, np.minimum(1.0, 2 * np.minimum(upper, lower)))
    return -np.sign(t - middle) * ndtri(p / 2), p
