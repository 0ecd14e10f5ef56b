"""Tables: their CSV parses back to the numbers of the trajectories."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from analysis import Chain, Separate, Simultaneous
from analysis.show.tables import TABLES, Table, block_key, parameter_key
from tests.synthetic import synthetic, with_diverged_members


def parse(table: Table) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.csv())))


def column(rows: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([float(row[name] or "nan") for row in rows])


def test_parameters_at_both_ends_of_every_layer():
    t = synthetic(epochs=4, layers=2)
    rows = parse(TABLES["parameters"](t))
    assert [(row["epoch"], row["layer"], row["parameter"]) for row in rows[12:14]] == [
        ("0", "L1", "f13"),
        ("0", "L2", "f1"),
    ]
    np.testing.assert_array_equal(column(rows, "value"), t.parameters[[0, 3]].ravel())
    np.testing.assert_array_equal(column(rows, "se"), t.parameters_se[[0, 3]].ravel())


def test_every_parameter_is_given_its_place():
    key = parameter_key(Simultaneous(10))
    assert key.startswith("f1 to f2 means on V_0; f3 to f5 covariances of V_0; f6 to f11 covariances of V_H")
    assert key.endswith("f12 covariances of V_2; f13 covariances of V_3")
    assert parameter_key(Separate(4, 5)).endswith("vR covariances of H_m; vE covariances of H_m (x) H_n")
    assert "V_3: the antisymmetric remainder" in block_key(Simultaneous(10))
    assert not block_key(Chain((4, 5, 6)))


def test_invariants_are_predicted_from_the_fourteenth_on():
    t = synthetic(epochs=4, layers=2)
    rows = parse(TABLES["invariants"](t))
    assert len(rows) == 2 * 2 * 52
    for name, values in {"mean": t.mean, "std": t.std, "se": t.se}.items():
        np.testing.assert_array_equal(column(rows, name), values[[0, 3]].ravel())
    predicted = [row for row in rows if int(row["invariant"][1:]) >= 14]
    for name, values in {"theory": t.theory, "deviation": t.deviation, "z": t.z, "q": t.q}.items():
        np.testing.assert_array_equal(column(predicted, name), values[[0, 3]].ravel())
    assert rows[12] | {"theory": "", "deviation": "", "z": "", "q": ""} == rows[12]


def test_wasserstein_at_every_epoch_and_layer_also_without_errors():
    t = synthetic(epochs=3, layers=2, complete=False)
    rows = parse(TABLES["wasserstein"](t))
    np.testing.assert_array_equal(column(rows, "w2"), t.w2.ravel())
    np.testing.assert_array_equal(column(rows, "epoch"), [0, 0, 1, 1, 2, 2])
    assert {row["se"] for row in rows} == {row["null"] for row in rows} == {""}


def test_training_averages_over_finite_members():
    t = with_diverged_members(synthetic(epochs=4, layers=1, members=20), 3)
    assert t.training is not None
    record = t.training._replace(train_loss=np.where(np.arange(4) == 0, np.nan, t.training.train_loss))
    t = replace(t, training=record)
    rows = parse(TABLES["training"](t))
    assert column(rows, "members").tolist() == [20, 20, 17, 17]
    np.testing.assert_allclose(column(rows, "test_accuracy_mean")[3], record.test_accuracy[3:, 3].mean())
    np.testing.assert_allclose(column(rows, "test_loss_sd")[3], record.test_loss[3:, 3].std())
    assert rows[0]["train_loss_mean"] == ""


@pytest.mark.parametrize("name", TABLES)
def test_one_snapshot_appears_once(name):
    t = synthetic(epochs=1, layers=1, members=1)
    table = TABLES[name](t)
    assert len(table.rows) == {"parameters": 13, "invariants": 52}.get(name, 1)
    assert {len(row) for row in table.rows} == {len(table.header)}
