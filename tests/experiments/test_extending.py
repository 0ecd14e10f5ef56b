"""A finished run that goes on for more epochs: equal to one that had them at once, or refused with a reason."""

import hashlib
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from experiments.__main__ import main
from experiments.errors import UserError
from experiments.run import parts, stages, training
from experiments.run.kept_state import gather, read_state
from experiments.run.merging import merge_runs
from experiments.run.presets import QUICKSTART, settings
from experiments.store import digests
from experiments.store.run_folder import RunFolder
from tests.experiments.test_interruption import learned
from tests.tiny import tiny_data

MEMBERS = 5
SIZE = ["--members", str(MEMBERS), "--chunk", "2", "--hidden", "4", "4", "--batch-size", "2000"]
ALONE = ["--devices", "1"]


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


@pytest.mark.parametrize("cores", ["1", "2"])
def test_an_extended_run_equals_one_of_all_epochs(two, tmp_path, monkeypatch, cores):
    three = run(tmp_path / "three", 3, "--devices", cores)
    if cores == "1":  # the last bits depend on how many cores a process has
        two = run(tmp_path / "two", 2, "--devices", cores)
    longer, was, started = tmp_path / "longer", learned(two), []
    start = parts._Workers._start
    monkeypatch.setattr(parts._Workers, "_start", lambda *given: started.append(given) or start(*given))
    assert extend(two, 3, longer, "--devices", cores) == 0
    assert len(started) == (2 if cores == "2" else 0)
    assert learned(longer) == learned(three)
    assert (longer / "config.json").read_bytes() == (three / "config.json").read_bytes()
    assert {path.name for path in longer.iterdir()} == {path.name for path in three.iterdir()}
    assert learned(two) == was
    origin = json.loads((longer / "provenance.json").read_text())
    assert origin["extends"]["folder"] == str(two)
    assert origin["extends"]["command"] == json.loads((two / "provenance.json").read_text())["command"]
    assert origin["network_epochs_per_second"] * origin["wall_seconds"] == pytest.approx(MEMBERS * 1)


def test_an_extension_that_was_stopped_goes_on(tmp_path, monkeypatch, capsys):
    two, longer, train = run(tmp_path / "two", 2, *ALONE), tmp_path / "longer", training.train

    def stopped(*arguments, on_epoch, **settings):
        def stop(moment):
            if moment.done == 4:  # the first chunk has had both epochs
                os.kill(os.getpid(), signal.SIGTERM)
            on_epoch(moment)

        return train(*arguments, on_epoch=stop, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(training, "train", stopped)
        assert extend(two, 4, longer, *ALONE) == 143
    assert (longer / "extends.json").exists()
    (longer / "states" / "0.safetensors").unlink()
    (longer / "states" / "3.safetensors").write_bytes(b"of a chunk that began elsewhere")
    capsys.readouterr()
    assert extend(two, 4, longer, *ALONE) == 0
    assert "resuming at member 0, epoch 4" in capsys.readouterr().out
    assert extend(longer, 5, tmp_path / "longest", *ALONE) == 0
    assert learned(tmp_path / "longest") == learned(run(tmp_path / "five", 5, *ALONE))


def test_parts_of_the_members_go_on_and_are_merged(tmp_path):
    ranges = {"one": "0:1", "rest": "1:5"}
    for name, members in ranges.items():
        short = run(tmp_path / f"short-{name}", 2, "--member-range", members)
        assert extend(short, 3, tmp_path / f"longer-{name}") == 0
        run(tmp_path / f"whole-{name}", 3, "--member-range", members)
    for kind in ("longer", "whole"):
        merge_runs(tmp_path / kind, [tmp_path / f"{kind}-{name}" for name in ranges])
    assert learned(tmp_path / "longer") == learned(tmp_path / "whole")
    assert (tmp_path / "longer" / "config.json").read_bytes() == (tmp_path / "whole" / "config.json").read_bytes()


def refusal(capsys, folder: Path, epochs: int, out: Path, *more: str) -> str:
    assert extend(folder, epochs, out, *more) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("pigmm: error")]
    return line


def test_what_cannot_be_extended_is_refused(two, tmp_path, capsys):
    out = tmp_path / "out"
    assert "has had 2 epochs: --epochs counts them in, give more than 2" in refusal(capsys, two, 2, out)
    assert "is not a run folder" in refusal(capsys, tmp_path / "absent", 3, out)
    assert "is the run itself: choose another folder" in refusal(capsys, two, 3, two)
    RunFolder.open(tmp_path / "begun", settings(QUICKSTART)).close()
    assert "give its `pigmm run` again first" in refusal(capsys, tmp_path / "begun", 30, out)
    (tmp_path / "begun" / "extends.json").touch()
    assert "give its `pigmm extend` again first" in refusal(capsys, tmp_path / "begun", 30, out)
    assert not out.exists()


def test_a_run_of_more_epochs_in_the_same_folder_says_how_to_extend_it(two, capsys):
    assert main(["run", "quickstart", *SIZE, "--epochs", "3", "--out", str(two)]) == 2
    assert f"`pigmm extend {two} --epochs 3 --out DIR` goes on from it" in capsys.readouterr().err
    assert main(["run", "quickstart", *SIZE, "--epochs", "1", "--out", str(two)]) == 2
    assert "another configuration (train.epochs is 2 there, 1 now)" in capsys.readouterr().err


def test_a_run_without_its_state_is_refused(tmp_path, capsys):
    bare = run(tmp_path / "bare", 1, "--no-save-weights")
    assert not (bare / "state.safetensors").exists()
    assert "has no state.safetensors, which runs of one epoch or more keep if --save-weights is given" in refusal(
        capsys, bare, 3, tmp_path / "out"
    )


def copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    for path in folder.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    return to


@pytest.mark.parametrize("damage", ["truncated", "flipped", "digest"])
def test_a_damaged_state_is_refused(two, tmp_path, capsys, damage):
    copy = copied(two, tmp_path / "copy")
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


CHANGES = {
    "other members": lambda state: state | {name: leaf[::-1].copy() for name, leaf in state.items()},
    "another epoch": lambda state: state | {"optimizer.0.count": state["optimizer.0.count"] - 1},
    "not finite": lambda state: state | {"params.kernel1": np.full_like(state["params.kernel1"], np.nan)},
    "an array less": lambda state: {name: leaf for name, leaf in state.items() if name != "params.kernel0"},
    "more members": lambda state: {name: np.repeat(leaf, 2, 0) for name, leaf in state.items()},
    "other sizes": lambda state: state | {"params.kernel1": state["params.kernel1"][:, :3].copy()},
    "no matrices": lambda state: state | {"params.kernel1": state["params.kernel1"][:, 0, 0].copy()},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_state_of_other_weights_is_refused(two, tmp_path, capsys, change):
    copy = copied(two, tmp_path / "copy")
    content = save(CHANGES[change](load_file(two / "state.safetensors")))
    (copy / "state.safetensors").write_bytes(content)
    (copy / "state.sha256").write_text(digests.line(hashlib.sha256(content).hexdigest(), "state.safetensors"))
    said = refusal(capsys, copy, 3, tmp_path / "out")
    assert "is not of the weights that results.nc has recorded last" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [
        ("epochs", 1, "its config.json is not that of its results"),
        ("epochs", 2.0, "is damaged"),
        ("epochs", True, "epochs is True; it must be a whole number"),
        ("epochs", "2", "is damaged"),
        ("seed", 0.5, "is damaged"),
        ("hidden", [4.0, 4.0], "is damaged"),
    ],
)
def test_damaged_settings_are_refused(two, tmp_path, capsys, setting, value, why):
    copy = copied(two, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    config["train"][setting] = value
    (copy / "config.json").write_text(json.dumps(config))
    assert why in refusal(capsys, copy, 3, tmp_path / "out")


@pytest.mark.parametrize(("change", "why"), [({"start": "abc"}, "config.json of"), ({"members": [5, 2]}, "is damaged")])
def test_a_damaged_configuration_is_refused(two, tmp_path, capsys, change, why):
    copy = copied(two, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | change))
    assert why in refusal(capsys, copy, 3, tmp_path / "out")


def test_recordings_that_cannot_be_joined_are_refused_before_training(two, tmp_path, capsys):
    copy = tmp_path / "copy"
    with RunFolder.existing(two, exclusive=False) as folder:
        config, results = folder.config, folder.read_results()
    with RunFolder.open(copy, config) as other:
        for name in ("state.safetensors", "state.sha256", "provenance.json"):
            (copy / name).write_bytes((two / name).read_bytes())
        other.write_results(results.drop_vars("spectral_radius"))
    said = refusal(capsys, copy, 3, tmp_path / "out")
    assert "was recorded by another version of pigmm" in said
    assert "(spectral_radius)" in said
    assert not (tmp_path / "out").exists()


def test_a_training_that_was_begun_otherwise_is_not_gone_on_with(two, tmp_path, capsys):
    out = tmp_path / "out"
    with RunFolder.existing(two, exclusive=False) as folder:
        config = folder.config
    RunFolder.open(out, config | {"train": config["train"] | {"epochs": 3}}).close()
    (out / "parts").mkdir()
    assert "was begun by `pigmm run`: give that again" in refusal(capsys, two, 3, out)
    (out / "extends.json").write_text('{"schema": 1, "results": "another"}')
    assert "was begun by `pigmm extend` of another run: give that again" in refusal(capsys, two, 3, out)
    assert main(["run", "quickstart", *SIZE, "--epochs", "3", "--out", str(out)]) == 2
    assert "was begun by `pigmm extend`: give that again" in capsys.readouterr().err
    (out / "extends.json").write_text("{")
    assert "extends.json is damaged: delete" in refusal(capsys, two, 3, out)


def test_other_images_are_refused(two, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(stages, "load", lambda name, folder: tiny_data())
    assert "was trained on other images than these" in refusal(capsys, two, 3, tmp_path / "out")


def test_the_state_is_kept_only_if_it_is_of_all_members(two, tmp_path):
    state = two / "state.safetensors"
    with RunFolder.open(tmp_path / "some", settings(QUICKSTART)) as folder:
        assert gather(folder, [state] * 2, 2 * MEMBERS) == ""
        twice = read_state(folder.path, slice(0, 2 * MEMBERS))
        for files, members in [([state, tmp_path / "absent"], MEMBERS), ([state], MEMBERS + 1)]:
            assert "cannot be extended" in gather(folder, files, members)
            assert not (folder.path / "state.safetensors").exists()
        assert gather(folder, [tmp_path / "absent"], MEMBERS) == ""
    for name, leaf in load_file(state).items():
        np.testing.assert_array_equal(twice[name], np.concatenate([leaf, leaf]))


def test_a_damaged_state_of_a_part_is_not_merged(tmp_path):
    for name, members in (("one", "0:1"), ("rest", "1:5")):
        run(tmp_path / name, 1, "--member-range", members)
    state = tmp_path / "rest" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-1] + b"?")
    with pytest.raises(UserError, match=r"rest/state\.safetensors cannot be read"):
        merge_runs(tmp_path / "merged", [tmp_path / "one", tmp_path / "rest"])
    state.unlink()
    merge_runs(tmp_path / "merged", [tmp_path / "one", tmp_path / "rest"])
    assert not (tmp_path / "merged" / "state.safetensors").exists()
