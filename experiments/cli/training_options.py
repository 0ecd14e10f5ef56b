"""Options of the commands that train: quickstart, run, extend, sweep, reproduce, merge."""

import argparse
import math
import re

from experiments.cli.parser import Commands, Parser


def add_training(commands: Commands) -> None:
    """Add these commands."""
    quickstart = commands.add("quickstart", "the whole chain on the embedded sample, one to two minutes, no network")
    quickstart.add_argument("--out", metavar="DIR", help="run folder (default: runs/quickstart)")
    _add_devices(quickstart)

    run = commands.add(
        "run",
        "train -> measure -> fit -> report; resumes an interrupted run of the same configuration",
        "pigmm run paper-gaussian --data-dir mnist --members 100 --epochs 5 --out runs/small",
    )
    run.add_argument("preset", metavar="PRESET", help="what to run; `pigmm presets` lists them")
    run.add_argument("--out", metavar="DIR", help="run folder (default: runs/PRESET)")
    _add_overrides(run)
    _add_network(run)
    _add_session(run)
    _add_processes(run)
    add_as_published(run)

    extend = commands.add(
        "extend",
        "a finished run with more epochs, in another folder; trains those alone, and resumes",
        "pigmm extend runs/quickstart --epochs 30 --out runs/longer",
    )
    extend.add_argument("folder", metavar="RUN", help="run folder with a state.safetensors, as --save-weights keeps it")
    extend.add_argument("--epochs", type=int, metavar="N", required=True, help="of the longer run, all counted")
    extend.add_argument("--out", metavar="DIR", required=True, help="run folder to make")
    _add_session(extend)

    sweep = commands.add(
        "sweep",
        "the width study: one run for each network 784-w-w-10, and all of them side by side; resumes",
        "pigmm sweep widths --widths 10 40 --members 100 --epochs 5 --data-dir mnist --out runs/widths",
    )
    sweep.add_argument("study", choices=("widths",), help="what to vary")
    sweep.add_argument(
        "--widths", type=int, nargs="+", metavar="W", help="widths of both hidden layers (10 40 160 640)"
    )
    sweep.add_argument("--out", metavar="DIR", help="gets a run folder for each width (default: runs/widths-LAW)")
    _add_overrides(sweep)
    _add_session(sweep)

    reproduce = commands.add(
        "reproduce",
        "every run behind docs/results.md and its tables, or as much as a budget of time allows",
        "pigmm reproduce --data-dir mnist --budget 60",
    )
    reproduce.add_argument("--budget", type=float, metavar="MINUTES", help="time to spend (default: what it takes)")
    reproduce.add_argument("--out", metavar="DIR", help="where to write (default: runs/reproduce)")
    reproduce.add_argument("--docs", metavar="DIR", help="folder docs of the repository, whose tables are renewed")
    _add_session(reproduce)

    merge = commands.add(
        "merge",
        "put together runs of the same preset on several machines, each with its --member-range",
        "pigmm merge runs/whole runs/part1 runs/part2",
    )
    merge.add_argument("out", metavar="DIR", help="run folder to make")
    merge.add_argument("parts", metavar="PART", nargs="+", help="finished run folders, in any order")


def add_as_published(command: Parser) -> None:
    """Whether reports are made as the paper's scripts make them."""
    command.add_argument(
        "--as-published",
        action="store_true",
        help="deviations, error bars and distances as the paper's scripts make them; the report lists what differs",
    )


def _add_overrides(command: Parser) -> None:
    """Settings that override the preset's; one left out is None here, and keeps the preset's value."""
    add = command.add_argument
    add("--members", type=int, metavar="N", help="networks in the ensemble")
    add("--epochs", type=int, metavar="N", help="passes over the training set")
    add("--init", metavar="LAW", help="initial weights: gaussian, uniform, he, glorot or orthogonal")
    add("--weight-decay", type=float, metavar="X", help="coupled L2 penalty")
    add("--learning-rate", type=float, metavar="X", help="step size of Adam")
    add("--batch-size", type=int, metavar="N", help="images a step; a last incomplete batch is dropped")
    add("--order", metavar="ORDER", help="batch order: independent (a shuffle each) or shared (one for all, faster)")
    add(
        "--orders",
        metavar="SOURCE",
        help="what draws orders: host (fast on a CPU), device (on an accelerator), or auto",
    )
    add("--seed", type=int, metavar="N", help="root of all randomness")
    add("--chunk", type=_chunk, metavar="N|auto", help="members trained at once; never changes the science")
    add("--dataset", metavar="NAME", help="sample, or a tensorflow-datasets name such as mnist or cifar10")
    add("--graphs", metavar="SET", help="invariants recorded: paper (52) or all (361)")
    add("--save-weights", action=argparse.BooleanOptionalAction, help="keep the square weight matrices of every epoch")


def _add_network(run: Parser) -> None:
    """Overrides that fit networks of one shape only."""
    add = run.add_argument
    add("--hidden", type=int, nargs="+", metavar="W", help="widths of the hidden layers, e.g. 10 10 10")
    add("--start-models", metavar="FILE", help="start the layers named in a models.json from samples of its models")


def _add_session(command: Parser) -> None:
    """How and where training is carried out, none of which changes its results; `Session` has the defaults."""
    add = command.add_argument
    add("--data-dir", metavar="DIR", help="folder of IDX files (plain or .gz) to read the data set from")
    add("--save-share", type=_share, metavar="X", help="share of the time for checkpoints (0.02)")
    _add_devices(command)


def _add_devices(command: Parser) -> None:
    add = command.add_argument
    add("--devices", type=int, metavar="N", help="devices, on a CPU cores, to train on (default: all)")
    add("--deterministic", action="store_true", help="the same bytes every time on a GPU too, at some cost of speed")


def _add_processes(run: Parser) -> None:
    """How a run is shared out among processes or machines."""
    add = run.add_argument
    add("--member-range", type=_range, metavar="A:B", help="train members A to B-1 only, for `pigmm merge`")
    add("--distributed", metavar="HOST:PORT", help="one of several processes, which meet there; auto finds out where")
    add("--processes", type=int, metavar="N", help="how many processes; left out with --distributed auto")
    add("--process", type=int, metavar="I", help="number of this process, 0 to N-1; left out with --distributed auto")


def _range(text: str) -> range:
    match = re.fullmatch(r"(\d{1,9}):(\d{1,9})", text)
    if not match or int(match[1]) >= int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a range of members such as 0:250")
    return range(int(match[1]), int(match[2]))


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share between 0 and 1")
    return share


def _chunk(text: str) -> int | None:
    if text == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor auto") from None
