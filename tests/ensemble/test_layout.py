"""Layouts of platforms train the same members: on a CPU, each is forced in turn and compared with the plain one."""

from dataclasses import FrozenInstanceError, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble.layout import GPU, LAYOUTS, PLAIN, Layout, layout_of
from ensemble.network import MLP, normalise
from ensemble.order import device_order, member_keys, order_keys
from ensemble.sharding import compile_programs, member_mesh
from ensemble.step import Images, MemberState, Record, member_step, optimizer
from ensemble.trainer import nothing
from tests.tiny import TINY, tiny_data

DATA = tiny_data()
NETWORK = MLP((4, 4, 4))


def test_both_kinds_of_pixels_are_normalised_to_the_same_bits():
    every = np.arange(256, dtype=np.uint8)[None]
    of_uint8, of_int8 = jax.jit(normalise)(every), jax.jit(normalise)(GPU.store(every))
    assert GPU.store(every).dtype == np.int8
    np.testing.assert_array_equal(np.asarray(of_uint8).view(np.uint32), np.asarray(of_int8).view(np.uint32))
    assert len(set(np.asarray(of_int8).ravel().tolist())) == 256


def trained(layout: Layout, order: str) -> tuple[MemberState, Record]:
    """Members after one epoch in batches of 10, and their recording."""
    config = replace(TINY, order=order)
    programs = compile_programs(config, NETWORK, 16, nothing, member_mesh(1), layout)
    images = Images(*map(jnp.asarray, layout.splits(DATA)))
    members = np.arange(4)
    state, _ = programs.start(member_keys(0, members), {}, images)
    batches = device_order(order_keys(0, members, config.order), jnp.int32(0), 60, config.batch_size)
    return programs.epoch(state, batches, images)


@pytest.mark.parametrize("order", ["independent", "shared"])
@pytest.mark.parametrize("layout", [LAYOUTS["cpu"], LAYOUTS["tpu"], GPU])
def test_every_layout_trains_the_same_members(layout, order):
    expected, actual = trained(PLAIN, order), trained(layout, order)
    for one, other in zip(jax.tree.leaves(expected), jax.tree.leaves(actual), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


def test_images_without_a_label_leave_no_trace_in_loss_and_gradient():
    images = jax.random.normal(jax.random.key(1), (16, 16))
    labels = jnp.pad(jnp.arange(10) % 4, (0, 6), constant_values=-1)
    params = NETWORK.init(jax.random.key(2), images)["params"]
    state = MemberState(params, optimizer(TINY).init(params))
    padded = member_step(NETWORK, TINY, state, images, labels, padding=6)
    others = member_step(NETWORK, TINY, state, images.at[10:].multiply(-50), labels, padding=6)
    for one, other in zip(jax.tree.leaves(padded), jax.tree.leaves(others), strict=True):
        np.testing.assert_array_equal(one, other)
    alone = member_step(NETWORK, TINY, state, images[:10], labels[:10])
    for one, other in zip(jax.tree.leaves(alone), jax.tree.leaves(padded), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_tpu_fills_batches_up_to_its_tiles():
    assert [LAYOUTS["tpu"].padding(batch) for batch in (100, 104, 8, 1)] == [4, 0, 0, 7]
    assert [layout_of(platform).padding(100) for platform in ("cpu", "cuda", "gpu")] == [0, 0, 0]
    assert [layout_of(platform).signed for platform in ("cpu", "tpu", "cuda", "gpu", "rocm")] == [False] * 2 + [
        True
    ] * 3


def test_a_layout_does_not_change():
    with pytest.raises(FrozenInstanceError):
        PLAIN.signed = True  # pyright: ignore[reportAttributeAccessIssue]
