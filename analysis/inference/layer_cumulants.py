"""Cumulants of degree 3 and 4 that connect layers, and the balance of incoming and outgoing weights of a unit."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from analysis.inference.multiplicity import benjamini_hochberg
from analysis.inference.networks import Networks
from analysis.inference.vanishing import vanishing_test
from analysis.model.contractions import Indices
from analysis.model.graph_cumulants import CumulantTable, cumulant_table, cumulants_from_means
from analysis.model.status import joined
from analysis.symmetry import Chain
from invariants import ChainGraph

ROUNDING = 1e-24
"""A variance below this part of the squared mean is a rounding error of entries that do not vary."""


class LayerCumulants(NamedTuple):
    """Joint cumulants of entries of several layers; NaN for a graph with more nodes of a layer than it has units."""

    graphs: tuple[ChainGraph, ...]
    value: Float[np.ndarray, "graphs"]
    standardised: Float[np.ndarray, "graphs"]
    """In units of the standard deviations of the entries."""
    se: Float[np.ndarray, "graphs"]
    """Of `value`: jackknife over members."""
    z: Float[np.ndarray, "graphs"]
    p: Float[np.ndarray, "graphs"]
    """That the cumulant is 0, as if layers are independent or Gaussian together; two-sided."""
    q: Float[np.ndarray, "graphs"]
    """p adjusted for the false-discovery rate among all graphs."""
    status: str


class Balance(NamedTuple):
    """Incoming with outgoing squares of the units of each hidden layer; NaN where `status` says why.

    A common scale of a whole network raises `same` and `other` alike: what belongs to a unit is their difference.
    """

    layers: Int[np.ndarray, "hidden"]
    same: Float[np.ndarray, "hidden"]
    """Cumulant of X, X, Y, Y with X an entry of a row of W_l and Y of the column of W_(l+1) of the same unit."""
    other: Float[np.ndarray, "hidden"]
    """The same of two different units."""
    difference: Float[np.ndarray, "hidden"]
    se: Float[np.ndarray, "hidden"]
    """Of the difference: jackknife over members."""
    p: Float[np.ndarray, "hidden"]
    """That the difference is 0, as if layers are independent or Gaussian together; two-sided."""
    status: tuple[str, ...]


def layer_cumulants(networks: Networks, seed: int = 0) -> LayerCumulants:
    """The cumulants of `symmetry.predicted` and tests that they vanish."""
    symmetry = networks.symmetry
    graphs = symmetry.predicted
    if symmetry.layers == 1:
        return LayerCumulants((), *np.empty((6, 0)), status="a single layer: no graphs connect layers")
    table = _table(graphs, symmetry)
    test = vanishing_test(lambda means: cumulants_from_means(table, means), table.needed, networks, seed)
    scale = entry_deviations(networks.parameters, symmetry)
    unit = np.array([np.prod([scale[layer - 1] for layer in graph.layers]) for graph in graphs])
    undefined = int(np.sum(np.isnan(test.value)))
    few = f"{undefined} graphs with more nodes than a layer has units are undefined" if undefined else ""
    constant = "a layer without variance has no standardised cumulants" if np.any(unit == 0) else ""
    return LayerCumulants(
        graphs,
        test.value,
        test.value / np.where(unit > 0, unit, np.nan),
        test.se,
        test.z,
        test.p,
        benjamini_hochberg(test.p),
        joined((test.status, few, constant)),
    )


def balance(networks: Networks, seed: int = 0) -> Balance:
    """Balance of the units of every hidden layer.

    G = `l:0-0,l:0-0,l+1:0-0,l+1:0-0` for the same unit and `l:0-0,l:0-0,l+1:0-1,l+1:0-1` for another one. Gradient flow
    of a network of rectified linear units without biases conserves |row i of W_l|^2 - |column i of W_(l+1)|^2, so that
    both grow together.

    Source: Du, Hu and Lee, arXiv:1806.00900, theorem 2.1.
    """
    symmetry = networks.symmetry
    hidden = np.array(symmetry.inner, dtype=int)
    if not len(hidden):
        return Balance(hidden, *np.empty((5, 0)), status=())
    graphs = tuple(
        ChainGraph.parse(f"{layer}:0-0,{layer}:0-0,{layer + 1}:0-{unit},{layer + 1}:0-{unit}")
        for unit in (0, 1)
        for layer in symmetry.inner
    )
    table, count = _table(graphs, symmetry), len(hidden)

    def statistic(means: np.ndarray) -> np.ndarray:
        both = cumulants_from_means(table, means)
        return both[..., :count] - both[..., count:]

    test = vanishing_test(statistic, table.needed, networks, seed)
    both = cumulants_from_means(table, np.mean(networks.invariants(table.needed), axis=0))
    single = [f"layer {layer} has one unit: no other one to compare it with" for layer in hidden]
    status = tuple(
        one if symmetry.sizes[layer] == 1 else test.status for one, layer in zip(single, hidden, strict=True)
    )
    return Balance(hidden, both[:count], both[count:], test.value, test.se, test.p, status)


def _table(graphs: tuple[ChainGraph, ...], symmetry: Chain) -> CumulantTable:
    return cumulant_table(graphs, Indices(symmetry.sizes, separate=False))


def entry_deviations(parameters: np.ndarray, symmetry: Chain) -> Float[np.ndarray, "K"]:
    """Standard deviation of the entries of each matrix, over members and relabellings: its mean square over entries."""
    mean, (spread, *others) = symmetry.unpack(parameters)
    deviations = []
    for layer, (m, n) in enumerate(symmetry.shapes):
        below, above, rest = others[layer], others[layer + 1], others[symmetry.layers + 1 + layer]
        total = spread[layer, layer] + (n - 1) * below[-1, -1] + (m - 1) * above[0, 0]
        total += (m - 1) * (n - 1) * rest[0, 0]
        deviations.append(np.sqrt(total / (m * n)) if total > ROUNDING * mean[layer] ** 2 else 0.0)
    return np.array(deviations)
