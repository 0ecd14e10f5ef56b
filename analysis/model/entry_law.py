"""Laws of a single matrix entry, by their cumulants."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb

Number = float | int | Fraction

ORDER = 8
"""Cumulants kept by the named laws: enough for the variance of quartic invariants."""


@dataclass(frozen=True)
class EntryLaw:
    """The law of independent, identically distributed entries.

    Attributes:
        cumulants: of an entry, k_1, k_2, ..., as exact fractions; k_j in units of the entries to the j-th power.
    """

    cumulants: tuple[Fraction, ...]

    @classmethod
    def gaussian(cls, std: Number) -> "EntryLaw":
        """Normal entries of mean 0; with std = 1/sqrt(fan_in), the initialisation "Gaussian" of arXiv:2510.05218."""
        return cls((Fraction(0), Fraction(std) ** 2, *[Fraction(0)] * (ORDER - 2)))

    @classmethod
    def uniform(cls, bound: Number) -> "EntryLaw":
        """Entries uniform on [-bound, bound]: E w^2k = bound^2k / (2k+1).

        With bound = 1/sqrt(fan_in), the initialisation "Uniform" of arXiv:2510.05218.
        """
        return cls.from_moments(
            [Fraction(bound) ** k / (k + 1) if k % 2 == 0 else Fraction(0) for k in range(1, ORDER + 1)]
        )

    @classmethod
    def from_moments(cls, moments: Sequence[Number]) -> "EntryLaw":
        """The law with moments E w, E w^2, ...: k_n = m_n - sum over j < n of C(n-1, j-1) k_j m_(n-j).

        Raises:
            ValueError: if fewer than two moments are given or the variance is negative.
        """
        m = [Fraction(1), *(Fraction(moment) for moment in moments)]
        if len(m) < 3 or m[2] < m[1] ** 2:
            raise ValueError(f"moments {list(moments)}: give E w, E w^2, ... with E w^2 >= (E w)^2")
        cumulants: list[Fraction] = []
        for n in range(1, len(m)):
            lower = sum(comb(n - 1, j - 1) * k * m[n - j] for j, k in enumerate(cumulants, start=1))
            cumulants.append(m[n] - lower)
        return cls(tuple(cumulants))

    def cumulant(self, order: int) -> Fraction:
        """The cumulant of the given order, from 1.

        Raises:
            ValueError: if the law does not hold that many.
        """
        if order > len(self.cumulants):
            raise ValueError(f"cumulant {order} of a law given by {len(self.cumulants)} moments: give {order} moments")
        return self.cumulants[order - 1]
