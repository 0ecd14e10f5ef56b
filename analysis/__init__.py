"""Statistics of ensembles of matrices: representation blocks, models, expectations, distances and their errors."""

from analysis import rectangular
from analysis.entry_law import EntryLaw
from analysis.fitting import Fit, fit, fit_invariants, fit_moments
from analysis.initialisation import iid_invariants, iid_model, iid_parameters
from analysis.moments import deviation, moments
from analysis.pigmm import PIGMM
from analysis.representation import block_moments, compose, project
from analysis.wasserstein import wasserstein, wasserstein_squared_parts
from analysis.wick import expectation, expectations

__all__ = [
    "PIGMM",
    "EntryLaw",
    "Fit",
    "block_moments",
    "compose",
    "deviation",
    "expectation",
    "expectations",
    "fit",
    "fit_invariants",
    "fit_moments",
    "iid_invariants",
    "iid_model",
    "iid_parameters",
    "moments",
    "project",
    "rectangular",
    "wasserstein",
    "wasserstein_squared_parts",
]
