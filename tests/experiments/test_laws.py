"""The laws that the analysis expects of initial entries are those that the engine draws them by."""

import math
from dataclasses import replace
from typing import get_args

import pytest

from analysis import EntryLaw
from ensemble.config import Init
from experiments.errors import UserError
from experiments.run.laws import initial_law, refuse_unpublished
from experiments.run.presets import QUICKSTART

FAN_OUT, FAN_IN = 20, 50
EXPECTED = {
    "gaussian": EntryLaw.gaussian(1 / math.sqrt(FAN_IN)),
    "uniform": EntryLaw.uniform(1 / math.sqrt(FAN_IN)),
    "he": EntryLaw.gaussian(math.sqrt(2 / FAN_IN)),
    "glorot": EntryLaw.gaussian(math.sqrt(2 / (FAN_IN + FAN_OUT))),
}


@pytest.mark.parametrize("init", EXPECTED)
def test_entries_have_the_cumulants_of_their_law(init):
    law = initial_law(init, FAN_OUT, FAN_IN)
    assert law is not None
    assert [float(k) for k in law.cumulants] == pytest.approx([float(k) for k in EXPECTED[init].cumulants])


def test_every_initialisation_has_a_law_or_none_and_others_are_refused():
    assert {*EXPECTED, "orthogonal"} == set(get_args(Init))
    assert initial_law("orthogonal", FAN_OUT, FAN_IN) is None
    with pytest.raises(ValueError, match="init is 'zero'"):
        initial_law("zero", FAN_OUT, FAN_IN)


def test_nothing_is_published_for_entries_without_a_law_of_their_own():
    refuse_unpublished(QUICKSTART, 10)
    with pytest.raises(UserError, match="a start from fitted models: leave out --as-published"):
        refuse_unpublished(replace(QUICKSTART, start={"L1": [0.0] * 13}), 10)
    with pytest.raises(UserError, match="init 'orthogonal': leave out --as-published"):
        refuse_unpublished(replace(QUICKSTART, train=replace(QUICKSTART.train, init="orthogonal")), 10)
    with pytest.raises(UserError, match="without a square weight matrix: leave out --as-published"):
        refuse_unpublished(replace(QUICKSTART, train=replace(QUICKSTART.train, hidden=(7, 11))), 10)
