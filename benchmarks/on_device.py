"""What is measured of one device, each part in a process of its own, to which memory and programs then belong.

python -m benchmarks.on_device PART SETTINGS    (started by `benchmarks.accelerator`; prints rows as JSON)
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import median
from time import perf_counter
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.data import network_epochs, read
from ensemble import Dataset, TrainConfig, train
from ensemble.layout import PLAIN, Layout, layout_of
from ensemble.memory import local_machine, plan_memory
from ensemble.network import MLP, kernels
from ensemble.order import member_keys, order_keys
from ensemble.sharding import by_member, compile_programs, key_sharding, member_mesh, order_sharding, replicated
from ensemble.step import Images, evaluate_members
from ensemble.trainer import Trainer, nothing
from experiments.compiler.threefry import fold_in, permutation
from experiments.run.observer import Observer
from experiments.run.presets import RunConfig

REPEATS = 5


class Settings(NamedTuple):
    """How much is measured."""

    data_dir: str | None
    members: tuple[int, ...]
    widths: tuple[int, ...]
    steps: int
    """Steps of an epoch that is timed."""


class Row(NamedTuple):
    """One number; the floor is what no program can beat, by bytes over bandwidth or operations over the peak."""

    what: str
    value: float
    unit: str
    floor: float | None = None


def seconds(program: Callable[[], object]) -> float:
    """Median time of a program that has been compiled."""
    jax.block_until_ready(program())
    times = []
    for _ in range(REPEATS):
        began = perf_counter()
        jax.block_until_ready(program())
        times.append(perf_counter() - began)
    return median(times)


def device(settings: Settings) -> Iterator[Row]:
    """The two peaks that floors are made of: of a matrix product and of memory."""
    size = 4096 if jax.default_backend() != "cpu" else 1024
    matrix = jnp.ones((size, size), jnp.float32) / size
    multiply = jax.jit(lambda a: jnp.matmul(a, a, precision="highest"))
    yield Row("float32 matrix product", 2e-9 * size**3 / seconds(lambda: multiply(matrix)), "GFLOP/s")
    vector = jnp.ones(2**26 if jax.default_backend() != "cpu" else 2**24, jnp.float32)
    add = jax.jit(lambda a: a + 1)
    yield Row("memory, read and written", 2e-9 * vector.nbytes / seconds(lambda: add(vector)), "GB/s")


def orders(settings: Settings) -> Iterator[Row]:
    """Shuffles drawn on the device: how many differ from those that NumPy draws, which are a CPU's; none may."""
    data, keys = read(settings.data_dir), order_keys(0, np.arange(4), "independent")
    config, mesh = TrainConfig(orders="device", members=4), member_mesh(1)
    network = MLP((*config.hidden, data.classes))
    programs = compile_programs(config, network, data.train_images.shape[1], nothing, mesh, PLAIN)
    count = len(data.train_images)
    drawn = np.asarray(programs.order(jax.device_put(keys, key_sharding(config, mesh)), jnp.int32(3), count))
    expected = [permutation(fold_in(key, 3), count) for key in np.asarray(jax.random.key_data(keys))]
    used = count // config.batch_size * config.batch_size
    differ = sum(int((drawn[:, k].ravel() != shuffle[:used]).sum()) for k, shuffle in enumerate(expected))
    yield Row("indices of images that differ from a CPU's, of 4 shuffles", differ, "")


def parity(settings: Settings) -> Iterator[Row]:
    """Eight members for two epochs: their losses and accuracies, for the parent to compare with a CPU's."""
    result = train(TrainConfig(members=8, epochs=2, orders="device"), read(settings.data_dir), devices=1)
    for name in ("train_loss", "test_loss", "test_accuracy"):
        for member, value in enumerate(getattr(result.record, name)[:, -1].tolist()):
            yield Row(f"{name} {member}", value, "")


def steps(settings: Settings) -> Iterator[Row]:
    """Time of a training step for so many members, both orders, and both kinds of pixels."""
    data, own = read(settings.data_dir), layout_of(jax.default_backend())
    for members in settings.members:
        for order in ("independent", "shared"):
            config = TrainConfig(members=members, epochs=1, order=order, hidden=(10, 10, 10))
            layouts = {"": own}
            if members == settings.members[-2]:
                layouts = {
                    f", {'int8' if signed else 'uint8'}": replace(own, signed=signed) for signed in (False, True)
                }
            for label, layout in layouts.items():
                taken = seconds(_epoch(config, data, layout, settings.steps)) / settings.steps
                yield Row(f"step of {members} members, {order}{label}", 1e3 * taken, "ms")


