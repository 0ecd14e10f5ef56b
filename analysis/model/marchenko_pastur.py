"""The singular values of a large matrix of independent entries: Marchenko and Pastur's law."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import gammaincc

TRACY_WIDOM = 0.9793
"""The 95 % quantile of Tracy and Widom's law of real matrices (beta = 1)."""


def tracy_widom_tail(t: Float[np.ndarray, "*batch"]) -> Float[np.ndarray, "*batch"]:
    """Probability of a value above t in Tracy and Widom's law of real matrices, by a shifted gamma law; to 0.001.

    Source: Chiani, J. Multivariate Anal. 129 (2014), 69.
    """
    return np.asarray(gammaincc(46.446, np.maximum(t + 9.84801, 0.0) / 0.186054))


class Bulk(NamedTuple):
    """Squared singular values of a p x q matrix of independent entries of mean 0 and one variance s.

    Source: Marchenko and Pastur, Math. USSR Sb. 1 (1967), 457.
    """

    variance: float
    """s, in units of the matrices squared."""
    rows: int
    columns: int

    @property
    def edges(self) -> tuple[float, float]:
        """S (sqrt(p) -+ sqrt(q))^2, between which they lie where the matrix is large."""
        p, q = np.sqrt(self.rows), np.sqrt(self.columns)
        return float(self.variance * (p - q) ** 2), float(self.variance * (p + q) ** 2)

    @property
    def largest(self) -> float:
        """What the largest one stays below in 95 % of matrices.

        s (mu + 0.98 sigma) with mu = (a + b)^2, sigma = (a + b) (1/a + 1/b)^(1/3), a^2 = p - 1/2 and b^2 = q - 1/2;
        within a few per cent even for 3 x 3. 0 where there is no row or no column.

        Source: Johnstone, Ann. Statist. 29 (2001), 295; the halves of Ma, Bernoulli 18 (2012), 322.
        """
        if not self.rows or not self.columns:
            return 0.0
        centre, scale = self._centre_and_scale()
        return float(self.variance * (centre + TRACY_WIDOM * scale))

    def tail(self, squared: float) -> float:
        """Probability that the largest one lies above a value, in the same approximation; NaN without a variance."""
        if not self.rows or not self.columns or not self.variance > 0:
            return np.nan
        centre, scale = self._centre_and_scale()
        return float(tracy_widom_tail(np.asarray((squared / self.variance - centre) / scale)))

    def _centre_and_scale(self) -> tuple[float, float]:
        a, b = np.sqrt(self.rows - 0.5), np.sqrt(self.columns - 0.5)
        return float((a + b) ** 2), float((a + b) * (1 / a + 1 / b) ** (1 / 3))

    def density(self, squared: Float[np.ndarray, "points"]) -> Float[np.ndarray, "points"]:
        """sqrt((b - x)(x - a)) / (2 pi s min(p, q) x) between the edges a and b, else 0; its integral is 1.

        Args:
            squared: squared singular values x; of the p q matrix min(p, q) are not 0 by its shape.
        """
        low, high = self.edges
        inside = (squared > low) & (squared < high)
        x = np.where(inside, squared, 1.0)
        root = np.sqrt(np.where(inside, (high - x) * (x - low), 0.0))
        count = max(min(self.rows, self.columns), 1)
        return root / (2 * np.pi * (self.variance or 1.0) * count * x)

    def resolvents(self, z: float) -> tuple[float, float]:
        """Tr (E E^T - z)^-1 and tr (E^T E - z)^-1 for z above the upper edge, where the matrix E is large.

        The first, T, solves s z T^2 + (z + s (p - q)) T + p = 0; the second is T + (p - q) / z.
        """
        low, high = self.edges
        linear = z + self.variance * (self.rows - self.columns)
        first = -2 * self.rows / (linear + np.sqrt(max(z - high, 0.0) * (z - low)))
        return float(first), float(first + (self.rows - self.columns) / z)
