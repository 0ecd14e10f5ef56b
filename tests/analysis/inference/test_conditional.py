"""Ensembles of one fit, and invariants of many members, in pieces that fit into memory."""

import numpy as np

from analysis import Simultaneous, fit
from analysis.inference import conditional
from analysis.inference.conditional import conditional_ensembles, evaluated

SYMMETRY = Simultaneous(4)


def test_members_beyond_the_size_of_a_piece_come_one_by_one(monkeypatch):
    monkeypatch.setattr(conditional, "ENTRIES", 10)
    monkeypatch.setattr(conditional, "CHUNK_ENTRIES", 10)
    stack = np.random.default_rng(0).standard_normal((3, 4, 4))
    expected = SYMMETRY.evaluate(SYMMETRY.fitted, stack)
    np.testing.assert_allclose(evaluated(SYMMETRY.fitted, stack, SYMMETRY), expected, rtol=1e-12)
    pieces = conditional_ensembles(fit(stack).model.parameters, 3, SYMMETRY, samples=2)
    assert [np.shape(piece) for piece in pieces] == [(1, 3, 4, 4)] * 2
