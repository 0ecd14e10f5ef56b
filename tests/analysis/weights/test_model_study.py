"""A model of planted ensembles: the order of its groups, the sentences, the table, and what is in memory."""

import gc
import json
import weakref
from functools import partial

import numpy as np
import pytest

from analysis import study
from analysis.show.weights_table import groups_table, members_table, sentence, study_entry
from analysis.symmetry import Separate
from analysis.weights.model_study import ModelStudy, study_weights
from analysis.weights.tensors import Tensor, Weights

SHAPE, LAYERS = (24, 30), 6
SIDE = 96


def planted() -> dict[str, np.ndarray]:
    """Six layers of each kind."""
    rng = np.random.default_rng(0)
    model = {}
    for k in range(LAYERS):
        plain = rng.normal(size=SHAPE)
        direction = np.outer(rng.normal(size=SHAPE[0]), rng.normal(size=SHAPE[1])) / np.sqrt(SHAPE[0] * SHAPE[1])
        model |= {
            f"layers.{k}.plain": plain,
            f"layers.{k}.rows": rng.normal(size=SHAPE) * rng.uniform(0.2, 1.8, (SHAPE[0], 1)),
            f"layers.{k}.heavy": rng.standard_t(4.5, SHAPE),
            f"layers.{k}.spiked": rng.normal(size=SHAPE) + 14 * direction,
            f"layers.{k}.bias": rng.normal(size=SHAPE[0]),
        }
    return model


@pytest.fixture(scope="module")
def studied() -> ModelStudy:
    return study_weights(planted())


def row(study: ModelStudy, kind: str):
    return next(row for row in study.rows if row.group.name == f"layers.*.{kind}")


def test_what_is_unusual_comes_first_and_is_said(studied):
    assert [row.group.name.split(".")[-1] for row in studied.rows][-1] == "plain"
    sizes = [row.unusual for row in studied.rows]
    assert sizes == sorted(sizes, reverse=True)
    said = {kind: row(studied, kind).findings[0].text for kind in ("rows", "heavy", "spiked")}
    assert "some outputs (rows) have larger weights than others" in said["rows"]
    assert "entries have heavy tails" in said["heavy"]
    assert "singular values of a matrix exceed those of independent entries" in said["spiked"]
    assert sentence(row(studied, "plain")).startswith("Nothing departs from independent entries")
    assert row(studied, "plain").accepted == "iid_zero_mean"


def test_the_statistics_of_a_group_are_those_of_its_stack(studied):
    stack = np.stack([planted()[f"layers.{k}.rows"] for k in range(LAYERS)])
    one, expected = row(studied, "rows").statistics, study(stack, Separate(*SHAPE))
    for name in ("parameters", "mean", "theory", "standardised", "w2", "w2_null"):
        np.testing.assert_allclose(getattr(one, name), getattr(expected, name), rtol=1e-8, err_msg=name)


def test_a_large_mean_loses_no_digits():
    rng = np.random.default_rng(1)
    stacks = {"a": 1e5 + rng.normal(size=(5, 12, 9)), "b": rng.normal(size=(5, 12, 9))}
    stacks["b"] = stacks["a"] - 1e5
    shifted, plain = sorted(study_weights(stacks).rows, key=lambda row: row.group.name)
    np.testing.assert_allclose(shifted.traits.value, plain.traits.value, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(shifted.statistics.parameters[1:], plain.statistics.parameters[1:], rtol=1e-5)
    assert shifted.statistics.parameters[0] == pytest.approx(stacks["a"].mean(), rel=1e-12)


def test_what_is_not_finite_is_counted_and_left_out():
    model = planted()
    model["layers.2.plain"][3, 4] = np.nan
    broken = study_weights(model, select=["*plain"]).rows[0]
    assert broken.findings[0].text == "1 of 6 members have entries that are not finite"
    assert int(broken.statistics.excluded) == 1
    with pytest.raises(ValueError, match="weights: none of the 2 matrices of a is finite; look for divergence"):
        study_weights({"a": np.full((2, 5, 5), np.nan)})


def test_a_member_that_does_not_fit_is_named():
    rng = np.random.default_rng(2)
    model = {f"layer.{k}.w": rng.normal(size=SHAPE) * (3 if k == 4 else 1) for k in range(8)}
    (one,) = study_weights(model).rows
    assert any("1 member does not fit among the others: layer 4 (scale)" in f.text for f in one.findings)


def test_constant_and_single_matrices_and_products_have_what_they_allow():
    rng = np.random.default_rng(3)
    model = {"constant": np.full((4, 6, 5), 0.7), "single": rng.normal(size=SHAPE)}
    found = {row.group.name: row for row in study_weights(model).rows}
    assert found["constant"].findings[0].text == "the entries do not vary"
    assert found["single"].couplings is None
    assert "need several members" in found["single"].status
    assert np.isfinite(found["single"].traits.p).sum() == 7


def test_the_table_has_every_number_and_fits_a_terminal(studied):
    table, entry = groups_table(studied), study_entry(studied)
    assert len(table.rows) == len(entry["groups"]) == 4
    assert table.csv().splitlines()[0].startswith("group,formed,rows,columns,members,excluded,rms,w2,")
    json.dumps(entry, allow_nan=False)
    assert max(map(len, repr(studied).splitlines())) <= 113
    assert "Left out: 6 x a vector." in " ".join(repr(studied).split())
    assert len(members_table(studied).rows) == 4 * LAYERS
    frame = studied.to_pandas()
    assert frame.shape == (4, len(table.header))
    assert frame["w2"][0] == pytest.approx(float(studied.rows[0].statistics.w2) / np.sqrt(SHAPE[0] * SHAPE[1]))
    assert studied._repr_html_().count("<tr>") == 5


def test_one_tensor_at_a_time_is_in_memory():
    """Matrices that are made as they are read: what was read before is gone when the next is asked for."""
    alive: list[weakref.ref] = []
    most = 0

    def read(seed: int) -> np.ndarray:
        nonlocal most
        array = np.random.default_rng(seed).standard_normal((SIDE, SIDE), dtype=np.float32)
        most = max(most, 1 + sum(ref() is not None for ref in alive))
        alive.append(weakref.ref(array))
        return array

    count = 12
    tensors = tuple(Tensor(f"layer.{k}.w", (SIDE, SIDE), "float32", partial(read, k)) for k in range(count))
    gc.collect()
    study_weights(Weights("large", tensors, "out_in"))
    assert len(alive) == count
    assert most == 1


def test_a_state_without_matrices_is_refused():
    with pytest.raises(ValueError, match="no matrix of real numbers among its 1 arrays"):
        study_weights({"a": np.zeros(3)})
