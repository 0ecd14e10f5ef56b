"""The length of a path: chance alone is told from change, whether members stay alike between epochs or not."""

import numpy as np
import pytest
from scipy.stats import binom

from analysis import Simultaneous
from analysis.inference.path_length import PathLength, path_length
from analysis.inference.resampling import bootstrap

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


def test_a_single_epoch_or_member_has_no_error():
    moments = np.asarray(SYMMETRY.block_moments(np.random.default_rng(0).standard_normal((5, 3, 4, 4))))
    assert path_length(moments[:, :1], SYMMETRY, bootstrap(5, 20)).length == 0
    assert np.isnan(path_length(moments[:, :1], SYMMETRY, bootstrap(5, 20)).low)
    assert np.isnan(path_length(moments[:1], SYMMETRY, bootstrap(1, 20)).p)
