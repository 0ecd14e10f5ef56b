"""Weights of any model: which of its matrices are draws of one law, and what each ensemble of them says."""

from analysis.weights.chain_study import ChainStudy
from analysis.weights.group_study import GroupStudy
from analysis.weights.model_contrast import ModelContrast, contrast_weights
from analysis.weights.model_study import ModelStudy, study_weights
from analysis.weights.state import weights_of
from analysis.weights.tensors import Tensor, Weights
from analysis.weights.trajectory import Trajectory

__all__ = [
    "ChainStudy",
    "GroupStudy",
    "ModelContrast",
    "ModelStudy",
    "Tensor",
    "Trajectory",
    "Weights",
    "contrast_weights",
    "study_weights",
    "weights_of",
]
