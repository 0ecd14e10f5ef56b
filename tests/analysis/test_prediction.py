"""What the weights say about the loss: found where it was planted, and as large; where nothing can be said, why."""

import numpy as np
import pytest

from analysis import Separate, Simultaneous
from analysis.prediction import BLOCKS, COORDINATES, ENERGIES, FEWEST, feature_sets, predict_loss
from analysis.recording import Recording, Training

SYMMETRIES = (Separate(4, 6), Separate(3, 4))


def recording(members: int, seed: int = 0, symmetries=SYMMETRIES, noise: float = 0.5) -> Recording:
    """One epoch of independent entries; the log of the row energy of the last layer is the loss, but for noise."""
    rng = np.random.default_rng(seed)
    stacks = [symmetry.standard_normal(rng, members) for symmetry in symmetries]
    moments = np.stack(
        [symmetry.block_moments(stack) for symmetry, stack in zip(symmetries, stacks, strict=True)], axis=1
    )
    invariants = [s.evaluate_observed(stack) for s, stack in zip(symmetries, stacks, strict=True)]
    signal = np.log(moments[:, -1, 2])
    signal = (signal - signal.mean()) / signal.std()
    loss = (3 + np.sqrt(1 - noise) * signal + np.sqrt(noise) * rng.standard_normal(members))[:, None]
    finite = np.ones((members, 1), dtype=bool)
    return Recording(
        members=np.arange(members),
        epochs=np.array([7]),
        layers=("A", "B"),
        symmetries=symmetries,
        invariants=np.stack(invariants, axis=1)[:, None],
        block_moments=moments[:, None],
        finite=finite,
        training=Training(loss, loss.copy(), loss, finite),
    )


def test_a_signal_is_found_in_its_block_and_as_large_as_it_is():
    found = predict_loss(recording(300), 0)
    assert (found.epoch, found.members, found.excluded, found.status) == (7, 300, 0, "ok")
    energies = found.scores[ENERGIES]
    assert abs(energies.r2 - 0.47) < 3 * energies.se  # ranks of normal numbers with r^2 = 1/2
    assert abs(energies.value_r2 - 0.5) < 3 * energies.value_se
    assert energies.p == 1 / 200
    assert found.scores[COORDINATES].r2 < 0.02
    at = found.layers.index("B"), found.blocks.index("H_m")
    assert np.unravel_index(np.argmax(found.importance), found.importance.shape) == at
    assert found.importance[at] > 5 * found.importance_se[at]
    others = np.delete(found.importance.ravel(), np.ravel_multi_index(at, found.importance.shape))
    assert np.abs(others).max() < 0.1 * found.importance[at]


def test_features_are_block_energies_of_every_symmetry():
    symmetry = Simultaneous(5)
    given = recording(40, symmetries=(symmetry, symmetry))
    stack = symmetry.standard_normal(np.random.default_rng(0), 40)
    energies = feature_sets(given, 0, np.ones(40, dtype=bool))[ENERGIES]
    x, *others = symmetry.project(stack)
    expected = [np.log1p(x**2 / np.mean(x**2, axis=0))]
    for h in others:
        squares = np.sum(h**2, axis=tuple(range(2, h.ndim)))
        expected.append(np.log(squares / squares.mean(axis=0)))
    width = energies.values.shape[1] // 2
    np.testing.assert_allclose(energies.values[:, :width], np.concatenate(expected, axis=1), rtol=1e-6)
    assert energies.block.tolist() == [0, 0, 1, 1, 1, 2, 3, 4, 4, 5, 5, 5, 6, 7]


def test_the_same_seed_gives_the_same_numbers_and_another_one_others():
    given = recording(40)
    one, again, other = (predict_loss(given, 0, seed).scores[BLOCKS] for seed in (0, 0, 1))
    assert one == again
    assert one.r2 != other.r2


def test_features_that_do_not_vary_say_nothing():
    given = recording(40)
    given.block_moments[:, :, 0] = 0.0
    given.invariants[:, :, 0] = 3.0
    found = predict_loss(given, 0)
    assert found.status == "ok"
    assert np.isfinite([list(one) for one in found.scores.values()]).all()
    assert np.all(found.importance[0] == 0)


def test_members_that_diverged_are_left_out_and_counted():
    given = recording(60)
    assert given.training is not None
    given.invariants[3] = np.nan
    given.training.test_loss[5] = np.inf
    found = predict_loss(given, 0)
    assert (found.members, found.excluded, found.status) == (58, 2, "ok")
    kept = np.delete(np.arange(60), (3, 5))
    alone = given._replace(
        members=kept,
        invariants=given.invariants[kept],
        block_moments=given.block_moments[kept],
        finite=given.finite[kept],
        training=Training(*(values[kept] for values in given.training)),
    )
    assert predict_loss(alone, 0).scores == found.scores


@pytest.mark.parametrize("case", ["untrained", "few", "constant"])
def test_what_cannot_be_predicted_says_why(case):
    given = recording(FEWEST)
    assert given.training is not None
    if case == "untrained":
        given, cause = given._replace(training=None), "no test loss"
    elif case == "few":
        given.finite[0] = False
        cause = f"{FEWEST - 1} members"
    else:
        given.training.test_loss[:] = 2.3
        cause = "same test loss"
    found = predict_loss(given, 0)
    assert cause in found.status
    assert not found.scores
    assert np.isnan(found.importance).all()


def test_the_least_number_of_members_is_enough():
    assert predict_loss(recording(FEWEST), 0).status == "ok"
