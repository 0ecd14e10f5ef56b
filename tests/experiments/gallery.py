"""A page with the figures of comparisons, of models and of predictions: what a browser is tried on besides a report."""

from dataclasses import replace

import numpy as np

from analysis import Simultaneous
from analysis.comparison import SideBySide
from analysis.inference.held_out import Score
from analysis.prediction import Prediction
from analysis.show import comparison_figures
from analysis.show.comparison_spectra import draw_last_spectra
from analysis.show.model_contrast_figure import draw_contrast
from analysis.show.predictions import draw_predictions
from analysis.show.trajectories import draw_moves, draw_trajectory
from analysis.show.weights_figures import draw_group, draw_traits
from analysis.weights.model_contrast import contrast_weights
from analysis.weights.model_study import study_weights
from experiments.report.content import Document, Picture, Section
from experiments.report.figures import Drawn, picture
from experiments.report.page import document
from tests.analysis.weights.test_trajectory import checkpoint
from tests.experiments.test_comparing_spectra import STACKS, spectrum_of
from tests.synthetic import synthetic


def gallery_page() -> str:
    """The page, each figure under its name."""
    pictures = {"prediction": picture(draw_predictions, _predictions()), **_of_comparisons(), **_of_models()}
    shown = Section("Figures", [Picture(name, f"Of {name}.") for name in pictures])
    return document(Document("Gallery", (), (shown,)), pictures)


def _predictions() -> list[Prediction]:
    score = Score(3, 0.4, 0.1, 0.0, 0.01, 0.3, 0.1)
    scores, worth = {"blocks": score, "all": score}, np.array([[0.1, 0.4], [0.02, -0.01]])
    return [Prediction(epoch, 60, 0, scores, ("L0", "L1"), ("V_0", "H_m"), worth, worth / 9, "ok") for epoch in (0, 4)]


def _of_comparisons() -> dict[str, Drawn]:
    ensembles = {name: {"L1": spectrum_of(stack)} for name, stack in STACKS.items()}
    small = synthetic(epochs=3, layers=1, members=30)
    small.mean[0, :, 2] = 10.0  # a mean square, which is positive
    runs = SideBySide({"small": small, "wide": replace(small, symmetries=(Simultaneous(40),))}, {})
    drawn = {name: picture(comparison_figures.draw, runs, name) for name in comparison_figures.available(runs)}
    return {"spectra": picture(draw_last_spectra, ensembles), **drawn}


def _of_models() -> dict[str, Drawn]:
    before, after = (checkpoint(step, ("shifted", "still")) for step in (0, 250))
    study = study_weights([before, after])
    return {
        "contrast": picture(draw_contrast, contrast_weights(before, after)),
        "traits": picture(draw_traits, study),
        "group1": picture(draw_group, study.rows[0]),
        "moves": picture(draw_moves, study.rows),
        "trajectory1": picture(draw_trajectory, study.rows[0]),
    }
