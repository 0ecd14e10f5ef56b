"""The check of the compiler: its references, what it finds at sizes that matter, and that a wrong program fails it."""

import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble import TrainConfig, replay
from experiments.__main__ import main
from experiments.compiler import check, examine, reference, threefry
from experiments.compiler.check import Finding, Verdict, verdict
from experiments.compiler.families import FAMILIES, Family, Size
from invariants import PAPER, compile_plan, enumerate_graphs
from tests.reference import index_sum

EVERYTHING = tuple(graph for degree in (1, 2, 3, 4) for graph in enumerate_graphs(degree))
ENGINE = ("orders", "training", "evaluation")
STATISTICS = tuple(name for name in FAMILIES if name not in ENGINE)


@pytest.mark.parametrize("count", [1, 2, 60, 5000, 60_000])
def test_shuffles_in_numpy_are_those_of_jax(count):
    key = jax.random.fold_in(jax.random.key(7), 5)
    words = threefry.fold_in(np.asarray(jax.random.key_data(jax.random.key(7))), 5)
    np.testing.assert_array_equal(words, jax.random.key_data(key))
    np.testing.assert_array_equal(threefry.bits(words, count), jax.random.bits(key, (count,)))
    np.testing.assert_array_equal(threefry.permutation(words, count), jax.random.permutation(key, count))


def test_factors_in_numpy_are_sums_over_indices():
    plan, stack = compile_plan(EVERYTHING), np.random.default_rng(0).standard_normal((2, 2, 2))
    expected = [[index_sum(factor, matrix) for factor in plan.factors] for matrix in stack]
    np.testing.assert_allclose(reference.factors(plan, stack), expected, rtol=1e-12)


def test_an_epoch_in_numpy_is_that_of_the_engine_in_float64():
    generator = np.random.default_rng(2)
    config = TrainConfig(weight_decay=0.1, learning_rate=0.01)
    kernels = [generator.standard_normal(shape) for shape in ((5, 12), (6, 5), (3, 6))]
    images = generator.integers(0, 256, (9, 7, 12)).astype(np.uint8)
    labels = generator.integers(0, 3, (9, 7))
    after = reference.epoch(kernels, list(zip(images, labels, strict=True)), config)
    weights, losses = replay(kernels, reference.normalised(images), labels, config)
    for ours, theirs in zip(after.kernels, weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    assert after.loss == pytest.approx(losses.mean(), rel=1e-12)


def judge(names: tuple[str, ...], size: Size) -> None:
    found = examine(size, {name: FAMILIES[name] for name in names})
    assert [finding.family for finding in found.findings] == list(names)
    assert found.failed == ()


@pytest.mark.parametrize("dim", [2, 5])
def test_statistics_of_many_matrices_agree_with_numpy(dim):
    judge(STATISTICS, Size(dims=(dim,), graphs=PAPER))


@pytest.mark.slow
@pytest.mark.parametrize("dim", [1, 2, 3, 4, 7, 8, 10, 16])
def test_all_invariants_of_many_matrices_agree_with_numpy_at_odd_and_even_sizes(dim):
    judge(STATISTICS if dim > 1 else STATISTICS[:-1], Size(dims=(dim,), graphs=EVERYTHING))


@pytest.mark.slow
def test_all_invariants_of_wide_matrices_agree_with_numpy():
    judge(STATISTICS[1:], Size(dims=(640,), rows=3, graphs=EVERYTHING))


@pytest.mark.parametrize("widths", [(10, 10, 10), (3, 5)])
def test_the_engine_agrees_with_numpy(widths):
    judge(ENGINE, Size(widths=widths, members=5, train=1000))


@pytest.mark.slow
def test_orders_and_evaluation_agree_with_numpy_on_as_many_images_as_mnist():
    # Not as many steps: after thousands, Adam has amplified a ReLU that rounding flips to more than rounding.
    judge(("orders",), Size(members=2, train=60_000))
    judge(("evaluation",), Size(members=2, test=60_000))


def test_a_program_that_computes_something_else_is_found():
    def last_row_dropped(size: Size):
        vectors = np.arange(2.0 * size.rows).reshape(-1, 2)
        yield np.asarray(jax.jit(lambda x: x.at[-1].set(0.0))(jnp.asarray(vectors))), vectors

    def not_finite(size: Size):
        yield np.array([[1.0], [np.nan]]), np.array([[1.0], [2.0]])

    wrong = {"drops": Family(last_row_dropped, 1e-6), "nan": Family(not_finite, 1.0)}
    found = examine(Size(), wrong)
    assert [finding.error for finding in found.failed] == [1.0, np.inf]
    assert "drops off by 1 (allowed 1e-06), nan off by inf" in found.complaint()


def test_single_precision_where_double_is_meant_is_found():
    (invariants, tolerance), size = FAMILIES["invariants in float64"], Size(rows=100)
    rounded = Family(lambda size: ((made.astype(np.float32), ours) for made, ours in invariants(size)), tolerance)
    assert not check.examine(size, {"rounded": rounded}).findings[0].ok


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """No verdict is known yet; looking costs nothing, and is counted."""
    looked = []
    made = Verdict(check.compiler(), tuple(Finding(name, 0.0, 1e-6) for name in FAMILIES))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(check, "examine", lambda: looked.append(1) or made)
    verdict.cache_clear()
    yield looked
    verdict.cache_clear()


def test_a_verdict_is_found_once_and_kept_for_the_same_compiler(fresh, monkeypatch, tmp_path):
    first = verdict()
    verdict.cache_clear()
    assert verdict() == first
    assert len(fresh) == 1
    (kept,) = (tmp_path / "pigmm" / "compiler").iterdir()
    kept.write_text("{")
    verdict.cache_clear()
    assert verdict() == first
    assert len(fresh) == 2
    monkeypatch.setenv("XLA_FLAGS", "--another")
    verdict.cache_clear()
    verdict()
    assert len(fresh) == 3


def test_a_failed_verdict_stops_a_run_before_it_leaves_anything(fresh, monkeypatch, capsys, tmp_path):
    wrong = (Finding("orders", np.inf, 0.0), *(Finding(name, 0.0, 1.0) for name in FAMILIES if name != "orders"))
    monkeypatch.setattr(check, "examine", partial(Verdict, check.compiler(), wrong))
    for _ in range(2):  # found, and read again
        verdict.cache_clear()
        assert main(["quickstart", "--out", str(tmp_path / "run")]) == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith("pigmm: error: ")
        assert "orders off by inf (allowed 0e+00); install another release" in line
    assert not (tmp_path / "run").exists()
    kept = json.loads(next((tmp_path / "pigmm" / "compiler").iterdir()).read_text())
    assert kept["ok"] is False
