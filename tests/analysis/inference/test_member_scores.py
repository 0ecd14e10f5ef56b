"""Scores of members against the others: exactly normal under every law of the model, by slow references and by law."""

import numpy as np
import pytest
from scipy import stats

from analysis import Separate, Simultaneous, Symmetric
from analysis.inference.member_scores import block_scores, others, separate_scores, settled, student_scores
from analysis.inference.simulation import standard_moments


def everyone(members: int) -> np.ndarray:
    return np.ones(members, dtype=bool)


def test_sums_over_the_others():
    values = np.random.default_rng(0).standard_normal((7, 2, 3))
    values[2] *= 1e12
    reference = np.array([True, False, True, True, False, True, True])
    found = others(values, reference)
    for i in range(7):
        chosen = reference & (np.arange(7) != i)
        np.testing.assert_allclose(found.total[i], values[chosen].sum(axis=0), rtol=1e-12)
        assert found.count[i] == chosen.sum()


def test_one_coordinate_is_the_two_sample_test_of_student():
    x = np.random.default_rng(1).standard_normal((9, 1))
    for score in (student_scores(x, everyone(9)), separate_scores(x, everyone(9))):
        for i in range(9):
            rest = np.delete(x[:, 0], i)
            t = (x[i, 0] - rest.mean()) / (rest.std(ddof=1) * np.sqrt(1 + 1 / 8))
            assert score[i, 0] == pytest.approx(stats.norm.ppf(stats.t(7).cdf(t)))


def test_squares_of_a_vector_add_up_to_hotelling():
    """With many others Student's laws are normal, and the scores the coordinates whitened by the others."""
    x = np.random.default_rng(2).standard_normal((3000, 2)) @ np.array([[1.0, 0.8], [0.0, 0.5]])
    scores = student_scores(x, everyone(3000))
    rest = np.delete(x, 5, axis=0)
    step = x[5] - rest.mean(axis=0)
    assert np.sum(scores[5] ** 2) == pytest.approx(step @ np.linalg.inv(np.cov(rest.T)) @ step, rel=5e-3)


def test_a_single_copy_is_the_ratio_of_fisher():
    symmetry = Separate(4, 6)
    moments = standard_moments(np.random.default_rng(3), (6,), symmetry)
    scores = block_scores(moments, symmetry)
    for k, d in ((1, 5), (2, 3), (3, 15)):
        ratio = moments[2, k] / np.delete(moments[:, k], 2).mean()
        assert scores[2, k] == pytest.approx(stats.norm.ppf(stats.f(d, 5 * d).cdf(ratio)))


def test_copies_are_regressed_on_those_before_them():
    """The coefficient of copy 2 on copy 1 by ordinary least squares on the coordinates themselves."""
    symmetry = Simultaneous(6)
    stack = np.random.default_rng(4).standard_normal((5, 6, 6))
    h = np.asarray(symmetry.project(stack)[1])
    basis = np.linalg.qr(np.column_stack([np.ones(6), np.eye(6)[:, :5]]))[0][:, 1:]  # 5 coordinates across 1
    own = h[0] @ basis
    beside = np.concatenate([part @ basis for part in h[1:]], axis=1)
    first, second = ((y[0] @ y[1]) / (y[0] @ y[0]) for y in (own, beside))
    left = sum(np.sum((y[1] - slope * y[0]) ** 2) for y, slope in ((own, first), (beside, second)))
    freedom = 5 + 20 - 2
    t = (first - second) / np.sqrt(left / freedom * (1 / (own[0] @ own[0]) + 1 / (beside[0] @ beside[0])))
    scores = block_scores(np.asarray(symmetry.block_moments(stack)), symmetry)
    assert scores[0, symmetry.moment_names.index("h12")] == pytest.approx(stats.norm.ppf(stats.t(freedom).cdf(t)))


