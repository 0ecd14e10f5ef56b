"""What the variables of results.nc are, written into the file itself for whoever opens it without this program."""

from collections.abc import Mapping
from types import MappingProxyType

import xarray as xr

from experiments.run.presets import RunConfig, settings

MEANINGS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "member": ("number of the network", "1"),
        "epoch": ("passes over the training set; 0 is before training", "1"),
        "layer": ("square weight matrix", "1"),
        "matrix": ("weight matrix, from the inputs on", "1"),
        "dim": ("rows and columns of each square matrix", "1"),
        "rows": ("outputs of each matrix", "1"),
        "columns": ("inputs of each matrix", "1"),
        "invariant": ("I1 to I52, others by their edges a-b, which stand for entries M_ab", "1"),
        "bipartite": ("edges row-column, rows and columns numbered apart", "1"),
        "graph": ("edges a-b, which stand for entries M_ab", "1"),
        "chain_graph": ("edges l:a-b, which stand for entries (W_l)_ab", "1"),
        "train_loss": ("mean cross-entropy of the epoch's batches, each before its step", "nat"),
        "test_loss": ("mean cross-entropy over the test set", "nat"),
        "test_accuracy": ("share of the test set classified rightly", "1"),
        "finite": ("whether all weights and the training loss are finite", "1"),
        "invariants": ("sums over all indices of products of entries", "weights^degree"),
        "centred_invariants": ("invariants of the matrices less the mean of the ensemble", "weights^degree"),
        "weights": ("square weight matrices, smaller ones filled up with NaN", "weights"),
        "block_moments": (
            "coordinates x of V_0; products h of V_H, v of V_2 and V_3, per dimension",
            "weights, squared",
        ),
        "bipartite_invariants": ("sums over all rows and columns of products of entries", "weights^degree"),
        "rectangular_moments": (
            "coordinate x of the sum; squares of columns, rows, rest, per dimension",
            "weights, squared",
        ),
        "chain_factors": ("connected invariants of all matrices together", "weights^degree"),
        "chain_moments": ("block coordinates of the chain and their products", "weights, squared"),
        "spectrum_epoch": ("epochs at which there are singular values", "1"),
        "rank": ("of singular values, from the largest", "1"),
        "singular_values": ("singular values by rank; NaN beyond the smaller side", "weights"),
        "spectral_radius": ("largest absolute eigenvalue; NaN if not square, or of more than 128 rows", "weights"),
        "unit_sums": ("of each hidden unit, over its incoming and outgoing weights", "weights, squared"),
    }
)
"""Long name and units of a variable."""
NO_SCIENCE = ("chunk",)
"""Settings that change no number, and hence not a byte of the file."""


def explain(results: xr.Dataset) -> xr.Dataset:
    """Give each known variable its long name and units, in place; returns the data set."""
    for name, (long_name, units) in MEANINGS.items():
        if name in results.variables:
            results.variables[name].attrs.update(long_name=long_name, units=units)
    return results


def describe(config: RunConfig) -> dict[str, str | int | float]:
    """Attributes of the recordings of a run: orientation, and the settings as in config.json."""
    train = {name: value for name, value in settings(config)["train"].items() if name not in NO_SCIENCE}
    plain = {
        name: value if isinstance(value, str | float) else int(value)
        for name, value in train.items()
        if name != "hidden"
    }
    return {
        "title": "Ensemble of networks recorded through training",
        "orientation": "weight matrices [outputs, inputs]: rows are output units, columns input units",
        "dataset": config.dataset,
        "hidden": " ".join(map(str, config.train.hidden)),
        **plain,
    }
