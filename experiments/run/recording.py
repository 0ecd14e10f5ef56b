"""The recordings of a run in the form of results.nc, and back."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import xarray as xr
from jaxtyping import Float

from analysis.pipeline import Recording
from ensemble import Dataset, TrainResult
from experiments.run.observer import bipartite_invariants, recorded_graphs, square_layers
from experiments.run.presets import RunConfig
from invariants import BIPARTITE, NAMES, Graph, bipartite_key, combine, compile_plan

BLOCK_MOMENTS = ("x1", "x2", "h11", "h12", "h13", "h22", "h23", "h33", "v2", "v3")
RECTANGULAR_MOMENTS = ("x", "columns", "rows", "rest")
LOSSES = ("train_loss", "test_loss", "test_accuracy", "finite")

Variables = dict[str, tuple[tuple[str, ...], np.ndarray]]


def to_dataset(config: RunConfig, data: Dataset, result: TrainResult) -> xr.Dataset:
    """The recordings of a training in the form of results.nc."""
    record, observed = result.record, result.record.observed
    graphs, layers = recorded_graphs(config), square_layers(config.train, data.classes)
    widths = (data.train_images.shape[1], *config.train.hidden, data.classes)
    shapes = [(outputs, inputs) for inputs, outputs in pairwise(widths)]
    by_layer, by_matrix = ("member", "epoch", "layer"), ("member", "epoch", "matrix")
    bipartite = [bipartite_invariants(shape, observed["bipartite_factors"][:, :, k]) for k, shape in enumerate(shapes)]
    losses: Variables = {name: (("member", "epoch"), getattr(record, name)) for name in LOSSES}
    statistics: Variables = {
        "invariants": ((*by_layer, "invariant"), combine(compile_plan(graphs), observed["factors"])),
        "block_moments": ((*by_layer, "moment"), observed["block_moments"]),
        "bipartite_invariants": ((*by_matrix, "bipartite"), np.stack(bipartite, axis=2)),
        "rectangular_moments": ((*by_matrix, "rectangular_moment"), observed["rectangular_moments"]),
    }
    coordinates = {
        "member": result.members,
        "epoch": np.arange(config.train.epochs + 1),
        "layer": list(layers),
        "dim": ("layer", np.array([shapes[position][0] for position in layers.values()])),
        "invariant": graph_names(graphs),
        "moment": list(BLOCK_MOMENTS),
        "matrix": [f"L{k}" for k in range(len(shapes))],
        "rows": ("matrix", np.array([shape[0] for shape in shapes])),
        "columns": ("matrix", np.array([shape[1] for shape in shapes])),
        "bipartite": [bipartite_key(graph) for graph in BIPARTITE],
        "rectangular_moment": list(RECTANGULAR_MOMENTS),
    }
    return xr.Dataset(losses | statistics | _weights(observed["weights"]), coordinates)


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
    # Earlier versions wrote matrices of different sizes into a variable for each layer.
    names = [f"weights_{name}" for name in results["layer"].values]
    kept = [results[name].isel(epoch=epochs).values for name in names if name in results]
    return kept or None


def from_dataset(results: xr.Dataset) -> Recording:
    """What the analysis needs of results.nc."""
    return Recording(
        members=results["member"].values,
        epochs=results["epoch"].values,
        layers=tuple(str(name) for name in results["layer"].values),
        dims=tuple(int(dim) for dim in results["dim"].values),
        invariants=results["invariants"].sel(invariant=list(NAMES)).values,
        block_moments=results["block_moments"].values.astype(np.float64),
        finite=results["finite"].values.astype(bool),
        train_loss=results["train_loss"].values.astype(np.float64),
        test_loss=results["test_loss"].values.astype(np.float64),
        test_accuracy=results["test_accuracy"].values.astype(np.float64),
    )