@pytest.mark.parametrize("symmetry", [Simultaneous(5), Separate(3, 400), Symmetric(6), Symmetric(5, False)], ids=str)
@pytest.mark.parametrize("members", [4, 30])
def test_scores_are_independent_and_normal(symmetry, members):
    """Of 4 members, one each is looked at; of many all, though they are a little correlated."""
    drawn = standard_moments(np.random.default_rng(members), (2000 if members == 4 else 16, members), symmetry)
    found = [block_scores(moments, symmetry) for moments in drawn]
    z = np.concatenate([scores[:1] if members == 4 else scores for scores in found])
    freedom = z.shape[1]
    assert np.isfinite(z).all()
    assert stats.kstest(np.sum(z**2, axis=1), stats.chi2(freedom).cdf).pvalue > 1e-3
    assert np.max(np.abs(np.corrcoef(z.T) - np.eye(freedom))) < 5 / np.sqrt(len(z))


def test_scores_do_not_depend_on_the_parameters():
    """Shift and scale of all members change nothing, nor does adding copies to those after them."""
    symmetry = Simultaneous(7)
    stack = np.random.default_rng(5).standard_normal((8, 7, 7))
    x, h, v2, v3 = map(np.asarray, symmetry.project(stack))
    mixed = np.einsum("ab,nb...->na...", np.array([[2.0, 0, 0], [0.7, 1, 0], [-1, 3, 0.5]]), h)
    other = symmetry.compose((3 * x + 5, mixed, 0.1 * v2, 4 * v3))
    first, second = (block_scores(np.asarray(symmetry.block_moments(data)), symmetry) for data in (stack, other))
    np.testing.assert_allclose(first, second, rtol=1e-7)


def test_far_members_are_told_apart_and_hide_nobody():
    symmetry = Separate(100, 100)
    moments = standard_moments(np.random.default_rng(6), (10,), symmetry)
    alone = block_scores(np.delete(moments, [1, 2], axis=0), symmetry)
    moments[1] *= 9
    moments[2] *= 1e9
    reference = np.array([True, False, False, *[True] * 7])
    scores = block_scores(moments, symmetry, reference)
    assert 37 < scores[1, 3] < scores[2, 3] < np.inf
    np.testing.assert_allclose(np.delete(scores, [1, 2], axis=0), alone, rtol=1e-9)


def test_the_deviance_goes_on_where_the_tail_has_no_digits(monkeypatch):
    moments = standard_moments(np.random.default_rng(7), (10,), Separate(60, 60))
    moments[1] *= 1.9
    exact = block_scores(moments, Separate(60, 60))[1]
    monkeypatch.setattr("analysis.inference.member_scores.SMALLEST", 0.5)
    assert 15 < exact[3] < 37
    assert block_scores(moments, Separate(60, 60))[1, 3] == pytest.approx(exact[3], rel=0.01)


def test_what_is_not_there_is_unknown():
    symmetry = Simultaneous(3)  # V_2 is absent, and V_H has more copies than dimensions
    moments = standard_moments(np.random.default_rng(8), (9,), symmetry)
    known = np.all(np.isfinite(block_scores(moments, symmetry)), axis=0)
    assert [n for n, k in zip(symmetry.moment_names, known, strict=True) if k] == ["x1", "x2", "v3"]
    constant = np.ones((5, 4, 6))
    assert np.isnan(block_scores(np.asarray(Separate(4, 6).block_moments(constant)), Separate(4, 6))).all()
    assert np.isnan(block_scores(np.asarray(Separate(4, 6).block_moments(constant[:1])), Separate(4, 6))).all()


def test_settled_scores_of_a_true_law_stay_as_they_are():
    z = np.random.default_rng(9).standard_normal((400, 3))
    np.testing.assert_allclose(settled(z * 0.9).scores, z * 0.9)
    wide = settled(np.column_stack([4 * z[:, 0], z[:, 1] - 20]))
    assert wide.spread[0] == pytest.approx(4, rel=0.2)
    assert wide.spread[1] == pytest.approx(1, rel=0.2)
    assert np.max(np.abs(wide.scores)) < 5
