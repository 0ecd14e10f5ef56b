"""Rate of the engine, everything included, beside PyTorch on the same cores and the floor of a matrix product.

    python -m benchmarks.engine [--data-dir MNIST] [--rounds 5] [--short]

Unit: network-epochs a second (ne/s), 60 000 images through one network; on the embedded sample scaled to as many.
Contestants take turns, in processes that stay; the table shows medians over the rounds with their extremes, and the
work done per second of processor time, which other users of the machine disturb less. The engine draws orders,
evaluates, records the paper's 52 invariants and the weights of every layer and fetches them, as a run does; PyTorch
only trains. The floor does the operations of training as large square products. Aims: independent order 20 times,
shared order 36 times the rate of one network at a time on one core.
"""

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec
from statistics import median
from typing import NamedTuple

from benchmarks.crew import Crew, Measured
from benchmarks.data import EPOCH_IMAGES, add_data_option, dataset_name, read, where
from ensemble.config import Order, TrainConfig
from experiments.run.presets import SAVED_UP_TO, RunConfig
from experiments.run.runtime import cores

MESH = "--xla_force_host_platform_device_count=2 --xla_cpu_multi_thread_eigen=false"
FLOOR = "floor: products of 512 x 512"
ONE_AT_A_TIME = "PyTorch, one at a time, one core"
ORDERS: tuple[Order, ...] = ("independent", "shared")


class Row(NamedTuple):
    """A contestant of a table."""

    crew: str
    contestant: str
    config: RunConfig


class Bench:
    """Crews and the settings that all rows share."""

    def __init__(self, data_dir: str | None, stack: ExitStack) -> None:
        here = cores()[:2]
        crew: Callable[..., Crew] = lambda *arguments: stack.enter_context(Crew(*arguments))  # noqa: E731
        self.crews = {
            "one": crew([here[:1]], data_dir),
            "pinned": crew([[core] for core in here], data_dir),
            "mesh": crew([here], data_dir, MESH),
            "threads": crew([here], data_dir),
        }
        self._images = len(read(data_dir).train_images)
        self._dataset = dataset_name(data_dir)

    def row(self, crew: str, contestant: str, width: int = 10, layers: int = 3, **settings) -> Row:
        """A row whose network is 784-width-...-10; weights are recorded up to the width up to which presets do."""
        epochs = 1 if width > SAVED_UP_TO else 4 * EPOCH_IMAGES // self._images
        train = TrainConfig(epochs=epochs, hidden=(width,) * layers, **settings)
        return Row(crew, contestant, RunConfig(train, self._dataset, save_weights=width <= SAVED_UP_TO))

    def table(self, title: str, rows: dict[str, Row], rounds: int) -> None:
        """Measure the rows in turn and print their medians."""
        seen: dict[str, list[Measured]] = {label: [] for label in rows}
        for _ in range(rounds):
            for label, row in rows.items():
                seen[label].append(self.crews[row.crew].measure(row.contestant, row.config))
        rates = {label: median(measured.rate for measured in each) for label, each in seen.items()}
        (first, *_), (*_, last) = rates.values(), rates.values()
        print(f"\n{title:44s}{'ne/s':>8s}{'least':>8s}{'most':>8s}{'per core s':>12s}{'x first':>9s}{'of last':>9s}")
        for label, each in seen.items():
            rate, per_core = rates[label], median(measured.per_core for measured in each)
            extremes = f"{min(each).rate:8.2f}{max(each).rate:8.2f}"
            print(f"{label:44s}{rate:8.2f}{extremes}{per_core:12.2f}{rate / first:9.2f}{rate / last:9.0%}", flush=True)


def rivals(bench: Bench) -> dict[str, Row]:
    """The paper's network: PyTorch, the engine in its forms, the floor."""
    rows: dict[str, Row] = {}
    if find_spec("torch") is not None:
        rows[ONE_AT_A_TIME] = bench.row("one", "torch_loop")
        rows["the same in two pinned processes"] = bench.row("pinned", "torch_loop")
        rows["torch.func, independent, 50 members"] = bench.row("pinned", "torch_func", members=50)
        rows["torch.func, shared, 200 members"] = bench.row("pinned", "torch_func", members=200, order="shared")
    for order in ORDERS:
        rows[f"engine, {order}, two pinned processes"] = bench.row("pinned", "engine", order=order)
        rows[f"engine, {order}, two devices, one process"] = bench.row("mesh", "engine", order=order)
        rows[f"engine, {order}, one device, two threads"] = bench.row("threads", "engine", order=order)
    rows[FLOOR] = bench.row("pinned", "product")
    return rows


def chunks(bench: Bench, order: Order, sizes: tuple[int, ...]) -> dict[str, Row]:
    """The engine with so many members at once in each process."""
    return {f"{size} at once": bench.row("pinned", "engine", order=order, chunk=size) for size in sizes}


def width(bench: Bench, size: int) -> dict[str, Row]:
    """A network of the width study."""
    rows = {}
    if find_spec("torch") is not None:
        rows[ONE_AT_A_TIME] = bench.row("one", "torch_loop", size, layers=2)
        rows["the same in two pinned processes"] = bench.row("pinned", "torch_loop", size, layers=2)
    for order in ORDERS:
        rows[f"engine, {order}"] = bench.row("pinned", "engine", size, layers=2, order=order)
    return rows | {FLOOR: bench.row("pinned", "product", size, layers=2)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the engine beside PyTorch.")
    add_data_option(parser)
    parser.add_argument("--rounds", type=int, default=5, help="measurements of every row (default 5)")
    parser.add_argument("--short", action="store_true", help="only the paper's network, three rounds")
    options = parser.parse_args()
    with ExitStack() as stack:
        bench = Bench(options.data_dir, stack)
        print(f"{where()}; cores {cores()[:2]}; data: {dataset_name(options.data_dir)}", flush=True)
        if options.short:
            bench.table("784-10-10-10-10", rivals(bench), 3)
            return
        bench.table("784-10-10-10-10", rivals(bench), options.rounds)
        bench.table("independent order", chunks(bench, "independent", (1, 2, 4, 8, 16)), options.rounds)
        bench.table("shared order", chunks(bench, "shared", (8, 16, 32, 64)), options.rounds)
        for size in (40, 160, 640):
            bench.table(f"784-{size}-{size}-10", width(bench, size), min(3, options.rounds))


if __name__ == "__main__":
    main()
