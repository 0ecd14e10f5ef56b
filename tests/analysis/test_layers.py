"""Recordings of networks against the networks themselves, and a path whose distance from the start is known."""

import numpy as np
import pytest

from analysis import Chain, study_layers
from analysis.inference.networks import unit_sums
from analysis.layers import study_recorded_layers
from analysis.recording import LayersRecording
from tests.chains import drawn

SYMMETRY = Chain((5, 4, 3, 2))


def recorded(epochs: list[tuple[np.ndarray, ...]], sums: bool = True) -> LayersRecording:
    at = [np.concatenate([np.concatenate(unit_sums(e, k), axis=2) for k in SYMMETRY.inner], axis=1) for e in epochs]
    return LayersRecording(
        epochs=np.arange(len(epochs)),
        symmetry=SYMMETRY,
        factors=np.stack([SYMMETRY.evaluate(SYMMETRY.recorded, data) for data in epochs], axis=1),
        block_moments=np.stack([np.asarray(SYMMETRY.block_moments(data)) for data in epochs], axis=1),
        unit_sums=np.stack(at, axis=1) if sums else None,
        finite=np.ones((len(epochs[0][0]), len(epochs)), dtype=bool),
    )


@pytest.fixture(scope="module")
def networks() -> tuple[np.ndarray, ...]:
    return SYMMETRY.standard_normal(np.random.default_rng(0), 60)


def test_what_is_recorded_says_the_same_as_the_matrices(networks):
    (found,), whole = study_recorded_layers(recorded([networks]), np.array([True])).at, study_layers(networks)
    for name in ("independent", "correlation", "balance", "cumulants", "randomisation"):
        one, other = getattr(found, name), getattr(whole, name)
        for field in one._fields:
            a, b = getattr(one, field), getattr(other, field)
            if isinstance(a, np.ndarray | float):
                np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-12, err_msg=f"{name}.{field}")
            else:
                assert a == b, f"{name}.{field}"


def test_the_path_of_networks_that_are_scaled(networks):
    double = tuple(2 * stack for stack in networks)
    path = study_recorded_layers(recorded([networks, networks, double]), np.array([False, False, False]))
    size = np.sqrt(sum(np.mean(np.sum(stack**2, axis=(1, 2))) for stack in networks))
    np.testing.assert_allclose(path.w2, [0, 0, size], rtol=1e-9, atol=1e-7)
    assert np.all(path.w2_independent <= path.w2 + 1e-12)
    assert path.distances[2].low < size < path.distances[2].high
    assert {status for one in path.at for status in one.randomisation.status} == {"not tested at this epoch"}


def test_a_matched_layer_moves_the_joint_law_alone(networks):
    """Row sums of W_1 given to the columns of W_2 in another order: each layer keeps its own law, nearly."""
    first, second, third = networks
    shared = np.random.default_rng(1).standard_normal((60, 4))
    apart = (first + shared[:, :, None], second + np.roll(shared, 1, axis=0)[:, None, :], third)
    matched = (first + shared[:, :, None], second + shared[:, None, :], third)
    path = study_recorded_layers(recorded([apart, matched]), np.array([False, True]))
    assert path.w2[1] > 2 * path.w2_independent[1]
    assert path.distances[1].low > 0
    assert path.at[0].correlation.p[0] > 0.01 > path.at[1].correlation.p[0]
    assert path.at[1].randomisation.relabelled_sums[0] == 1 / 200


def test_networks_that_diverge_are_left_out_from_then_on(networks):
    recording = recorded([networks, networks, networks])
    recording.finite[3, 1] = False
    recording.factors[7, 2, 0] = np.nan
    path = study_recorded_layers(recording, np.array([False, False, False]))
    np.testing.assert_array_equal(path.excluded, [0, 1, 2])
    assert [one.fit.members for one in path.at] == [60, 59, 58]


def test_units_that_were_not_recorded_are_said(networks):
    path = study_recorded_layers(recorded([networks], sums=False), np.array([True]))
    assert path.at[0].randomisation.status == (
        "no randomisation tests: sums of units are recorded of networks of up to 128 hidden units",
    ) * len(SYMMETRY.inner)
    assert np.isnan(path.at[0].randomisation.joined_sums).all()
    few = tuple(stack[:20] for stack in networks)
    assert (
        "recorded networks are tested from 41 on"
        in study_recorded_layers(recorded([few]), np.array([True])).at[0].cumulants.status
    )
    assert np.isfinite(study_layers(drawn((3, 2, 2), 30)).cumulants.z).any()
