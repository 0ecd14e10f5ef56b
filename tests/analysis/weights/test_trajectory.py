"""Groups through checkpoints: when a law moves, how far, and that nothing else does."""

import json
from functools import partial

import numpy as np
import pytest

from analysis import Separate, contrast
from analysis.inference.displacement import FEWEST
from analysis.show.chart import Chart
from analysis.show.trajectories import (
    MOVED,
    draw_moves,
    draw_trajectory,
    move_sentence,
    moved,
    paths_table,
    trajectory_entry,
    trajectory_table,
)
from analysis.weights import measuring
from analysis.weights.group_study import GroupStudy
from analysis.weights.model_study import ModelStudy, study_weights
from analysis.weights.tensors import Tensor, Weights
from analysis.weights.trajectory import Trajectory

SHAPE, LAYERS, STEPS, AT = (16, 12), 8, (0, 100, 250, 1000), 250
"""Nothing is done to the law before step `AT`."""
SHIFT, FACTOR = 0.4, 1.25
KINDS = ("shifted", "scaled", "still")


def matrix(kind: str, layer: int, step: int) -> np.ndarray:
    """A matrix that keeps most of itself from step to step."""
    seed = [KINDS.index(kind), layer]
    common, own = (np.random.default_rng(one).normal(size=SHAPE) for one in (seed, [*seed, 1 + step]))
    values = 0.9 * common + np.sqrt(1 - 0.9**2) * own
    moved = step >= AT
    return values + SHIFT * (moved and kind == "shifted") if kind != "scaled" else values * (FACTOR if moved else 1)


def checkpoint(step: int, kinds: tuple[str, ...] = KINDS, layers: int = LAYERS, read=matrix) -> Weights:
    tensors = tuple(
        Tensor(f"layers.{k}.{kind}", SHAPE, "float64", partial(read, kind, k, step))
        for kind in kinds
        for k in range(layers)
    )
    return Weights(f"step_{step}.npz", tensors, "out_in")


@pytest.fixture(scope="module")
def studied() -> ModelStudy:
    return study_weights([checkpoint(step) for step in reversed(STEPS)])


def row(study: ModelStudy, kind: str) -> GroupStudy:
    return next(row for row in study.rows if row.group.name == f"layers.*.{kind}")


def path_of(one: GroupStudy) -> Trajectory:
    assert one.trajectory is not None
    return one.trajectory


@pytest.mark.parametrize(("kind", "distance"), [("shifted", SHIFT), ("scaled", FACTOR - 1)])
def test_a_law_moves_when_and_as_far_as_it_does(kind, distance, studied):
    path = path_of(row(studied, kind))
    size = float(np.sqrt(np.prod(SHAPE)))
    at = STEPS.index(AT)
    assert studied.steps == STEPS
    assert [move.p < 0.01 for move in path.from_first] == [step >= AT for step in STEPS]
    assert [move.p < 0.01 for move in path.by_step] == [k == at for k in range(1, len(STEPS))]
    for move in path.from_first[at:]:
        assert move.w2 / size == pytest.approx(distance, abs=0.03)
        assert move.distance.low < distance * size < move.distance.high
    assert path.statistics.paths[0].p < 0.01
    assert path.status == ""


def test_what_does_not_move_does_not(studied):
    path = path_of(row(studied, "still"))
    assert all(move.p > 0.01 for move in (*path.from_first[1:], *path.by_step))
    assert path.from_first[0].w2 == 0
    assert path.statistics.paths[0].p > 0.01


def test_every_checkpoint_has_its_own_statistics_and_the_table_those_of_the_last(studied):
    one = row(studied, "scaled")
    t = path_of(one).statistics
    stack = np.stack([matrix("scaled", k, STEPS[1]) for k in range(LAYERS)])
    alone = study_weights({"scaled": stack}).rows[0].statistics
    for name in ("parameters", "w2", "deviation", "standardised", "theory"):
        np.testing.assert_allclose(getattr(t, name)[1, 0], getattr(alone, name), rtol=1e-9, err_msg=name)
        np.testing.assert_allclose(getattr(t, name)[-1, 0], getattr(one.statistics, name), rtol=1e-9, err_msg=name)
    first, last = (np.stack([matrix("scaled", k, step) for k in range(LAYERS)]) for step in (STEPS[0], STEPS[-1]))
    assert path_of(one).from_first[-1].w2 == pytest.approx(contrast(first, last, Separate(*SHAPE)).w2, rel=1e-9)


def test_copies_are_copies_if_that_is_said():
    weights = [checkpoint(step, ("still",), 2) for step in STEPS]
    (one,) = study_weights(weights, select=["*0.still"], files="copies").rows
    assert (one.group.members, one.group.formed, one.trajectory) == (len(STEPS), "4 files", None)
    (followed,) = study_weights(weights).rows
    assert followed.group.members == 2
    seeds = [one._replace(title=f"seed{k}") for k, one in enumerate(weights)]
    assert study_weights(seeds, select=["*0.still"]).rows[0].group.members == len(STEPS)


def test_few_matrices_have_a_distance_and_no_error_and_say_so():
    for layers in (1, FEWEST - 1):
        (one,) = study_weights([checkpoint(step, ("shifted",), layers) for step in STEPS]).rows
        values = moved(one)
        assert values["w2"] == pytest.approx(SHIFT, abs=0.1)
        assert np.isnan([values[name] for name in MOVED if name not in ("w2",)]).all()
        assert f"errors of moves need {FEWEST} matrices, and there are {layers}" in one.status
        json.dumps(trajectory_entry(one), allow_nan=False)


