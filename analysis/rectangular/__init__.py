"""The five-parameter model of m x n matrices under separate permutations of rows and columns, as `analysis` is for 13.

Use it as a namespace: `from analysis import rectangular`, then `rectangular.fit(stack)`.
"""

from analysis.rectangular.fitting import RectangularFit, fit, fit_moments, parameters_from_moments
from analysis.rectangular.likelihood import cross_entropy, entropy, kullback_leibler, wasserstein_squared_parts
from analysis.rectangular.model import RectangularModel, wasserstein
from analysis.rectangular.representation import block_moments, compose, project
from analysis.rectangular.wick import expectation, expectations

__all__ = [
    "RectangularFit",
    "RectangularModel",
    "block_moments",
    "compose",
    "cross_entropy",
    "entropy",
    "expectation",
    "expectations",
    "fit",
    "fit_moments",
    "kullback_leibler",
    "parameters_from_moments",
    "project",
    "wasserstein",
    "wasserstein_squared_parts",
]
