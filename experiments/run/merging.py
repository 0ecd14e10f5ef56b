"""Putting together what was trained in parts: by the processes of one run, or by runs of member ranges elsewhere."""

import itertools
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from experiments.errors import UserError
from experiments.run.kept_state import STATE, gather, refuse_damaged
from experiments.store.differences import differences
from experiments.store.run_folder import RunFolder

MEMBERS = "members"
"""The setting of a run folder that holds only a range of its configuration's members: [first, last + 1]."""


class Piece(NamedTuple):
    """What a run folder of some of the members holds."""

    path: Path
    config: dict[str, Any]
    """Its configuration without the range."""
    members: range
    results: xr.Dataset
    provenance: dict[str, Any] | None


def merge_runs(out: Path, paths: list[Path]) -> None:
    """Make one run folder of those of `pigmm run ... --member-range`, equal to that of one run of all members.

    Raises:
        UserError: they do not belong together, or a member is missing or there twice, or a folder cannot be used.
    """
    pieces = sorted((read_part(path) for path in paths), key=lambda piece: piece.members.start)
    first = pieces[0]
    for piece in pieces[1:]:
        differing = differences(first.config, piece.config)
        if differing:
            raise UserError(
                f"{first.path} and {piece.path} are of different configurations ({differing}); "
                "parts may differ in --member-range alone: run one of them again"
            )
    for piece in pieces:
        refuse_damaged(piece.path)
    _refuse_gaps(pieces, first.config["train"]["members"])
    with RunFolder.open(out, first.config) as folder:
        if folder.has_results():
            raise UserError(f"{out} has results already: choose another folder to merge into")
        folder.write_json("provenance.json", {"schema": 1, "merged": {str(p.path): p.provenance for p in pieces}})
        warning = gather(folder, [piece.path / STATE for piece in pieces], first.config["train"]["members"])
        if warning:
            print(warning, file=sys.stderr)
        folder.write_results(concatenated(pieces))


def read_part(path: Path) -> Piece:
    """A finished run of a range of members.

    Raises:
        UserError: it is no such run, or not finished, or damaged.
    """
    with RunFolder.existing(path) as folder:
        config = dict(folder.config)
        members = range_of(path, config.pop(MEMBERS, None))
        results = folder.read_results()
        provenance = folder.read_json("provenance.json") if (path / "provenance.json").exists() else None
    if "member" not in results.coords or not _are(results["member"].values, members):
        raise UserError(f"{path} does not hold the members {_name(members)} that it says: run it again")
    return Piece(path, config, members, results, provenance)


def concatenated(pieces: list[Piece]) -> xr.Dataset:
    """The recordings of all pieces as one, in the order given.

    Raises:
        UserError: they do not hold the same quantities.
    """
    for piece in pieces[1:]:
        if _layout(piece.results) != _layout(pieces[0].results):
            raise UserError(
                f"the results in {pieces[0].path} and {piece.path} do not hold the same quantities: "
                "make both with one version of pigmm"
            )
    datasets = [piece.results for piece in pieces]
    return xr.concat(datasets, "member", data_vars="minimal", coords="minimal", compat="override", join="override")


def _layout(results: xr.Dataset) -> dict[Any, Any]:
    """Of every variable its type and shape, but for the members; of the coordinates the values too."""
    coordinates = {name: values.values.tolist() for name, values in results.coords.items() if name != "member"}
    first = results.isel(member=0, drop=True).variables
    return {name: (values.dims, values.dtype, values.shape, coordinates.get(name)) for name, values in first.items()}


def _are(numbers: np.ndarray, members: range) -> bool:
    return numbers.size == members.stop - members.start and np.array_equal(numbers, np.array(members))


def range_of(path: Path, given: Any) -> range:
    """The members of a run of some of them, as its config.json has them.

    Raises:
        UserError: they are no range.
    """
    match given:
        case [int(start), int(stop)] if 0 <= start < stop:
            return range(start, stop)
        case None:
            raise UserError(f"{path} is not a run of some of the members: give folders of `pigmm run --member-range`")
    raise UserError(f"{path} is damaged (its member range is {given!r}): run it again")


def _refuse_gaps(pieces: list[Piece], members: int) -> None:
    for one, other in itertools.pairwise(pieces):
        if other.members.start < one.members.stop:
            both = range(other.members.start, min(one.members.stop, other.members.stop))
            raise UserError(f"members {_name(both)} are both in {one.path} and in {other.path}: give them once")
    ends = [0, *(piece.members.stop for piece in pieces)]
    starts = [*(piece.members.start for piece in pieces), members]
    missing = [range(end, start) for end, start in zip(ends, starts, strict=True) if end < start]
    if missing:
        commands = " and ".join(f"--member-range {gap.start}:{gap.stop}" for gap in missing)
        raise UserError(f"members {', '.join(map(_name, missing))} are missing: run them too, with {commands}")


def _name(members: range) -> str:
    return f"{members.start} to {members.stop - 1}"
