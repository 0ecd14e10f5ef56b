"""The memory planner: against what XLA says of the compiled program, and in what it chooses and refuses."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble import Dataset, TrainConfig
from ensemble.footprint import DoesNotFit, chunk_shapes, device_bytes, most_that_fit, shared_programs
from ensemble.memory import COPIES, PROGRAM, Machine, cpu_chunk, free_memory, needs, plan_memory
from ensemble.sharding import member_mesh
from ensemble.trainer import Trainer, nothing
from experiments.errors import UserError
from experiments.run import machine, stages
from experiments.run.observer import Observer
from experiments.run.presets import QUICKSTART, RunConfig
from experiments.run.training import Session
from tests.tiny import TINY, tiny_data

GB = 10**9
PAPER = TrainConfig()
CPU = Machine("cpu")


def blank(images: int, pixels: int = 784) -> Dataset:
    pictures, labels = np.zeros((images, pixels), np.uint8), np.zeros(images, np.int32)
    return Dataset("blank", "made up", (28, pixels // 28, 1), 10, pictures, labels, pictures[:1000], labels[:1000])


DATA = blank(2000)
SMALL = tiny_data()
FORTY = replace(TINY, members=40, chunk=None)


def keep_hidden(weights):
    return list(weights[1:])


def gpu(gigabytes: float, devices: int = 1) -> Machine:
    return Machine("cuda", devices, device_limit=int(gigabytes * GB))


@pytest.mark.parametrize("order", ["independent", pytest.param("shared", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("hidden", "members"), [((10, 10, 10), 100), ((160, 160), 8)])
def test_a_device_needs_what_the_compiled_program_takes(order, hidden, members):
    config = TrainConfig(members=members, hidden=hidden, order=order, chunk=members)
    observe = Observer(RunConfig(config, graphs="all"), (1,))
    trainer = Trainer(config, DATA, observe, devices=1)
    keys = members if order == "independent" else 1
    batches = jax.ShapeDtypeStruct((len(DATA.train_images) // 100, keys, 100), jnp.int32)
    lowered = trainer.programs.epoch.lower(trainer.shapes.state, batches, trainer.images)  # pyright: ignore[reportFunctionMemberAccess]
    memory = lowered.compile().memory_analysis()
    taken = memory.argument_size_in_bytes + memory.temp_size_in_bytes
    assert 1 <= plan_memory(config, DATA, observe, CPU).device / taken < 2


def test_recordings_are_counted_exactly():
    config = replace(TINY, epochs=2)
    trainer = Trainer(config, tiny_data(), keep_hidden, devices=1)
    record = trainer.allocate(None)
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(record))
    assert config.members * needs(config, tiny_data(), keep_hidden).recorded == size
    with_state = config.members * needs(config, tiny_data(), keep_hidden, keep_state=True).recorded
    states = jax.tree.leaves(trainer.shapes.state)
    assert with_state - size == config.members * sum(
        leaf.size * leaf.dtype.itemsize // leaf.shape[0] for leaf in states
    )


def test_recordings_are_counted_for_all_members_and_once_more_for_saving():
    plan = plan_memory(PAPER, DATA, keep_hidden, CPU)
    floats = 10 * 10 + 10 * 10 + 10 * 10
    assert plan.recordings == COPIES * 1000 * 51 * (4 * floats + 3 * 4 + 1)


def test_images_are_counted_on_every_device_and_in_every_process():
    images = 2000 * (784 + 4) + 1000 * (784 + 4)  # a byte a pixel and four for the label, training and test
    alone = plan_memory(PAPER, DATA, nothing, CPU)
    assert needs(PAPER, DATA, nothing).images == images
    assert alone.host == PROGRAM + images + alone.device + alone.recordings
    two = plan_memory(PAPER, DATA, nothing, Machine("cpu", processes=2))
    assert two.host == 2 * (PROGRAM + images + two.device) + (PROGRAM + images) + two.recordings
    on_gpu = plan_memory(FORTY, SMALL, nothing, gpu(80))
    assert on_gpu.host == PROGRAM + 84 * (16 + 4) + on_gpu.recordings


def test_a_thousand_images_more_take_their_bytes_and_their_place_in_the_orders():
    config = replace(PAPER, order="shared")
    fewer, more = (plan_memory(config, blank(count), nothing, CPU).device for count in (2000, 3000))
    assert more - fewer == 1000 * (784 + 4) + 2 * 4 * 1000


def taken(config: TrainConfig, chunk: int, devices: int = 1) -> int:
    """Bytes that an accelerator whose compiler is this CPU's would need on every device."""
    mesh = member_mesh(devices)
    programs = shared_programs(config, 4, 16, nothing, mesh)
    return device_bytes(programs, config, chunk_shapes(programs, config, SMALL, {}, mesh, chunk), mesh)


