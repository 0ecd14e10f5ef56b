"""The memory planner: against what XLA says of the compiled program, and in what it chooses and refuses."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble import Dataset, TrainConfig
from ensemble.memory import Machine, cpu_chunk, free_memory, needs, plan_memory
from ensemble.train import Trainer, nothing
from experiments import stages
from experiments.errors import UserError
from experiments.observer import Observer
from experiments.presets import QUICKSTART, RunConfig
from experiments.training import Session
from tests.tiny import TINY, tiny_data

GB = 10**9
PAPER = TrainConfig()
CPU = Machine("cpu")


def blank(images: int, pixels: int = 784) -> Dataset:
    pictures, labels = np.zeros((images, pixels), np.uint8), np.zeros(images, np.int32)
    return Dataset("blank", "made up", (28, pixels // 28, 1), 10, pictures, labels, pictures[:1000], labels[:1000])


DATA = blank(2000)


def keep_hidden(weights):
    return list(weights[1:])


def gpu(gigabytes: float, devices: int = 1) -> Machine:
    return Machine("cuda", devices, device_limit=int(gigabytes * GB))


@pytest.mark.parametrize("order", ["independent", "shared"])
@pytest.mark.parametrize(("hidden", "members"), [((10, 10, 10), 100), ((160, 160), 8)])
def test_a_device_needs_what_the_compiled_program_takes(order, hidden, members):
    config = TrainConfig(members=members, hidden=hidden, order=order, chunk=members)
    observe = Observer(RunConfig(config, graphs="all"), (1,))
    trainer = Trainer(config, DATA, observe, devices=1)
    keys = members if order == "independent" else 1
    batches = jax.ShapeDtypeStruct((len(DATA.train_images) // 100, keys, 100), jnp.int32)
    lowered = trainer.programs.epoch.lower(trainer.shapes[0], batches, trainer.images)  # pyright: ignore[reportFunctionMemberAccess]
    memory = lowered.compile().memory_analysis()
    taken = memory.argument_size_in_bytes + memory.temp_size_in_bytes
    assert 1 <= plan_memory(config, DATA, observe, CPU).device / taken < 2


def test_recordings_are_counted_exactly():
    config = replace(TINY, epochs=2)
    trainer = Trainer(config, tiny_data(), keep_hidden, devices=1)
    record = trainer.allocate(None)
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(record))
    assert config.members * needs(config, tiny_data(), keep_hidden).recorded == size


def test_an_accelerator_trains_all_members_that_fit_in_equal_chunks():
    whole = plan_memory(PAPER, DATA, nothing, gpu(80))
    assert whole.chunk == 1000
    assert whole.device < 80 * GB
    need = needs(PAPER, DATA, nothing)
    third = (need.images + need.fixed + 400 * need.member) / 0.9 / GB
    assert plan_memory(PAPER, DATA, nothing, gpu(third)).chunk == 334
    assert plan_memory(PAPER, DATA, nothing, gpu(third, devices=4)).chunk == 1000
    assert plan_memory(PAPER, DATA, nothing, gpu(80), members=100).chunk == 100


def test_a_cpu_trains_as_many_at_once_as_its_cache_holds():
    chunks = [cpu_chunk(replace(PAPER, hidden=(width, width))) for width in (10, 40, 160, 640)]
    assert chunks == [4, 4, 1, 1]
    assert cpu_chunk(replace(PAPER, order="shared")) == 25
    assert plan_memory(replace(PAPER, members=9), DATA, nothing, CPU).chunk == 3
    assert plan_memory(replace(PAPER, members=9), DATA, nothing, Machine("cpu", processes=2), members=4).chunk == 3
    assert plan_memory(replace(PAPER, members=2), DATA, nothing, CPU).chunk == 2


def test_the_chunk_that_was_asked_for_is_taken():
    assert plan_memory(replace(PAPER, chunk=7), DATA, nothing, CPU).chunk == 7
    assert plan_memory(replace(PAPER, chunk=7), DATA, nothing, gpu(80, devices=4)).chunk == 8


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
    machine = gpu(0.1)
    fitting = plan_memory(PAPER, DATA, nothing, machine).chunk
    with pytest.raises(ValueError, match="set chunk to at most") as refusal:
        plan_memory(replace(PAPER, chunk=1000), DATA, nothing, machine)
    largest = int(str(refusal.value).split()[-1])
    assert fitting <= largest
    assert plan_memory(replace(PAPER, chunk=largest), DATA, nothing, machine).device < 0.1 * GB
    with pytest.raises(ValueError, match="narrower"):
        plan_memory(PAPER, DATA, nothing, gpu(0.001))


def test_the_plan_is_told_in_one_line():
    told = str(plan_memory(PAPER, DATA, keep_hidden, Machine("cpu", processes=2, host_limit=16 * GB)))
    assert told.startswith("memory: members 4 at once in each of 2 processes, about ")
    assert "of 16.0 GB free" in told
    assert "\n" not in told
    assert "on every device" in str(plan_memory(PAPER, DATA, nothing, gpu(80)))


def test_free_memory_is_that_of_a_machine():
    assert 10**8 < free_memory() < 10**14


def test_a_run_that_does_not_fit_is_refused_before_it_leaves_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(stages, "free_memory", lambda: GB // 2)
    with pytest.raises(UserError, match=r"but 0\.5 GB are free"):
        stages.run(QUICKSTART, tmp_path / "run", Session())
    assert not (tmp_path / "run").exists()
