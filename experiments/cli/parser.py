"""The parser of the command line: what every command shares, and all commands put together."""

import argparse
from importlib.metadata import version
from typing import Any, NoReturn

BAD_INPUT = 2


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line; it takes no abbreviations, so that a new option changes no old command."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is, and leave."""
        self.exit(BAD_INPUT, f"pigmm: error: {message}; see {self.prog} --help\n")


class Commands:
    """The commands that are added to a parser one by one."""

    def __init__(self, parser: Parser) -> None:
        self._added = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)

    def add(self, name: str, about: str, example: str = "") -> Parser:
        """The parser of a new command."""
        return self._added.add_parser(
            name, help=about, description=about, epilog=f"example: {example or 'pigmm ' + name}"
        )


def empty_parser() -> Parser:
    """The parser before any command is added."""
    parser = Parser(
        prog="pigmm",
        description="Train ensembles of small networks, fit the permutation-invariant Gaussian matrix model, report.",
        epilog="example: pigmm quickstart",
    )
    parser.add_argument("--version", action="version", version=f"pigmm {version('pigmm')}")
    return parser
