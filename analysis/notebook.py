"""Statistics in a notebook: as HTML, as an `xarray.Dataset`, as a `pandas.DataFrame`."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from analysis.statistics import Statistics, summary

DIMENSIONS = {
    "invariant": ("mean", "std", "se"),
    "fitted": ("expected_initial", "se_initial"),
    "predicted": ("theory", "theory_se", "deviation", "deviation_se", "deviation_chance", "z", "p", "q"),
    "pattern": (
        *("cumulants", "cumulants_se", "standardised", "standardised_se"),
        *("cumulants_z", "cumulants_p", "cumulants_q"),
    ),
    "parameter": ("parameters", "parameters_se", "unbiased"),
    "model": ("loglik", "aic", "bic", "held_out", "model_p", "model_effect"),
    "part": ("w2_squared_parts",),
    "": (
        *("members", "excluded", "status", "accepted", "initial_variance"),
        *(
            "w2",
            "w2_se",
            "w2_debiased",
            "w2_low",
            "w2_high",
            "w2_null",
            "w2_null_upper",
            "normality_p",
            "normality_effect",
        ),
    ),
}
"""The last axis of each field."""


def to_xarray(statistics: Statistics) -> Any:
    """The numbers as an `xarray.Dataset`: dimensions epoch and layer, where there are, and one named axis."""
    import xarray

    s = statistics
    at = ("epoch", "layer") if s.w2.ndim else ()
    coordinates: dict[str, Any] = {
        "invariant": list(s.names),
        "fitted": list(s.names[s.low]),
        "predicted": list(s.names[s.high]),
        "pattern": list(s.symmetry.pattern_names),
        "parameter": list(s.symmetry.parameter_names),
        "model": list(s.models),
        "part": list(s.parts),
    }
    if at:
        coordinates |= {"epoch": s.epochs, "layer": list(s.layers)}
    variables = {
        name: ((*at, axis) if axis else at, getattr(s, name)) for axis, names in DIMENSIONS.items() for name in names
    }
    return xarray.Dataset(variables, coordinates, {"symmetry": str(s.symmetry)})


def to_pandas(statistics: Statistics) -> Any:
    """The predicted invariants as a `pandas.DataFrame`, one row each, at every epoch and layer where there are."""
    predicted = to_xarray(statistics)[list(DIMENSIONS["predicted"])]
    return predicted.to_dataframe().reset_index()


def table_to_pandas(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    """Rows under a header as a `pandas.DataFrame`."""
    import xarray

    columns = {name: ("row", [row[k] for row in rows]) for k, name in enumerate(header)}
    return xarray.Dataset(columns).to_dataframe().reset_index(drop=True)


def statistics_html(statistics: Statistics) -> str:
    """A heading and a table of the parameters (at the last epoch)."""
    s, last = statistics, (-1,) if statistics.w2.ndim else ()
    values, errors = np.atleast_2d(s.parameters[last]), np.atleast_2d(s.parameters_se[last])
    head = "".join(f"<th>{escape(name)}</th>" for name in ("", *s.symmetry.parameter_names))
    rows = "".join(
        f"<tr><th>{escape(name)}</th>"
        + "".join(f"<td>{value:.4g} ± {error:.2g}</td>" for value, error in zip(*pair, strict=True))
        + "</tr>"
        for name, *pair in zip(s.layers or ("",), values, errors, strict=True)
    )
    return f"<p>{escape(summary(s))}</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