def stages(settings: Settings) -> Iterator[Row]:
    """What an epoch consists of besides its steps: the shuffle, the evaluation, the recording."""
    data, members = read(settings.data_dir), settings.members[-2]
    config = TrainConfig(members=members, epochs=1, orders="device")
    observe = Observer(RunConfig(config), (1, 2, 3))
    trainer = Trainer(config, data, observe, devices=1)
    here = members if trainer.chunk >= members else trainer.chunk
    keys = jax.device_put(order_keys(0, np.arange(here), "independent"), key_sharding(config, trainer.mesh))
    count, images = len(data.train_images), trainer.images
    yield Row(
        f"shuffles of {here} members", 1e3 * seconds(lambda: trainer.programs.order(keys, jnp.int32(0), count)), "ms"
    )
    state, _ = trainer.programs.start(member_keys(0, np.arange(trainer.chunk)), {}, images)
    network = MLP((*config.hidden, data.classes))
    evaluate = jax.jit(lambda params: evaluate_members(network, params, images.test, images.test_labels))
    yield Row(f"evaluation of {trainer.chunk} members", 1e3 * seconds(lambda: evaluate(state.params)), "ms")
    observed = jax.jit(lambda params: jax.vmap(observe)(kernels(params)))
    yield Row(f"recording of {trainer.chunk} members", 1e3 * seconds(lambda: observed(state.params)), "ms")


def memory(settings: Settings) -> Iterator[Row]:
    """Peak of the device's memory beside the plan, at each width (a part for each: a peak is a process's)."""
    (width,) = settings.widths
    data = read(settings.data_dir)
    config = TrainConfig(members=1000, epochs=1, hidden=(width, width))
    observe = Observer(RunConfig(config, save_weights=False), (1,))
    plan = plan_memory(config, data, observe, local_machine(1))
    yield Row(f"w = {width}: {plan.chunk} at once, planned", plan.device / 1e9, "GB")
    if jax.default_backend() == "cpu":  # what a CPU's processes take is measured by benchmarks.memory
        return
    train(config, data, observe, members=np.arange(plan.chunk), devices=1)
    told = jax.local_devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" in told:
        yield Row(f"w = {width}: {plan.chunk} at once, peak", told["peak_bytes_in_use"] / 1e9, "GB")


def devices(settings: Settings) -> Iterator[Row]:
    """Rate with 1, 2, 4, 8 devices, as far as there are so many."""
    data, members = read(settings.data_dir), settings.members[-2]
    for number in (1, 2, 4, 8):
        if number > jax.local_device_count():
            return
        config = TrainConfig(members=members, epochs=3)
        trainer = Trainer(config, data, nothing, devices=number)
        rows = jax.tree.map(lambda whole, size=trainer.chunk: whole[:size], trainer.allocate(None))
        chunk = np.arange(min(members, trainer.chunk))
        moments = [perf_counter() for _ in trainer.run(chunk, rows, None, 0)]
        done = network_epochs(len(data.train_images), len(chunk) * (len(moments) - 1))
        yield Row(f"{number} device(s), {len(chunk)} members", done / (moments[-1] - moments[0]), "ne/s")


def _epoch(config: TrainConfig, data: Dataset, layout: Layout, steps: int) -> Callable[[], object]:
    """An epoch of so many steps from the same state, on the first device, recording nothing but the losses."""
    mesh = member_mesh(1)
    network = MLP((*config.hidden, data.classes))
    programs = compile_programs(config, network, data.train_images.shape[1], nothing, mesh, layout)
    few = data.test_images[:1000], data.test_labels[:1000]
    splits = (layout.store(data.train_images), data.train_labels, layout.store(few[0]), few[1])
    images = Images(*jax.device_put(splits, replicated(mesh)))
    keys = jax.device_put(member_keys(0, np.arange(config.members)), by_member(mesh))
    started, _ = programs.start(keys, {}, images)
    count = config.members if config.order == "independent" else 1
    drawn = np.random.default_rng(0).integers(0, len(data.train_images), (steps, count, config.batch_size), np.int32)
    order = jax.device_put(drawn, order_sharding(config, mesh))
    state = [started]

    def program() -> object:
        state[0], record = programs.epoch(state[0], order, images)  # the old state's memory is reused
        return record

    return program


PARTS = {part.__name__: part for part in (device, orders, parity, steps, stages, memory, devices)}


def main() -> None:
    from experiments.run.runtime import configure

    configure()
    settings = Settings(**json.loads(sys.argv[2]))
    for row in PARTS[sys.argv[1]](settings):
        print(json.dumps(row._asdict()), flush=True)


if __name__ == "__main__":
    main()
