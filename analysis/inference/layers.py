"""Are the layers of a network independent of each other? Second moments: likelihood ratio, and correlations of sums.

Under the model the fitted blocks are independent Wishart matrices: of N - 1 degrees of freedom for the covariance S of
the sums of the matrices, of N (h_l - 1) for the covariance T_l of row sums of W_l and column sums of W_(l+1) at the
same units. Independent layers are S diagonal and T_l diagonal.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import chdtrc, ndtri, stdtr

from analysis.inference.multiplicity import LEVEL
from analysis.model.covariance import singular
from analysis.model.status import OK
from analysis.symmetry import Chain


class LayersTest(NamedTuple):
    """Independent layers within the full law of the chain; its numbers are NaN where `status` is not "ok"."""

    ratio: float
    """2 (log L of the full law - log L of independent layers)."""
    dof: int
    """Parameters that independent layers lack."""
    bartlett: float
    """The ratio with Bartlett's factors, so that it is chi^2 for few members, too."""
    p: float
    """Of `bartlett`, by chi^2: valid for Gaussian members."""
    status: str


class UnitCorrelation(NamedTuple):
    """Correlation, over the units of each hidden layer, of incoming with outgoing sums; NaN where `status` says why."""

    layers: Int[np.ndarray, "hidden"]
    rho: Float[np.ndarray, "hidden"]
    """rho_l = Tlrc / sqrt(Tlrr Tlcc)."""
    low: Float[np.ndarray, "hidden"]
    high: Float[np.ndarray, "hidden"]
    """95 % interval, for Gaussian members."""
    p: Float[np.ndarray, "hidden"]
    """Of rho = 0, two-sided: exact for Gaussian members."""
    status: tuple[str, ...]


def layers_test(parameters: Float[np.ndarray, "parameters"], members: int, symmetry: Chain) -> LayersTest:
    """Likelihood-ratio test of independent layers from the plug-in parameters of N members.

    ratio = -N [log|C| + sum_l (h_l - 1) log(1 - rho_l^2)], C the correlations of the sums of the matrices. Bartlett:
    N - 1 - (2K + 5)/6 instead of N before log|C|, and N (h_l - 1) - 3/2 instead of N (h_l - 1) in the sum.

    Source: Bartlett, J. R. Statist. Soc. B 16 (1954), 296; Box, Biometrika 36 (1949), 317.
    """
    spread, *others = symmetry.unpack(parameters).covariances
    count, last = members, symmetry.layers
    hidden = [(others[layer], symmetry.sizes[layer] - 1) for layer in symmetry.inner if symmetry.sizes[layer] > 1]
    dof = last * (last - 1) // 2 + len(hidden)
    status = _ratio_status(spread, hidden, members, symmetry)
    if status != OK or dof == 0:
        value = 0.0 if dof == 0 else np.nan
        return LayersTest(value, dof, value, np.nan, status if dof else "a single layer: nothing to test")
    logdet = _log_correlation(spread)
    units = [(dimension, _log_correlation(block)) for block, dimension in hidden]
    ratio = -count * (logdet + sum(dimension * value for dimension, value in units))
    corrected = -(count - 1 - (2 * last + 5) / 6) * logdet
    corrected -= sum((count * dimension - 1.5) * value for dimension, value in units)
    return LayersTest(float(ratio), dof, float(corrected), float(chdtrc(dof, max(corrected, 0.0))), OK)


def unit_correlation(parameters: Float[np.ndarray, "parameters"], members: int, symmetry: Chain) -> UnitCorrelation:
    """Correlation of row sums of W_l and column sums of W_(l+1) over the units of each hidden layer.

    Of k = N (h_l - 1) pairs of mean zero: rho sqrt((k - 1) / (1 - rho^2)) is Student's t with k - 1 degrees of freedom
    if there is none, and artanh rho - rho/(2k) about normal with variance 1/(k - 2) whatever it is.

    Source: Fisher, Metron 1 (1921), 3.
    """
    rows = []
    for layer in symmetry.inner:
        block, pairs = symmetry.unpack(parameters).covariances[1 + layer], members * (symmetry.sizes[layer] - 1)
        status = _unit_status(block, pairs, layer)
        if status != OK:
            rows.append((np.nan, np.nan, np.nan, np.nan, status))
            continue
        rho = float(np.clip(block[0, 1] / np.sqrt(block[0, 0] * block[1, 1]), -1 + 1e-15, 1 - 1e-15))
        p = 2 * float(stdtr(pairs - 1, -abs(rho) * np.sqrt((pairs - 1) / (1 - rho**2))))
        margin = float(ndtri(1 - LEVEL / 2)) / np.sqrt(pairs - 2)
        centre = np.arctanh(rho) - rho / (2 * pairs)
        rows.append((rho, np.tanh(centre - margin), np.tanh(centre + margin), p, OK))
    numbers = np.array([row[:-1] for row in rows], dtype=np.float64).reshape(len(rows), 4).T
    return UnitCorrelation(np.array(symmetry.inner, dtype=int), *numbers, status=tuple(row[-1] for row in rows))


def _log_correlation(covariance: np.ndarray) -> float:
    """Logarithm of the determinant of the correlations."""
    return float(np.linalg.slogdet(covariance)[1] - np.sum(np.log(np.diagonal(covariance))))


def _ratio_status(spread: np.ndarray, hidden: list[tuple[np.ndarray, int]], members: int, symmetry: Chain) -> str:
    if members <= symmetry.layers:
        count = f"{members} member{'s' * (members > 1)}"
        return f"{count}: the sums of {symmetry.layers} matrices need more than that; add members"
    if any(bool(singular(block)) for block in (spread, *(block for block, _ in hidden))):
        return "constant or linearly dependent sums: add members that vary"
    return OK


def _unit_status(block: np.ndarray, pairs: int, layer: int) -> str:
    if pairs == 0:
        return f"layer {layer} has one unit: no sums to correlate over units"
    if pairs < 3:
        return f"layer {layer}: {pairs} pairs of sums, needs at least 3; add members"
    if np.min(np.diagonal(block)) <= 0:
        return f"layer {layer}: sums are equal for all units; add members that vary"
    return OK
