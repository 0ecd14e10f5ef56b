"""The form of results.nc: every number at the place that its coordinates name, for matrices of every shape."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from analysis import Separate, Simultaneous
from ensemble import TrainResult, train
from experiments.run.laws import initial_laws
from experiments.run.observer import Observer, square_layers
from experiments.run.presets import RunConfig
from experiments.run.recording import (
    every_matrix_of,
    kept_matrices,
    layers_of,
    main_recording,
    square_layers_of,
    to_dataset,
)
from experiments.store.netcdf import decode, encode
from invariants import BIPARTITE, PAPER, evaluate
from tests.tiny import TINY, tiny_data

DATA = tiny_data()
# Wide, square, wide, square, tall, square: no two of the square matrices have one size.
CONFIG = RunConfig(replace(TINY, members=3, epochs=1, hidden=(5, 5, 3, 3, 4)), dataset="tiny")
SHAPES = [(5, 16), (5, 5), (3, 5), (3, 3), (4, 3), (4, 4)]


def observe(weights):
    """What a run records, and all weights beside it."""
    layers = tuple(square_layers(CONFIG.train, DATA.classes).values())
    return {**Observer(CONFIG, layers)(weights), "all": list(weights)}


@pytest.fixture(scope="module")
def result() -> TrainResult:
    return train(CONFIG.train, DATA, observe)


@pytest.fixture(scope="module")
def results(result) -> xr.Dataset:
    return to_dataset(CONFIG, DATA, result)


def test_rows_are_outputs_and_columns_are_inputs(results, result):
    assert list(zip(results["rows"].values, results["columns"].values, strict=True)) == SHAPES
    assert [matrices.shape[2:] for matrices in result.record.observed["all"]] == SHAPES
    assert list(results["matrix"].values) == ["L0", "L1", "L2", "L3", "L4", "L5"]


def test_a_network_without_a_square_matrix_is_recorded_by_all_of_its_matrices():
    config = replace(CONFIG, train=replace(CONFIG.train, hidden=(3, 5)))
    recorded = to_dataset(config, DATA, train(config.train, DATA, Observer(config, ())))
    assert not {"layer", "invariants", "block_moments", "weights"} & {*recorded.variables}
    main = main_recording(recorded)
    assert main.layers == ("L0", "L1", "L2")
    assert main.symmetries == (Separate(3, 16), Separate(5, 3), Separate(4, 5))
    np.testing.assert_array_equal(main.block_moments, every_matrix_of(recorded).block_moments)


def test_square_layers_have_their_size(results):
    assert list(results["layer"].values) == ["L1", "L3", "L5"]
    assert list(results["dim"].values) == [5, 3, 4]


def test_invariants_are_those_of_the_matrix_they_are_filed_under(results, result):
    matrices = [stack.astype(np.float64) for stack in result.record.observed["all"]]
    for k in (0, 4):  # wide and tall
        expected = evaluate(BIPARTITE, matrices[k])
        np.testing.assert_allclose(results["bipartite_invariants"][:, :, k], expected, rtol=1e-4, atol=1e-4)
    expected = evaluate(PAPER, matrices[3])
    np.testing.assert_allclose(results["invariants"].sel(layer="L3"), expected, rtol=1e-3, atol=1e-3)


def test_connections_between_layers_are_those_of_the_matrices(results, result):
    matrices = tuple(stack[:, 1].astype(np.float64) for stack in result.record.observed["all"])
    recording = layers_of(results)
    assert recording is not None
    chain = recording.symmetry
    assert chain.shapes == tuple(SHAPES)
    expected = chain.evaluate(chain.recorded, matrices)
    np.testing.assert_allclose(recording.factors[:, 1], expected, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(recording.block_moments[:, 1], chain.block_moments(matrices), rtol=1e-4, atol=1e-5)
    assert recording.unit_sums is not None
    np.testing.assert_allclose(recording.unit_sums[:, 1, 5 + 2, 1], np.mean(matrices[1][:, 2] ** 2, axis=-1), rtol=1e-5)
    np.testing.assert_allclose(recording.unit_sums[:, 1, 5 + 2, 2], np.mean(matrices[2][:, :, 2], axis=-1), rtol=1e-4)
    assert results["unit"].values[5 + 2] == "2:2"
    assert layers_of(results.drop_vars("chain_factors")) is None


def test_matrices_of_every_size_are_kept_in_one_array_of_one_form(results, result, tmp_path):
    weights = results["weights"]
    assert weights.dims == ("member", "epoch", "layer", "row", "column")
    assert weights.shape == (3, 2, 3, 5, 5)
    assert weights.dtype == np.float32
    for k, dim in enumerate((5, 3, 4)):
        assert np.isnan(weights[:, :, k, dim:]).all()
        assert np.isnan(weights[:, :, k, :, dim:]).all()
    (tmp_path / "results.nc").write_bytes(encode(results))
    kept = kept_matrices(decode(tmp_path / "results.nc"), [1])
    assert kept is not None
    for found, position in zip(kept, (1, 3, 5), strict=True):
        np.testing.assert_array_equal(found, result.record.observed["all"][position][:, [1]])


def test_matrices_that_were_not_kept_are_none(result):
    record = result.record._replace(observed=result.record.observed | {"weights": []})
    without = to_dataset(replace(CONFIG, save_weights=False), DATA, result._replace(record=record))
    assert "weights" not in without
    assert kept_matrices(without, [0]) is None


def test_the_analysis_gets_the_size_of_every_layer_and_the_law_it_started_from(results):
    recording = square_layers_of(results)
    assert recording.layers == ("L1", "L3", "L5")
    assert recording.symmetries == tuple(map(Simultaneous, (5, 3, 4)))
    laws = initial_laws(replace(CONFIG, start={"L3": [0.0] * 13}), recording)
    assert [law and float(law.cumulant(2)) for law in laws] == [pytest.approx(1 / 5), None, pytest.approx(1 / 4)]
    assert recording.training is not None
    np.testing.assert_array_equal(recording.training.test_loss, results["test_loss"])
    np.testing.assert_array_equal(recording.training.train_loss, results["train_loss"])


def test_losses_are_filed_by_member_and_epoch(results, result):
    assert results["train_loss"].dims == ("member", "epoch")
    np.testing.assert_array_equal(results["member"], [0, 1, 2])
    np.testing.assert_array_equal(results["train_loss"], result.record.train_loss)
    np.testing.assert_array_equal(results["test_accuracy"], result.record.test_accuracy)
