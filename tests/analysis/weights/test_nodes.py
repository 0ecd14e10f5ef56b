"""Groups of symmetric matrices: their numbers are those of the stack under permutations of nodes."""

import json
from functools import partial

import numpy as np
import pytest

from analysis import Separate, Simultaneous, Symmetric, contrast, recognised_symmetry, study
from analysis.model.wigner import with_level_diagonal
from analysis.show.trajectories import draw_trajectory, paths_table, trajectory_entry, trajectory_table
from analysis.show.weights_figures import draw_group
from analysis.show.weights_table import groups_table, study_entry
from analysis.symmetry.symmetric import less_constant_diagonal
from analysis.weights.group_study import GroupStudy
from analysis.weights.grouping import grouped
from analysis.weights.measuring import measured
from analysis.weights.mirror import mirror_of, together
from analysis.weights.model_contrast import contrast_weights
from analysis.weights.model_study import study_weights
from analysis.weights.nodes import by_nodes
from analysis.weights.state import weights_of
from analysis.weights.tensors import Tensor, Weights
from analysis.weights.traits import NAMES, Traits, traits

D, MEMBERS = 8, 7
"""One size for all: each is compiled anew."""


def normal(*seed: int) -> np.ndarray:
    """Symmetric matrices."""
    half = np.random.default_rng(seed).normal(size=(MEMBERS, D, D))
    return (half + np.swapaxes(half, 1, 2)) / np.sqrt(2)


def correlations() -> np.ndarray:
    return np.stack([np.corrcoef(one) for one in np.random.default_rng(1).normal(size=(MEMBERS, D, 20))])


def state(stack: np.ndarray, name: str = "w") -> dict[str, np.ndarray]:
    return {f"layers.{k}.{name}": matrix for k, matrix in enumerate(stack)}


def row_of(stack: np.ndarray) -> GroupStudy:
    (row,) = study_weights(state(stack)).rows
    return row


def told(row: GroupStudy) -> str:
    return "; ".join(finding.text for finding in row.findings)


@pytest.mark.parametrize(
    ("stack", "diagonal"),
    [
        (normal(0) + 3, True),
        (correlations(), False),
        (normal(2) * ~np.eye(D, dtype=bool), False),
        (np.array(normal(3) > 0.5, dtype=np.float32), True),
    ],
)
def test_the_statistics_are_those_of_the_stack(stack, diagonal):
    row = row_of(stack)
    given = less_constant_diagonal(stack.astype(float))
    expected = study(given, Symmetric(D, diagonal=diagonal))
    assert recognised_symmetry(given) == row.statistics.symmetry == expected.symmetry
    for name in ("parameters", "parameters_se", "mean", "theory", "standardised", "w2", "w2_null", "normality_p"):
        one, other = getattr(row.statistics, name), getattr(expected, name)
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9, err_msg=name)
    assert row.outliers is not None
    np.testing.assert_allclose(
        row.outliers.singular, np.linalg.svd(with_level_diagonal(given), compute_uv=False), atol=1e-9
    )
    assert row.couplings is None
    assert "no couplings of symmetric matrices" in row.status


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda stack: stack + 1e-6 * np.eye(D, k=1) * (np.arange(MEMBERS) == MEMBERS - 1)[:, None, None],
        lambda stack: np.where(
            (np.arange(MEMBERS) == 0)[:, None, None], np.random.default_rng(0).normal(size=(D, D)), stack
        ),
    ],
)
def test_one_matrix_that_is_not_symmetric_leaves_rows_and_columns_apart(spoilt):
    assert row_of(spoilt(normal(4))).statistics.symmetry == Separate(D, D)


def test_members_that_are_not_finite_do_not_count():
    stack = normal(5)
    stack[2, 0, 1] = np.nan
    stack[3] = np.triu(np.full((D, D), 1e200))
    row = row_of(stack)
    kept = np.delete(stack, [2, 3], axis=0)
    assert int(row.statistics.excluded) == 2
    np.testing.assert_allclose(row.statistics.parameters, study(kept, Symmetric(D)).parameters, rtol=1e-9)
    assert np.isnan(row.anomalies.distance[[2, 3]]).all()


def test_a_mirror_of_parts_is_that_of_the_whole():
    for stack in (normal(6), correlations(), normal(7)[:, :, ::-1], np.eye(D)[None], np.zeros((2, D, D))):
        given = less_constant_diagonal(stack)
        mirror = together(map(mirror_of, np.array_split(stack, len(stack))))
        found, expected = mirror and mirror.symmetry(D), recognised_symmetry(given)
        assert found == (None if isinstance(expected, Simultaneous) else expected)


