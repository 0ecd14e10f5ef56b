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

from ensemble import Dataset, Record, Trained, TrainResult
from ensemble.errors import first_line
from ensemble.examine import blank
from experiments.errors import UserError
from experiments.run.kept_state import STATE, read_state, refuse_damaged
from experiments.run.merging import MEMBERS, range_of
from experiments.run.observer import Observer, square_layers
from experiments.run.presets import RunConfig, from_settings
from experiments.run.recording import to_dataset
from experiments.run.spectra import EPOCH, examine
from experiments.store.run_folder import RunFolder

MARK = "extends.json"
"""In a folder until its results are written: which run it goes on from."""
CLOSE = 1e-3
"""Of the size of an entry: as far as a sum that the device has recorded may lie from that of the kept weights."""


class Earlier(NamedTuple):
    """The finished run that is extended."""

    path: Path
    config: RunConfig
    data: Any
    """What its images are recognised by."""
    members: range | None
    """Those that it holds, if it is a run of some of them."""
    digest: str
    """The SHA-256 of its results."""
    provenance: dict[str, Any]

    @property
    def held(self) -> range:
        """The members that it holds."""
        return range(self.config.train.members) if self.members is None else self.members

    def place(self) -> dict[str, Any]:
        """What `trained` needs besides the members, in plain values for another process."""
        return {"path": str(self.path), "epochs": self.config.train.epochs, "first": self.held.start}


def trained(members: range, path: str, epochs: int, first: int) -> Trained:
    """What some members of a run folder had learned after so many epochs, where `first` is the first that it holds.

    Raises:
        UserError: it cannot be read.
    """
    return Trained(epochs, read_state(Path(path), slice(members.start - first, members.stop - first)))


def earlier_run(path: Path) -> Earlier:
    """The run in a folder.

    Raises:
        UserError: there is none, it has not finished, or the state of its members was not kept.
    """
    folder = RunFolder.existing(path, exclusive=False)
    settings = dict(folder.config)
    data, members = settings.pop("data", None), settings.pop(MEMBERS, None)
    if "train" not in settings:
        raise UserError(f"{path} is not the folder of a `pigmm run`: give one that is")
    try:
        config = from_settings(settings)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"the config.json of {path} is damaged ({first_line(error)}): restore it") from error
    if not folder.has_results():
        command = "extend" if (path / MARK).exists() else "run"
        raise UserError(f"{path} has not finished: give its `pigmm {command}` again first")
    if not (path / STATE).exists():
        raise UserError(
            f"{path} has no {STATE}, which runs of one epoch or more keep if --save-weights is given: train anew in "
            "another folder, `pigmm run ... --epochs N --save-weights --out DIR`"
        )
    held = None if members is None else range_of(path, members)
    return Earlier(path, config, data, held, folder.results_digest(), folder.read_json("provenance.json"))


def longer(earlier: Earlier, epochs: int) -> RunConfig:
    """The same run with so many epochs.

    Raises:
        UserError: it has had as many.
    """
    had = earlier.config.train.epochs
    if epochs <= had:
        raise UserError(f"{earlier.path} has had {had} epochs: --epochs counts them in, give more than {had}")
    return replace(earlier.config, train=replace(earlier.config.train, epochs=epochs))


