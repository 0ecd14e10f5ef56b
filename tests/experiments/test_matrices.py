"""`pigmm analyze`: the user's own matrices, good, odd and hostile."""

import json
import re
import zipfile

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from analysis import PIGMM, Separate, Symmetric, couplings, expectation, fit, iid_model, model_of, study, wasserstein
from experiments.__main__ import main
from experiments.errors import UserError
from experiments.report.matrices import analyze_file, read_stack
from invariants import BIPARTITE, NAMES, PAPER, bipartite_key, evaluate

STACK = np.random.default_rng(3).normal(size=(30, 6, 6)) + 0.2


@pytest.fixture
def stack_file(tmp_path):
    np.save(tmp_path / "stack.npy", STACK)
    return tmp_path / "stack.npy"


def entry_of(path, tmp_path, symmetry: str = "auto") -> dict:
    analyze_file(path, None, tmp_path / "fit.json", None, symmetry)
    return json.loads((tmp_path / "fit.json").read_text())


def test_json_follows_the_contract(stack_file, tmp_path):
    entry = entry_of(stack_file, tmp_path)
    model = fit(STACK).model
    assert (entry["schema"], entry["dim"], entry["members"], entry["excluded"], entry["status"]) == (1, 6, 30, 0, "ok")
    values = evaluate(PAPER, STACK)
    for position, name in enumerate(NAMES):
        assert entry["invariants"][name]["mean"] == pytest.approx(values[:, position].mean(), rel=1e-12)
        assert entry["invariants"][name]["std"] == pytest.approx(values[:, position].std(), rel=1e-12)
    for k, value in enumerate(model.parameters, start=1):
        assert entry["parameters"][f"f{k}"]["value"] == pytest.approx(value, rel=1e-12)
    for name, value in zip(NAMES[13:], expectation(model, PAPER[13:]), strict=True):
        assert entry["theory"][name]["value"] == pytest.approx(value, rel=1e-12)
    distance = wasserstein(model, iid_model(STACK.mean(), STACK.std(), 6))
    assert entry["wasserstein"]["to_iid"]["w2"] == pytest.approx(distance, rel=1e-9)


def test_sampling_a_model_and_analysing_it_gives_it_back(tmp_path):
    f = np.array([1.0, -0.5, 0.4, 0.1, 0.5, 1.0, 0.2, 0.1, 1.2, -0.1, 0.9, 0.7, 1.1])
    np.savez(tmp_path / "stack.npz", PIGMM.from_parameters(f, dim=7).sample(jax.random.key(1), 4000))
    entry = entry_of(tmp_path / "stack.npz", tmp_path)
    for k, value in enumerate(f, start=1):
        fitted = entry["parameters"][f"f{k}"]
        assert abs(fitted["value"] - value) < 4.5 * fitted["se"]


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (1, 5), (5, 1)], ids=str)
def test_rectangular_matrices_get_the_five_parameter_analysis(shape, tmp_path):
    stack = np.random.default_rng(1).normal(0.3, 1, (40, *shape))
    stack[5, 0, 0] = np.nan
    np.save(tmp_path / "stack.npy", stack)
    entry, finite = entry_of(tmp_path / "stack.npy", tmp_path), np.delete(stack, 5, axis=0)
    assert "dim" not in entry
    assert (entry["schema"], entry["symmetry"]["shapes"], entry["members"], entry["excluded"]) == (
        1,
        [list(shape)],
        40,
        1,
    )
    values = np.asarray(evaluate(BIPARTITE, finite))
    model = fit(finite).model
    for k, graph in enumerate(BIPARTITE):
        invariant = entry["invariants"][bipartite_key(graph)]
        assert invariant["mean"] == pytest.approx(values[:, k].mean(), rel=1e-9, abs=1e-9)
    for name, value in zip(("mean", "v0", "vC", "vR", "vE"), model.parameters, strict=True):
        assert entry["parameters"][name]["value"] == pytest.approx(value, rel=1e-12, abs=1e-15)
    for graph, value in zip(BIPARTITE[5:], expectation(model, BIPARTITE[5:]), strict=True):
        assert entry["theory"][bipartite_key(graph)]["value"] == pytest.approx(value, rel=1e-9)
    iid = model_of(Separate(*shape), [finite.mean(), *[finite.var()] * 4])
    assert entry["wasserstein"]["to_iid"]["w2"] == pytest.approx(wasserstein(model, iid), rel=1e-9)


