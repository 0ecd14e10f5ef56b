"""The recordings of a run in the form of results.nc, and back."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float

from analysis.recording import LayersRecording, Recording, Training
from analysis.symmetry import Chain, Separate, Simultaneous, Symmetric, Symmetry
from ensemble import Dataset, TrainResult
from ensemble.examine import ends
from experiments.run.observer import bipartite_invariants, recorded_graphs, square_layers
from experiments.run.presets import RunConfig
from experiments.run.spectra import recorded_spectra
from experiments.run.variables import describe, explain
from invariants import BIPARTITE, NAMES, Graph, bipartite_key, combine, compile_plan, name

LOSSES = ("train_loss", "test_loss", "test_accuracy", "finite")

Variables = dict[str, tuple[tuple[str, ...], np.ndarray]]


def to_dataset(config: RunConfig, data: Dataset, result: TrainResult) -> xr.Dataset:
    """The recordings of a training in the form of results.nc."""
    record, observed = result.record, result.record.observed
    layers = square_layers(config.train, data.classes)
    widths = (data.train_images.shape[1], *config.train.hidden, data.classes)
    shapes = [(outputs, inputs) for inputs, outputs in pairwise(widths)]
    by_matrix = ("member", "epoch", "matrix")
    bipartite = [bipartite_invariants(shape, observed["bipartite_factors"][:, :, k]) for k, shape in enumerate(shapes)]
    losses: Variables = {name: (("member", "epoch"), getattr(record, name)) for name in LOSSES}
    statistics: Variables = {
        "bipartite_invariants": ((*by_matrix, "bipartite"), np.stack(bipartite, axis=2)),
        "rectangular_moments": ((*by_matrix, "rectangular_moment"), observed["rectangular_moments"]),
    }
    coordinates = {
        "member": result.members,
        "epoch": np.arange(config.train.epochs + 1),
        "matrix": [f"L{k}" for k in range(len(shapes))],
        "rows": ("matrix", np.array([shape[0] for shape in shapes])),
        "columns": ("matrix", np.array([shape[1] for shape in shapes])),
        "bipartite": [bipartite_key(graph) for graph in BIPARTITE],
        "rectangular_moment": list(Separate(1, 1).moment_names),
    }
    of_square, square = _square(config, {layer: widths[at] for layer, at in layers.items()}, observed)
    of_layers, named = _chain(Chain(widths), observed)
    spectra, ranks = recorded_spectra(record.examined, ends(config.train))
    variables = losses | of_square | statistics | of_layers | spectra
    return explain(xr.Dataset(variables, coordinates | square | named | ranks, describe(config)))


def _square(
    config: RunConfig, layers: Mapping[str, int], observed: Mapping[str, Any]
) -> tuple[Variables, dict[str, Any]]:
    """What was recorded of the square layers, by name with their sizes, and its coordinates; nothing of none."""
    if not layers:
        return {}, {}
    graphs, axes = recorded_graphs(config), ("member", "epoch", "layer")
    variables: Variables = {
        "invariants": ((*axes, "invariant"), combine(compile_plan(graphs), observed["factors"])),
        "block_moments": ((*axes, "moment"), observed["block_moments"]),
    }
    coordinates = {
        "layer": list(layers),
        "dim": ("layer", np.array(list(layers.values()))),
        "invariant": graph_names(graphs),
        "moment": list(Simultaneous(2).moment_names),
    }
    return variables | _weights(observed["weights"]), coordinates


def _chain(chain: Chain, observed: Mapping[str, Any]) -> tuple[Variables, dict[str, Any]]:
    """What was recorded of the connections between layers, and its coordinates."""
    axes = ("member", "epoch")
    variables: Variables = {
        "chain_factors": ((*axes, "chain_graph"), observed["chain_factors"]),
        "chain_moments": ((*axes, "chain_moment"), observed["chain_moments"]),
    }
    coordinates = {"chain_graph": list(map(str, chain.recorded)), "chain_moment": list(chain.moment_names)}
    if observed["unit_sums"]:
        variables["unit_sums"] = ((*axes, "unit", "side"), observed["unit_sums"][0])
        coordinates["unit"] = [f"{layer}:{unit}" for layer in chain.inner for unit in range(chain.sizes[layer])]
        coordinates["side"] = ["mean in", "mean square in", "mean out", "mean square out"]
    return variables, coordinates


def graph_names(graphs: Sequence[Graph]) -> list[str]:
    """I1..I52 for the paper's graphs, the key for the others."""
    return [*NAMES, *(str(graph) for graph in graphs[len(NAMES) :])]


def _weights(matrices: list[Float[np.ndarray, "member epoch _ _"]]) -> Variables:
    """One array over layers, as large as the largest matrix; smaller ones are filled up with NaN below and right."""
    if not matrices:
        return {}
    largest = max(matrix.shape[-1] for matrix in matrices)
    filled = np.full((*matrices[0].shape[:2], len(matrices), largest, largest), np.nan, matrices[0].dtype)
    for k, matrix in enumerate(matrices):
        filled[:, :, k, : matrix.shape[-1], : matrix.shape[-1]] = matrix
    return {"weights": (("member", "epoch", "layer", "row", "column"), filled)}


def kept_matrices(results: xr.Dataset, epochs: list[int]) -> list[Float[np.ndarray, "member epoch D D"]] | None:
    """The matrices of each layer at the given positions of epochs; None where the run has not kept them."""
    if "weights" in results:
        weights = results["weights"].isel(epoch=epochs).values
        return [weights[:, :, k, :dim, :dim] for k, dim in enumerate(results["dim"].values)]
    if "layer" not in results.coords:
        return None
    # Earlier versions wrote matrices of different sizes into a variable for each layer.
    names = [f"weights_{name}" for name in results["layer"].values]
    kept = [results[name].isel(epoch=epochs).values for name in names if name in results]
    return kept or None


