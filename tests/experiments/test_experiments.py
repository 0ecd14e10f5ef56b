"""The program from the command line: a tiny run end to end, what it leaves behind, and what it refuses."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import xarray as xr

from analysis import PIGMM, expectation, fit
from ensemble.config import Init, Order, Orders
from experiments.__main__ import build_parser, main
from experiments.cli.commands import _session, override
from experiments.run.presets import PRESETS, RunConfig, from_settings, settings
from experiments.run.training import Session
from invariants import NAMES, PAPER, evaluate

RUN = ["run", "paper-gaussian", "--dataset", "sample", "--members", "6", "--epochs", "2", "--batch-size", "400"]


def pigmm(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "experiments", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("run") / "out"
    done = pigmm(*RUN, "--out", path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("report.html")
    return path


def test_a_run_leaves_what_the_contract_promises(folder):
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {".lock"}
    assert {"config.json", "provenance.json", "results.nc", "fit.json", "report.html"} <= present
    assert {"figures/deviations.pdf", "figures/wasserstein.png", "tables/parameters.csv"} <= present
    assert {"rectangular.json", "figures/rectangular.pdf", "tables/rectangular.csv"} <= present
    assert not [name for name in present if name.startswith(("checkpoints", "parts"))]


def test_a_network_without_a_square_matrix_is_reported_by_all_of_its_matrices(tmp_path):
    done = pigmm(*RUN, "--hidden", "7", "8", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    entries = json.loads((tmp_path / "run/fit.json").read_text())
    assert len(entries) == 3 * 3
    assert {len(entry["parameters"]) for entry in entries} == {5}
    page = (tmp_path / "run/report.html").read_text()
    assert "there is none: permutations and quantiles were not looked at" in page


def test_results_hold_what_was_measured(folder):
    with xr.open_dataset(folder / "results.nc") as results:
        assert results["invariants"].dims == ("member", "epoch", "layer", "invariant")
        assert results["invariants"].shape == (6, 3, 3, 52)
        assert results["invariants"].dtype == np.float64
        assert list(results["invariant"].values) == list(NAMES)
        assert results["weights"].dims == ("member", "epoch", "layer", "row", "column")
        recomputed = evaluate(PAPER, results["weights"].values.astype(np.float64))
        scale = evaluate(PAPER, np.abs(results["weights"].values).astype(np.float64))
        assert np.max(np.abs(results["invariants"].values - recomputed) / scale) < 1e-6
        assert results["test_accuracy"].shape == (6, 3)
        assert bool(results["finite"].all())


def test_every_entry_of_fit_json_is_the_fit_of_those_matrices(folder):
    entries = json.loads((folder / "fit.json").read_text())
    assert [(entry["epoch"], entry["layer"]) for entry in entries[:4]] == [(0, "L1"), (0, "L2"), (0, "L3"), (1, "L1")]
    with xr.open_dataset(folder / "results.nc") as results:
        stack = results["weights"].sel(epoch=2, layer="L2").values.astype(np.float64)
    entry = entries[7]
    assert (entry["epoch"], entry["layer"], entry["dim"], entry["members"]) == (2, "L2", 10, 6)
    f = [entry["parameters"][f"f{k}"]["value"] for k in range(1, 14)]
    np.testing.assert_allclose(f, fit(stack).model.parameters, atol=1e-6)
    theory = expectation(PIGMM.from_parameters(f, dim=10), PAPER[13:])
    np.testing.assert_allclose([entry["theory"][name]["value"] for name in NAMES[13:]], theory, rtol=1e-9)


def test_the_same_command_again_finds_everything_done(folder, capsys):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.*") if path.name != ".lock"}
    assert main([*RUN, "--out", str(folder)]) == 0
    told = capsys.readouterr()
    assert told.out.strip() == f"{folder}/report.html"
    assert "finished and reported already" in told.err
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_report_redraws_the_same_bytes_without_training(folder):
    before = {name: (folder / name).read_bytes() for name in ("fit.json", "figures/deviations.pdf", "report.html")}
    for name in before:
        (folder / name).unlink()
    done = pigmm("report", folder)
    assert done.returncode == 0
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert [line.split()[1] for line in done.stderr.splitlines()] == [
        "reading",
        "fitting",
        "drawing",
        "writing",
        "done",
    ]


def test_another_configuration_in_the_same_folder_is_refused(folder, capsys):
    assert_refused(capsys, [*RUN, "--seed", "3", "--out", str(folder)], "seed")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["run", "paper-gauss"], "paper-gaussian"),
        (["run", "paper-gaussian", "--member", "3"], "unrecognized"),
        (["run", "paper-gaussian", "--members", "0"], "members"),
        (["run", "paper-gaussian", "--chunk", "many"], "auto"),
        (["run", "paper-gaussian", "--dataset", "sample", "--hidden", "0", "8"], "hidden"),
        (["run", "paper-gaussian", "--data-dir", "/nonexistent"], "/nonexistent"),
        (["run", "quickstart", "--init", "orthogonal", "--as-published"], "leave out --as-published"),
        (["report", "/nonexistent"], "/nonexistent"),
        (["analyze", "/nonexistent.npy"], "/nonexistent.npy"),
        (["juggle"], "juggle"),
        ([], "COMMAND"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(arguments, hint, tmp_path, capsys):
    out = tmp_path / "out"
    extra = ["--out", str(out)] if arguments[:1] == ["run"] else []
    assert_refused(capsys, [*arguments, *extra], hint)
    assert not out.exists()


@pytest.mark.parametrize("name", ["cifar10", "fashion_mnist"])
def test_mnist_under_the_name_of_another_set_is_refused(name, mnist_dir, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["run", "paper-gaussian", "--dataset", name, "--data-dir", str(mnist_dir), "--out", str(out)]
    assert_refused(capsys, command, f"are MNIST, but the data set is called '{name}': call it mnist")
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [(["--init", "zero"], "orthogonal"), (["--orders", "gpu"], "orders is 'gpu'; it must be one of auto, host")],
)
def test_a_law_or_a_source_of_orders_that_does_not_exist_is_refused(arguments, hint):
    done = pigmm("run", "paper-gaussian", *arguments)  # in its own process: here checks of types refuse it first
    assert done.returncode == 2
    assert_one_line(done.stderr, hint)


def test_an_occupied_or_impossible_folder_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("something else")
    assert_refused(capsys, [*RUN, "--out", str(tmp_path)], "not a run folder")
    assert_refused(capsys, [*RUN, "--out", str(tmp_path / "file" / "below")], "--out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def assert_refused(capsys, arguments: list[str], hint: str) -> None:
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    assert_one_line(capsys.readouterr().err, hint)


def assert_one_line(message: str, hint: str) -> None:
    assert hint in message
    assert len(message.strip().splitlines()) == 1


def test_help_is_instant_because_it_imports_no_jax():
    code = "import sys; from experiments.__main__ import build_parser; build_parser(); sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("command", ["quickstart", "run", "analyze", "report", "formulas", "presets"])
def test_every_command_has_help_with_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"example: pigmm {command}" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "sweep"])
def test_help_names_every_choice_and_the_defaults(command, capsys):
    """The parser imports no dataclass, so that help is instant; this keeps its words equal to them."""
    with pytest.raises(SystemExit):
        main([command, "--help"])
    words = " ".join(capsys.readouterr().out.split())
    helps = {name: words.partition(f" {name} ")[2].partition(" --")[0] for name in ("--init", "--order", "--orders")}
    for option, choices in zip(helps, (Init, Order, Orders), strict=True):
        assert [choice for choice in get_args(choices) if choice not in helps[option]] == []
    assert f"checkpoints ({Session().save_share})" in words


def test_options_that_are_not_given_keep_the_defaults_of_the_session():
    assert _session(build_parser().parse_args(["run", "quickstart"])) == Session()
    assert _session(build_parser().parse_args(["quickstart"])) == Session()
    given = build_parser().parse_args(["run", "quickstart", "--save-share", "0.5", "--devices", "1", "--data-dir", "d"])
    assert _session(given) == Session("d", 0.5, 1)


def test_every_column_and_variable_of_a_run_is_explained(folder):
    page = (Path(__file__).resolve().parents[2] / "docs/files.md").read_text()
    explained = {word.strip("`") for word in re.findall(r"`\w+`", page)}
    for table in (folder / "tables").glob("*.csv"):
        for column in table.read_text().partition("\n")[0].strip().split(","):
            # Errors and tests of a column, and one column for each block, are explained together.
            one = re.sub(r"V_[H23]", "V_0", column)
            assert explained & {one, re.sub(r"_(p|se|effect_mean|effect_square)$", "", one)}, f"{table.name}: {column}"
    with xr.open_dataset(folder / "results.nc") as results:
        assert set(results.variables) - set(results.dims) <= explained
        assert all({"long_name", "units"} <= set(results[name].attrs) for name in results)
        assert results["test_loss"].attrs["units"] == "nat"
        settled = {
            "members": 6,
            "epochs": 2,
            "hidden": "10 10 10",
            "init": "gaussian",
            "dataset": "sample",
            "schema": 1,
        }
        assert settled.items() <= results.attrs.items()
        assert "chunk" not in results.attrs


def test_presets_are_listed_with_their_settings(capsys):
    """What is printed of a preset are the options that make it of any other one."""
    assert main(["presets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for title, options in zip(lines[::2], lines[1::2], strict=True):
        name = title.split()[0]
        given = build_parser().parse_args(["run", "cifar10-uniform", *options.split()])
        config = override(PRESETS["cifar10-uniform"].config, given)
        assert replace(config, save_weights=True) == replace(PRESETS[name].config, save_weights=True)
    assert len(lines) == 2 * len(PRESETS)


def test_output_that_nobody_reads_is_no_error():
    command = [sys.executable, "-m", "experiments", "presets"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == ""
    assert child.returncode == 141


def test_presets_are_the_papers():
    assert {"paper-gaussian", "paper-uniform", "paper-gaussian-l2", "paper-uniform-l2"} <= set(PRESETS)
    assert {f"width-{w}-{init}" for w in (10, 40, 160, 640) for init in ("gaussian", "uniform")} <= set(PRESETS)
    paper = PRESETS["paper-gaussian"].config.train
    assert (paper.members, paper.epochs, paper.hidden, paper.batch_size) == (1000, 50, (10, 10, 10), 100)
    assert PRESETS["paper-uniform-l2"].config.train.weight_decay == 0.01
    assert PRESETS["paper-uniform"].config.train.weight_decay == 0.0
    assert PRESETS["width-640-uniform"].config.train.hidden == (640, 640)
    for name, preset in PRESETS.items():
        assert preset.config.train.init == ("uniform" if "uniform" in name else "gaussian")
        assert preset.config.dataset == {"quickstart": "sample", "cifar10": "cifar10"}.get(name.split("-")[0], "mnist")
        assert preset.config.save_weights == (not name.startswith(("width-160", "width-640")))


@pytest.mark.parametrize("name", PRESETS)
def test_settings_come_back_from_their_plain_values(name):
    config = PRESETS[name].config
    assert from_settings(json.loads(json.dumps(settings(config)))) == config


def test_graphs_out_of_range_are_named():
    with pytest.raises((ValueError, TypeError), match="graphs"):
        RunConfig(graphs="some")  # pyright: ignore[reportArgumentType]