def test_each_matrix_is_read_twice_and_others_once():
    order: list[str] = []

    def read(name: str, matrix: np.ndarray) -> np.ndarray:
        order.append(name)
        return matrix

    other = np.random.default_rng(0).normal(size=(MEMBERS, D, D))
    tensors = [
        Tensor(name, (D, D), "float64", partial(read, name, matrix))
        for kind, stack in (("a", normal(8)), ("b", other))
        for name, matrix in state(stack, kind).items()
    ]
    study_weights(Weights("m", tuple(tensors), "out_in"))
    names = {kind: list(state(other, kind)) for kind in "ab"}
    assert order == [*names["a"], *names["a"], *names["b"]]


@pytest.mark.parametrize("constant", [0.0, 5.0])
def test_a_diagonal_of_its_own_is_no_outlier(constant):
    for level in (0.0, 0.9):
        noise = normal(9) * np.where(np.eye(D, dtype=bool), 0.01, 0.1)
        row = row_of(noise + level + constant * np.eye(D))
        assert row.outliers is not None
        assert row.outliers.predicted == (level > 0)
        assert row.outliers.count.mean() == pytest.approx(int(level > 0), abs=0.3)


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("diagonal", [True, False])
def test_small_matrices_have_no_law_of_eigenvalues(dim, diagonal):
    stack = normal(10)[:, :dim, :dim]
    row = row_of(stack if diagonal else stack * ~np.eye(dim, dtype=bool))
    assert row.outliers is None
    assert "smaller than 4 x 4" in row.status


def test_beside_a_large_diagonal_nothing_is_said_of_what_rounding_leaves():
    entries = normal(11) * ~np.eye(D, dtype=bool)
    diagonal = np.random.default_rng(1).normal(size=(MEMBERS, D))[:, :, None] * np.eye(D)
    known = row_of(entries + 10 * diagonal).traits
    np.testing.assert_allclose(known.value, row_of(entries + 0.1 * diagonal).traits.value, rtol=1e-6, equal_nan=True)
    assert np.isnan(row_of(1e-5 * entries + diagonal).traits.value).all()
    assert np.isnan(row_of(diagonal).traits.p).all()


