"""`pigmm extend`: a finished run goes on for more epochs in another folder, and equals one that had them at once."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from ensemble import Dataset, Finished, Record, TrainResult
from ensemble.examine import blank
from experiments.errors import UserError
from experiments.run.kept_state import STATE, read_state, refuse_damaged
from experiments.run.merging import MEMBERS
from experiments.run.observer import Observer, square_layers
from experiments.run.presets import RunConfig, from_settings
from experiments.run.recording import to_dataset
from experiments.run.spectra import EPOCH, examine
from experiments.store.run_folder import RunFolder

MARK = "extends.json"
"""In a folder until its results are written: which run it goes on from."""


class Earlier(NamedTuple):
    """The finished run that is extended."""

    path: Path
    config: RunConfig
    data: Any
    """What its images are recognised by."""
    members: range
    digest: str
    """The SHA-256 of its results."""
    provenance: dict[str, Any]

    def training(self, members: range) -> Finished:
        """What some of the members had learned.

        Raises:
            UserError: it cannot be read.
        """
        return earlier_training(self.path, self.config.train.epochs, members, self.members.start)


def earlier_training(path: Path, epochs: int, members: range, first: int) -> Finished:
    """What some members of a run folder had learned after so many epochs, where `first` is the first that it holds.

    Raises:
        UserError: it cannot be read.
    """
    return Finished(epochs, read_state(path, slice(members.start - first, members.stop - first)))


def earlier_run(path: Path) -> Earlier:
    """The run in a folder, ready to be extended.

    Raises:
        UserError: there is none, it has not finished, or the state of its members was not kept.
    """
    folder = RunFolder.existing(path, exclusive=False)
    settings = dict(folder.config)
    data, members = settings.pop("data", None), settings.pop(MEMBERS, None)
    try:
        config = from_settings(settings)
        trained = range(config.train.members) if members is None else range(*members)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is not the folder of a `pigmm run` ({error}): give one that is") from error
    if not folder.has_results():
        raise UserError(f"{path} has not finished: give its `pigmm run` again first")
    if not (path / STATE).exists():
        raise UserError(
            f"{path} has no {STATE}, which runs with --save-weights keep: train anew in another folder, "
            f"`pigmm run ... --epochs N --save-weights --out DIR`"
        )
    refuse_damaged(path)
    return Earlier(path, config, data, trained, folder.results_digest(), folder.read_json("provenance.json"))


def longer(earlier: Earlier, epochs: int) -> RunConfig:
    """The same run with so many epochs.

    Raises:
        UserError: it has had as many.
    """
    had = earlier.config.train.epochs
    if epochs <= had:
        raise UserError(f"{earlier.path} has had {had} epochs: --epochs counts them in, give more than {had}")
    return replace(earlier.config, train=replace(earlier.config.train, epochs=epochs))


def mark(folder: RunFolder, earlier: Earlier | None, begun: bool) -> None:
    """Note which run a folder goes on from, and refuse one whose training has begun otherwise.

    Raises:
        UserError: says so.
    """
    wanted = {"schema": 1, "results": earlier.digest} if earlier else None
    found = folder.read_json(MARK) if (folder.path / MARK).exists() else None
    if begun and found != wanted:
        other = "a `pigmm run`" if found is None else "`pigmm extend` of a run that is not this one"
        raise UserError(f"the training in {folder.path} was begun by {other}: give that again, or another --out")
    folder.remove(MARK)
    if wanted:
        folder.write_json(MARK, wanted)


def refuse_other_recording(earlier: Earlier, config: RunConfig, data: Dataset) -> None:
    """Refuse, before anything is trained, a run whose recordings could not be joined with those of the longer one.

    Raises:
        UserError: says so.
    """
    continued(earlier, _blank_results(config, data, earlier.members[:1]))


def continued(earlier: Earlier, after: xr.Dataset) -> xr.Dataset:
    """The recordings of the longer run, with the epochs that these members had before filled in.

    Raises:
        UserError: the earlier ones cannot be read, or another version of the program made them.
    """
    before = RunFolder.existing(earlier.path, exclusive=False).read_results()
    before = before.isel(member=after["member"].values - earlier.members.start)
    names = sorted(map(str, {*before.variables, *after.variables}))
    differing = [name for name in names if _kind(before, name) != _kind(after, name)]
    if differing:
        raise UserError(
            f"{earlier.path} was recorded by another version of pigmm ({', '.join(differing)}): "
            "extend it with that one, or train anew in another folder"
        )
    for name in after.data_vars:
        variable = after[name].variable
        if "epoch" in variable.dims:
            variable[{"epoch": slice(before.sizes["epoch"])}] = before[name].values
        elif EPOCH in variable.dims:
            variable[{EPOCH: 0}] = before[name].isel({EPOCH: 0}).values
    return after


def _blank_results(config: RunConfig, data: Dataset, members: range) -> xr.Dataset:
    """What a run of these members records, with nothing filled in."""
    lead = (len(members), config.train.epochs + 1)
    widths = (data.train_images.shape[1], *config.train.hidden, data.classes)
    kernels = tuple(jax.ShapeDtypeStruct((outputs, inputs), np.float32) for inputs, outputs in pairwise(widths))
    observe = Observer(config, tuple(square_layers(config.train, data.classes).values()))

    def of_member(weights: tuple[Array, ...]) -> Record:
        number = jnp.zeros(())
        return Record(number, number, number, number == 0, observe(weights))

    shapes = jax.eval_shape(of_member, kernels)
    record = jax.tree.map(lambda leaf: np.zeros(lead + leaf.shape, leaf.dtype), shapes)
    examined = blank(examine, config.train, data, len(members))
    return to_dataset(config, data, TrainResult(np.array(members), record._replace(examined=examined)))


def _kind(results: xr.Dataset, name: str) -> Any:
    """What must agree of a variable: axes, sizes and type, of a coordinate its values; but for the epochs."""
    if name not in results.variables:
        return None
    variable = results[name].variable
    if name in results.coords:
        return variable.dims, None if name in ("epoch", EPOCH) else variable.values.tolist()
    sizes = {axis: size for axis, size in variable.sizes.items() if axis not in ("epoch", EPOCH)}
    return variable.dims, sizes, variable.dtype
