"""Members that do not fit: planted ones are found and named, of a true law nobody, and none hides another."""

import numpy as np
import pytest

from analysis import Separate, Simultaneous, Symmetric, anomalies
from analysis.inference.anomalies import rank_members
from analysis.inference.member_shape import member_cumulants
from analysis.inference.tails import power_tail
from analysis.symmetry.single import SingleMatrix

SYMMETRY = Separate(10, 12)


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch):
    """Simulated members, of which benchmarks/members.py has more."""
    monkeypatch.setattr("analysis.inference.member_shape.DRAWS", 400)


def normal(run: int, members: int, symmetry: SingleMatrix = SYMMETRY) -> np.ndarray:
    return symmetry.standard_normal(np.random.default_rng([run, members]), members)


def test_of_a_true_law_nobody_is_called():
    found = [anomalies(normal(run, 20)) for run in range(8)]
    assert sum(len(one.found) > 0 for one in found) <= 2  # 0.6 % of the time more, at 5 %
    assert np.mean([one.p < 0.05 for one in found]) < 0.12
    assert all(one.status == "ok" for one in found)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda m: 1.6 * m, {"rest", "rows", "columns"}),
        (lambda m: 0.5 * m, {"rest", "rows", "columns"}),
        (lambda m: m + 1, {"x"}),
        (lambda m: m + 2 * np.arange(10)[:, None], {"rows"}),
    ],
    ids=["scaled", "shrunk", "shifted", "rows apart"],
)
def test_a_planted_member_is_found_and_named(change, names):
    stack = normal(1, 20)
    stack[3] = change(stack[3])
    found = anomalies(stack)
    assert found.found.tolist() == found.ranking[:1].tolist() == [3]
    assert found.oddest[3] in names
    assert found.scores.shape == (20, len(found.names))


def test_a_heavy_row_is_seen_in_the_shape():
    """The row is as long as before the others were shrunk: block moments stay the same."""
    stack = normal(2, 30)
    stack[3, 1:] *= 0.55
    stack[3, 1] *= 3 / 0.55
    stack[3] *= np.linalg.norm(stack[4]) / np.linalg.norm(stack[3])
    found = anomalies(stack)
    assert 3 in found.found
    assert found.shape[3] == np.max(found.shape)
    largest = np.argsort(-np.nan_to_num(np.abs(found.scores[3])))[:2]
    assert {found.names[k] for k in largest} == {"0-0,0-0,0-0,0-0", "0-0,0-0,0-1,0-1"}  # tails, and squares in one row


def test_a_transposed_member_is_found():
    stack = normal(3, 12, Separate(9, 9)) + 1.5 * np.random.default_rng(4).standard_normal((12, 9, 1))
    stack[5] = stack[5].T
    for symmetry in (Separate(9, 9), Simultaneous(9)):
        found = rank_members(np.asarray(symmetry.block_moments(stack)), symmetry)
        assert found.found.tolist() == [5]


@pytest.mark.parametrize("symmetry", [Simultaneous(8), Symmetric(8)], ids=str)
def test_for_every_symmetry_by_block_moments(symmetry):
    stack = normal(5, 25, symmetry)
    stack[7] *= 2.5
    found = rank_members(np.asarray(symmetry.block_moments(stack)), symmetry)
    assert found.found.tolist() == [7]
    assert found.freedom == len(symmetry.moment_names)


def test_symmetric_matrices_with_their_shapes():
    symmetry = Symmetric(8, diagonal=False)
    stack = normal(5, 25, symmetry)
    stack[7] *= 2.5
    assert anomalies(stack, symmetry).found.tolist() == [7]


def test_odd_members_do_not_hide_each_other():
    """Six of twenty are far off, which inflates every variance, and pulls the mean of all others."""
    symmetry = Separate(30, 30)
    stack = normal(6, 20, symmetry)
    stack[:4] *= 3
    stack[4:6] += 2
    assert set(anomalies(stack, symmetry).found.tolist()) == set(range(6))