def just_room_for(config: TrainConfig, chunk: int) -> Machine:
    return Machine("cuda", device_limit=int(taken(config, chunk) / 0.9) + 1)


@pytest.mark.slow
def test_an_accelerator_trains_all_members_that_fit_in_equal_chunks():
    whole = plan_memory(FORTY, SMALL, nothing, gpu(80))
    assert (whole.chunk, whole.device) == (40, taken(FORTY, 40))
    assert plan_memory(FORTY, SMALL, nothing, gpu(80), members=10).chunk == 10
    machine = just_room_for(FORTY, 32)
    part = plan_memory(FORTY, SMALL, nothing, machine)
    assert (part.chunk, part.device) == (20, taken(FORTY, 20))
    spread = plan_memory(FORTY, SMALL, nothing, machine._replace(devices=2))
    assert (spread.chunk, spread.device) == (40, taken(FORTY, 40, devices=2))


@pytest.mark.parametrize("order", ["independent", "shared"])
def test_a_device_needs_memory_for_all_that_lies_there_at_once(order):
    config = replace(FORTY, order=order, orders="device")
    programs = shared_programs(config, 4, 16, keep_hidden, member_mesh(1))
    shapes = chunk_shapes(programs, config, SMALL, {}, member_mesh(1), 40)
    whole = device_bytes(programs, config, shapes, member_mesh(1))
    lying = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves((shapes.state, shapes.images)))
    recording = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes.record))
    order_bytes = 60 * 4 * (40 if order == "independent" else 1)
    shuffling = 2 * order_bytes  # what is sorted by, and what is sorted, at least
    assert whole > lying + 2 * recording + 2 * order_bytes + shuffling


def test_the_largest_chunk_is_found_in_few_compilations():
    tried = []

    def linear(count: int) -> int:
        tried.append(count)
        return 500 + 30 * count

    assert most_that_fit(linear, 1000, 500, limit=None) == (1000, 30500)
    assert most_that_fit(linear, 1000, 500, limit=int(12500 / 0.9) + 1) == (334, 10520)
    assert tried == [1000, 1000, 334]
    assert most_that_fit(linear, 1000, 500, limit=int(530 / 0.9) + 1) == (1, 530)
    assert most_that_fit(linear, 1000, 500, limit=500) is None


def test_where_compiling_runs_out_of_memory_half_is_tried():
    def limited(count: int) -> int:
        if count > 300:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: ran out of memory in memory space hbm")
        return count

    assert most_that_fit(limited, 1000, 0, limit=None) == (250, 250)

    def broken(count: int) -> int:
        raise jax.errors.JaxRuntimeError("INTERNAL: no")

    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"):
        most_that_fit(broken, 1000, 0, limit=None)


def test_kernels_that_are_given_are_widened_to_the_chunk():
    config = replace(TINY, members=2, chunk=2, hidden=(200, 200))
    given = {1: np.zeros((1, 200, 200), np.float32)}
    programs = shared_programs(config, 4, 16, nothing, member_mesh(1))
    shapes = chunk_shapes(programs, config, SMALL, given, member_mesh(1), 2)
    assert shapes.given[1].shape == shapes.state.params["kernel1"].shape == (2, 200, 200)


