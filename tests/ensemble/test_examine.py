"""What is examined of the weights before training and after it: of every matrix, whatever the chunks and the stops."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from ensemble import Snapshot, train
from ensemble.examine import ENTRIES, ends, examine_members
from ensemble.memory import Machine, needs, plan_memory
from ensemble.step import nothing
from ensemble.trainer import Trainer
from tests.tiny import TINY, tiny_data

DATA = tiny_data()


def weights(matrices):
    return list(matrices)


def examine(stack):
    """Neither symmetric in rows and columns nor between members."""
    return {"rows": stack @ np.arange(stack.shape[-1], dtype=np.float32), "corner": stack[:, 0, -1]}


@pytest.fixture(scope="module")
def whole():
    return train(TINY, DATA, weights, examine=examine).record


def test_the_first_and_the_last_weights_of_every_matrix_are_examined(whole):
    assert ends(TINY) == (0, 3)
    assert len(whole.examined) == len(whole.observed) == 3
    for found, matrices in zip(whole.examined, whole.observed, strict=True):
        assert found["corner"].shape == (6, 2)
        for place, epoch in enumerate(ends(TINY)):
            expected = examine(matrices[:, epoch])
            np.testing.assert_array_equal(found["corner"][:, place], expected["corner"])
            np.testing.assert_allclose(found["rows"][:, place], expected["rows"], rtol=1e-5, atol=1e-5)


def test_examining_changes_nothing_else_and_nothing_is_examined_unless_asked_for(whole):
    plain = train(TINY, DATA, weights).record
    assert jax.tree.leaves(plain.examined) == []
    for one, other in zip(jax.tree.leaves(plain), jax.tree.leaves(whole._replace(examined=())), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("stop", [1, 3, 4, 5])
def test_after_a_stop_it_is_the_same_in_every_byte(whole, stop):
    """Stops within the first chunk, at its end, and within the second, which is filled up."""
    taken: list[Snapshot] = []

    def on_epoch(moment) -> None:
        snapshot = moment.snapshot()
        taken.append(snapshot._replace(**jax.tree.map(np.array, {"state": snapshot.state, "record": snapshot.record})))
        if len(taken) == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(TINY, DATA, weights, on_epoch=on_epoch, examine=examine)
    resumed = train(TINY, DATA, weights, resume=taken[-1], examine=examine).record
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(resumed), strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_epochs_there_is_one_end():
    record = train(replace(TINY, epochs=0), DATA, weights, examine=examine).record
    assert record.examined[1]["corner"].shape == (6, 1)
    np.testing.assert_array_equal(record.examined[1]["corner"][:, 0], record.observed[1][:, 0, 0, -1])


def test_many_matrices_are_examined_in_parts():
    stack = np.random.default_rng(0).standard_normal((5, 2, ENTRIES // 4)).astype(np.float32)
    sizes = []

    def first(part):
        sizes.append(len(part))
        return part[:, 0, 0]

    np.testing.assert_array_equal(examine_members(first, [stack])[0], stack[:, 0, 0])
    assert sorted(sizes) == [1, 2, 2]


def test_memory_counts_what_is_examined_and_on_an_accelerator_the_weights_that_are_fetched():
    trainer = Trainer(TINY, DATA, nothing, devices=1, examine=examine)
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(trainer.allocate(None)))
    need = needs(TINY, DATA, nothing, examine)
    assert TINY.members * need.recorded == size
    assert need.fetched == 4 * (4 * 16 + 4 * 4 + 4 * 4)
    gpu = Machine("cuda", device_limit=10**9)
    with_it, without = (plan_memory(TINY, DATA, nothing, gpu, examine=each) for each in (examine, nothing))
    assert with_it.host - without.host == with_it.chunk * need.fetched + with_it.recordings - without.recordings
