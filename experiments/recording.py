"""What a run records of every member, and its form in results.nc."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from analysis import block_moments
from analysis.pipeline import Recording
from ensemble import TrainConfig, TrainResult
from experiments.errors import UserError
from experiments.presets import RunConfig
from invariants import NAMES, PAPER, Graph, combine, compile_plan, enumerate_graphs, factor_values

DEGREES = (1, 2, 3, 4)
BLOCK_MOMENTS = ("x1", "x2", "h11", "h12", "h13", "h22", "h23", "h33", "v2", "v3")


def square_layers(train: TrainConfig, classes: int) -> dict[str, int]:
    """The square weight matrices by name, with the position of each among the kernels; L1 joins hidden 1 and 2.

    Raises:
        UserError: there is none.
    """
    widths = (*train.hidden, classes)
    square = {f"L{k}": k for k in range(1, len(widths)) if widths[k] == widths[k - 1]}
    if not square:
        raise UserError(
            f"hidden widths {train.hidden} with {classes} classes give no square weight matrix; repeat a width"
        )
    return square


def recorded_graphs(config: RunConfig) -> tuple[Graph, ...]:
    """The graphs whose invariants are recorded: the paper's 52, followed by all others up to degree 4 if asked for."""
    if config.graphs == "paper":
        return PAPER
    everything = [graph for degree in DEGREES for graph in enumerate_graphs(degree)]
    return PAPER + tuple(graph for graph in everything if graph not in set(PAPER))


def graph_names(graphs: Sequence[Graph]) -> list[str]:
    """I1..I52 for the paper's graphs, the key for the others."""
    return [*NAMES, *(str(graph) for graph in graphs[len(NAMES) :])]


@dataclass(frozen=True)
class Observer:
    """What is recorded of one member in the compiled program.

    Per square layer: the connected factors of the invariants (their products are formed in float64 on the host), the
    block moments that the model is fitted to, and the matrix itself if it is kept.
    """

    config: RunConfig
    layers: tuple[int, ...]

    def __call__(self, weights: tuple[Float[Array, "out inputs"], ...]) -> dict[str, Any]:
        """The recording of one member, given its weights."""
        plan = compile_plan(recorded_graphs(self.config))
        square = [weights[layer] for layer in self.layers]
        return {
            "factors": jnp.stack([factor_values(plan, matrix) for matrix in square]),
            "block_moments": jnp.stack([block_moments(matrix) for matrix in square]),
            "weights": square if self.config.save_weights else [],
        }


def to_dataset(config: RunConfig, layers: dict[str, int], classes: int, result: TrainResult) -> xr.Dataset:
    """The recordings of a training in the form of results.nc."""
    graphs, widths = recorded_graphs(config), (*config.train.hidden, classes)
    record, observed = result.record, result.record.observed
    by_epoch, by_layer = ("member", "epoch"), ("member", "epoch", "layer")
    losses = {
        name: (by_epoch, getattr(record, name)) for name in ("train_loss", "test_loss", "test_accuracy", "finite")
    }
    statistics = {
        "invariants": ((*by_layer, "invariant"), combine(compile_plan(graphs), observed["factors"])),
        "block_moments": ((*by_layer, "moment"), observed["block_moments"]),
    }
    coordinates = {
        "member": result.members,
        "epoch": np.arange(config.train.epochs + 1),
        "layer": list(layers),
        "dim": ("layer", np.array([widths[position] for position in layers.values()])),
        "invariant": graph_names(graphs),
        "moment": list(BLOCK_MOMENTS),
    }
    return xr.Dataset(losses | statistics | _weights(layers, observed["weights"]), coordinates)


def _weights(layers: dict[str, int], matrices: list[np.ndarray]) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """One array over layers where all matrices have one size, as they do in the paper, else one for each layer."""
    if len({matrix.shape[-1] for matrix in matrices}) == 1:
        return {"weights": (("member", "epoch", "layer", "row", "column"), np.stack(matrices, axis=2))}
    return {
        f"weights_{name}": (("member", "epoch", f"row_{name}", f"column_{name}"), matrix)
        for name, matrix in zip(layers, matrices, strict=False)
    }


def from_dataset(results: xr.Dataset) -> Recording:
    """What the analysis needs of results.nc."""
    return Recording(
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


def settings(config: RunConfig) -> dict[str, Any]:
    """The configuration as plain values, for config.json and for comparing runs."""
    return {**asdict(config), "train": asdict(config.train) | {"hidden": list(config.train.hidden)}}


def from_settings(plain: dict[str, Any]) -> RunConfig:
    """The configuration from its plain values: the inverse of `settings`."""
    train = TrainConfig(**plain["train"])
    return RunConfig(train, **{name: value for name, value in plain.items() if name != "train"})
