"""Cumulants of named laws against their closed forms, and moments that no law has."""

from fractions import Fraction

import pytest

from analysis import EntryLaw


def test_cumulants_of_uniform_entries():
    """k_2n = (2 bound)^2n B_2n / 2n, with the Bernoulli numbers 1/6, -1/30, 1/42, -1/30."""
    bernoulli = {2: Fraction(1, 6), 4: Fraction(-1, 30), 6: Fraction(1, 42), 8: Fraction(-1, 30)}
    law = EntryLaw.uniform(Fraction(1, 3))
    assert law.cumulants == tuple(Fraction(2, 3) ** n * bernoulli.get(n, Fraction(0)) / n for n in range(1, 9))


def test_cumulants_of_normal_entries():
    assert EntryLaw.gaussian(Fraction(1, 2)).cumulants == (0, Fraction(1, 4), 0, 0, 0, 0, 0, 0)


def test_two_moments_give_mean_and_variance():
    assert EntryLaw.from_moments([2, 4]).cumulants == (2, 0)
    assert EntryLaw.from_moments([2, 5, 0]).cumulants == (2, 1, -14)


@pytest.mark.parametrize("moments", [[1], [2, 3], [2, 3, 5]])
def test_moments_of_no_law_are_refused(moments):
    with pytest.raises(ValueError, match=r"with E w\^2 >= "):
        EntryLaw.from_moments(moments)


def test_a_cumulant_beyond_the_moments_is_refused():
    law = EntryLaw.from_moments([0, 1])
    assert law.cumulant(2) == 1
    with pytest.raises(ValueError, match="give 3 moments"):
        law.cumulant(3)
