"""`pigmm compare`: finished runs, or analysed ensembles, side by side, and how each two of them differ."""

import os
import shlex
from collections.abc import Mapping, Sequence
from itertools import combinations, count
from pathlib import Path
from typing import Any, NamedTuple

from analysis.comparison import Between, SideBySide, contrast_recordings
from analysis.cumulant_contrast import last_cumulants
from analysis.inference.spectrum import Spectrum
from analysis.model.entry_law import EntryLaw
from analysis.recording import Recording
from analysis.show import comparison_figures, comparison_tables
from analysis.show.entries import between_entry, training_entry
from analysis.statistics import Statistics
from analysis.study import study_recording
from experiments.cli.progress import Progress
from experiments.errors import UserError
from experiments.report.comparing_cumulants import compared_cumulants_part
from experiments.report.comparing_spectra import compared_spectra_part
from experiments.report.comparison_page import comparison_document
from experiments.report.figures import rendered, write_picture
from experiments.report.outputs import write_part
from experiments.report.page import document
from experiments.report.spectrum import spectra_of
from experiments.run.laws import initial_laws
from experiments.run.recording import every_matrix_of, given_matrices_of, kept_matrices
from experiments.run.reporting import Recorded, recorded, refuse_all_diverged
from experiments.run.spectra import spectra_of_run
from experiments.store.run_folder import RunFolder

SCHEMA = 1
COMPARISON = {"kind": "comparison"}
"""What the folder of a comparison is recognised by."""


SYMMETRIES = ("simultaneous", "separate")
"""Under which the matrices of runs can be compared; analysed ensembles have one already."""


class Finished(NamedTuple):
    """A finished run, or an analysed ensemble, as far as a comparison needs it."""

    settings: Mapping[str, Any]
    """As in its config.json, to be shown."""
    seed: int | None
    """Of a run."""
    recording: Recording
    laws: tuple[EntryLaw | None, ...]
    """Of the initial entries of each layer."""
    patterns: Recording
    """That of which cumulants are known: of a run all weight matrices, under separate permutations."""
    spectra: Mapping[str, Spectrum]
    """Of every weight matrix of a run at its last epoch, where they are known."""
    source: dict[str, str]
    """Where it is from: its folder, and the SHA-256 of its results.nc."""


def compare_runs(
    folders: Mapping[str, Path], out: Path, layers: Sequence[str] | None = None, symmetry: str = SYMMETRIES[0]
) -> Path:
    """Compare finished runs, write tables, figures, comparison.json and a report; returns the path of the report.

    Args:
        folders: the runs, or analyses of given matrices, by the names they are told apart by.
        out: folder of the comparison; an earlier one there is replaced, as everything in it is made of the runs.
        layers: names of the layers to compare; None for all.
        symmetry: "simultaneous" compares the square layers of runs, "separate" all weight matrices.

    Raises:
        UserError: a run cannot be read, they have no symmetry in common, or the folder cannot be written.
    """
    finished = {name: read_finished(path, layers, symmetry) for name, path in folders.items()}
    kinds = {name: run.recording.symmetries[0].name for name, run in finished.items()}
    if len(set(kinds.values())) > 1:
        listed = ", ".join(f"{name}: {kind}" for name, kind in kinds.items())
        raise UserError(
            f"ensembles of different symmetries ({listed}): compare runs with --symmetry separate, analyse matrices "
            "with one --symmetry"
        )
    with RunFolder.open(out, COMPARISON) as folder:
        # Some layers alone are compared by the width study only, which no options of `compare` make again.
        given = ("pigmm", "compare", *map(str, folders.values()), "--symmetry", symmetry, "--out", str(out))
        return write_comparison(folder, side_by_side(finished), finished, "" if layers else shlex.join(given))


def named_runs(paths: Sequence[Path]) -> dict[str, Path]:
    """The folders by the names they are told apart by: their own, or with as many parents as it takes.

    Raises:
        UserError: there are fewer than two, two are the same folder, or a name is not text.
    """
    if len({path.resolve() for path in paths}) < max(2, len(paths)):
        raise UserError("give at least two different folders, or models, to compare")
    try:
        "".join(map(str, paths)).encode()
    except UnicodeEncodeError as error:
        raise UserError(f"a folder's name is not UTF-8 ({error.reason}): rename it") from error
    absolute = [Path(os.path.abspath(path)) for path in paths]  # links keep their names
    endings = (["/".join(path.parts[-depth:]) for path in absolute] for depth in count(1))
    names = next(ending for ending in endings if len(set(ending)) == len(ending))
    return dict(zip(names, paths, strict=True))


