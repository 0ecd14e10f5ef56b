"""Where orders are drawn: the source is a setting of the run, and one source gives the same bits everywhere."""

import json
import zlib
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble import Moment, Snapshot, TrainConfig, train
from ensemble.checkpoint import Checkpoints
from ensemble.order import SHUFFLED_AT_ONCE, device_order, member_keys, source_of_orders
from experiments.errors import UserError
from experiments.run import stages
from experiments.run.merging import merge_runs
from experiments.run.presets import QUICKSTART, RunConfig, settings
from experiments.store.run_folder import RunFolder
from tests.experiments.test_merge import results_of
from tests.tiny import TINY, tiny_data

DATA = tiny_data()


def test_the_device_draws_the_same_bits_wherever_it_is():
    """The checksum is of jax 0.10.1 on a CPU; 0.7.2 and 0.12.0.1 gave the same. If it moves, device orders changed."""
    order = device_order(member_keys(0, np.arange(3)), jnp.int32(1), 1000, 10)
    assert zlib.crc32(np.ascontiguousarray(order).tobytes()) == 3771217347


def test_members_shuffled_in_groups_are_those_shuffled_alone():
    keys = member_keys(0, np.arange(2 * SHUFFLED_AT_ONCE + 3))
    order = np.asarray(device_order(keys, jnp.int32(0), 20, 4))
    for member in (0, SHUFFLED_AT_ONCE, len(keys) - 1):
        alone = device_order(keys[member : member + 1], jnp.int32(0), 20, 4)
        np.testing.assert_array_equal(order[:, member], np.asarray(alone)[:, 0])


def test_shuffling_needs_little_memory_beside_the_order():
    keys = jax.eval_shape(lambda: member_keys(0, np.arange(1000)))
    memory = device_order.lower(keys, jnp.int32(0), 10_000, 100).compile().memory_analysis()
    order = 4 * 1000 * 10_000
    assert memory is not None
    assert memory.output_size_in_bytes == order
    assert memory.temp_size_in_bytes < order + SHUFFLED_AT_ONCE * 10_000 * 40


def test_auto_is_what_is_fast_there_and_a_choice_is_kept():
    assert [source_of_orders("auto", platform) for platform in ("cpu", "gpu", "tpu")] == ["host", "device", "device"]
    assert source_of_orders("host", "gpu") == "host"
    assert source_of_orders("device", "cpu") == "device"


def test_the_source_of_orders_decides_the_members():
    auto, host, device = (train(replace(TINY, orders=orders), DATA).record for orders in ("auto", "host", "device"))
    np.testing.assert_array_equal(auto.train_loss, host.train_loss)
    np.testing.assert_array_equal(device.train_loss[:, 0], host.train_loss[:, 0])
    assert (device.train_loss[:, 1:] != host.train_loss[:, 1:]).all()


def with_orders(orders: str) -> RunConfig:
    return replace(QUICKSTART, train=replace(QUICKSTART.train, orders=orders))


def begin(path: Path, config: RunConfig) -> dict:
    """The folder of a run that was interrupted at once, and its config.json."""
    RunFolder.open(path, stages.identify(stages.settled(config, path), DATA)).close()
    return json.loads((path / "config.json").read_text())


def test_the_source_is_recorded_and_a_resumed_run_keeps_it(tmp_path):
    assert begin(tmp_path / "here", with_orders("auto"))["train"]["orders"] == "host"
    assert begin(tmp_path / "gpu", with_orders("device"))["train"]["orders"] == "device"
    assert stages.settled(with_orders("auto"), tmp_path / "gpu").train.orders == "device"
    with pytest.raises(UserError, match=r'train\.orders is "device" there, "host" now'):
        begin(tmp_path / "gpu", with_orders("host"))


def earlier(config: RunConfig) -> dict:
    """What identified a run before orders were a setting."""
    plain = stages.identify(stages.settled(config, Path("nowhere")), DATA)
    return plain | {"train": {name: value for name, value in plain["train"].items() if name != "orders"}}


def test_a_run_of_an_earlier_version_drew_its_orders_on_the_host(tmp_path):
    RunFolder.open(tmp_path / "run", earlier(QUICKSTART)).close()
    before = (tmp_path / "run" / "config.json").read_bytes()
    begin(tmp_path / "run", with_orders("auto"))
    begin(tmp_path / "run", with_orders("host"))
    assert (tmp_path / "run" / "config.json").read_bytes() == before
    with pytest.raises(UserError, match=r'train\.orders is "host" there, "device" now'):
        begin(tmp_path / "run", with_orders("device"))


def test_a_checkpoint_of_an_earlier_version_is_gone_on_from(tmp_path):
    config = RunConfig(TrainConfig(members=4, epochs=2, hidden=(4, 4), batch_size=10), dataset="sample")
    taken: list[Snapshot] = []

    def keep(moment: Moment) -> None:
        taken.append(moment.snapshot())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config.train, DATA, on_epoch=keep)
    place = tmp_path / "run" / "checkpoints"
    with RunFolder.open(tmp_path / "run", earlier(config)) as folder, Checkpoints(place, folder.config) as checkpoints:
        checkpoints.save(taken[0])
        checkpoints.wait()
    identity = stages.identify(stages.settled(config, tmp_path / "run"), DATA)
    with RunFolder.open(tmp_path / "run", identity) as folder, Checkpoints(place, folder.config) as checkpoints:
        resumed = checkpoints.newest()
    assert resumed is not None
    assert resumed.epoch == 1


def test_parts_of_an_earlier_version_merge_with_those_of_this_one(tmp_path):
    config = RunConfig(TrainConfig(members=4))
    now = settings(replace(config, train=replace(config.train, orders="host")))
    before = now | {"train": {name: value for name, value in now["train"].items() if name != "orders"}}
    for name, plain, members in (("old", before, range(2)), ("new", now, range(2, 4))):
        with RunFolder.open(tmp_path / name, plain | {"members": [members.start, members.stop]}) as run:
            run.write_results(results_of(members))
    merge_runs(tmp_path / "whole", [tmp_path / "old", tmp_path / "new"])
    with RunFolder.existing(tmp_path / "whole") as whole:
        assert whole.read_results().sizes["member"] == 4
