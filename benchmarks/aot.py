"""What an epoch compiles to on GPUs and TPUs that are not there: the real compilers run without a device.

    pip install -e '.[aot]'
    python -m benchmarks.aot [--targets h100 v5e] [--plain] [--wide]

The table tells of the paper's epoch, with --wide also that of 784-640-640-10: the kernels and the bytes (on a TPU the
estimated cycles) of a step, temporary memory, and the least time that follows for training; --plain adds the same with
pixels as uint8 and batches as they are, on whatever platform. Each compilation is a process of its own, half a minute
to two minutes of processor time and at most 1.5 GB. Nothing runs on a device: times are floors, not measurements.
"""

import argparse
import functools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.hlo import Program
from ensemble import Dataset, TrainConfig
from experiments.run.presets import SAVED_UP_TO, RunConfig, from_settings, settings

CARDS = Path(__file__).parent / "cards"
STEPS = 30_000  # of a whole training: 50 epochs of 600


class Target(NamedTuple):
    """Devices to compile for."""

    package: str
    """The package that holds their compiler."""
    topology: str
    devices: int
    rate: float
    """Bytes a second of a GPU's memory, or cycles a second of a TPU."""
    card: str | None = None
    """File of facts about the GPU; None for a TPU."""

    def members(self, config: TrainConfig) -> int:
        """Members on each device, all of them at once; the last devices are filled up, as in a training."""
        return -(-config.members // self.devices)


TARGETS = {
    "h100": Target("jax_cuda13_plugin", "1x1x1", 1, 3.35e12, "h100.txtpb"),
    "t4": Target("jax_cuda13_plugin", "1x1x1", 1, 0.32e12, "t4.txtpb"),
    "8 x h100": Target("jax_cuda13_plugin", "1x1x8", 8, 3.35e12, "h100.txtpb"),
    "v5e": Target("libtpu", "v5e:2x2", 1, 1.5e9),
}
PAPER = TrainConfig()
WIDE = TrainConfig(members=250, hidden=(640, 640))


class Memory(NamedTuple):
    """Bytes on one device."""

    arguments: int
    """State, order and images."""
    temporary: int
    """Whatever else the program needs while it runs."""
    reused: int
    """Of the arguments, what is updated in place."""


class Compiled(NamedTuple):
    """A compiled epoch and what the compiler says of it."""

    text: str
    memory: Memory
    cost: dict[str, float]
    """The compiler's cost analysis; empty on a GPU."""
    seconds: float
    """Processor time of compiling."""
    peak: int
    """Bytes of host memory of compiling."""


def missing(target: str) -> str | None:
    """Why a target cannot be compiled for here, if it cannot."""
    package = TARGETS[target].package
    return None if find_spec(package) else f"needs {package} to compile for {target}: pip install -e '.[aot]'"


@functools.cache
def compiled(target: str, config: TrainConfig, plain: bool = False) -> Compiled:
    """Compile the epoch of a run, with its recording, for devices that are not there, in a process of its own.

    Args:
        target: one of `TARGETS`.
        config: the training; all of its members at once, on 60 000 training and 10 000 test images of 784 pixels.
        plain: with pixels as uint8 and batches as they are.

    Raises:
        RuntimeError: it does not compile; the message ends with what the compiler said.
    """
    request = json.dumps([target, settings(run_of(config)), plain])
    with tempfile.TemporaryDirectory() as folder:
        child = [sys.executable, "-m", "benchmarks.aot", "--request", request, folder]
        done = subprocess.run(
            child, cwd=Path(__file__).parents[1], env=_environment(target), capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"compiling for {target} failed: {done.stderr[-2000:]}")
        told = json.loads((Path(folder) / "told.json").read_text())
        text = (Path(folder) / "program.txt").read_text()
    return Compiled(text, Memory(*told["memory"]), told["cost"], told["seconds"], told["peak"])


def run_of(config: TrainConfig) -> RunConfig:
    """The run that records what a preset of this width records."""
    return RunConfig(config, save_weights=max(config.hidden) <= SAVED_UP_TO)


def blank_mnist() -> Dataset:
    """A data set of the size of MNIST, for what depends on shapes alone."""
    images, labels = np.zeros((70_000, 784), np.uint8), np.zeros(70_000, np.int32)
    parts = images[:60_000], labels[:60_000], images[60_000:], labels[60_000:]
    return Dataset("blank", "made up", (28, 28, 1), 10, *parts)


def _environment(target: str) -> dict[str, str]:
    """What makes the compilers work without a device; the flags and the cache of this process are left out."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XLA_", "JAX_", "TPU_"))}
    kept |= {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_COMPILATION_CACHE": "false"}
    if TARGETS[target].card is not None:
        return kept | {
            "CUDA_VISIBLE_DEVICES": "-1",
            "JAX_SKIP_CUDA_CONSTRAINTS_CHECK": "1",
            "XLA_FLAGS": "--xla_gpu_autotune_level=0",
        }
    library = find_spec("libtpu")
    assert library is not None
    assert library.submodule_search_locations is not None
    return kept | {
        "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",  # no device is there to be kept from others
        "TPU_SKIP_MDS_QUERY": "1",
        "TPU_ACCELERATOR_TYPE": "v5litepod-4",
        "TPU_WORKER_HOSTNAMES": "localhost",
        "TPU_WORKER_ID": "0",
        "TPU_LIBRARY_PATH": str(Path(library.submodule_search_locations[0]) / "libtpu.so"),
    }


def _compile(request: str, folder: Path) -> None:
    """What the process of `compiled` does."""
    target, plain_config, plain = json.loads(request)
    began = time.process_time()
    program = _lower(TARGETS[target], from_settings(plain_config), plain).compile()
    memory, cost = program.memory_analysis(), program.cost_analysis()
    told = {
        "memory": [memory.argument_size_in_bytes, memory.temp_size_in_bytes, memory.alias_size_in_bytes],
        "cost": (cost[0] if isinstance(cost, list) else cost) or {},
        "seconds": time.process_time() - began,
        "peak": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }
    (folder / "told.json").write_text(json.dumps(told))
    (folder / "program.txt").write_text(program.as_text())


def _lower(target: Target, config: RunConfig, plain: bool) -> Any:
    """The epoch's program before it is compiled, its arguments nothing but shapes on the target's devices."""
    import jax
    from jax.experimental import topologies
    from jax.sharding import AxisType, Mesh

    from ensemble.layout import PLAIN, layout_of
    from ensemble.network import MLP
    from ensemble.order import member_keys
    from ensemble.sharding import AXIS, by_member, compile_programs, order_sharding, replicated
    from ensemble.step import Images
    from experiments.run.observer import Observer, square_layers

    if target.card is None:
        topology = topologies.get_topology_desc(platform="tpu", topology_name=target.topology)
    else:
        card = (CARDS / target.card).read_text()
        topology = topologies.get_topology_desc(platform="cuda", target_config=card, topology=target.topology)
    devices = np.array(topology.devices).reshape(-1)[: target.devices]
    mesh = Mesh(devices, (AXIS,), axis_types=(AxisType.Auto,))
    layout = PLAIN if plain else layout_of(devices[0].platform)
    data, train = blank_mnist(), config.train
    observe = Observer(config, tuple(square_layers(train, data.classes).values()))
    network = MLP((*train.hidden, data.classes), train.init, train.biases)
    programs = compile_programs(train, network, data.train_images.shape[1], observe, mesh, layout)

    def on(sharding: Any, arrays: Any) -> Any:
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), arrays)

    images = Images(*on(replicated(mesh), layout.splits(data)))
    members = target.devices * target.members(train)
    keys = jax.eval_shape(lambda: member_keys(train.seed, np.arange(members)))
    state, _ = jax.eval_shape(programs.start, keys, {}, images)
    steps, drawn = len(data.train_images) // train.batch_size, members if train.order == "independent" else 1
    order = jax.ShapeDtypeStruct((steps, drawn, train.batch_size), np.int32, sharding=order_sharding(train, mesh))
    return programs.epoch.lower(on(by_member(mesh), state), order, images)  # pyright: ignore[reportFunctionMemberAccess]


def row(target: str, config: TrainConfig, plain: bool) -> str:
    """One line of the table."""
    result = compiled(target, config, plain)
    program = Program(result.text)
    steps = program.loops[0]
    if TARGETS[target].card is None:
        work, amount = program.cycles(steps), f"{program.cycles(steps) / 1e6:.2f} M cycles"
    else:
        work, amount = program.traffic(steps), f"{program.traffic(steps) / 1e9:.2f} GB"
    floor = work / TARGETS[target].rate
    cells = (
        f"{target}{', plain' if plain else ''}",
        f"784-{'-'.join(map(str, config.hidden))}-10, {config.members}",
        " and ".join(str(loop.trips) for loop in program.loops),
        str(len(program.kernels(steps))),
        amount,
        f"{result.memory.temporary / 1e6:.0f} MB",
        f"{1e3 * floor:.2f} ms",
        f"{STEPS * floor:.0f} s",
        f"{result.seconds:.0f} s, {result.peak / 1e9:.1f} GB",
    )
    return f"| {' | '.join(cells)} |"


HEADER = (
    "target",
    "network, members",
    "turns of the loops",
    "kernels a step",
    "moved a step, a device",
    "temporary",
    "floor of a step",
    f"of {STEPS} steps",
    "compiling: processor time, memory",
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compile an epoch for devices that are not there, and tell of it.")
    parser.add_argument(
        "--targets", nargs="+", choices=TARGETS, default=list(TARGETS), metavar="TARGET", help=", ".join(TARGETS)
    )
    parser.add_argument("--plain", action="store_true", help="also with pixels as uint8 and batches as they are")
    parser.add_argument("--wide", action="store_true", help="also the widest network of the width study")
    parser.add_argument("--request", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.request:
        _compile(options.request[0], Path(options.request[1]))
        return
    print(f"| {' | '.join(HEADER)} |\n|{' --- |' * len(HEADER)}", flush=True)
    for target in options.targets:
        reason = missing(target)
        if reason:
            print(reason, file=sys.stderr)
            continue
        for config in (PAPER, WIDE) if options.wide else (PAPER,):
            for plain in (True, False) if options.plain else (False,):
                print(row(target, config, plain), flush=True)


if __name__ == "__main__":
    main()
