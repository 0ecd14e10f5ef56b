"""`pigmm compare`: finished runs side by side, and how each two of them differ."""

import os
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from analysis import run_plots, run_tables
from analysis.drawing import render
from analysis.pipeline import Recording, trajectories
from analysis.runs import Between, SideBySide, contrast_runs, to_json_entry
from analysis.trajectories import Trajectories
from experiments.comparison_page import comparison_page
from experiments.errors import UserError
from experiments.laws import initial_laws
from experiments.progress import Progress
from experiments.run_folder import RunFolder
from experiments.stages import recorded, refuse_all_diverged

SCHEMA = 1


class Finished(NamedTuple):
    """A finished run as far as a comparison needs it."""

    config: dict[str, Any]
    recording: Recording


def compare_runs(folders: Mapping[str, Path], out: Path, layers: Sequence[str] | None = None) -> Path:
    """Compare finished runs, write tables, figures, comparison.json and a report; returns the path of the report.

    Args:
        folders: the runs by the names they are told apart by.
        out: folder of the comparison; an earlier one there is replaced, as everything in it is made of the runs.
        layers: names of the layers to compare; None for all.

    Raises:
        UserError: a run cannot be read, or the folder cannot be written.
    """
    finished = {name: read_finished(path, layers) for name, path in folders.items()}
    with RunFolder.open(out, {"kind": "comparison"}) as folder:
        for earlier in ("figures", "tables"):
            folder.remove(earlier)
        return write_comparison(folder, side_by_side(finished), {name: run.config for name, run in finished.items()})


def named_runs(paths: Sequence[Path]) -> dict[str, Path]:
    """The folders by the names they are told apart by: their own, or with as many parents as it takes.

    Raises:
        UserError: there are fewer than two, or two are the same folder.
    """
    if len({path.resolve() for path in paths}) < max(2, len(paths)):
        raise UserError("give at least two different run folders to compare")
    absolute = [Path(os.path.abspath(path)) for path in paths]  # links keep their names
    longest = max(len(path.parts) for path in absolute)
    for depth in range(1, longest + 1):
        names = ["/".join(path.parts[-depth:]) for path in absolute]
        if len(set(names)) == len(names):
            return dict(zip(names, paths, strict=True))
    raise AssertionError("different absolute paths have different names")


def read_finished(path: Path, layers: Sequence[str] | None = None) -> Finished:
    """The recordings of a run folder, which is only read, of some or all layers.

    Raises:
        UserError: it holds no finished run, one in which every member has diverged, or none of the layers.
    """
    with RunFolder.existing(path, exclusive=False) as folder:
        config, _, recording = recorded(folder)
        refuse_all_diverged(folder, recording)
    if layers is not None:
        recording = of_layers(recording, layers)
        if not recording.layers:
            raise UserError(f"{path} has none of the layers {', '.join(layers)}")
    return Finished(config, recording)


def of_layers(recording: Recording, layers: Sequence[str]) -> Recording:
    """The recording of those of the layers that it has."""
    kept = [i for i, layer in enumerate(recording.layers) if layer in layers]
    return recording._replace(
        layers=tuple(recording.layers[i] for i in kept),
        dims=tuple(recording.dims[i] for i in kept),
        invariants=recording.invariants[:, :, kept],
        block_moments=recording.block_moments[:, :, kept],
    )


def side_by_side(finished: Mapping[str, Finished]) -> SideBySide:
    """The statistics of each run, and of each two of them, with progress."""
    couples = list(combinations(finished, 2))
    progress, total = Progress("comparing", "runs and pairs"), len(finished) + len(couples)
    runs: dict[str, Trajectories] = {}
    for name, (config, recording) in finished.items():
        progress.update(len(runs), total)
        runs[name] = trajectories(recording, initial_laws(config, recording))
    pairs: dict[tuple[str, str], Between] = {}
    for done, (first, second) in enumerate(couples, len(runs)):
        progress.update(done, total)
        one, other = finished[first], finished[second]
        same_seed = one.config["train"]["seed"] == other.config["train"]["seed"]
        between = contrast_runs(one.recording, other.recording, paired=same_seed)
        if between is not None:
            pairs[first, second] = between
    progress.update(total, total)
    return SideBySide(runs, pairs)


def write_comparison(folder: RunFolder, several: SideBySide, configs: dict[str, dict[str, Any]]) -> Path:
    """Write everything a reader looks at; returns the path of the report."""
    entries = [
        {"first": first, "second": second, **to_json_entry(between, e, layer)}
        for (first, second), between in several.pairs.items()
        for e in range(len(between.epochs))
        for layer in range(len(between.layers))
    ]
    folder.write_json("comparison.json", {"schema": SCHEMA, "runs": configs, "between": entries})
    for name, table in run_tables.TABLES.items():
        folder.write_text(f"tables/{name}.csv", table(several).csv())
    pictures = {}
    for name in run_plots.available(several):
        figure = run_plots.draw(several, name)
        pictures[name] = render(figure, "png")
        folder.write_bytes(f"figures/{name}.png", pictures[name])
        folder.write_bytes(f"figures/{name}.pdf", render(figure, "pdf"))
    return folder.write_text("report.html", comparison_page(several, configs, pictures))
