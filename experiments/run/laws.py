"""The law that the entries of a weight matrix start from."""

import math
from collections.abc import Mapping
from typing import Any

from analysis import EntryLaw
from analysis.pipeline import Recording


def initial_law(init: str, fan_out: int, fan_in: int) -> EntryLaw | None:
    """Law of the initial entries of a matrix [fan_out, fan_in], as drawn by `ensemble`; None where they depend.

    gaussian: normal of variance 1/fan_in; uniform: on +-1/sqrt(fan_in); he: normal, 2/fan_in; glorot: normal,
    2/(fan_in + fan_out); orthogonal: entries are not independent.
    """
    match init:
        case "gaussian":
            return EntryLaw.gaussian(1 / math.sqrt(fan_in))
        case "uniform":
            return EntryLaw.uniform(1 / math.sqrt(fan_in))
        case "he":
            return EntryLaw.gaussian(math.sqrt(2 / fan_in))
        case "glorot":
            return EntryLaw.gaussian(math.sqrt(2 / (fan_in + fan_out)))
        case _:
            return None


def initial_laws(config: Mapping[str, Any], recording: Recording) -> tuple[EntryLaw | None, ...]:
    """Law of the initial entries of each square layer of a run; None too for those that started from fitted models."""
    started = config.get("start") or {}
    return tuple(
        None if layer in started else initial_law(config["train"]["init"], dim, dim)
        for layer, dim in zip(recording.layers, recording.dims, strict=True)
    )
