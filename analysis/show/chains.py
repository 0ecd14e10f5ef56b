"""The joint law of consecutive layers: in sentences, as tables, and JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from analysis.inference.multiplicity import LEVEL
from analysis.model.status import OK
from analysis.show.entries import numbers
from analysis.show.hidden_units import CAPTION as JUNCTIONS_CAPTION
from analysis.show.hidden_units import HEADER as JUNCTIONS_HEADER
from analysis.show.hidden_units import Row, junction_rows
from analysis.show.layers import hidden_titles, layers_entry
from analysis.show.tables import Table
from analysis.weights.chain_study import ChainStudy

DISTANCES = ("w2", "w2_se", "w2_null", "apart", "apart_se", "apart_null")
"""In the order of `LayersDistance`."""
HEADER = ("layers", "networks", "excluded", "ratio", "bartlett", "dof", "p", *DISTANCES, "status")
CAPTION = (
    "Consecutive layers of the same networks, told by names and shapes: networks used, and those left out as not "
    "finite; likelihood ratio of independent layers, the same with Bartlett's factors, its degrees of freedom and p "
    "for Gaussian networks; 2-Wasserstein distance (not squared) of the joint law from independent entries with "
    "standard error and mean of what chance makes of it, and the same without all terms between layers."
)

ROUNDING = 1e-9
"""Errors below this part of a distance are those of networks that are copies of one another."""


def chain_tables(found: Sequence[ChainStudy]) -> dict[str, Table]:
    """One row a chain, and one row for each of the hidden layers in them."""
    junctions = tuple(row for one in found if one.layers for row in junction_rows(one.layers, one.names))
    return {
        "chains": Table(HEADER, tuple(map(chain_row, found)), CAPTION),
        "chain_units": Table(JUNCTIONS_HEADER, junctions, JUNCTIONS_CAPTION),
    }


def chain_row(one: ChainStudy) -> Row:
    """The numbers, in the order of `HEADER`."""
    names, nan = " → ".join(one.names), float("nan")
    if one.layers is None or one.distance is None:
        return names, 0, one.networks, nan, nan, 0, nan, *[nan] * len(DISTANCES), one.status
    test, fitted = one.layers.independent, one.layers.fit
    return (
        *(names, int(fitted.members or 0), len(fitted.excluded)),
        *(test.ratio, test.bartlett, test.dof, test.p, *one.distance, one.status),
    )


def chain_sentence(one: ChainStudy) -> str:
    """Which layers, whether they are independent, how far their law is from independent entries, and what units say."""
    sizes = " x ".join(map(str, one.sizes))
    which = f"by names and shapes, {', '.join(one.names)} are layers of {one.networks} networks of {sizes} units"
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in (which, *_parts(one)) if part)


def independence(one: ChainStudy) -> str:
    """Whether the layers are independent, by the likelihood ratio; empty where that is not known."""
    if one.layers is None or not np.isfinite(one.layers.independent.p):
        return ""
    test = one.layers.independent
    outcome = "are rejected" if test.p < LEVEL else "are not rejected"
    ratio = f"likelihood ratio {test.bartlett:.4g} on {test.dof} degrees of freedom, p = {test.p:.2g}"
    return f"independent layers {outcome} by second moments ({ratio} for Gaussian networks)"


def chain_entry(one: ChainStudy) -> dict[str, Any]:
    """Everything as plain values for JSON; NaN becomes null."""
    known = {} if one.layers is None else layers_entry(one.layers, one.names)
    distances = numbers(**dict(zip(DISTANCES, one.distance, strict=True))) if one.distance else None
    given = {"layers": list(one.names), "sizes": list(one.sizes), "networks": one.networks}
    return {**known, **given, "wasserstein": distances, "status": one.status}


def _parts(one: ChainStudy) -> Iterator[str]:
    if one.layers is None or one.distance is None:
        yield one.status
        return
    yield independence(one)
    d = one.distance
    joint, apart = (
        f"{w2:.3g}{f' ± {se:.2g}' if se > ROUNDING * w2 else ''} ({null:.3g} by chance)"
        for w2, se, null in (d[:3], d[3:])
    )
    yield f"the joint law is at W2 = {joint} from independent entries, and at {apart} without the terms between layers"
    rho = one.layers.correlation
    known = [
        f"{title} {rho.rho[k]:.2g} ({rho.low[k]:.2g} to {rho.high[k]:.2g})"
        for k, title in enumerate(hidden_titles(one.names))
        if np.isfinite(rho.rho[k])
    ]
    if known:
        yield f"correlation of incoming and outgoing sums of a unit: {', '.join(known)}"
    yield "" if one.status == OK else one.status