def read_finished(path: Path, layers: Sequence[str] | None = None, symmetry: str = SYMMETRIES[0]) -> Finished:
    """The recordings of a run folder or of an analysis, which is only read, of some or all layers.

    Raises:
        UserError: it holds neither, one in which every member has diverged, or none of the layers.
    """
    with RunFolder.existing(path, exclusive=False) as folder:
        source = {"folder": str(path), "results_sha256": folder.results_digest() if folder.has_results() else ""}
        if "train" in folder.config:
            run = recorded(folder)
            patterns = every_matrix_of(run.results)
            recording = patterns if symmetry == "separate" else run.recording
            laws, seed = initial_laws(run.config, recording), run.config.train.seed
            refuse_all_diverged(folder, recording)
            spectra = _last_spectra(run, patterns)
        elif "matrices" in folder.config and folder.has_results():
            recording, laws, seed = _given(folder), (None,), None
            refuse_all_diverged(folder, recording)
            patterns, spectra = recording, {}
        else:
            raise UserError(
                f"{path} holds no run and no analysis: give folders of `pigmm run` or `pigmm analyze --out`"
            )
    if layers is not None:
        kept = [i for i, layer in enumerate(recording.layers) if layer in layers]
        if not kept:
            raise UserError(f"{path} has none of the layers {', '.join(layers)}")
        recording, laws = of_layers(recording, kept), tuple(laws[i] for i in kept)
        patterns = of_layers(patterns, [i for i, layer in enumerate(patterns.layers) if layer in layers])
        spectra = {layer: one for layer, one in spectra.items() if layer in layers}
    return Finished(folder.config, seed, recording, laws, patterns, spectra, source)


def _last_spectra(run: Recorded, every: Recording) -> dict[str, Spectrum]:
    """By layer; expectations without a closed form are left out, as drawing ensembles would take long."""
    last = [len(every.epochs) - 1]
    known = spectra_of_run(run.results, kept_matrices(run.results, last), last)
    found = spectra_of((run.recording, every), known, simulate=False)
    return {place.layer: one for place, one in found.items() if place.epoch == every.epochs[-1]}


def _given(folder: RunFolder) -> Recording:
    try:
        return given_matrices_of(folder.read_results())
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{folder.path} holds an analysis that cannot be read ({error}): analyse the matrices again"
        ) from error


def of_layers(recording: Recording, kept: Sequence[int]) -> Recording:
    """The recording of some of its layers, by position."""
    return recording._replace(
        layers=tuple(recording.layers[i] for i in kept),
        symmetries=tuple(recording.symmetries[i] for i in kept),
        invariants=recording.invariants[:, :, kept],
        block_moments=recording.block_moments[:, :, kept],
        every=None if recording.every is None else recording.every[:, :, kept],
    )


def side_by_side(finished: Mapping[str, Finished]) -> SideBySide:
    """The statistics of each run, and of each two of them, with progress."""
    couples = list(combinations(finished, 2))
    progress, total = Progress("comparing", "runs and pairs"), len(finished) + len(couples)
    runs: dict[str, Statistics] = {}
    for name, run in finished.items():
        progress.update(len(runs), total)
        runs[name] = study_recording(run.recording, run.laws)
    pairs: dict[tuple[str, str], Between] = {}
    for done, (first, second) in enumerate(couples, len(runs)):
        progress.update(done, total)
        one, other = finished[first], finished[second]
        same_seed = one.seed is not None and one.seed == other.seed
        between = contrast_recordings(one.recording, other.recording, paired=same_seed)
        if between is not None:
            pairs[first, second] = between
    progress.update(total, total)
    return SideBySide(runs, pairs)


def write_comparison(
    folder: RunFolder, several: SideBySide, finished: Mapping[str, Finished], command: str = ""
) -> Path:
    """Write everything a reader looks at, in place of an earlier comparison; returns the path of the report."""
    pictures = {name: comparison_figures.draw(several, name) for name in comparison_figures.available(several)}
    for earlier in ("figures", "tables"):
        folder.remove(earlier)
    entries = [
        {"first": first, "second": second, **between_entry(between, e, layer)}
        for (first, second), between in several.pairs.items()
        for e in range(len(between.epochs))
        for layer in range(len(between.layers))
    ]
    trained = {
        what: [
            {"first": first, "second": second, "epoch": int(epoch), **training_entry(getattr(between, what), e)}
            for (first, second), between in several.pairs.items()
            for e, epoch in enumerate(between.epochs)
        ]
        for what in ("accuracy", "loss")
    }
    runs = {name: {**run.source, "config": run.settings} for name, run in finished.items()}
    parts = (
        compared_cumulants_part({name: last_cumulants(run.patterns) for name, run in finished.items()}),
        compared_spectra_part({name: run.spectra for name, run in finished.items()}),
    )
    of_parts = {name: value for part in parts for name, value in part.json.items()}
    folder.write_json("comparison.json", {"schema": SCHEMA, "runs": runs, "between": entries, **trained, **of_parts})
    for name, table in comparison_tables.TABLES.items():
        folder.write_text(f"tables/{name}.csv", table(several).csv())
    shown = {name: write_picture(folder, name, rendered(figure)) for name, figure in pictures.items()}
    for part in parts:
        shown |= write_part(folder, part._replace(json={}))
    page = comparison_document(several, runs, tuple(pictures), [part.section for part in parts], command)
    return folder.write_text("report.html", document(page, shown))
