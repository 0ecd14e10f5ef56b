"""Derived quantities and the JSON entry of one fitted ensemble."""

import json
from dataclasses import replace

import numpy as np
import pytest

from analysis import Simultaneous, Statistics, Symmetric, expectation, fit, study
from analysis.recording import finite_values, member_quantiles
from analysis.show.entries import statistics_entry
from analysis.show.style import FAMILIES, families
from analysis.statistics import initial_deviation, normalised_change, resolved_change
from invariants import PAPER
from tests.synthetic import synthetic, with_diverged_members


def test_slices_and_families_are_those_of_the_graphs():
    t = synthetic(epochs=1, layers=1)
    assert {graph.degree for graph in PAPER[t.low]} == {1, 2}
    high = PAPER[t.high]
    assert families(Simultaneous(10)) == FAMILIES
    kinds = {
        name: {(g.degree, "few" if g.nodes <= 2 else "many") for g in high[where]} for name, where in FAMILIES.items()
    }
    assert list(kinds.values()) == [{(3, "few")}, {(3, "many")}, {(4, "few")}, {(4, "many")}]
    assert sum(len(high[where]) for where in FAMILIES.values()) == len(high) == 39


def test_initial_deviation_counts_exact_standard_errors():
    t = synthetic(epochs=2, layers=1)
    t = replace(t, expected_initial=t.mean[:, :, t.low] - 3 * t.se_initial)
    np.testing.assert_allclose(initial_deviation(t)[0], 3)


def test_normalised_change_is_bounded_signed_and_undefined_without_deviation():
    t = synthetic(epochs=3, layers=1)
    t.deviation[0, 0, :4] = [0, 2, 1, 0]
    t.deviation[-1, 0, :4] = [5, 0, 3, 0]
    np.testing.assert_array_equal(normalised_change(t)[0, :4], [1, -1, 0.5, np.nan])
    assert np.isnan(normalised_change(synthetic(epochs=1))).all()


def test_members_used_are_those_not_excluded():
    t = with_diverged_members(synthetic(epochs=4, layers=1, members=104), 4)
    assert t.used[:, 0].tolist() == [104, 104, 100, 100]


def test_a_change_is_resolved_above_twice_its_error_at_either_end():
    t = synthetic(epochs=3, layers=1, members=100)
    t.deviation[0, 0, :4] = [0.19, 0.21, 0.0, 0.0]
    t.deviation[1, 0, :4] = [0.0, 0.0, 0.0, 0.3]
    t.deviation[2, 0, :4] = [0.19, 0.0, 0.21, 0.0]
    assert resolved_change(t)[0, :4].tolist() == [False, True, True, False]


def test_quantiles_leave_out_diverged_members_and_survive_missing_epochs():
    t = synthetic(epochs=2, layers=1, members=5)
    values = np.array([[np.nan, 1.0], [np.nan, 2], [np.nan, 3], [np.nan, np.inf], [np.nan, 9]])
    assert t.training is not None
    t.training.finite[4, 1] = False
    assert finite_values(t.training, values, 1).tolist() == [1, 2, 3]
    quantiles = member_quantiles(t.training, values)
    assert np.isnan(quantiles[:, 0]).all()
    np.testing.assert_allclose(quantiles[:, 1], [1.1, 2, 2.9])


def test_json_entry_follows_the_contract():
    t = synthetic(epochs=3, layers=2)
    entry = statistics_entry(t, (2, 1))
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
        "chance": t.deviation_chance[2, 1, k],
        "z": t.z[2, 1, k],
        "q": t.q[2, 1, k],
    }
    w2 = t.w2[2, 1]
    near = {"debiased": w2, "low": w2 - 0.02, "high": w2 + 0.02}
    to_iid = {"w2": w2, "w2_squared": w2**2, "se": 0.01, **near, "null": 0.03, "null_upper": 0.04}
    assert entry["wasserstein"]["to_iid"] == to_iid
    assert sum(entry["wasserstein"]["squared_parts"].values()) == pytest.approx(w2**2)
    likelihood = t.loglik[2, 1, -1]
    assert entry["models"]["pigmm"] == {
        "parameters": 13,
        "loglik": likelihood,
        "aic": pytest.approx(26 - 2 * likelihood),
        "bic": pytest.approx(13 * np.log(1000) - 2 * likelihood),
        "held_out": likelihood - 20,
        "p": t.model_p[2, 1, -1],
        "effect": t.model_effect[2, 1, -1],
    }
    assert entry["accepted"] == "bipartite"
    assert entry["tests"]["identities"]["p"] == t.identities_p[2, 1]


def test_json_entry_writes_null_for_what_is_not_available():
    entry = statistics_entry(synthetic(epochs=2, layers=1, complete=False), (1, 0))
    assert entry["theory"]["I14"]["z"] is None
    assert entry["parameters"]["f1"]["se"] is None
    assert entry["models"]["pigmm"] == {
        "parameters": 13,
        "loglik": None,
        "aic": None,
        "bic": None,
        "held_out": None,
        "p": None,
        "effect": None,
    }
    assert json.loads(json.dumps(entry, allow_nan=False)) == entry


def test_the_study_of_a_stack_is_made_of_the_parts_that_others_test():
    stack = np.random.default_rng(1).standard_normal((40, 5, 5))
    s = study(stack)
    model = fit(stack).model
    np.testing.assert_array_equal(s.parameters, model.parameters)
    np.testing.assert_allclose(s.theory, expectation(model, PAPER[13:]), rtol=1e-12)
    assert (s.members, s.excluded, str(s.status)) == (40, 0, "ok")
    assert s.w2 == pytest.approx(np.sqrt(np.sum(s.w2_squared_parts)))
    assert np.isnan(s.model_p[-1])
    assert s.identities_p == s.model_p[s.models.index("bipartite")]


def test_members_that_are_not_finite_are_left_out_and_counted():
    stack = np.random.default_rng(1).standard_normal((41, 5, 5))
    stack[7, 0, 0] = np.nan
    s = study(stack)
    assert (s.members, s.excluded) == (41, 1)
    assert "1 members excluded" in str(s.status)
    np.testing.assert_array_equal(s.parameters, study(np.delete(stack, 7, axis=0)).parameters)
    with pytest.raises(ValueError, match="none of 2 members is finite"):
        study(np.full((2, 5, 5), np.nan))


def notebook_forms(s: Statistics) -> None:
    data = s.to_xarray()
    np.testing.assert_array_equal(data["theory"].values, s.theory)
    table = s.to_pandas()
    assert len(table) == s.theory.size
    assert set(table["predicted"]) == set(s.names[s.high])
    assert s._repr_html_().startswith("<p>")
    assert len(repr(s)) < 400


def test_statistics_are_shown_in_a_notebook_and_convert():
    rng = np.random.default_rng(2)
    square = rng.standard_normal((30, 4, 4))
    for s in (study(square), study(rng.standard_normal((30, 2, 3))), synthetic(epochs=2, layers=2)):
        notebook_forms(s)
    notebook_forms(study(square + np.swapaxes(square, 1, 2), Symmetric(4)))


def test_only_a_path_through_epochs_has_a_last_one():
    assert "deviate at the last epoch, status" in repr(synthetic(epochs=2, layers=1))
    assert "deviate, status" in repr(synthetic(epochs=1, layers=1))


def test_unbiased_parameters_are_those_of_the_fit():
    stack = np.random.default_rng(5).standard_normal((7, 4, 4))
    np.testing.assert_array_equal(study(stack).unbiased, fit(stack).unbiased)
