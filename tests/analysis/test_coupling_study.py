"""Couplings of recorded ensembles against those of the matrices, and what a law with couplings is found to need."""

import numpy as np
import pytest

from analysis import Separate, couplings
from analysis.coupling_study import study_couplings
from experiments.report.couplings import couplings_part
from experiments.report.given import recording_of

SYMMETRY = Separate(5, 4)
KURTOSIS = "0-0,0-0,0-0,0-0"


@pytest.fixture(scope="module")
def stacks() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"gaussian": rng.standard_normal((400, 5, 4)), "uniform": rng.uniform(-1, 1, (400, 5, 4))}


def study(stack: np.ndarray):
    (found,) = study_couplings(recording_of(stack, SYMMETRY), [0])
    return found


def test_a_recording_has_the_couplings_of_its_matrices(stacks):
    found, direct = study(stacks["uniform"]).couplings, couplings(stacks["uniform"], SYMMETRY)
    for name in ("kappa", "g", "g_robust_se", "score", "p"):
        np.testing.assert_allclose(getattr(found, name), getattr(direct, name), rtol=1e-7, atol=1e-12, err_msg=name)


def test_a_gaussian_law_needs_no_coupling(stacks):
    found = study(stacks["gaussian"])
    assert found.selection.graphs == ()
    assert found.couplings.p.min() > 0.01
    assert found.tilt < 0.2
    assert found.predictions.explained == (43, 43)


def test_uniform_entries_need_the_quartic_one_of_an_entry(stacks):
    found = study(stacks["uniform"])
    assert [SYMMETRY.key(graph) for graph in found.selection.graphs] == [KURTOSIS]
    assert found.selection.g[0] < -5 * found.selection.g_se[0]
    assert found.predictions.explained is not None
    assert found.predictions.explained[0] < found.predictions.explained[1]


def test_the_part_has_every_number_by_name(stacks):
    found = study(stacks["uniform"])
    part = couplings_part([found], ["a remark"])
    (entry,) = part.json["couplings"]
    assert entry["score"]["4"]["value"] == found.couplings.score[1]
    assert entry["selected"][KURTOSIS]["g"] == found.selection.g[0]
    explained = entry["explained"]
    assert (explained["of"], (explained["gaussian"], explained["coupled"])) == (43, found.predictions.explained)
    (row,) = part.tables["couplings"].rows
    names = part.tables["couplings"].header
    assert row[names.index("quartic")] == found.couplings.score[1]
    assert row[names.index("cubic_dof")] == 6
    assert row[names.index("selected")] == 1
    (chosen,) = part.tables["selected_couplings"].rows
    assert chosen[2:4] == (KURTOSIS, found.selection.g[0])


def test_few_members_and_large_couplings_are_said():
    few = study(np.random.default_rng(1).standard_normal((4, 5, 4)))
    assert "4 members: couplings need at least 5" in few.status
    text = str(couplings_part([few]).section)
    assert "nan" not in text
    scales = np.exp(1.5 * np.random.default_rng(2).standard_normal((200, 5, 1)))
    far = study(scales * np.random.default_rng(3).standard_normal((200, 5, 4)))
    assert far.tilt > 1
    assert "Too far from the Gaussian law for couplings to first order" in str(couplings_part([far]).section)


def test_a_page_of_one_ensemble_speaks_of_no_epoch_and_one_of_several_of_the_last_that_holds(stacks):
    mild = stacks["gaussian"] + np.sqrt(3) * stacks["uniform"]  # an excess kurtosis of -0.3
    found, far = study(mild), study(np.exp(np.random.default_rng(4).standard_normal((200, 5, 4))))
    assert "epoch" not in str(couplings_part([found]).section)
    several = str(couplings_part([found, far._replace(epoch=1)]).section)
    assert "M at epoch 1" in several
    assert "at the last of these epochs at which the first order holds" in several
    assert "excess kurtosis" in several