def test_a_folder_of_rectangular_matrices_is_written_on_request(tmp_path):
    np.save(tmp_path / "stack.npy", STACK[:, :4])
    summary = analyze_file(tmp_path / "stack.npy", None, None, tmp_path / "out")
    assert summary.startswith("members     30 of 4 x 6, 0 excluded")
    assert "separate permutations of rows and of columns" in (tmp_path / "out" / "report.html").read_text()
    assert {"fit.json", "results.nc", "tables", "figures"} <= {path.name for path in (tmp_path / "out").iterdir()}
    (entry,) = json.loads((tmp_path / "out" / "couplings.json").read_text())
    expected = couplings(STACK[:, :4], Separate(4, 6))
    assert entry["score"]["4"]["value"] == pytest.approx(expected.score[1], rel=1e-9)
    assert "Which couplings?" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize("diagonal", [True, False])
def test_symmetric_matrices_are_recognised_and_it_is_said(diagonal, tmp_path):
    stack = STACK + np.swapaxes(STACK, 1, 2)
    if not diagonal:
        stack *= 1 - np.eye(6)
    np.save(tmp_path / "stack.npy", stack)
    summary = analyze_file(tmp_path / "stack.npy", None, tmp_path / "fit.json", tmp_path / "out")
    entry = json.loads((tmp_path / "fit.json").read_text())
    assert f"symmetric, {9 if diagonal else 4} parameters, every matrix is its own transpose" in summary
    expected = study(stack, Symmetric(6, diagonal))
    assert [p["value"] for p in entry["parameters"].values()] == expected.parameters.tolist()
    assert entry["symmetry"]["name"] == "symmetric"
    assert "symmetric matrices" in (tmp_path / "out" / "report.html").read_text()
    assert "singular" in entry_of(tmp_path / "stack.npy", tmp_path, "simultaneous")["status"]


def test_square_matrices_can_be_analysed_under_separate_permutations(stack_file, tmp_path):
    entry = entry_of(stack_file, tmp_path, "separate")
    fitted = [p["value"] for p in entry["parameters"].values()]
    np.testing.assert_allclose(fitted, fit(STACK, Separate(6, 6)).model.parameters, rtol=1e-12)


