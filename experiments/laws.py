"""The law that the entries of a weight matrix start from."""

import math

from analysis import EntryLaw


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
