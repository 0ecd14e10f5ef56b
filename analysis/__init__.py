"""Statistics of ensembles of matrices: symmetries, Gaussian laws, expectations, distances and their errors."""

from analysis.contrast import Contrast, contrast
from analysis.inference.anomalies import Anomalies, anomalies
from analysis.inference.couplings import Couplings, couplings
from analysis.inference.cumulants import Cumulant, cumulants
from analysis.inference.one_matrix import OneMatrix, one_matrix
from analysis.inference.paired import Paired, paired
from analysis.inference.similarity import Similarity, similarity
from analysis.inference.spectrum import Spectrum, spectrum
from analysis.layers import Layers, study_layers
from analysis.model.entry_law import EntryLaw
from analysis.model.fitting import Fit, fit, fit_invariants, fit_moments
from analysis.model.gaussian import PIGMM, Gaussian, model_of
from analysis.model.initial import iid_invariants, iid_model, iid_parameters
from analysis.model.wasserstein import wasserstein, wasserstein_squared_parts
from analysis.model.wick import expectation, expectations
from analysis.statistics import Statistics
from analysis.study import study
from analysis.symmetry import Chain, Separate, Simultaneous, Symmetric, Symmetry, recognised_symmetry

__all__ = [
    "PIGMM",
    "Anomalies",
    "Chain",
    "Contrast",
    "Couplings",
    "Cumulant",
    "EntryLaw",
    "Fit",
    "Gaussian",
    "Layers",
    "OneMatrix",
    "Paired",
    "Separate",
    "Similarity",
    "Simultaneous",
    "Spectrum",
    "Statistics",
    "Symmetric",
    "Symmetry",
    "anomalies",
    "contrast",
    "couplings",
    "cumulants",
    "expectation",
    "expectations",
    "fit",
    "fit_invariants",
    "fit_moments",
    "iid_invariants",
    "iid_model",
    "iid_parameters",
    "model_of",
    "one_matrix",
    "paired",
    "recognised_symmetry",
    "similarity",
    "spectrum",
    "study",
    "study_layers",
    "wasserstein",
    "wasserstein_squared_parts",
]
