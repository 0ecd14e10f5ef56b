"""The length of a path: chance alone is told from change, whether members stay alike between epochs or not."""

import numpy as np
import pytest
from scipy.stats import binom

from analysis import Simultaneous
from analysis.inference.distance import debiased_distance, error_lengths
from analysis.inference.path_length import PathLength, path_length
from analysis.inference.resampling import bootstrap
from analysis.model.plugin import parameters_from_moments, replicated_parameters
from analysis.model.wasserstein import wasserstein_squared_parts

SYMMETRY = Simultaneous(4)
MEMBERS, EPOCHS = 60, 4


def travelled(seed: int, memory: float, step: float) -> PathLength:
    """Members that remember a share of themselves from epoch to epoch, while their common mean moves by steps."""
    rng = np.random.default_rng(seed)
    epochs = [rng.standard_normal((MEMBERS, 4, 4))]
    for _ in range(EPOCHS - 1):
        epochs.append(memory * epochs[-1] + np.sqrt(1 - memory**2) * rng.standard_normal((MEMBERS, 4, 4)))
    stack = np.stack([one + step / 4 * e for e, one in enumerate(epochs)], axis=1)
    return path_length(np.asarray(SYMMETRY.block_moments(stack)), SYMMETRY, bootstrap(MEMBERS, 300))


@pytest.mark.parametrize("memory", [0.0, 0.9])
@pytest.mark.parametrize("step", [0.0, 1.0])
def test_the_interval_covers_and_an_unchanged_law_is_seldom_said_to_travel(memory, step):
    runs = [travelled(seed, memory, step) for seed in range(40)]
    true = step * (EPOCHS - 1)
    covered = sum(one.low <= true <= one.high for one in runs)
    assert covered >= binom.ppf(0.001, 40, 0.9)
    if step:
        assert all(one.p < 0.05 for one in runs)
        assert np.median([one.middle for one in runs]) == pytest.approx(true, rel=0.15)
    else:
        assert sum(one.p < 0.05 for one in runs) <= binom.ppf(0.999, 40, 0.05)
        assert np.median([one.middle for one in runs]) < 0.6 * np.median([one.length for one in runs])
    assert np.median([one.length for one in runs]) > true


def test_a_path_of_one_step_is_the_distance_of_its_ends():
    """With its interval, and among as many lengths by chance as there are replicates."""
    rng, resampling = np.random.default_rng(1), bootstrap(MEMBERS, 200)
    stack = rng.standard_normal((MEMBERS, 2, 4, 4)) + 0.1 * np.arange(2)[:, None, None]
    moments = np.asarray(SYMMETRY.block_moments(stack))
    first, last = parameters_from_moments(np.swapaxes(moments, 0, 1), SYMMETRY)
    ends = [replicated_parameters(moments[:, e], resampling.weights, SYMMETRY) for e in (0, 1)]
    squared, *drawn = (
        float(np.sum(wasserstein_squared_parts(a, b, SYMMETRY))) for a, b in ((first, last), *zip(*ends, strict=True))
    )
    errors = error_lengths((first + last) / 2, ends[0] - first, SYMMETRY, ends[1] - last)
    expected = debiased_distance(squared, np.array(drawn), errors, resampling, MEMBERS)
    found, chance = path_length(moments, SYMMETRY, resampling), np.sqrt(resampling.inflation * errors)
    np.testing.assert_allclose([found.length, found.low, found.high], [squared**0.5, *expected[1:]], rtol=1e-6)
    assert found.low < found.middle < found.high
    assert found.chance == pytest.approx(chance.mean())
    assert found.p == (1 + np.sum(chance >= found.length)) / 201


def test_matrices_that_stay_zero_have_not_travelled():
    found = path_length(np.asarray(SYMMETRY.block_moments(np.zeros((20, 3, 4, 4)))), SYMMETRY, bootstrap(20, 50))
    assert found[:5] == (0, 0, 0, 0, 0)
    assert found.p == 1


def test_a_single_epoch_or_member_has_no_error():
    moments = np.asarray(SYMMETRY.block_moments(np.random.default_rng(0).standard_normal((5, 3, 4, 4))))
    assert path_length(moments[:, :1], SYMMETRY, bootstrap(5, 20)).length == 0
    assert np.isnan(path_length(moments[:, :1], SYMMETRY, bootstrap(5, 20)).low)
    assert np.isnan(path_length(moments[:1], SYMMETRY, bootstrap(1, 20)).p)
