"""The connections between the layers of networks: tables, JSON entries, and the figure of how they grow."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.special import chdtri

from analysis.inference.layer_cumulants import entry_deviations
from analysis.inference.multiplicity import LEVEL
from analysis.layers import Layers, LayersPath
from analysis.show.chart import Band, Chart, Curve, Panel, series
from analysis.show.entries import SCHEMA, by_name, numbers, symmetry_entry
from analysis.show.tables import Table
from analysis.symmetry.chain import Chain

FIGURE_CAPTION = (
    "Connections between layers over epochs, with 95 % intervals: the correlation of incoming and outgoing sums over "
    "the units of each hidden layer; the balance of incoming and outgoing squares of a unit, less that of two "
    "different units, in units of the variances of the entries; the likelihood ratio of independent layers per "
    "degree of freedom, grey what it stays below in 95 % of independent Gaussian ensembles; the 2-Wasserstein distance "
    "of the joint law from that of the first epoch, and that without all terms between layers."
)
UNITS_CAPTION = (
    "Each hidden layer at every epoch: correlation rho of incoming and outgoing sums of its units with its 95 % "
    "interval and p of 0 for Gaussian members; balance of incoming and outgoing squares of the same unit, of two "
    "different ones, and the difference with its jackknife error and p; p of the randomisation tests, units relabelled "
    "on one side or halves of networks joined anew, for sums and for squares, where these were made."
)
JOINT_CAPTION = (
    "The joint law at every epoch: networks used and excluded, likelihood ratio of independent layers, the same with "
    "Bartlett's factors, its degrees of freedom and p; 2-Wasserstein distance (not squared) from the law of the first "
    "epoch, without what chance adds, its 95 % interval, and the distance without all terms between layers."
)
CUMULANTS_CAPTION = (
    "Joint cumulants of degree 3 and 4 of entries of several layers at every epoch: value with jackknife error, in "
    "units of the standard deviations of the entries, z, and q, p adjusted for the false-discovery rate within the "
    "epochs that deviate. All are 0 if the joint law is Gaussian, or layers are independent."
)
RANDOMISED = ("relabelled_sums", "relabelled_squares", "joined_sums", "joined_squares")


def hidden_titles(names: Sequence[str]) -> list[str]:
    """Each hidden layer by the matrices below and above it."""
    return [f"{below}–{above}" for below, above in pairwise(names)]


def balance_scales(found: Layers) -> Float[np.ndarray, "hidden"]:
    """Product of the variances of the entries below and above each hidden layer; NaN where one is 0."""
    symmetry = found.fit.model.symmetry
    assert isinstance(symmetry, Chain)
    variance = entry_deviations(found.fit.model.parameters, symmetry) ** 2
    both = variance[:-1] * variance[1:]
    return np.where(both > 0, both, np.nan)


def layer_tables(path: LayersPath, names: Sequence[str]) -> dict[str, Table]:
    """All tables: of hidden layers, of the joint law, of cumulants."""
    return {"layers": _units(path, names), "joint_law": _joint(path), "layer_cumulants": _cumulants(path)}


def layer_entries(path: LayersPath, names: Sequence[str]) -> list[dict[str, Any]]:
    """One entry an epoch, NaN as null."""
    return [
        {"epoch": int(epoch), **layers_entry(found, names), "wasserstein": _distance_entry(path, e)}
        for e, (epoch, found) in enumerate(zip(path.epochs, path.at, strict=True))
    ]


def layers_entry(found: Layers, names: Sequence[str]) -> dict[str, Any]:
    """Everything about one ensemble of networks."""
    law, cumulants = found.fit.model, found.cumulants
    ratio = found.independent
    return {
        "schema": SCHEMA,
        "symmetry": {**symmetry_entry(law.symmetry), "layers": list(names)},
        "members": found.fit.members,
        "excluded": len(found.fit.excluded),
        "parameters": by_name(law.symmetry.parameter_names, value=law.parameters),
        "independent": {
            **numbers(ratio=ratio.ratio, bartlett=ratio.bartlett, p=ratio.p),
            "dof": ratio.dof,
            "status": ratio.status,
        },
        "hidden": [_hidden_entry(found, names, k) for k in range(len(found.balance.layers))],
        "cumulants": by_name(
            list(map(str, cumulants.graphs)),
            value=cumulants.value,
            standardised=cumulants.standardised,
            se=cumulants.se,
            z=cumulants.z,
            q=cumulants.q,
        ),
        "cumulants_status": cumulants.status,
        "status": found.fit.status,
    }


def clearest(found: Layers, most: int) -> Int[np.ndarray, "shown"]:
    """The cumulants with the largest |z|, by position."""
    z = np.nan_to_num(np.abs(found.cumulants.z), nan=-1.0)
    return np.argsort(-z, kind="stable")[:most]


def draw_layers(path: LayersPath, names: Sequence[str]) -> Chart:
    """Four panels over epochs, one curve a hidden layer."""
    titles = hidden_titles(names)
    ratio, distance = _ratio(path), _joint_distance(path)
    rows = ((_sums(path, titles), _balance(path, titles)), (ratio, distance))
    return Chart(rows, (6.8, 4.6), share="none")


def _hidden_entry(found: Layers, names: Sequence[str], k: int) -> dict[str, Any]:
    rho, units, moved = found.correlation, found.balance, found.randomisation
    balance = ("same", "other", "difference", "se", "p")
    parts = {"correlation": (rho, ("rho", "low", "high", "p")), "balance": (units, balance)}
    parts["randomisation"] = (moved, RANDOMISED)
    return {"between": [names[k], names[k + 1]]} | {
        part: {**numbers(**{name: getattr(one, name)[k] for name in fields}), "status": one.status[k]}
        for part, (one, fields) in parts.items()
    }


def _distance_entry(path: LayersPath, epoch: int) -> dict[str, float | None]:
    independent = float(path.w2_independent[epoch])
    return numbers(w2=float(path.w2[epoch]), **path.distances[epoch]._asdict(), independent=independent)


def _units(path: LayersPath, names: Sequence[str]) -> Table:
    header = (
        *("epoch", "below", "above", "rho", "low", "high", "rho_p", "same", "other", "difference", "difference_se"),
        *("difference_p", *RANDOMISED),
    )
    return Table(header, tuple(_unit_rows(path, names)), UNITS_CAPTION)


def _unit_rows(path: LayersPath, names: Sequence[str]) -> Iterator[tuple[str | int | float, ...]]:
    for epoch, found in zip(path.epochs, path.at, strict=True):
        rho, units, moved = found.correlation, found.balance, found.randomisation
        columns = [rho.rho, rho.low, rho.high, rho.p, units.same, units.other, units.difference, units.se, units.p]
        columns += [getattr(moved, name) for name in RANDOMISED]
        for k, (below, above) in enumerate(pairwise(names)):
            yield (int(epoch), below, above, *(float(column[k]) for column in columns))


def _joint(path: LayersPath) -> Table:
    header = (
        *("epoch", "members", "excluded", "ratio", "bartlett", "dof", "p"),
        *("w2", "debiased", "low", "high", "w2_independent"),
    )
    rows = tuple(
        (
            *(int(epoch), int(found.fit.members or 0), int(path.excluded[e])),
            *(found.independent.ratio, found.independent.bartlett, found.independent.dof, found.independent.p),
            *(float(path.w2[e]), *path.distances[e], float(path.w2_independent[e])),
        )
        for e, (epoch, found) in enumerate(zip(path.epochs, path.at, strict=True))
    )
    return Table(header, rows, JOINT_CAPTION)


def _cumulants(path: LayersPath) -> Table:
    rows = tuple(
        (int(epoch), str(graph), *values)
        for epoch, found in zip(path.epochs, path.at, strict=True)
        for graph, values in zip(found.cumulants.graphs, _columns(found), strict=True)
    )
    return Table(("epoch", "graph", "cumulant", "se", "standardised", "z", "q"), rows, CUMULANTS_CAPTION)


def _columns(found: Layers) -> list[list[float]]:
    one = found.cumulants
    return np.stack([one.value, one.se, one.standardised, one.z, one.q], axis=-1).tolist()


def _sums(path: LayersPath, titles: list[str]) -> Panel:
    rho = [one.correlation for one in path.at]
    value, low, high = (np.array([getattr(r, end) for r in rho]).T for end in ("rho", "low", "high"))
    curves = tuple(Curve(title, path.epochs, value[k], low[k], high[k]) for k, title in enumerate(titles))
    return Panel(curves, "correlation of sums in and out", level=0.0)


def _balance(path: LayersPath, titles: list[str]) -> Panel:
    scale = np.array([balance_scales(one) for one in path.at])
    difference, error = (
        np.array([getattr(one.balance, name) for one in path.at]) / scale for name in ("difference", "se")
    )
    return Panel(series(path.epochs, difference, titles, error), "balance: same unit less another", level=0.0)


def _ratio(path: LayersPath) -> Panel:
    dof = path.at[0].independent.dof
    values = np.array([one.independent.bartlett / dof for one in path.at])
    chance = np.full(len(path.epochs), float(chdtri(dof, LEVEL)) / dof)
    bands = (Band(path.epochs, np.zeros_like(chance), chance),)
    title = "likelihood ratio / degrees of freedom"
    return Panel((Curve("ratio", path.epochs, values),), title, "epoch", "", bands, linear=1.0, floor=0.0)


def _joint_distance(path: LayersPath) -> Panel:
    low, high = np.array([(one.low, one.high) for one in path.distances]).T
    curves = (
        Curve("joint law", path.epochs, path.w2, low, high),
        Curve("layers apart", path.epochs, path.w2_independent, mark="points"),  # a line would hide the other
    )
    return Panel(curves, "$W_2$ from the first epoch", "epoch", "weight units")
