"""The command line of pigmm: parses, then hands over to `experiments.cli.commands`."""

import argparse
import math
import os
import re
import sys
from importlib.metadata import version
from typing import Any, NoReturn

from experiments.cli.signals import Interrupted, raised_signals
from experiments.errors import UserError

BAD_INPUT = 2
NOT_READ = 141  # 128 + SIGPIPE, as a shell tells of it


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line; it takes no abbreviations, so that a new option changes no old command."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is, and leave."""
        self.exit(BAD_INPUT, f"pigmm: error: {message}; see {self.prog} --help\n")


def build_parser() -> Parser:
    """The parser of all commands; it imports nothing heavy, so that help is instant."""
    parser = Parser(
        prog="pigmm",
        description="Train ensembles of small networks, fit the permutation-invariant Gaussian matrix model, report.",
        epilog="example: pigmm quickstart",
    )
    parser.add_argument("--version", action="version", version=f"pigmm {version('pigmm')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)

    quickstart = _add(commands, "quickstart", "the whole chain on the embedded sample, one to two minutes, no network")
    quickstart.add_argument("--out", metavar="DIR", help="run folder (default: runs/quickstart)")
    _add_devices(quickstart)

    run = _add(
        commands,
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

    sweep = _add(
        commands,
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

    reproduce = _add(
        commands,
        "reproduce",
        "every run behind docs/results.md and its tables, or as much as a budget of time allows",
        "pigmm reproduce --data-dir mnist --budget 60",
    )
    reproduce.add_argument("--budget", type=float, metavar="MINUTES", help="time to spend (default: what it takes)")
    reproduce.add_argument("--out", metavar="DIR", help="where to write (default: runs/reproduce)")
    reproduce.add_argument("--docs", metavar="DIR", help="folder docs of the repository, whose tables are renewed")
    _add_session(reproduce)

    merge = _add(
        commands,
        "merge",
        "put together runs of the same preset on several machines, each with its --member-range",
        "pigmm merge runs/whole runs/part1 runs/part2",
    )
    merge.add_argument("out", metavar="DIR", help="run folder to make")
    merge.add_argument("parts", metavar="PART", nargs="+", help="finished run folders, in any order")

    analyze = _add(
        commands,
        "analyze",
        "the same analysis on your own ensemble of matrices, square or rectangular",
        "pigmm analyze weights.npy --json fit.json --out runs/mine",
    )
    analyze.add_argument(
        "paths", metavar="PATH", nargs="+", help=".npy, .npz or .safetensors: an array [members, rows, columns]"
    )
    analyze.add_argument("--key", metavar="NAME", help="which array of a file that holds several")
    analyze.add_argument(
        "--symmetry",
        choices=("auto", "simultaneous", "separate", "symmetric"),
        default="auto",
        help="permutations under which the law is invariant: of rows and columns together (13 parameters) or apart "
        "(5), or of symmetric matrices (9, or 4 with a zero diagonal); auto goes by shape, and by M = M^T",
    )
    analyze.add_argument(
        "--chain",
        metavar="NAME",
        nargs="*",
        help="the arrays are consecutive layers of networks, [members, outputs, inputs], from the input on: the names "
        "of several in one file, or no names and a file for each",
    )
    analyze.add_argument("--json", metavar="FILE", help="write the fit there")
    analyze.add_argument("--out", metavar="DIR", help="write the fit, tables, figures and report.html there")

    report = _add(
        commands, "report", "redraw tables, figures and report of a run folder", "pigmm report runs/quickstart"
    )
    report.add_argument("folder", metavar="DIR", help="a run folder")
    for command in (run, report):
        command.add_argument(
            "--as-published",
            action="store_true",
            help="deviations, error bars and distances as the paper's scripts make them; the report lists what differs",
        )

    compare = _add(
        commands,
        "compare",
        "finished runs side by side: trajectories, distances between them, tests",
        "pigmm compare runs/paper-gaussian runs/paper-uniform",
    )
    compare.add_argument(
        "folders", metavar="DIR", nargs="+", help="folders of runs or analyses, at least two; they are only read"
    )
    compare.add_argument(
        "--symmetry",
        choices=("simultaneous", "separate"),
        default="simultaneous",
        help="of runs: compare the square layers (13 parameters), or all weight matrices (5 parameters)",
    )
    compare.add_argument("--out", metavar="DIR", help="where to write (default: runs/ and the names of the runs)")

    formulas = _add(
        commands,
        "formulas",
        "expected invariants as exact formulas in the parameters of the model and the size of the matrices",
        "pigmm formulas I14 0-1,1-2,2-0 --latex",
    )
    formulas.add_argument(
        "graphs",
        metavar="GRAPH",
        nargs="*",
        help="I1 to I52, or edges such as 0-0,0-1 for the sum of M_aa M_ab over all a and b; row-column with "
        "--symmetry separate, rows and columns numbered apart (default: the cubic and quartic invariants of a report)",
    )
    formulas.add_argument(
        "--symmetry",
        choices=("simultaneous", "separate", "symmetric", "zero-diagonal"),
        default="simultaneous",
        help="of the model: 13 parameters, or 5, or 9 or 4 of symmetric matrices",
    )
    form = formulas.add_mutually_exclusive_group()
    form.add_argument("--latex", action="store_true", help="print equations in LaTeX")
    form.add_argument("--json", action="store_true", help="print formulas, as SymPy reads them, and LaTeX as JSON")

    doctor = _add(
        commands,
        "doctor",
        "look at versions, devices, memory, compiler and data sets; exit 0 only if all is well",
        "pigmm doctor --data-dir mnist",
    )
    doctor.add_argument("--data-dir", metavar="DIR", help="a folder of MNIST's IDX files to look at, too")
    doctor.add_argument("--json", action="store_true", help="print what was found as JSON")

    _add(commands, "presets", "list what can be run by name, with its settings", "pigmm presets")
    return parser


def _add(commands: argparse._SubParsersAction, name: str, about: str, example: str = "") -> Parser:
    return commands.add_parser(name, help=about, description=about, epilog=f"example: {example or 'pigmm ' + name}")


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


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 2 for bad input, 130, 141 or 143 after an interruption."""
    options = build_parser().parse_args(arguments)
    try:
        with raised_signals():
            code = _command(options)
            sys.stdout.flush()
            return code
    except UserError as error:
        print(f"pigmm: error: {error}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:  # whoever reads what is printed, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python still flushes when it ends
        return NOT_READ
    except Interrupted as stop:
        print(f"pigmm: stopped by {stop}: give the same command again to resume", file=sys.stderr)
        return stop.exit_code


def _command(options: argparse.Namespace) -> int:
    # Imported here: jax takes a while, and help does not need it.
    from experiments.run.runtime import configure, silence_orbax

    configure(getattr(options, "deterministic", False))
    silence_orbax()
    from experiments.cli import commands, health

    # The processes of a TPU slice must meet before any of them uses a device.
    if getattr(options, "distributed", None) is None:
        health.look(options.command)
    return commands.COMMANDS[options.command](options)


if __name__ == "__main__":
    sys.exit(main())