def main_recording(results: xr.Dataset) -> Recording:
    """What the report of a run is mainly of: its square layers, or if it has none, every weight matrix."""
    return square_layers_of(results) if "layer" in results.coords else every_matrix_of(results)


def square_layers_of(results: xr.Dataset) -> Recording:
    """The square layers of a run, under simultaneous permutations."""
    symmetries = tuple(Simultaneous(int(dim)) for dim in results["dim"].values)
    recording = _recording(
        results,
        layers=results["layer"].values,
        symmetries=symmetries,
        invariants=results["invariants"].sel(invariant=list(NAMES)).values,
        block_moments=results["block_moments"].values,
    )
    names = list(map(name, symmetries[0].every))
    complete = set(names) <= set(results["invariant"].values)
    return recording._replace(every=results["invariants"].sel(invariant=names).values if complete else None)


def every_matrix_of(results: xr.Dataset) -> Recording:
    """All weight matrices of a run, under separate permutations."""
    shapes = zip(results["rows"].values.tolist(), results["columns"].values.tolist(), strict=True)
    return _recording(
        results,
        layers=results["matrix"].values,
        symmetries=tuple(Separate(*shape) for shape in shapes),
        invariants=results["bipartite_invariants"].values,
        block_moments=results["rectangular_moments"].values,
    )


def layers_of(results: xr.Dataset) -> LayersRecording | None:
    """The connections between the layers of a run; None where an earlier version made it."""
    if "chain_factors" not in results:
        return None
    sizes = (int(results["columns"].values[0]), *results["rows"].values.tolist())
    chain = Chain(sizes)
    return LayersRecording(
        epochs=results["epoch"].values,
        symmetry=chain,
        factors=results["chain_factors"].sel(chain_graph=list(map(str, chain.recorded))).values.astype(np.float64),
        block_moments=results["chain_moments"].values.astype(np.float64),
        unit_sums=results["unit_sums"].values.astype(np.float64) if "unit_sums" in results else None,
        finite=results["finite"].values.astype(bool),
    )


def given_networks(
    chain: Chain, names: Sequence[str], observed: Mapping[str, Any], finite: Bool[np.ndarray, "N"]
) -> xr.Dataset:
    """Given networks, of one epoch, in the form of the results.nc of an analysis."""
    variables, named = _chain(chain, observed)
    rows, columns = (("matrix", [shape[side] for shape in chain.shapes]) for side in (0, 1))
    named |= {"matrix": list(names), "rows": rows, "columns": columns}
    named |= {"member": np.arange(len(finite)), "epoch": [0]}
    variables["finite"] = (("member", "epoch"), finite[:, None])
    return explain(xr.Dataset(variables, named))


def given_dataset(recording: Recording) -> xr.Dataset:
    """Given matrices, of one epoch and layer, in the form of the results.nc of an analysis."""
    (symmetry,) = recording.symmetries
    (rows, columns), *_ = symmetry.shapes
    axes = ("member", "epoch", "layer")
    variables = {
        "invariants": ((*axes, "invariant"), recording.invariants),
        "block_moments": ((*axes, "moment"), recording.block_moments),
        "finite": (("member", "epoch"), recording.finite),
    }
    if recording.every is not None:
        variables["centred_invariants"] = ((*axes, "graph"), recording.every)
    coordinates = {
        "member": recording.members,
        "epoch": recording.epochs,
        "layer": list(recording.layers),
        "rows": ("layer", [rows]),
        "columns": ("layer", [columns]),
        "invariant": list(symmetry.observed_names),
        "moment": list(symmetry.moment_names),
        "graph": list(map(symmetry.key, symmetry.every)),
    }
    zero_diagonal = isinstance(symmetry, Symmetric) and not symmetry.diagonal
    kind = {"symmetry": symmetry.name, "zero_diagonal": int(zero_diagonal)}
    return explain(xr.Dataset(variables, coordinates, kind))


def given_matrices_of(results: xr.Dataset) -> Recording:
    """What `given_dataset` has written."""
    return _recording(
        results,
        layers=results["layer"].values,
        symmetries=(_given_symmetry(results),),
        invariants=results["invariants"].values,
        block_moments=results["block_moments"].values,
    )._replace(every=results["centred_invariants"].values if "centred_invariants" in results else None)


def _given_symmetry(results: xr.Dataset) -> Symmetry:
    name, rows, columns = results.attrs["symmetry"], int(results["rows"].values[0]), int(results["columns"].values[0])
    if name == Separate.name:
        return Separate(rows, columns)
    if name == Simultaneous.name:
        return Simultaneous(rows)
    if name == Symmetric.name:
        return Symmetric(rows, diagonal=not results.attrs["zero_diagonal"])
    raise ValueError(f"symmetry {name!r} is unknown")


def _recording(
    results: xr.Dataset,
    layers: np.ndarray,
    symmetries: tuple[Symmetry, ...],
    invariants: np.ndarray,
    block_moments: np.ndarray,
) -> Recording:
    finite = results["finite"].values.astype(bool)
    return Recording(
        members=results["member"].values,
        epochs=results["epoch"].values,
        layers=tuple(map(str, layers)),
        symmetries=symmetries,
        invariants=invariants,
        block_moments=block_moments.astype(np.float64),
        finite=finite,
        training=_training(results, finite),
    )


def _training(results: xr.Dataset, finite: np.ndarray) -> Training | None:
    """How the members learned; None where they were not trained."""
    if "train_loss" not in results:
        return None
    train, test, accuracy = (results[name].values.astype(np.float64) for name in LOSSES[:3])
    return Training(train, test, accuracy, finite)
