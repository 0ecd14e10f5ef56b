"""Derived quantities and the JSON entry of one fitted ensemble."""

import json

import numpy as np
import pytest

from analysis.trajectories import (
    FAMILIES,
    HIGH,
    LOW,
    finite_values,
    initial_deviation,
    member_quantiles,
    noise_level,
    normalised_change,
    resolved_change,
    to_json_entry,
)
from invariants import PAPER
from tests.synthetic import synthetic, with_diverged_members


def test_slices_and_families_are_those_of_the_graphs():
    assert {graph.degree for graph in PAPER[LOW]} == {1, 2}
    high = PAPER[HIGH]
    kinds = {
        name: {(g.degree, "few" if g.nodes <= 2 else "many") for g in high[where]} for name, where in FAMILIES.items()
    }
    assert list(kinds.values()) == [{(3, "few")}, {(3, "many")}, {(4, "few")}, {(4, "many")}]
    assert sum(len(high[where]) for where in FAMILIES.values()) == len(high) == 39


def test_initial_deviation_counts_exact_standard_errors():
    t = synthetic(epochs=2, layers=1)
    t = t._replace(expected_initial=t.mean[0, :, LOW] - 3 * t.se_initial)
    np.testing.assert_allclose(initial_deviation(t)[0], 3)


def test_normalised_change_is_bounded_signed_and_undefined_without_deviation():
    t = synthetic(epochs=3, layers=1)
    t.deviation[0, 0, :4] = [0, 2, 1, 0]
    t.deviation[-1, 0, :4] = [5, 0, 3, 0]
    np.testing.assert_array_equal(normalised_change(t)[0, :4], [1, -1, 0.5, np.nan])
    assert np.isnan(normalised_change(synthetic(epochs=1))).all()


def test_noise_level_counts_the_members_used():
    t = with_diverged_members(synthetic(epochs=4, layers=1, members=104), 4)
    np.testing.assert_allclose(noise_level(t)[:, 0], [104**-0.5, 104**-0.5, 0.1, 0.1])
    assert np.isnan(noise_level(t._replace(excluded=t.members))).all()


def test_a_change_is_resolved_above_twice_the_noise_at_either_end():
    t = synthetic(epochs=2, layers=1, members=100)
    t.deviation[0, 0, :3] = [0.19, 0.21, 0.0]
    t.deviation[1, 0, :3] = [0.19, 0.0, 0.21]
    assert resolved_change(t)[0, :3].tolist() == [False, True, True]


def test_quantiles_leave_out_diverged_members_and_survive_missing_epochs():
    t = synthetic(epochs=2, layers=1, members=5)
    values = np.array([[np.nan, 1.0], [np.nan, 2], [np.nan, 3], [np.nan, np.inf], [np.nan, 9]])
    t.finite[4, 1] = False
    assert finite_values(t, values, 1).tolist() == [1, 2, 3]
    quantiles = member_quantiles(t, values)
    assert np.isnan(quantiles[:, 0]).all()
    np.testing.assert_allclose(quantiles[:, 1], [1.1, 2, 2.9])


def test_json_entry_follows_the_contract():
    t = synthetic(epochs=3, layers=2)
    entry = to_json_entry(t, 2, 1)
    assert (entry["schema"], entry["epoch"], entry["layer"]) == (1, 2, "L2")
    assert (entry["dim"], entry["members"], entry["excluded"], entry["status"]) == (10, 1000, 0, "ok")
    assert list(entry["invariants"]) == [f"I{i}" for i in range(1, 53)]
    assert list(entry["parameters"]) == [f"f{k}" for k in range(1, 14)]
    assert list(entry["theory"]) == [f"I{i}" for i in range(14, 53)]
    assert {"iid", "bipartite", "pigmm"} <= set(entry["models"])
    assert entry["invariants"]["I17"] == {"mean": t.mean[2, 1, 16], "std": t.std[2, 1, 16], "se": t.se[2, 1, 16]}
    f13 = {"value": t.parameters[2, 1, 12], "se": t.parameters_se[2, 1, 12], "unbiased": t.unbiased[2, 1, 12]}
    assert entry["parameters"]["f13"] == f13
    k = 17 - 14
    assert entry["theory"]["I17"] == {
        "value": t.theory[2, 1, k],
        "se": t.theory_se[2, 1, k],
        "deviation": t.deviation[2, 1, k],
        "deviation_se": t.deviation_se[2, 1, k],
        "z": t.z[2, 1, k],
        "q": t.q[2, 1, k],
    }
    w2 = t.w2[2, 1]
    to_iid = {"w2": w2, "w2_squared": w2**2, "se": 0.01, "null": 0.03, "null_upper": 0.04}
    assert entry["wasserstein"]["to_iid"] == to_iid
    assert sum(entry["wasserstein"]["squared_parts"].values()) == pytest.approx(w2**2)
    likelihood = t.loglik[2, 1, -1]
    assert entry["models"]["pigmm"] == {
        "parameters": 13,
        "loglik": likelihood,
        "aic": pytest.approx(26 - 2 * likelihood),
        "bic": pytest.approx(13 * np.log(1000) - 2 * likelihood),
        "held_out": likelihood - 20,
    }
    assert entry["accepted"] == "bipartite"
    assert entry["tests"]["identities"]["p"] == t.identities_p[2, 1]


def test_json_entry_writes_null_for_what_is_not_available():
    entry = to_json_entry(synthetic(epochs=2, layers=1, complete=False), 1, 0)
    assert entry["theory"]["I14"]["z"] is None
    assert entry["parameters"]["f1"]["se"] is None
    assert entry["models"]["pigmm"] == {
        "parameters": 13,
        "loglik": None,
        "aic": None,
        "bic": None,
        "held_out": None,
    }
    assert json.loads(json.dumps(entry, allow_nan=False)) == entry
