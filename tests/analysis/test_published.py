"""Statistics as the paper has them, where the initial law is one of the paper's."""

import numpy as np
import pytest

from analysis import EntryLaw, Separate, Simultaneous, iid_model, wasserstein
from analysis.as_published import published_se_invariants
from analysis.model.fitting import fit_moments
from analysis.published import as_published
from analysis.recording import Recording
from analysis.study import study_recording
from analysis.symmetry import Symmetry

MEMBERS, LAW = 12, EntryLaw.gaussian(1)


def recorded(symmetry: Symmetry) -> Recording:
    """Normal entries at one epoch of one layer."""
    stack = np.random.default_rng(0).standard_normal((MEMBERS, *symmetry.shapes[0]))
    at = (MEMBERS, 1, 1, -1)
    invariants = symmetry.evaluate(symmetry.observed, stack).reshape(at)
    blocks = np.asarray(symmetry.block_moments(stack)).reshape(at)
    return Recording(np.arange(MEMBERS), np.array([0]), ("M",), (symmetry,), invariants, blocks, np.ones((12, 1), bool))


def test_the_mean_stays_and_what_differs_is_marked():
    recording = recorded(Simultaneous(4))
    s = study_recording(recording, (LAW,))
    published = as_published(s, recording, (LAW,))
    assert (s.published, published.published) == (False, True)
    np.testing.assert_array_equal(published.mean, s.mean)
    np.testing.assert_allclose(published.std, s.std, rtol=1e-9)
    np.testing.assert_allclose(published.se_initial[0, 0], published_se_invariants(LAW, 4, MEMBERS))
    distance = wasserstein(fit_moments(recording.block_moments[:, 0, 0], Simultaneous(4)), iid_model(0.0, 1.0, 4))
    assert published.w2[0, 0] == pytest.approx(distance, rel=0.05)


def test_nothing_is_published_for_an_unknown_law_or_another_symmetry():
    square, rectangular = recorded(Simultaneous(4)), recorded(Separate(3, 4))
    with pytest.raises(ValueError, match="nothing is published for this initialisation"):
        as_published(study_recording(square, (None,)), square, (None,))
    with pytest.raises(ValueError, match="nothing is published for the symmetry separate"):
        as_published(study_recording(rectangular, (LAW,)), rectangular, (LAW,))