def test_a_member_is_followed_while_it_is_finite_and_a_group_while_one_is():
    def diverging(kind: str, layer: int, step: int, lost: int) -> np.ndarray:
        values = matrix(kind, layer, step)
        return values * np.nan if layer < lost and step == AT else values

    one = study_weights([checkpoint(s, ("still",), 6, partial(diverging, lost=1)) for s in STEPS]).rows[0]
    assert path_of(one).statistics.used[:, 0].tolist() == [6, 6, 5, 5]
    with pytest.raises(ValueError, match=r"none of the 3 matrices of layers\.\*\.still at step 250 is finite"):
        study_weights([checkpoint(s, ("still",), 3, partial(diverging, lost=3)) for s in STEPS])


def test_the_last_of_a_group_may_be_lost_one_by_one():
    def lost(kind: str, layer: int, step: int) -> np.ndarray:
        return matrix(kind, layer, step) * (np.nan if layer == STEPS.index(step) else 1)

    with pytest.raises(
        ValueError, match=r"no matrix of layers\.\*\.still is finite up to step 100; look for divergence"
    ):
        study_weights([checkpoint(s, ("still",), 2, lost) for s in STEPS])


def test_one_array_at_a_time_is_read_and_no_singular_values_are_made_of_earlier_ones(monkeypatch):
    order: list[tuple[int, int]] = []

    def read(kind: str, layer: int, step: int) -> np.ndarray:
        order.append((step, layer))
        return matrix(kind, layer, step)

    calls: list[int] = []
    whole = measuring.singular_values
    monkeypatch.setattr(measuring, "singular_values", lambda sums: calls.append(1) or whole(sums))
    study_weights([checkpoint(step, ("still",), 2, read) for step in STEPS])
    assert order == [(step, layer) for step in STEPS for layer in range(2)]
    assert len(calls) == 2


def test_tables_json_and_figures_have_every_checkpoint(studied):
    table = trajectory_table(studied.rows)
    assert len(table.rows) == len(KINDS) * len(STEPS)
    assert all(len(line) == len(table.header) for line in table.rows)
    first = [dict(zip(table.header, line, strict=True)) for line in table.rows if line[0] == "layers.*.shifted"]
    moves = path_of(row(studied, "shifted")).from_first
    np.testing.assert_allclose([float(line["moved_w2"]) for line in first], [move.w2 for move in moves])
    assert [line["step"] for line in first] == list(STEPS)
    assert np.isnan(first[0]["step_w2"])
    assert first[-1]["step_p"] == path_of(row(studied, "shifted")).by_step[-1].p
    assert [line[0] for line in paths_table(studied.rows).rows] == [one.group.name for one in studied.rows]
    entry = trajectory_entry(row(studied, "shifted"))
    assert [one["step"] for one in entry["checkpoints"]] == list(STEPS)
    assert entry["checkpoints"][0]["from_previous"]["w2"] is None
    assert entry["checkpoints"][2]["parameters"]["mean"]["value"] == pytest.approx(SHIFT, abs=0.1)
    json.dumps(entry, allow_nan=False)
    chart = draw_trajectory(row(studied, "shifted"))
    for one in (chart, draw_moves(studied.rows)):
        assert isinstance(one, Chart)
        assert {panel.x_label for line in one.rows for panel in line} == {"step"}
        curve = one.rows[0][0].curves[0]
        np.testing.assert_array_equal(curve.x, STEPS)
    size = float(np.sqrt(np.prod(SHAPE)))
    np.testing.assert_allclose(chart.rows[0][0].curves[0].y, [move.w2 / size for move in moves])


def test_a_sentence_says_when_most_of_it_happened(studied):
    assert move_sentence(row(studied, "shifted")).startswith("Its law moves most from step 100 to 250: by 0.4")
    assert "moves no further than by chance (p = 0." in move_sentence(row(studied, "still"))
    assert "moves most from step 100 to 250" in " ".join(repr(studied).split())
    alone = study_weights(checkpoint(0, ("still",), 1)).rows[0]
    assert move_sentence(alone) == ""


def test_the_terminal_has_what_moved_beside_what_the_last_shows(studied):
    lines = repr(studied).splitlines()
    heading = next(line for line in lines if "moved/√mn" in line)
    numbers = lines[next(k for k, line in enumerate(lines) if "layers.*.shifted" in line) + 1]
    value = moved(row(studied, "shifted"))
    assert f"{value['w2']:.3g} ± {value['se']:.2g}" in numbers
    assert len(heading) == len(numbers)
    assert max(map(len, lines)) <= 113
    assert studied._repr_html_().count("<th>moved/√mn</th>") == 1
    assert {"moved_w2", "moved_null", "moved_p"} <= {*studied.to_pandas().columns}


def test_a_group_that_is_lost_at_a_step_does_not_hide_the_others():
    def lost(kind: str, layer: int, step: int) -> np.ndarray:
        damaged = kind == "shifted" and layer == STEPS.index(step)
        return matrix(kind, layer, step) * (np.nan if damaged else 1)

    found = study_weights([checkpoint(s, ("still", "shifted"), len(STEPS), lost) for s in STEPS])
    assert [row.group.name for row in found.rows] == ["layers.*.still"]
    assert any("no matrix of layers.*.shifted is finite up to step" in one.reason for one in found.skipped)
