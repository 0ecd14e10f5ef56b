"""The command line of pigmm: parses, then hands over to `experiments.cli.commands`."""

import argparse
import os
import sys

from experiments.cli.analysis_options import add_analysis
from experiments.cli.parser import BAD_INPUT, Commands, Parser, empty_parser
from experiments.cli.signals import Interrupted, raised_signals
from experiments.cli.training_options import add_training
from experiments.errors import UserError

NOT_READ = 141  # 128 + SIGPIPE, as a shell tells of it


def build_parser() -> Parser:
    """The parser of all commands; it imports nothing heavy, so that help is instant."""
    parser = empty_parser()
    commands = Commands(parser)
    add_training(commands)
    add_analysis(commands)
    return parser


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
