"""Members that are alike: copies and relabelled copies are found, chance pairs are not, neighbours are the nearest."""

import numpy as np
import pytest

from analysis import Separate, Simultaneous, similarity
from analysis.inference.member_scores import block_scores, settled
from analysis.inference.multiplicity import benjamini_hochberg
from analysis.inference.similarity import similar_members
from analysis.inference.simulation import standard_moments


@pytest.fixture(autouse=True)
def _few_pairs(monkeypatch):
    """Simulated pairs, of which benchmarks/members.py has more."""
    monkeypatch.setattr("analysis.inference.similarity.PAIRS", 1000)


def test_neighbours_are_those_of_all_distances():
    stack = np.random.default_rng(0).standard_normal((30, 6, 8))
    symmetry = Separate(6, 8)
    scores = settled(block_scores(np.asarray(symmetry.block_moments(stack)), symmetry)).scores
    all_of_them = np.linalg.norm(scores[:, None] - scores, axis=-1)
    np.fill_diagonal(all_of_them, np.inf)
    found = similarity(stack)
    np.testing.assert_array_equal(found.neighbours, np.argsort(all_of_them, axis=1)[:, :5])
    np.testing.assert_allclose(found.distance, np.sort(all_of_them, axis=1)[:, :5])
    one, other = scores[4], scores[found.neighbours[4, 2]]
    assert found.cosine[4, 2] == pytest.approx(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_copies_and_relabelled_copies_are_at_no_distance():
    rng = np.random.default_rng(1)
    stack = rng.standard_normal((40, 7, 9))
    stack[5] = stack[20]
    stack[11] = stack[30][rng.permutation(7)][:, rng.permutation(9)]
    stack[3] = np.nan
    found = similarity(stack)
    assert set(found.pairs()) == {(5, 20), (11, 30)}
    assert found.distance[11, 0] < 1e-6
    assert found.neighbours[30, 0] == 11
    assert np.all(found.neighbours[3] == -1)
    assert np.isnan(found.q[3]).all()
    assert 3 not in found.neighbours


def test_many_copies_of_one_member():
    stack = np.random.default_rng(2).standard_normal((20, 5, 6))
    stack[:8] = stack[0]
    found = similarity(stack)
    assert np.all(found.neighbours != np.arange(20)[:, None])
    first = found.pairs()[:8]  # the others are at no distance, too, but each knows five neighbours only
    assert len(first) == 8
    assert {a for pair in first for a in pair} <= set(range(8))


@pytest.mark.parametrize("members", [5, 250])
def test_by_chance_no_pair_is_called(members):
    symmetry = Simultaneous(6)
    drawn = standard_moments(np.random.default_rng(members), (30, members), symmetry)
    called = sum(bool(similar_members(moments, symmetry).pairs()) for moments in drawn)
    assert called <= 6  # 0.1 % of the time more, at 5 %


def test_q_is_that_of_all_pairs():
    found = similarity(np.random.default_rng(3).standard_normal((6, 5, 7)))
    first, rank = np.triu_indices(6, 1)
    place = [found.neighbours[a].tolist().index(b) for a, b in zip(first, rank, strict=True)]
    np.testing.assert_allclose(found.q[first, place], benjamini_hochberg(found.p[first, place]))


def test_too_few_and_equal_members():
    assert "from 4 on" in similarity(np.random.default_rng(4).standard_normal((3, 5, 6))).status
    assert "all are alike" in similarity(np.ones((6, 4, 5))).status
