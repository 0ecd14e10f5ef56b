"""Members that diverge: flagged when it happens, the others untouched; a run without members left says so."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble import train
from ensemble.layout import PLAIN
from ensemble.network import MLP, init_params
from ensemble.order import member_keys
from ensemble.step import Images, record
from ensemble.trainer import nothing
from experiments.__main__ import main
from tests.tiny import TINY, tiny_data

DATA = tiny_data()
RUN = ["run", "quickstart", "--members", "1", "--epochs", "1", "--hidden", "4", "4", "--batch-size", "400"]


def weights(matrices):
    return list(matrices)


def test_an_infinite_start_is_flagged_at_once_and_changes_no_other_member():
    def initial(members: np.ndarray) -> dict[int, np.ndarray]:
        start = np.random.default_rng(0).normal(size=(100, 4, 4)).astype(np.float32)
        start[2, 0, 0] = poison
        return {1: start[members]}

    poison = 0.5
    good = train(TINY, DATA, weights, initial=initial).record
    poison = np.inf
    bad = train(TINY, DATA, weights, initial=initial).record
    assert good.finite.all()
    assert not bad.finite[2].any()
    others = [0, 1, 3, 4, 5]
    for one, other in zip(jax.tree.leaves(good), jax.tree.leaves(bad), strict=True):
        np.testing.assert_array_equal(one[others], other[others])


def test_a_learning_rate_of_ten_ends_no_run():
    left = train(replace(TINY, learning_rate=10.0), DATA, weights).record
    np.testing.assert_array_equal(
        left.finite, np.isfinite(left.train_loss) & np.isfinite(left.observed[1]).all(axis=(-1, -2))
    )


def test_a_training_loss_that_is_not_finite_is_flagged_though_all_weights_are():
    network = MLP((4, 4))
    params = jax.vmap(lambda key: init_params(network, key, 16))(member_keys(0, np.arange(4)))
    images = Images(*map(jnp.asarray, PLAIN.splits(DATA)))
    recorded = record(network, nothing, params, jnp.array([1.0, jnp.inf, jnp.nan, 0.0]), images)
    assert recorded.finite.tolist() == [True, False, False, True]


@pytest.mark.slow
def test_a_run_whose_members_all_diverge_says_so_in_one_line(tmp_path, capsys):
    assert main([*RUN, "--learning-rate", "1e38", "--out", str(tmp_path / "run")]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("pigmm: error: every member in ")
    assert "had diverged by epoch 1; results.nc keeps what was recorded: lower --learning-rate" in line
    assert (tmp_path / "run" / "results.sha256").exists()