def test_one_of_few_that_makes_all_others_odd_is_the_one():
    """Beside a member of 50 times the scale the four others look alike far too much: at first all five are odd."""
    stack = normal(13, 5)
    stack[2] *= 50
    assert anomalies(stack).found.tolist() == [2]


def test_where_members_differ_in_scale_each_is_one_among_them():
    """The law of the model does not hold: it would call most of them odd, and none is."""
    scale = np.exp(0.5 * np.random.default_rng(7).standard_normal((60, 1, 1)))
    stack = scale * normal(7, 60)
    found = anomalies(stack)
    assert np.max(found.spread) > 2
    assert len(found.found) < 6
    stack[9] *= 40
    assert anomalies(stack).found[0] == 9


def test_members_left_out_keep_their_place():
    stack = normal(8, 12)
    whole = anomalies(np.delete(stack, 4, axis=0))
    stack[4, 0, 0] = np.nan
    found = anomalies(stack)
    assert np.isnan(found.p[4])
    assert found.oddest[4] == ""
    assert 4 not in found.ranking
    np.testing.assert_allclose(np.delete(found.p, 4), whole.p, rtol=1e-6)


def test_what_is_missing_is_said():
    stack = normal(9, 12)
    moments = np.asarray(SYMMETRY.block_moments(stack))
    without = rank_members(moments, SYMMETRY)
    assert "shapes are not compared" in without.status
    assert np.isnan(without.shape).all()
    np.testing.assert_allclose(without.distance, anomalies(stack).distance)
    assert "at least 3" in anomalies(stack[:2]).status
    assert np.isnan(anomalies(stack[:2]).q).all()
    constant = anomalies(np.ones((5, 4, 6)))
    assert "x, columns, rows, rest do not vary" in constant.status
    assert len(constant.found) == 0
    with pytest.raises(ValueError, match="none of 3 members is finite"):
        anomalies(np.full((3, 4, 6), np.nan))


def test_cumulants_of_one_member_know_neither_shift_nor_scale():
    """Skewness and excess kurtosis of the entries, where a pattern is one entry again and again."""
    symmetry = Separate(6, 7)
    stack = np.random.default_rng(10).exponential(size=(3, 6, 7))
    found, moved = (member_cumulants(symmetry.evaluate(symmetry.every, m), symmetry) for m in (stack, 3 * stack - 2))
    np.testing.assert_allclose(moved, found, rtol=1e-6, atol=1e-9)
    z = (stack - stack.mean(axis=(1, 2), keepdims=True)) / stack.std(axis=(1, 2), keepdims=True)
    names = symmetry.pattern_names
    np.testing.assert_allclose(found[:, names.index("0-0,0-0,0-0")], np.mean(z**3, axis=(1, 2)))
    np.testing.assert_allclose(found[:, names.index("0-0,0-0,0-0,0-0")], np.mean(z**4, axis=(1, 2)) - 3)
    assert np.isnan(member_cumulants(symmetry.evaluate(symmetry.every, stack * 1e-9 + 1), symmetry)).all()


def test_power_tail():
    null = np.random.default_rng(11).pareto(4, 20_000) + 1
    t = np.array([0.5, 1.2, 3.0, 10.0])
    np.testing.assert_allclose(power_tail(t, null), [1, 1.2**-4, 3.0**-4, 1e-4], rtol=0.4)
    light = np.abs(np.random.default_rng(12).standard_normal(20_000))
    assert power_tail(np.array([6.0]), light) > 2e-9  # no rarer than it is
    np.testing.assert_allclose(power_tail(np.array([1.0, 2.0]), np.ones(9)), [1, 0.1])


def test_matrices_of_at_most_a_size():
    assert Separate(50, 7).at_most(32) == Separate(32, 7)
    assert Symmetric(50, diagonal=False).at_most(32) == Symmetric(32, diagonal=False)


def test_a_common_shift_makes_nobody_odd():
    stack = normal(7, 20, Separate(6, 5))
    plain, shifted = anomalies(stack), anomalies(stack + 1e4)
    assert len(plain.found) == 0
    np.testing.assert_allclose(shifted.p, plain.p, rtol=1e-3)