@pytest.mark.parametrize(
    ("stack", "symmetry", "message"),
    [
        (STACK, "symmetric", "not symmetric"),
        (STACK[:, :4], "simultaneous", "4 x 6 are not square: only the symmetry separate fits them"),
        (STACK[:, :4], "symmetric", "not square"),
    ],
)
def test_a_symmetry_that_does_not_fit_is_refused_in_one_line(stack, symmetry, message, tmp_path, capsys):
    np.save(tmp_path / "stack.npy", stack)
    assert main(["analyze", str(tmp_path / "stack.npy"), "--symmetry", symmetry]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_analysed_ensembles_are_compared(tmp_path, capsys):
    for name, stack in (("one", STACK), ("two", 1.5 * STACK), ("wide", STACK[:, :4])):
        np.save(tmp_path / "stack.npy", stack)
        assert main(["analyze", str(tmp_path / "stack.npy"), "--out", str(tmp_path / name)]) == 0
    assert main(["compare", str(tmp_path / "one"), str(tmp_path / "two"), "--out", str(tmp_path / "both")]) == 0
    (between,) = json.loads((tmp_path / "both" / "comparison.json").read_text())["between"]
    expected = wasserstein(fit(STACK), fit(1.5 * STACK))
    assert between["wasserstein"]["between"]["w2"] == pytest.approx(expected, rel=1e-9)
    capsys.readouterr()
    assert main(["compare", str(tmp_path / "one"), str(tmp_path / "wide"), "--out", str(tmp_path / "no")]) == 2
    assert "different symmetries (one: simultaneous, wide: separate)" in capsys.readouterr().err


def test_a_folder_is_written_on_request(stack_file, tmp_path):
    summary = analyze_file(stack_file, None, None, tmp_path / "out")
    assert summary.endswith("report.html")
    visible = re.sub(r"(?s)<script.*?</script>|<style.*?</style>", "", (tmp_path / "out" / "report.html").read_text())
    assert "epoch" not in visible
    assert (tmp_path / "out" / "tables" / "invariants.csv").exists()


def test_members_that_are_not_finite_are_excluded_and_counted(tmp_path):
    stack = STACK.copy()
    stack[3, 0, 0], stack[7, 1, 2] = np.nan, np.inf
    np.save(tmp_path / "stack.npy", stack)
    entry = entry_of(tmp_path / "stack.npy", tmp_path)
    assert (entry["members"], entry["excluded"]) == (30, 2)
    assert "2 members excluded" in entry["status"]
    finite = np.delete(STACK, [3, 7], axis=0)
    assert entry["invariants"]["I3"]["mean"] == pytest.approx((finite**2).sum(axis=(1, 2)).mean())


@pytest.mark.parametrize("shape", [(1, 5, 5), (2, 4, 4), (40, 2, 2), (40, 3, 3)])
def test_small_ensembles_and_matrices_get_a_status(shape, tmp_path):
    np.save(tmp_path / "stack.npy", np.random.default_rng(0).normal(size=shape))
    entry = entry_of(tmp_path / "stack.npy", tmp_path)
    assert entry["status"] != "ok"


def test_a_single_matrix_gets_a_folder_but_no_deviations(tmp_path, capsys):
    np.save(tmp_path / "stack.npy", np.random.default_rng(0).normal(size=(1, 6, 6)))
    assert "deviation   not available" in analyze_file(tmp_path / "stack.npy", None, None, tmp_path / "out")
    assert (tmp_path / "out" / "report.html").exists()
    assert main(["report", str(tmp_path / "out")]) == 2
    assert "to redraw it, give its `pigmm analyze` again" in capsys.readouterr().err


def test_constant_matrices_get_a_status(tmp_path):
    np.save(tmp_path / "stack.npy", np.full((20, 5, 5), 2.0))
    entry = entry_of(tmp_path / "stack.npy", tmp_path)
    assert "singular" in entry["status"]
    assert entry["theory"]["I14"]["deviation"] == pytest.approx(0, abs=1e-9)


def test_integers_are_matrices_too(tmp_path):
    np.save(tmp_path / "stack.npy", np.random.default_rng(0).integers(-3, 4, (10, 4, 4)))
    assert read_stack(tmp_path / "stack.npy").dtype == np.float64


@pytest.mark.parametrize(
    ("array", "hint"),
    [
        (np.zeros((4, 4)), "members, rows, columns"),
        (np.zeros((0, 4, 4)), "members, rows, columns"),
        (np.zeros((3, 0, 5)), "members, rows, columns"),
        (np.zeros((3, 1, 1)), "larger than 1 x 1"),
        (np.zeros((3, 4, 4), complex), "real"),
        (np.zeros((3, 4, 4), "U3"), "real"),
        (np.full((3, 4, 4), np.nan), "finite"),
    ],
)
def test_other_arrays_are_refused(array, hint, tmp_path):
    np.save(tmp_path / "stack.npy", array)
    with pytest.raises(UserError, match=hint):
        analyze_file(tmp_path / "stack.npy", None, None, None)


def test_pickles_are_never_opened(tmp_path):
    np.save(tmp_path / "stack.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="plain numbers"):
        read_stack(tmp_path / "stack.npy")


@pytest.mark.parametrize(
    "content", [b"", b"not an array", b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'", b"PK\x03\x04 broken"]
)
def test_damaged_files_are_refused(content, tmp_path):
    (tmp_path / "stack.npy").write_bytes(content)
    with pytest.raises(UserError, match="not a readable"):
        read_stack(tmp_path / "stack.npy")


def test_truncated_files_are_refused(stack_file):
    stack_file.write_bytes(stack_file.read_bytes()[:-100])
    with pytest.raises(UserError, match="not a readable"):
        read_stack(stack_file)


def test_one_of_several_arrays_is_chosen_by_name(tmp_path):
    np.savez(tmp_path / "two.npz", a=STACK, b=STACK[:5])
    with pytest.raises(UserError, match="--key"):
        read_stack(tmp_path / "two.npz")
    with pytest.raises(UserError, match="no array 'c'"):
        read_stack(tmp_path / "two.npz", "c")
    assert len(read_stack(tmp_path / "two.npz", "b")) == 5


def test_safetensors_are_read_like_the_others(tmp_path):
    save_file({"a": STACK.astype(np.float32), "b": STACK[:5]}, tmp_path / "two.safetensors")
    with pytest.raises(UserError, match="holds the arrays a, b; choose one with --key"):
        read_stack(tmp_path / "two.safetensors")
    np.testing.assert_array_equal(read_stack(tmp_path / "two.safetensors", "a"), STACK.astype(np.float32))
    np.testing.assert_array_equal(read_stack(tmp_path / "two.safetensors", "b"), STACK[:5])
    halves = np.asarray(jax.numpy.asarray(STACK, jax.numpy.bfloat16))
    save_file({"a": halves}, tmp_path / "halves.safetensors")
    np.testing.assert_array_equal(read_stack(tmp_path / "halves.safetensors"), halves.astype(np.float64))


def test_archives_that_explode_are_refused(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", b"\x00" * 2**28)
    with pytest.raises(UserError, match="claims"):
        read_stack(path)