def refuse_unusable(earlier: Earlier, data: Dataset) -> None:
    """Refuse a run whose recordings cannot be joined with later ones, or whose state is not that of its last epoch.

    Raises:
        UserError: says so.
    """
    refuse_damaged(earlier.path)
    results = _results(earlier)
    _refuse_other_kinds(earlier, results, _blank_results(earlier.config, data, earlier.held))
    try:
        state = read_state(earlier.path, slice(None))
        kernels = [state[f"params.kernel{k}"].astype(np.float64) for k in range(results.sizes["matrix"])]
        steps = earlier.config.train.epochs * (len(data.train_images) // earlier.config.train.batch_size)
        belongs = all(np.all(leaf == steps) for name, leaf in state.items() if name.endswith("count"))
        for k, kernel in enumerate(kernels):
            recorded = results["rectangular_moments"].values[:, -1, k, 0]
            entry, root = np.sqrt(np.mean(kernel**2, axis=(1, 2))), np.sqrt(kernel[0].size)
            found = kernel.sum(axis=(1, 2)) / root
            belongs &= bool(np.all((np.abs(found - recorded) <= CLOSE * entry) | np.isnan(recorded)))
    except (KeyError, ValueError, IndexError):  # other arrays than this network has
        belongs = False
    if not belongs:
        raise UserError(
            f"{earlier.path / STATE} is not of the weights that results.nc has recorded last: restore both, or train "
            "anew in another folder"
        )


def mark(folder: RunFolder, earlier: Earlier | None, begun: bool) -> None:
    """Note which run a folder goes on from, and refuse one whose training has begun otherwise.

    Raises:
        UserError: says so.
    """
    wanted = {"schema": 1, "results": earlier.digest} if earlier else None
    found = _mark_of(folder)
    if begun and found != wanted:
        other = "`pigmm extend`" + (" of another run" if earlier else "") if found else "`pigmm run`"
        raise UserError(f"the training in {folder.path} was begun by {other}: give that again, or another --out")
    folder.remove(MARK)
    if wanted:
        folder.write_json(MARK, wanted)


def joined(earlier: Earlier, after: xr.Dataset) -> xr.Dataset:
    """The recordings of the longer run, where those of the epochs that these members had before are filled in.

    Raises:
        UserError: the earlier ones cannot be read.
    """
    before = _results(earlier)
    for name in after.data_vars:
        variable = after[name].variable
        if "epoch" in variable.dims:
            variable[{"epoch": slice(before.sizes["epoch"])}] = before[name].values
        elif EPOCH in variable.dims:
            variable[{EPOCH: 0}] = before[name].isel({EPOCH: 0}).values
    return after


def _results(earlier: Earlier) -> xr.Dataset:
    return RunFolder.existing(earlier.path, exclusive=False).read_results()


def _mark_of(folder: RunFolder) -> dict[str, Any] | None:
    if not (folder.path / MARK).exists():
        return None
    try:
        return folder.read_json(MARK)
    except UserError as error:
        raise UserError(f"{folder.path / MARK} is damaged: delete {folder.path}, and give the command again") from error


def _refuse_other_kinds(earlier: Earlier, there: xr.Dataset, wanted: xr.Dataset) -> None:
    """Refuse recordings of other quantities, members or epochs than this program makes of such a run."""
    names = sorted(map(str, {*there.variables, *wanted.variables}))
    differing = [name for name in names if _kind(there, name) != _kind(wanted, name)]
    if differing:
        raise UserError(
            f"{earlier.path} was recorded by another version of pigmm, or its config.json is not that of its results "
            f"({', '.join(differing)}): extend it with that version, or train anew in another folder"
        )


def _kind(results: xr.Dataset, name: str) -> Any:
    """Axes and sizes of a variable with its type, or of a coordinate with its values."""
    if name not in results.variables:
        return None
    variable = results[name].variable
    return dict(variable.sizes), variable.values.tolist() if name in results.coords else variable.dtype


def _blank_results(config: RunConfig, data: Dataset, members: range) -> xr.Dataset:
    """What a run of these members records, with nothing filled in; nothing is compiled for it."""
    widths = (data.train_images.shape[1], *config.train.hidden, data.classes)
    kernels = tuple(jax.ShapeDtypeStruct((outputs, inputs), np.float32) for inputs, outputs in pairwise(widths))
    observe = Observer(config, tuple(square_layers(config.train, data.classes).values()))

    def of_member(weights: tuple[Array, ...]) -> Record:
        number = jnp.zeros(())
        return Record(number, number, number, number == 0, observe(weights))

    lead = (len(members), config.train.epochs + 1)
    record = jax.tree.map(lambda leaf: np.zeros(lead + leaf.shape, leaf.dtype), jax.eval_shape(of_member, kernels))
    examined = blank(examine, config.train, data, len(members))
    return to_dataset(config, data, TrainResult(np.array(members), record._replace(examined=examined)))