def test_a_cpu_trains_as_many_at_once_as_its_cache_holds():
    chunks = [cpu_chunk(replace(PAPER, hidden=(width, width))) for width in (10, 40, 160, 640)]
    assert chunks == [4, 4, 1, 1]
    assert cpu_chunk(replace(PAPER, order="shared")) == 25
    assert plan_memory(replace(PAPER, members=9), DATA, nothing, CPU).chunk == 3
    assert plan_memory(replace(PAPER, members=9), DATA, nothing, Machine("cpu", processes=2), members=4).chunk == 3
    assert plan_memory(replace(PAPER, members=2), DATA, nothing, CPU).chunk == 2


def test_the_chunk_that_was_asked_for_is_taken():
    assert plan_memory(replace(PAPER, chunk=7), DATA, nothing, CPU).chunk == 7
    assert plan_memory(replace(FORTY, chunk=7), SMALL, nothing, gpu(80, devices=2)).chunk == 8


def test_memory_grows_with_what_is_asked_for():
    few, many = (plan_memory(replace(PAPER, members=n), DATA, keep_hidden, CPU) for n in (100, 1000))
    assert many.recordings == 10 * few.recordings
    assert many.host - few.host == many.recordings - few.recordings
    part = plan_memory(replace(PAPER, members=1000), DATA, keep_hidden, CPU, members=100)
    assert part.recordings == few.recordings
    two = plan_memory(PAPER, DATA, nothing, Machine("cpu", processes=2))
    assert two.host > 2 * plan_memory(PAPER, DATA, nothing, CPU).host


def test_what_does_not_fit_into_the_host_is_refused_in_one_line():
    config, small = replace(PAPER, hidden=(640, 640), members=1000), Machine("cpu", host_limit=16 * GB)
    with pytest.raises(
        ValueError, match=r"1\S+ GB of it for recordings, but 16\.0 GB are free: record less"
    ) as refusal:
        plan_memory(config, DATA, keep_hidden, small)
    assert "\n" not in str(refusal.value)
    assert plan_memory(config, DATA, nothing, small).host < 16 * GB


def test_what_does_not_fit_on_a_device_is_refused_with_what_does():
    machine = just_room_for(FORTY, 20)
    with pytest.raises(DoesNotFit, match=r"40 members at once do not fit .* set chunk to 20, or to auto") as refusal:
        plan_memory(replace(FORTY, chunk=40), SMALL, nothing, machine)
    assert "\n" not in str(refusal.value)
    assert plan_memory(replace(FORTY, chunk=20), SMALL, nothing, machine).chunk == 20
    with pytest.raises(DoesNotFit, match="narrower"):
        plan_memory(FORTY, SMALL, nothing, gpu(1e-6))


def test_the_plan_is_told_in_one_line():
    told = str(plan_memory(PAPER, DATA, keep_hidden, Machine("cpu", processes=2, host_limit=16 * GB)))
    assert told.startswith("memory: members 4 at once in each of 2 processes, about ")
    assert "of 16.0 GB free" in told
    assert "\n" not in told
    assert "on every device, which has 80.0 GB" in str(plan_memory(FORTY, SMALL, nothing, gpu(80)))
    assert "which does not tell its size" in str(plan_memory(FORTY, SMALL, nothing, Machine("tpu")))


def test_free_memory_is_that_of_a_machine():
    assert 10**8 < free_memory() < 10**14


def test_a_run_that_does_not_fit_is_refused_before_it_leaves_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "free_memory", lambda: GB // 2)
    with pytest.raises(UserError, match=r"but 0\.5 GB are free"):
        stages.run(QUICKSTART, tmp_path / "run", Session())
    assert not (tmp_path / "run").exists()
