"""A group of one matrix: its rows and columns stand for the members that it has not."""

import numpy as np
from jaxtyping import Float, Shaped

from analysis.inference.cumulants import Estimates
from analysis.inference.one_matrix import OneMatrix, with_cumulants
from analysis.inference.two_way import Interval, Mean
from analysis.statistics import Statistics
from analysis.symmetry.single import SingleMatrix
from analysis.weights.grouping import Group
from analysis.weights.measuring import Measured
from analysis.weights.nodes import of_nodes
from analysis.weights.traits import NAMES, Traits

REACH = 1.96
"""Standard errors between a value and the ends of its 95 % interval."""
SIDES = {"rows": "row means", "columns": "column means", "h11": "row means"}
"""The trait of what each side shares; of symmetric matrices, whose columns are its rows, one."""


def only_matrix(group: Group, symmetry: SingleMatrix) -> Shaped[np.ndarray, "m n"]:
    """The matrix of a group of one, in the type in which it is stored; zeros where its diagonal is one constant."""
    matrix = next(group.stacks())[0]
    return matrix if symmetry.tensors.separate else of_nodes(matrix[None], symmetry)[0]


def alone(whole: Measured, matrix: Shaped[np.ndarray, "m n"], statistics: Statistics) -> OneMatrix:
    """What the matrix allows, with the cumulants that are known of it."""
    s = statistics
    cumulants = Estimates(
        value=s.cumulants,
        standardised=s.standardised,
        se=s.cumulants_se,
        standardised_se=s.standardised_se,
        z=s.cumulants_z,
        p=s.cumulants_p,
    )
    return with_cumulants(matrix, whole.symmetry, cumulants, spectral=whole.singular is not None)


def traits_of_one(one: OneMatrix, others: Traits) -> Traits:
    """The traits of one matrix: shares of rows and columns, skewness and kurtosis with the errors of one matrix.

    Args:
        one: what it allows.
        others: its traits by the rule for ensembles, of which scales and tails stay.
    """
    value, se, p = others.value.copy(), others.se.copy(), others.p.copy()
    share = one.two_way.share
    sides = {SIDES[name]: k for k, name in enumerate(one.two_way.names[:-1])}
    own = {name: (Interval(*(end[k] for end in share)), one.two_way.p[k]) for name, k in sides.items()}
    own |= {"skewness": (one.skewness, one.skewness.p), "kurtosis": (one.kurtosis, one.kurtosis.p)}
    for name, (estimate, chance) in own.items():
        at = NAMES.index(name)
        value[at], se[at], p[at] = estimate.value, _error(estimate), chance
    return Traits(value, others.expected, se, p)


def _error(estimate: Interval | Mean) -> Float[np.ndarray, ""]:
    """The standard error that gives an interval of the same width."""
    return np.asarray((estimate.high - estimate.low) / (2 * REACH))
