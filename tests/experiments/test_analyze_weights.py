"""`pigmm analyze` on whole models: the table, the folder, what is listed, and mistakes."""

import html
import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from analysis.weights.model_study import study_weights
from experiments.__main__ import main
from experiments.weights.config import heads_of

D = 8


def model(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    arrays = {"embed.weight": rng.normal(size=(20, D)), "norm.weight": np.ones(D)}
    for k in range(3):
        arrays |= {f"layers.{k}.self_attn.{x}_proj.weight": rng.normal(size=(D, D)) for x in "qkvo"}
        arrays |= {f"layers.{k}.mlp.up.weight": rng.normal(size=(2 * D, D)) * (1 + k)}
    return {name: array.astype(np.float32) for name, array in arrays.items()}


@pytest.fixture
def file(tmp_path) -> Path:
    save_file(model(), tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_the_default_call_on_a_model_is_a_table(file, tmp_path, capsys):
    assert main(["analyze", str(file), "--json", str(tmp_path / "fit.json")]) == 0
    said = capsys.readouterr().out
    assert said.startswith("model.safetensors: 6 groups, the most unusual first")
    assert "1 layers.*.mlp.up.weight (3 layers)" in said
    assert "Members differ in scale" in said
    entry = json.loads((tmp_path / "fit.json").read_text())
    expected = study_weights(model())
    assert [group["name"] for group in entry["groups"]] == [row.group.name for row in expected.rows]
    w2 = entry["groups"][0]["statistics"]["wasserstein"]["to_iid"]["w2"]
    assert w2 == pytest.approx(float(expected.rows[0].statistics.w2), rel=1e-9)


def test_heads_are_taken_from_the_config_beside_or_given(file, tmp_path, capsys):
    assert main(["analyze", str(file), "--list", "--heads", "2"]) == 0
    assert "6 of 8 x 8          layers.*.self_attn: W_QᵀW_K of a head" in capsys.readouterr().out
    (tmp_path / "config.json").write_text('{"num_attention_heads": 4}')
    assert main(["analyze", str(file), "--list"]) == 0
    assert "12 of 2 x 8          layers.*.self_attn: query of a head  (3 layers x 4 heads)" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["[]", '{"n_head": "3"}', '{"n_head": -1}', "{", '{"n_head": 2, "n_head": 3}'])
def test_a_config_that_does_not_say_is_passed_over(content, tmp_path):
    (tmp_path / "config.json").write_text(content)
    assert heads_of(tmp_path / "model.safetensors") is None


def test_a_folder_is_written_on_request_with_a_page_that_knows_no_epochs(file, tmp_path, capsys):
    assert main(["analyze", str(file), "--select", "*mlp*", "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.rstrip().endswith("report.html")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "layers.*.mlp.up.weight" in page
    assert "epoch" not in re.sub(r"(?s)<script>.*?</script>", "", page)
    assert "initial law" not in page
    assert {path.name for path in (tmp_path / "out" / "figures").iterdir()} >= {"traits.png", "group1.pdf"}
    assert (tmp_path / "out" / "tables" / "members.csv").read_text().count("\n") == 4
    assert main(["report", str(tmp_path / "out")]) == 2
    assert "give its `pigmm analyze` again" in capsys.readouterr().err


def test_several_files_are_copies_or_arrays_of_one_model(tmp_path, capsys):
    for k in range(3):
        save_file(model(k), tmp_path / f"seed{k}.safetensors")
        np.save(tmp_path / f"seed_{k}.npy", model(k)["embed.weight"])
    assert main(["analyze", *(str(tmp_path / f"seed{k}.safetensors") for k in range(3)), "--select", "embed*"]) == 0
    assert "embed.weight (3 files)" in capsys.readouterr().out
    assert main(["analyze", *(str(tmp_path / f"seed_{k}.npy") for k in range(3))]) == 0
    assert "seed_*.npy (3 layers)" in capsys.readouterr().out


def test_a_single_matrix_gets_a_row(tmp_path, capsys):
    matrix = np.random.default_rng(0).normal(size=(9, 12))
    for shape in ((9, 12), (1, 9, 12)):
        np.save(tmp_path / "matrix.npy", matrix.reshape(shape))
        assert main(["analyze", str(tmp_path / "matrix.npy")]) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert "(one matrix)" in said
        assert "One matrix: variances common to all its entries" in said


@pytest.mark.parametrize("kind", ["any", "symmetric", "two by two"])
def test_a_single_matrix_gets_a_page(kind, tmp_path):
    side = 2 if kind == "two by two" else 9
    matrix = np.random.default_rng(0).normal(size=(side, side))
    np.save(tmp_path / "matrix.npy", matrix + matrix.T if kind == "symmetric" else matrix)
    out = tmp_path / "out"
    assert main(["analyze", str(tmp_path / "matrix.npy"), "--out", str(out), "--json", str(tmp_path / "a.json")]) == 0
    (group,) = json.loads((tmp_path / "a.json").read_text())["groups"]
    assert group["one_matrix"]["symmetry"] == ("symmetric" if kind == "symmetric" else "separate")
    assert group["one_matrix"]["kurtosis"]["low"] < group["traits"]["kurtosis"]["value"]
    assert "largest singular value" in (out / "report.html").read_text()
    header, row = (out / "tables" / "groups.csv").read_text().splitlines()
    assert dict(zip(header.split(","), row.split(","), strict=False))["largest_p"]


def test_one_ensemble_gets_the_full_analysis_as_ever(tmp_path, capsys):
    np.save(tmp_path / "stack.npy", np.random.default_rng(0).normal(size=(12, 5, 5)))
    assert main(["analyze", str(tmp_path / "stack.npy")]) == 0
    assert capsys.readouterr().out.startswith("members     12 of 5 x 5, 0 excluded")


def test_layers_of_networks_are_recognised_and_the_call_is_said(tmp_path, capsys):
    rng = np.random.default_rng(0)
    arrays = {"fc1": rng.normal(size=(12, 5, 7)), "fc2": rng.normal(size=(12, 4, 5))}
    np.savez(tmp_path / "networks.npz", allow_pickle=False, **arrays)
    assert main(["analyze", str(tmp_path / "networks.npz"), "--list"]) == 0
    call = f"pigmm analyze {tmp_path / 'networks.npz'} --chain fc1 fc2"
    assert call in capsys.readouterr().out
    assert main(call.split()[1:]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--select", "layers.mlp.up.weight"], "no tensor fits 'layers.mlp.up.weight'; did you mean layers.*.mlp.up"),
        (["--group", "zzz"], "no tensor fits 'zzz'; --list shows the names"),
        (["--select", "norm*"], "holds no matrix of real numbers among its 1 arrays"),
        (
            ["--key", "embed.weight", "--list"],
            "--list, --select, --group, --heads, --orientation and --files are of the table",
        ),
        (["--key", "norm.weight"], "matrices [members, rows, columns] larger than 1 x 1 are needed"),
        (["--heads", "0"], "--heads 0: give a whole number, at least 1"),
        (["--orientation", "sideways"], "invalid choice: 'sideways'"),
    ],
)
def test_mistakes_are_one_line(arguments, message, file, capsys):
    try:
        code = main(["analyze", str(file), *arguments])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_the_command_for_a_chain_is_one_that_works(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    layers: dict[str, Any] = {"fc1": rng.normal(size=(12, 5, 6)), "fc2": rng.normal(size=(12, 3, 5))}
    np.savez("networks.npz", **layers)
    for name, stack in layers.items():
        np.save(f"{name}.npy", stack)
    for given in (["networks.npz"], ["fc1.npy", "fc2.npy"]):
        assert main(["analyze", *given]) == 0
        said = capsys.readouterr().out
        assert "are layers of 12 networks of 6 x 5 x 3 units." in " ".join(said.split())
        hint = said.split("of their joint law: pigmm ")[1].split("\n")[0]
        assert main(shlex.split(hint)) == 0
        assert "chain of fc1, fc2" in capsys.readouterr().out
    np.savez("others.npz", **layers)  # a copy: there is no command for the networks of two files
    assert main(["analyze", "networks.npz", "others.npz"]) == 0
    assert "--chain" not in capsys.readouterr().out


def test_folders_of_published_models_are_compared_again_and_again(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for k, name in enumerate(("base", "tuned")):
        Path(name).mkdir()
        Path(name, "config.json").write_text('{"model_type": "bert", "num_attention_heads": 2}')
        save_file(model(k), f"{name}/model.safetensors")
    for _ in range(2):  # the second takes the place of the first
        assert main(["compare", "base", "tuned"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("runs/base-and-tuned/report.html")
    page = Path("runs/base-and-tuned/report.html").read_text()
    assert "Are the laws apart?" in page
    assert main(["compare", "base/model.safetensors", "tuned/model.safetensors"]) == 0
    assert Path("runs/base-model.safetensors-and-tuned-model.safetensors/comparison.json").exists()
    assert main(["compare", "base", "tuned", "--symmetry", "separate"]) == 2
    assert "--symmetry is of runs" in capsys.readouterr().err


def test_a_page_says_what_makes_it_again(file, tmp_path):
    given = ["analyze", str(file), "--select", "*mlp*", "--out", str(tmp_path / "out")]
    assert main(given) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    (again,) = set(re.findall(r"again by <code>pigmm (.*?)</code>", page))
    assert main(shlex.split(html.unescape(again))) == 0


def test_layers_of_copies_are_studied_as_whole_networks(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for k in range(6):
        save_file(
            {f"layers.{j}.weight": rng.normal(size=shape) for j, shape in ((0, (5, 6)), (2, (3, 5)))},
            tmp_path / f"seed{k}.safetensors",
        )
    out = tmp_path / "out"
    arguments = ["--files", "copies", "--out", str(out), "--json", str(tmp_path / "a.json")]
    assert main(["analyze", str(tmp_path), *arguments]) == 0
    said = capsys.readouterr().out
    assert "By names and shapes, layers.0.weight, layers.2.weight are layers of 6 networks" in said
    assert "--chain" not in said
    (chain,) = json.loads((tmp_path / "a.json").read_text())["chains"]
    assert chain["members"] == 6
    page = (out / "report.html").read_text()
    assert "Layers of the same networks" in page
    assert "Are layers independent?" in page
    assert ">nan<" not in page
    assert (out / "tables" / "chains.csv").read_text().count("\n") == 2
    assert (out / "tables" / "chain_units.csv").read_text().count("\n") == 2
