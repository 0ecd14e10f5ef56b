"""A finished run that goes on for more epochs: equal to one that had them at once, or refused with a reason."""

import json
from pathlib import Path

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.cli.signals import Interrupted
from experiments.errors import UserError
from experiments.run import stages, training
from experiments.run.extending import earlier_run, longer
from experiments.run.kept_state import gather, read_state
from experiments.run.merging import merge_runs
from experiments.run.presets import QUICKSTART, settings
from experiments.run.training import Session
from experiments.store.run_folder import RunFolder
from tests.experiments.test_interruption import learned

MEMBERS = 3
SIZE = ["--members", str(MEMBERS), "--hidden", "4", "4", "--batch-size", "2000"]


@pytest.fixture(autouse=True)
def no_report(monkeypatch):
    """The report takes most of a small run's time and is tested elsewhere."""
    monkeypatch.setattr(stages, "report", lambda folder, published: folder.path)


def run(folder: Path, epochs: int, *more: str) -> Path:
    assert main(["run", "quickstart", *SIZE, "--epochs", str(epochs), "--out", str(folder), *more]) == 0
    return folder


def extend(folder: Path, epochs: int, out: Path, *more: str) -> int:
    return main(["extend", str(folder), "--epochs", str(epochs), "--out", str(out), *more])


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "report", lambda folder, published: folder.path)
        return run(tmp_path_factory.mktemp("runs") / "two", 2)


@pytest.fixture(scope="module")
def three(tmp_path_factory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "report", lambda folder, published: folder.path)
        return run(tmp_path_factory.mktemp("runs") / "three", 3)


@pytest.mark.parametrize("cores", ["1", "2"])
def test_an_extended_run_equals_one_of_all_epochs(two, three, tmp_path, cores):
    longer, was = tmp_path / "longer", learned(two)
    assert extend(two, 3, longer, "--devices", cores) == 0
    assert learned(longer) == learned(three)
    assert (longer / "config.json").read_bytes() == (three / "config.json").read_bytes()
    assert {path.name for path in longer.iterdir()} == {path.name for path in three.iterdir()}
    assert learned(two) == was
    origin = json.loads((longer / "provenance.json").read_text())
    assert origin["extends"]["folder"] == str(two)
    assert origin["extends"]["command"] == json.loads((two / "provenance.json").read_text())["command"]


def test_an_extension_that_was_stopped_goes_on(two, three, tmp_path, monkeypatch):
    longer, train = tmp_path / "longer", training.train

    def stopped(*arguments, on_epoch, **settings):
        def stop(moment):
            on_epoch(moment)
            raise Interrupted(2)

        return train(*arguments, on_epoch=stop, **settings)

    monkeypatch.setattr(training, "train", stopped)
    assert extend(two, 4, longer, "--devices", "1", "--save-share", "1") == 130
    assert (longer / "extends.json").exists()
    monkeypatch.setattr(training, "train", train)
    assert extend(two, 4, longer, "--devices", "1") == 0
    assert extend(longer, 5, tmp_path / "longest") == 0
    assert learned(tmp_path / "longest") == learned(run(tmp_path / "five", 5))


def test_a_part_of_the_members_goes_on_and_is_merged(three, tmp_path):
    for name, members in (("one", "0:1"), ("rest", "1:3")):
        run(tmp_path / name, 2, "--member-range", members)
        assert extend(tmp_path / name, 3, tmp_path / f"longer-{name}") == 0
    merge_runs(tmp_path / "merged", [tmp_path / f"longer-{name}" for name in ("rest", "one")])
    assert learned(tmp_path / "merged") == learned(three)


def refusal(capsys, folder: Path, epochs: int, out: Path, *more: str) -> str:
    assert extend(folder, epochs, out, *more) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("pigmm: error")]
    return line


