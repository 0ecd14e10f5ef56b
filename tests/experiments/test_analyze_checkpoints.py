"""`pigmm analyze` on the checkpoints of a training: what is said, written and refused; and on a run of this program."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from analysis.show.tables import geometry
from analysis.study import study_recording
from analysis.weights.model_study import study_weights
from experiments.__main__ import main
from experiments.run.recording import every_matrix_of, kept_matrices
from experiments.store.run_folder import RunFolder
from experiments.weights.config import heads_of
from experiments.weights.opening import open_weights

GOLDEN = Path(__file__).parents[1] / "golden" / "run_schema1"
STEPS, SHAPE = (10, 20, 100), (9, 7)


def arrays(step: int) -> dict[str, np.ndarray]:
    """Five layers, the last step of which is shifted; an embedding that grows, and one array that comes late."""
    rng = np.random.default_rng(step)
    found = {f"layers.{k}.w": rng.normal(size=SHAPE) + (step == STEPS[-1]) for k in range(5)}
    found["embed"] = rng.normal(size=(step, 4))
    return found | ({} if step == STEPS[0] else {"layers.5.w": rng.normal(size=SHAPE)})


@pytest.fixture
def folder(tmp_path) -> Path:
    for step in STEPS:
        place = tmp_path / "training" / f"checkpoint-{step}"
        place.mkdir(parents=True)
        save_file(arrays(step), place / "model.safetensors")
        (place / "config.json").write_text('{"num_attention_heads": 3}')
    return tmp_path / "training"


def test_a_folder_of_checkpoints_is_a_training(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["analyze", str(folder), "--out", str(out)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("checkpoint-10 to checkpoint-100: 1 groups")
    assert "3 files are 3 checkpoints of a training, by the steps 10 to 100 in their names" in said
    assert "1 x not at step 10" in said
    assert "1 x 10 x 4 at step 10, 100 x 4 at step 100" in said
    entry = json.loads((out / "weights.json").read_text())
    assert entry["steps"] == [*STEPS]
    (path,) = (group["trajectory"]["checkpoints"] for group in entry["groups"])
    assert [one["from_first"]["p"] < 0.01 for one in path] == [False, False, True]
    size = np.sqrt(np.prod(SHAPE))
    assert path[2]["from_first"]["w2"] / size == pytest.approx(1, abs=0.3)
    assert (out / "tables" / "checkpoints.csv").read_text().count("\n") == 1 + len(STEPS)
    assert (out / "tables" / "paths.csv").read_text().startswith("group,length,")
    assert (out / "figures" / "trajectory1.csv").read_text().count("from the first") == 2 * len(STEPS)
    page = (out / "report.html").read_text()
    assert 'id="trajectory1"' in page
    assert 'id="moves"' in page
    assert "moved / √(mn)" in page


def test_it_is_what_the_files_are_said_to_be(folder, capsys):
    assert main(["analyze", str(folder), "--list"]) == 0
    assert "5 of 9 x 7          layers.*.w  (5 layers)" in capsys.readouterr().out
    assert main(["analyze", str(folder), "--list", "--files", "copies"]) == 0
    assert "3 of 9 x 7          layers.0.w  (3 files)" in capsys.readouterr().out
    assert heads_of(folder) == 3


def test_a_file_of_one_array_may_be_a_checkpoint(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for step in STEPS:
        np.save(tmp_path / f"iter_{step}.npy", rng.normal(size=(6, *SHAPE)))
        np.save(tmp_path / f"model_{step}.npy", rng.normal(size=(6, *SHAPE)))
    checkpoints, numbered = ([str(tmp_path / f"{word}_{step}.npy") for step in STEPS] for word in ("iter", "model"))
    assert main(["analyze", *checkpoints, "--list"]) == 0
    assert "6 of 9 x 7          array  (6 in an array)" in capsys.readouterr().out
    assert main(["analyze", *numbered, "--list"]) == 0
    assert "18 of 9 x 7" in capsys.readouterr().out
    assert main(["analyze", *numbered, "--list", "--files", "checkpoints"]) == 0
    assert "3 checkpoints of a training, by the steps 10 to 100" in capsys.readouterr().out


def test_mistakes_are_one_line(folder, tmp_path, capsys):
    save_file({"other": np.zeros((3, 3))}, tmp_path / "step_1.safetensors")
    save_file({"w": np.zeros((3, 3))}, tmp_path / "step_2.safetensors")
    apart = [str(tmp_path / f"step_{k}.safetensors") for k in (1, 2)]
    for arguments, message in (
        ([str(folder / "checkpoint-10"), "--files", "checkpoints"], "checkpoint-10: give at least two checkpoints"),
        (apart, "no matrix of real numbers among its 2 arrays (not at step 2, not at step 1)"),
        ([str(folder), "--select", "layers.9*"], "no tensor fits 'layers.9*'"),
        ([str(folder), "--key", "w", "--files", "copies"], "--orientation and --files are of the table of a model"),
    ):
        assert main(["analyze", *arguments]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line


def test_a_run_of_this_program_moves_as_its_own_report_says(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "run")
    with RunFolder.existing(tmp_path / "run", exclusive=False) as run:
        results = run.read_results()
    every, kept = every_matrix_of(results), kept_matrices(results, [0, 1])
    assert kept is not None
    at = [every.layers.index("L1")]
    symmetry = every.symmetries[at[0]]
    alone = {"layers": ("L1",), "symmetries": (symmetry,), "training": None}
    recorded = every._replace(
        **alone, invariants=every.invariants[:, :, at], block_moments=every.block_moments[:, :, at]
    )
    again = recorded._replace(
        invariants=symmetry.evaluate(symmetry.observed, kept[0])[:, :, None],
        block_moments=np.asarray(symmetry.block_moments(kept[0].astype(np.float64)))[:, :, None],
    )
    (row,) = study_weights(open_weights(tmp_path / "run")).rows
    path = row.trajectory
    assert path is not None
    assert path.statistics.epochs.tolist() == [0, 1]
    # A run records moments in float32: they agree to these digits, and those of the kept weights to all.
    for recording, digits in ((recorded, 1e-5), (again, 1e-9)):
        reported = study_recording(recording, (None,))
        (line,) = geometry(reported).rows
        net, length = (line[geometry(reported).header.index(name)] for name in ("net", "length"))
        assert path.from_first[-1].w2 == pytest.approx(net, rel=digits)
        assert path.statistics.paths[0].length == pytest.approx(length, rel=digits)
        np.testing.assert_allclose(path.statistics.w2, reported.w2, rtol=digits)
