"""Which titles are those of checkpoints, which of copies, and what checkpoints have in common."""

import numpy as np
import pytest

from analysis.weights.checkpoints import Checkpoint, checkpoints_of, comparable
from analysis.weights.model_study import course_of, study_weights
from analysis.weights.tensors import Tensor, Weights

CHECKPOINTS = {
    "Hugging Face": (["checkpoint-500", "checkpoint-1000", "checkpoint-1500"], [500, 1000, 1500]),
    "steps": (["step_1000.pt", "step_0200.pt"], [200, 1000]),
    "epochs of a run": (["epoch 0", "epoch 1", "epoch 5"], [0, 1, 5]),
    "iterations": (["model_iter_0005000", "model_iter_0010000"], [5000, 10000]),
    "Lightning": (["epoch=0-step=99.ckpt", "epoch=1-step=199.ckpt"], [99, 199]),
    "Lightning with a loss": (["epoch=3-val_loss=0.52.ckpt", "epoch=4-val_loss=0.41.ckpt"], [3, 4]),
    "DeepSpeed": (["global_step10/model.pt", "global_step20/model.pt"], [10, 20]),
    "an ending with a number": (["ckpt_1.weights.h5", "ckpt_2.weights.h5"], [1, 2]),
}
COPIES = {
    "seeds": ["seed0.pt", "seed1.pt"],
    "numbered": ["model_0010.safetensors", "model_0020.safetensors"],
    "other words": ["step_1.pt", "last.pt"],
    "equal steps": ["step_1.pt", "step_1.pt"],
    "a footstep": ["footstep1", "footstep2"],
    "one": ["checkpoint-500"],
}


def named(titles: list[str], shapes: dict[str, tuple[int, ...]] | None = None) -> list[Weights]:
    tensors = tuple(Tensor(name, shape, "float32", lambda: np.zeros(1)) for name, shape in (shapes or {}).items())
    return [Weights(title, tensors, "out_in") for title in titles]


@pytest.mark.parametrize("case", CHECKPOINTS)
def test_numbers_after_a_word_are_steps(case):
    titles, steps = CHECKPOINTS[case]
    found, note = checkpoints_of(named(titles))
    assert [one.step for one in found] == steps
    assert len({one.weights[0].title for one in found if "=" not in titles[0]}) <= 1
    assert f"{len(titles)} checkpoints of a training" in note
    assert checkpoints_of(named(titles), "copies") == ((), "")


@pytest.mark.parametrize("case", COPIES)
def test_others_are_copies(case):
    assert checkpoints_of(named(COPIES[case]))[0] == ()


def test_numbered_copies_can_be_said_to_be_checkpoints():
    titles = COPIES["numbered"]
    assert "--files checkpoints if they are of one training" in checkpoints_of(named(titles))[1]
    assert [one.step for one in checkpoints_of(named(titles), "checkpoints")[0]] == [10, 20]
    assert [one.step for one in checkpoints_of(named(["a7.h5", "b3.h5"]), "checkpoints")[0]] == [3, 7]
    for wrong in (["a.pt", "b.pt"], ["checkpoint-500"], ["step_1", "step_1"], ["1.pt", "1-2.pt"]):
        with pytest.raises(ValueError, match="give at least two checkpoints, with a number in each name"):
            checkpoints_of(named(wrong), "checkpoints")


def test_several_trainings_have_a_model_each_at_every_step():
    titles = [f"seed{seed}/step_{step}" for seed in (1, 0) for step in (20, 3)]
    found, note = checkpoints_of(named(titles))
    assert [(one.step, [w.title for w in one.weights]) for one in found] == [
        (3, ["seed0/step_*", "seed1/step_*"]),
        (20, ["seed0/step_*", "seed1/step_*"]),
    ]
    assert "2 files each" in note
    course = course_of(named(titles, {"w": (5, 4)}))
    (groups,) = course.groups
    assert [group.members for group in groups] == [2, 2]


def test_arrays_that_not_all_checkpoints_have_in_one_shape_are_left_out_with_a_reason():
    shapes = {"a": (5, 4), "grows": (6, 4), "once": (3, 3), "bias": (5,)}
    first = Checkpoint(10, tuple(named(["*"], shapes)))
    last = Checkpoint(20, tuple(named(["*"], {"a": (5, 4), "grows": (8, 4), "late": (3, 3), "bias": (7,)})))
    reasons = {tensor.name: tensor.unreadable for one in comparable([first, last]) for tensor in one.weights[0].tensors}
    assert reasons == {
        "a": "",
        "grows": "6 x 4 at step 10, 8 x 4 at step 20",
        "once": "not at step 20",
        "late": "not at step 10",
        "bias": "",
    }
    both = [*named(["step 10"], shapes), last.weights[0]._replace(title="step 20")]
    course = course_of(both)
    assert course.steps == (10, 20)
    assert [[group.name for group in groups] for groups in course.groups] == [["a", "a"]]
    assert {one.name for one in course.skipped} == {"grows", "once", "late", "bias"}
    with pytest.raises(ValueError, match=r"among its 2 arrays \(not at step 2, not at step 1\)"):
        study_weights([*named(["step 1"], {"a": (5, 4)}), *named(["step 2"], {"b": (5, 4)})])