def test_a_large_mean_loses_no_digits():
    plain, shifted = row_of(normal(9)), row_of(normal(9) + 1e5)
    np.testing.assert_allclose(shifted.traits.value, plain.traits.value, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(shifted.anomalies.distance, plain.anomalies.distance, rtol=1e-3)


def traits_of(stack: np.ndarray) -> Traits:
    (group,) = grouped([weights_of(state(stack))]).groups
    whole = by_nodes(measured(group), group, Symmetric(D))
    return traits(whole.centred, whole.block_moments, whole.symmetry)


def test_traits_are_the_covariances_of_entries_that_share_a_node():
    """Compared with sums over all different nodes, of entries less their common mean."""
    stack = normal(10) ** 3 + 0.3
    value = dict(zip(NAMES, traits_of(stack).value, strict=True))
    nodes = [(i, j, k, m) for i in range(D) for j in range(D) for k in range(D) for m in range(D)]
    i, j, k, m = np.array([one for one in nodes if len(set(one)) == 4]).T
    x = stack - stack[:, i, j].mean()
    a, shared, apart = x[:, i, j], x[:, i, k], x[:, k, m]
    variance, c_n, c_0 = np.mean(a**2), np.mean(a * shared), np.mean(a * apart)
    v_n = np.mean(a**2 * shared**2) - variance**2 - 2 * c_n**2
    v_0 = np.mean(a**2 * apart**2) - variance**2 - 2 * c_0**2
    kurtosis = np.mean(a**4) / variance**2 - 3
    assert value["row means"] == pytest.approx(2 * (c_n - c_0) / variance)
    assert value["member means"] == pytest.approx(c_0 / variance)
    assert value["row scales"] == pytest.approx((v_n - v_0) / variance**2)
    assert value["member scales"] == pytest.approx(v_0 / variance**2)
    assert value["skewness"] == pytest.approx(np.mean(a**3) / variance**1.5)
    assert value["kurtosis"] == pytest.approx(kurtosis)
    assert value["tails"] == pytest.approx(kurtosis - 3 * (2 * v_n - v_0) / variance**2)
    assert np.isnan([value["column means"], value["column scales"]]).all()


def test_independent_entries_are_rejected_as_often_as_they_may_be():
    p = np.array([traits_of(normal(11, k)).p for k in range(80)])
    known = ~np.isnan(p).all(axis=0)
    assert known.sum() == len(NAMES) - 2
    assert np.all(np.mean(p[:, known] < 0.05, axis=0) < 0.15)  # 0.1 % of the time more
    assert np.all(np.abs(np.nanmean(p[:, known], axis=0) - 0.5) < 0.15)


def test_of_two_members_the_error_is_the_spread_of_gaussian_ones():
    values, errors = zip(*[traits_of(normal(21, k)[:2])[::2] for k in range(150)], strict=True)
    known = ~np.isnan(errors[0])
    ratio = np.median(errors, axis=0)[known] / np.std(values, axis=0)[known]
    assert ((ratio > 0.75) & (ratio < 1.35)).all(), ratio


def test_nodes_that_differ_are_told_as_nodes():
    node = 1.2 * np.random.default_rng(12).normal(size=(MEMBERS, D))
    row = row_of(normal(13) + node[:, None] + node[:, :, None])
    assert told(row).startswith("nodes differ in their mean weight")
    assert "rows" not in told(row)
    assert row.accepted == "symmetric"
    odd = normal(14)
    odd[4] *= 4
    assert "layers 4 (scale)" in told(row_of(odd))


def test_two_models_are_compared_by_nodes_only_if_both_are_symmetric():
    first, second = normal(15), normal(16)
    (row,) = contrast_weights(state(first), state(second)).rows
    expected = contrast(first, second, Symmetric(D), paired=True)
    assert row.contrast.symmetry == Symmetric(D)
    assert row.contrast.w2 == pytest.approx(expected.w2)
    np.testing.assert_allclose(row.contrast.invariants.value, expected.invariants.value, rtol=1e-8, atol=1e-8)
    second[3, 0, 1] += 1
    (row,) = contrast_weights(state(first), state(second)).rows
    assert row.contrast.symmetry == Separate(D, D)
    assert row.contrast.w2 == pytest.approx(contrast(first, second, Separate(D, D), paired=True).w2)
    ones = [correlations(), correlations() + np.eye(D)]  # each has a constant diagonal, but not the same one
    (row,) = contrast_weights(state(ones[0]), state(ones[1])).rows
    assert row.contrast.symmetry == Symmetric(D)


def test_a_training_is_followed_by_nodes_only_if_all_steps_are_symmetric():
    steps = [normal(17), normal(18), normal(19) + 1]
    training = [weights_of(state(stack), f"step_{k}") for k, stack in enumerate(steps)]
    other = [
        weights_of(state(np.random.default_rng(k).normal(size=(MEMBERS, D, 5)), "b"), f"step_{k}") for k in range(3)
    ]
    both = [one._replace(tensors=(*one.tensors, *more.tensors)) for one, more in zip(training, other, strict=True)]
    found = study_weights(both)
    (row,) = (one for one in found.rows if one.group.name.endswith("w"))
    assert row.trajectory is not None
    assert row.trajectory.statistics.symmetry == row.statistics.symmetry == Symmetric(D)
    assert row.trajectory.from_first[-1].w2 == pytest.approx(contrast(steps[0], steps[2], Symmetric(D)).w2)
    for table in (trajectory_table(found.rows), paths_table(found.rows)):
        assert {len(line) for line in table.rows} == {len(table.header)}
    json.dumps(trajectory_entry(row), allow_nan=False)
    names = [curve.name for curve in draw_trajectory(row).rows[1][1].curves]
    assert names == ["a11", "a22", "h11", "h22", "v2"]
    (mean,) = draw_trajectory(row).rows[1][0].curves
    assert mean.y[2] - mean.y[0] == pytest.approx(1.0, abs=0.2)
    skew = np.triu(np.random.default_rng(0).normal(size=(MEMBERS, D, D)))
    (row,) = study_weights([*training, weights_of(state(skew), "step_3")]).rows
    assert row.trajectory is not None
    assert row.trajectory.statistics.symmetry == row.statistics.symmetry == Separate(D, D)


def test_table_json_and_figure_hold_groups_of_several_symmetries():
    wide = np.random.default_rng(0).normal(size=(MEMBERS, D, 5))
    study = study_weights(state(normal(20), "a") | state(correlations(), "c") | state(wide, "b"))
    table = groups_table(study)
    assert {len(line) for line in table.rows} == {len(table.header)}
    json.dumps(study_entry(study), allow_nan=False)
    assert "S_m" not in "".join(line for line in repr(study).splitlines() if f"{D} x {D}" in line)
    assert all(draw_group(row) for row in study.rows)
