"""The compiled programs: an epoch never leaves its device, members never talk, memory is reused, nothing recompiles."""

import json
import logging
import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble import train
from ensemble.layout import layout_of
from ensemble.network import MLP
from ensemble.order import device_order, member_keys
from ensemble.sharding import key_sharding, order_sharding
from ensemble.step import Record, train_epoch
from ensemble.trainer import Trainer, nothing
from experiments.run.observer import Observer
from experiments.run.presets import RunConfig
from tests.tiny import TINY, tiny_data

DATA = tiny_data()
COLLECTIVES = ("all-reduce", "all-gather", "collective-permute", "all-to-all", "reduce-scatter", "collective-broadcast")
LEAVING = ("infeed", "outfeed", "callback", "stablehlo.send", "stablehlo.recv", "MoveToHost")


def order_shape(trainer: Trainer) -> jax.ShapeDtypeStruct:
    keys = trainer.chunk if trainer.config.order == "independent" else 1
    return jax.ShapeDtypeStruct((len(DATA.train_images) // TINY.batch_size, keys, TINY.batch_size), jnp.int32)


def lowered_epoch(trainer: Trainer):
    return trainer.programs.epoch.lower(trainer.shapes.state, order_shape(trainer), trainer.images)  # pyright: ignore[reportFunctionMemberAccess]


@pytest.fixture(scope="module", params=["independent", "shared"])
def trainer(request) -> Trainer:
    observe = Observer(RunConfig(TINY, graphs="all"), (1, 2))
    return Trainer(replace(TINY, order=request.param), DATA, observe, devices=2)


@pytest.mark.parametrize("order", ["independent", "shared"])
@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_an_epoch_on_an_accelerator_is_one_loop_that_never_leaves_the_device(order, platform):
    trainer = Trainer(replace(TINY, order=order), DATA, nothing, devices=1)
    epoch = jax.jit(partial(train_epoch, MLP((4, 4, 4)), trainer.config, layout_of(platform)))
    traced = epoch.trace(trainer.shapes.state, order_shape(trainer), trainer.images)
    program = traced.lower(lowering_platforms=(platform,)).as_text()
    assert program.count("stablehlo.while") == 1
    assert [word for word in LEAVING if word in program] == []


def test_an_epoch_with_its_recording_never_leaves_the_device(trainer):
    program = lowered_epoch(trainer).as_text()
    assert "stablehlo.while" in program
    assert [word for word in LEAVING if word in program] == []


def test_every_product_states_the_highest_precision(trainer):
    products = re.findall(r"stablehlo\.dot_general.*", lowered_epoch(trainer).as_text())
    assert len(products) > 8
    assert [line for line in products if "precision = [HIGHEST, HIGHEST]" not in line] == []


def test_the_state_is_updated_in_place(trainer):
    state = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(trainer.shapes.state))
    memory = lowered_epoch(trainer).compile().memory_analysis()
    assert memory.alias_size_in_bytes == state / trainer.mesh.devices.size


def test_a_second_epoch_and_a_second_chunk_compile_nothing(caplog):
    trainer = Trainer(TINY, DATA, nothing, devices=1)
    record = trainer.allocate(None)
    compiled = []
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        for members in (np.arange(4), np.array([4, 5])):
            rows = jax.tree.map(lambda whole, chosen=members: whole[chosen], record)
            for _ in trainer.run(members, rows, None, epoch=0):
                compiled.append(caplog.text.count("Compiling jit("))
    assert compiled[0] >= 2
    assert compiled == [compiled[0]] * 6


def weights_of(record: Record, row: int) -> list[list[float]]:
    """All weights of one recorded member, at the start and at the end."""
    return [np.concatenate([leaf[row, at].ravel() for leaf in record.observed]).tolist() for at in (0, -1)]


@pytest.mark.slow
def test_eight_devices_share_the_members_without_a_collective():
    environment = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8",
        "JAX_PLATFORMS": "cpu",
    }
    child = [sys.executable, "-m", "tests.ensemble.test_programs"]
    told = subprocess.run(child, cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    start, end = json.loads(told.stdout)
    alone = weights_of(train(TINY, DATA, list, members=np.array([17]), devices=1).record, 0)
    assert start == alone[0]
    np.testing.assert_allclose(end, alone[1], rtol=2e-5, atol=2e-5)


def dry_run() -> None:
    """On eight devices: check the program of an epoch, train 24 members, print the weights of member 17."""
    config = replace(TINY, members=24, chunk=24)
    trainer = Trainer(config, DATA, nothing)
    assert trainer.mesh.devices.size == 8
    program = lowered_epoch(trainer).compile().as_text()
    assert "while(" in program
    assert [word for word in COLLECTIVES if word in program] == []
    state, _ = trainer.programs.start(member_keys(config.seed, np.arange(24)), {}, trainer.images)
    assert {shard.data.shape[0] for leaf in jax.tree.leaves(state) for shard in leaf.addressable_shards} == {3}
    draw_on_eight_devices(trainer)
    print(json.dumps(weights_of(train(config, DATA, list).record, 17)))


def draw_on_eight_devices(trainer: Trainer) -> None:
    """Each device draws the shuffles of its three members alone; together they are those drawn on one device."""
    keys = member_keys(TINY.seed, np.arange(24))
    placed = (jax.device_put(keys, key_sharding(trainer.config, trainer.mesh)), jnp.int32(1))
    program = trainer.programs.order.lower(*placed, 60).compile()  # pyright: ignore[reportFunctionMemberAccess]
    assert [word for word in COLLECTIVES if word in program.as_text()] == []
    order = trainer.programs.order(*placed, 60)
    assert {shard.data.shape for shard in order.addressable_shards} == {(6, 3, 10)}
    assert order.sharding == order_sharding(trainer.config, trainer.mesh)
    np.testing.assert_array_equal(order, device_order(keys, jnp.int32(1), 60, 10))


if __name__ == "__main__":
    dry_run()