def test_what_cannot_be_extended_is_refused(two, tmp_path, capsys):
    out = tmp_path / "out"
    assert "has had 2 epochs: --epochs counts them in, give more than 2" in refusal(capsys, two, 2, out)
    assert "is not a run folder" in refusal(capsys, tmp_path / "absent", 3, out)
    assert "goes on from it in another folder" in refusal(capsys, two, 3, two)
    assert not out.exists()


def test_a_run_of_more_epochs_in_the_same_folder_says_how_to_extend_it(two, capsys):
    assert main(["run", "quickstart", *SIZE, "--epochs", "3", "--out", str(two)]) == 2
    assert f"`pigmm extend {two} --epochs 3 --out DIR` goes on from it" in capsys.readouterr().err
    assert main(["run", "quickstart", *SIZE, "--epochs", "1", "--out", str(two)]) == 2
    assert "another configuration (train.epochs is 2 there, 1 now)" in capsys.readouterr().err


def test_a_run_without_its_state_is_refused(tmp_path, capsys):
    bare = run(tmp_path / "bare", 1, "--no-save-weights")
    assert not (bare / "state.safetensors").exists()
    assert "has no state.safetensors, which runs with --save-weights keep" in refusal(capsys, bare, 3, tmp_path / "out")


@pytest.mark.parametrize("damage", ["truncated", "flipped", "digest"])
def test_a_damaged_state_is_refused(two, tmp_path, capsys, damage):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in two.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    state = copy / "state.safetensors"
    content = bytearray(state.read_bytes())
    if damage == "truncated":
        state.write_bytes(content[:-1])
    if damage == "flipped":
        content[-1] ^= 1
        state.write_bytes(content)
    if damage == "digest":
        (copy / "state.sha256").unlink()
    assert "state.safetensors cannot be read" in refusal(capsys, copy, 3, tmp_path / "out")


def test_recordings_that_cannot_be_joined_are_refused_before_training(two, tmp_path, capsys):
    copy = tmp_path / "copy"
    with RunFolder.existing(two, exclusive=False) as folder:
        config, results = folder.config, folder.read_results()
    with RunFolder.open(copy, config) as other:
        for name in ("state.safetensors", "state.sha256", "provenance.json"):
            (copy / name).write_bytes((two / name).read_bytes())
        other.write_results(results.drop_vars("spectral_radius"))
    said = refusal(capsys, copy, 3, tmp_path / "out")
    assert "was recorded by another version of pigmm (spectral_radius)" in said


def test_a_training_that_was_begun_otherwise_is_not_gone_on_with(two, tmp_path, capsys):
    out = tmp_path / "out"
    with RunFolder.existing(two, exclusive=False) as folder:
        config = folder.config
    RunFolder.open(out, config | {"train": config["train"] | {"epochs": 3}}).close()
    (out / "parts").mkdir()
    assert "was begun by a `pigmm run`" in refusal(capsys, two, 3, out)
    (out / "extends.json").write_text('{"schema": 1, "results": "another"}')
    assert "was begun by `pigmm extend` of a run that is not this one" in refusal(capsys, two, 3, out)
    assert main(["run", "quickstart", *SIZE, "--epochs", "3", "--out", str(out)]) == 2


def test_other_images_are_refused(two, tmp_path):
    earlier = earlier_run(two)
    with pytest.raises(UserError, match="was trained on other images"):
        stages.run(longer(earlier, 3), tmp_path / "out", Session(), earlier=earlier._replace(data={"digest": "other"}))


def test_the_state_is_kept_only_if_it_is_of_all_members(two, tmp_path):
    with RunFolder.open(tmp_path / "some", settings(QUICKSTART)) as folder:
        gather(folder, [two / "state.safetensors", tmp_path / "absent"], MEMBERS + 1)
        assert not (folder.path / "state.safetensors").exists()
        gather(folder, [two / "state.safetensors"] * 2, 2 * MEMBERS)
        twice = read_state(folder.path, slice(0, 2 * MEMBERS))
    once = read_state(two, slice(0, MEMBERS))
    for name, leaf in once.items():
        np.testing.assert_array_equal(twice[name], np.concatenate([leaf, leaf]))
