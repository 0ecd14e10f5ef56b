"""`pigmm compare` and `pigmm sweep` from the command line: what they write, what they leave alone, what they refuse."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from experiments.__main__ import main
from experiments.report.comparing import named_runs

TINY = ["--dataset", "sample", "--members", "4", "--epochs", "1", "--batch-size", "500"]


@pytest.fixture(scope="module", autouse=True)
def unread():
    """Reports of single runs are empty: they take most of a small run's time and are tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("experiments.run.stages.report", lambda folder, *_: folder.write_text("report.html", ""))
        yield


@pytest.fixture(scope="module")
def swept(tmp_path_factory) -> Path:
    """A width study of two widths."""
    out = tmp_path_factory.mktemp("sweep")
    assert main(["sweep", "widths", "--widths", "4", "10", *TINY, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    """Another run of the same seed with the network of width 10."""
    out = tmp_path_factory.mktemp("run") / "other"
    assert main(["run", "width-10-uniform", *TINY, "--out", str(out)]) == 0
    return out


def compared(capsys, *arguments: object) -> Path:
    """The folder of a comparison."""
    capsys.readouterr()
    assert main(["compare", *map(str, arguments)]) == 0
    report = Path(capsys.readouterr().out.strip())
    assert report.name == "report.html"
    return report.parent


def refused(capsys, *arguments: object) -> str:
    capsys.readouterr()
    assert main([*map(str, arguments)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_sweep_leaves_a_run_of_each_width_and_their_comparison(swept):
    assert {path.name for path in swept.iterdir()} == {"width-4", "width-10", "comparison"}
    for width in (4, 10):
        config = json.loads((swept / f"width-{width}" / "config.json").read_text())
        assert config["train"]["hidden"] == [width, width]
        assert (swept / f"width-{width}" / "report.html").is_file()
    with (swept / "comparison" / "tables" / "runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["run"], row["epoch"], row["layer"], row["size"]) for row in rows] == [
        ("width-4", "0", "L1", "4x4"),
        ("width-4", "1", "L1", "4x4"),
        ("width-10", "0", "L1", "10x10"),
        ("width-10", "1", "L1", "10x10"),
    ]
    assert (swept / "comparison" / "figures" / "sizes.pdf").is_file()
    page = (swept / "comparison" / "report.html").read_text()
    assert "no distance" in page


@pytest.mark.slow
def test_a_sweep_given_again_trains_nothing_anew(swept):
    before = [(swept / f"width-{width}" / "results.nc").stat().st_mtime_ns for width in (4, 10)]
    (swept / "comparison" / "report.html").unlink()
    assert main(["sweep", "widths", "--widths", "10", "4", *TINY, "--out", str(swept)]) == 0
    assert [(swept / f"width-{width}" / "results.nc").stat().st_mtime_ns for width in (4, 10)] == before
    assert (swept / "comparison" / "report.html").is_file()


@pytest.mark.slow
def test_runs_of_one_seed_are_compared_in_pairs(swept, other, capsys, tmp_path):
    out = compared(capsys, swept / "width-10", other, "--out", tmp_path / "out")
    told = json.loads((out / "comparison.json").read_text())
    assert list(told["runs"]) == ["width-10", "other"]
    assert told["schema"] == 1
    first = told["between"][0]
    assert (first["first"], first["second"], first["paired"], first["members"]) == ("width-10", "other", True, [4, 4])
    entries = {(entry["epoch"], entry["layer"]) for entry in told["between"]}
    assert entries == {(epoch, layer) for epoch in (0, 1) for layer in ("L1", "L2")}
    runs = [xr.load_dataset(path / "results.nc")["invariants"].mean("member") for path in (swept / "width-10", other)]
    for entry in told["between"]:
        one, two = (run.sel(epoch=entry["epoch"], layer=entry["layer"], invariant="I3").item() for run in runs)
        assert entry["invariants"]["I3"]["difference"] == pytest.approx(two - one, rel=1e-9)
    assert "train.init" in (out / "report.html").read_text()
    assert {"distances.png", "training.pdf", "deviations.pdf"} <= {path.name for path in (out / "figures").iterdir()}


def test_a_run_and_its_copy_are_the_same(other, capsys, tmp_path):
    shutil.copytree(other, tmp_path / "copy")
    out = compared(capsys, other, tmp_path / "copy", "--out", tmp_path / "out")
    told = json.loads((out / "comparison.json").read_text())
    for entry in (*told["accuracy"], *told["loss"]):
        assert (entry["difference"], entry["se"]) == (0, 0)
    for entry in told["between"]:
        assert entry["wasserstein"]["between"]["w2"] == 0
        assert entry["wasserstein"]["between"]["p"] == 1
        assert all(invariant["difference"] == 0 for invariant in entry["invariants"].values())
    page = (out / "report.html").read_text()
    assert "The ensembles have the same settings." in page
    assert "accuracy differs at 0 of 2 epochs, loss at 0" in page
    with (out / "tables" / "learning.csv").open() as file:
        assert [row["loss_difference"] for row in csv.DictReader(file)] == ["0.0", "0.0"]


@pytest.mark.slow
def test_runs_are_only_read_and_the_same_comparison_is_the_same_bytes(swept, other, capsys, tmp_path):
    before = content(other)
    folders = (swept / "width-10", other, "--out", tmp_path / "out")
    first = content(compared(capsys, *folders))
    assert content(compared(capsys, *folders)) == first
    assert content(other) == before


@pytest.mark.slow
def test_a_comparison_takes_the_place_of_an_earlier_one_and_of_nothing_else(swept, other, capsys, tmp_path):
    runs = [swept / "width-4", swept / "width-10", other]
    out = compared(capsys, *runs, "--out", tmp_path / "out")
    assert (out / "figures" / "sizes.png").exists()
    compared(capsys, *runs[1:], "--out", tmp_path / "out")
    assert not (out / "figures" / "sizes.png").exists()
    assert "another configuration" in refused(capsys, "compare", *runs[:2], "--out", other)


def test_names_are_as_long_as_it_takes_to_tell_runs_apart(tmp_path):
    folders = [tmp_path / "a" / "run", tmp_path / "b" / "run"]
    assert list(named_runs(folders)) == ["a/run", "b/run"]
    assert list(named_runs([tmp_path / "x", tmp_path / "y"])) == ["x", "y"]
    (tmp_path / "link").symlink_to(tmp_path / "x")
    assert list(named_runs([tmp_path / "link", tmp_path / "y" / ".." / "z"])) == ["link", "z"]


@pytest.mark.slow
def test_what_is_no_two_finished_runs_is_refused(swept, other, capsys, tmp_path):
    out = ("--out", tmp_path / "out")
    assert "at least two" in refused(capsys, "compare", other, *out)
    assert "at least two" in refused(capsys, "compare", other, other / ".." / other.name, *out)
    assert "is not a run folder" in refused(capsys, "compare", other, tmp_path, *out)
    shutil.copytree(other, tmp_path / "unfinished")
    (tmp_path / "unfinished" / "results.sha256").unlink()
    assert "not finished" in refused(capsys, "compare", other, tmp_path / "unfinished", *out)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--widths", "10"], "at least two"),
        (["--widths", "10", "10"], "at least two"),
        (["--widths", "1", "10"], "square"),
        (["--widths", "10", "0"], "at least two"),
        (["--widths", "10", "200000"], "memory"),
    ],
)
def test_widths_that_cannot_be_run_are_refused_before_any_is(arguments, hint, capsys, tmp_path):
    assert hint in refused(capsys, "sweep", "widths", *TINY, *arguments, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_sweep_finds_folders_in_its_way_before_it_trains(other, capsys, tmp_path):
    shutil.copytree(other, tmp_path / "out" / "width-10")
    sweep = ["sweep", "widths", "--widths", "4", "10", *TINY, "--out"]
    assert "another configuration" in refused(capsys, *sweep, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["width-10"]
    assert "folder of one run" in refused(capsys, *sweep, other)
    assert not (other / "width-4").exists()


@pytest.mark.slow
def test_runs_of_other_seeds_are_independent_and_names_may_be_odd(other, capsys, tmp_path):
    assert main(["run", "width-10-uniform", *TINY, "--seed", "1", "--out", str(tmp_path / "_a $x^{$")]) == 0
    out = compared(capsys, other, tmp_path / "_a $x^{$", "--out", tmp_path / "out")
    told = json.loads((out / "comparison.json").read_text(), parse_constant=pytest.fail)
    assert not any(entry["paired"] for entry in told["between"])
    assert all(entry["wasserstein"]["between"]["w2"] > 0 for entry in told["between"])
    assert [entry["epoch"] for entry in told["accuracy"]] == [0, 1]
    assert told["runs"]["other"]["results_sha256"] in (other / "results.sha256").read_text()
    assert "4 and 4" in (out / "report.html").read_text()


@pytest.mark.slow
def test_a_run_is_compared_with_an_analysis_but_not_with_a_comparison(other, capsys, tmp_path):
    np.save(tmp_path / "stack.npy", np.random.default_rng(0).normal(size=(5, 4, 4)))
    assert main(["analyze", str(tmp_path / "stack.npy"), "--out", str(tmp_path / "analysis")]) == 0
    out = compared(capsys, other, tmp_path / "analysis", "--out", tmp_path / "out")
    assert "no distance" in (out / "report.html").read_text()
    assert "holds no run and no analysis" in refused(capsys, "compare", other, out, "--out", tmp_path / "again")
