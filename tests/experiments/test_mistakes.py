"""Mistakes that users make with models: one line each, which the documentation lists as it is printed."""

import gzip
import json
import os
import pickle
import re
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save, save_file

from experiments.__main__ import main
from experiments.weights import formats
from experiments.weights.formats import KNOWN

PAGE = Path(__file__).parents[2] / "docs" / "mistakes.md"
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def seeded(monkeypatch):
    """Numbers that do not depend on which tests ran before."""
    monkeypatch.setattr(sys.modules[__name__], "RNG", np.random.default_rng(1))


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


MODEL = {**{f"layers.{k}.w": normal(8, 8) for k in range(3)}, "embed.weight": normal(20, 8), "norm": np.ones(8)}


def tensors(**arrays: np.ndarray) -> Callable[[Path], None]:
    return lambda path: save_file(arrays, path)


def array(values: np.ndarray) -> Callable[[Path], None]:
    return lambda path: np.save(path, values)


def content(some: bytes) -> Callable[[Path], int]:
    return lambda path: path.write_bytes(some)


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (2**26,)})
        for _ in range(2**8):
            file.write(bytes(2**20))


def tarred(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("model.safetensors"))


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.safetensors", save(MODEL))


def linked(path: Path) -> None:
    path.mkdir()
    os.symlink("/etc/hostname", path / "weights.npy")


def mixed(path: Path) -> None:
    path.mkdir()
    np.savetxt(path / "0.csv", np.eye(3), delimiter=",")
    np.savetxt(path / "1.csv", np.eye(4), delimiter=",")


def circle(path: Path) -> None:
    path.mkdir()
    os.symlink("b", path / "a")
    os.symlink("a", path / "b")


def headless(path: Path) -> None:
    path.mkdir()
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-1.safetensors"}}))


MADE: dict[str, Callable[[Path], object]] = {
    "model.safetensors": tensors(**MODEL),
    "empty": Path.mkdir,
    "cut.safetensors": content(save(MODEL)[:-100]),
    "code.pkl": content(pickle.dumps(MODEL)),
    "objects.npy": lambda path: np.save(path, np.array([{}, 1], dtype=object)),
    "vectors.safetensors": tensors(a=np.ones(8), b=np.ones(9)),
    "integers.safetensors": tensors(codes=np.ones((8, 8), np.int32)),
    "complex.npy": array(normal(5, 8, 8) + 1j),
    "nan.npy": array(np.full((5, 8, 8), np.nan)),
    "nan.safetensors": tensors(w=np.full((8, 8), np.nan)),
    "huge.npy": array(np.full((5, 8, 8), 1e200)),
    "none.npy": array(np.zeros((0, 8, 8))),
    "narrow.npy": array(np.zeros((5, 0, 8))),
    "scalar.npy": array(np.array(3.0)),
    "square.npy": array(normal(12, 5, 5)),
    "wide.npy": array(normal(12, 5, 6)),
    "networks.npz": lambda path: np.savez(path, a=normal(6, 5, 7), b=normal(6, 4, 6), c=normal(6, 4, 5)),
    "bomb.npz": bomb,
    "model.tar.gz": tarred,
    "model.zip": zipped,
    "table.csv.gz": content(gzip.compress(b"1,2\n3,4\n")),
    "notes.txt": content(b"these are\nmy notes\n"),
    "ragged.csv": content(b"1,2,3\n4,5\n"),
    "page.safetensors": content(b"<!DOCTYPE html>\n<html>404</html>"),
    "pointer.safetensors": content(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n"),
    "linked": linked,
    "mixed": mixed,
    "circle": circle,
    "headless": headless,
}
MISTAKES = {
    "a path that does not exist": "analyze missing.safetensors",
    "no path": "analyze",
    "an empty folder": "analyze empty",
    "a download that was cut short": "analyze cut.safetensors",
    "a pickle": "analyze code.pkl",
    "Python objects in a .npy": "analyze objects.npy",
    "only vectors": "analyze vectors.safetensors",
    "only integers": "analyze integers.safetensors",
    "complex numbers": "analyze complex.npy",
    "only NaN, in an array": "analyze nan.npy",
    "only NaN, in a model": "analyze nan.safetensors",
    "numbers too large for fourth powers": "analyze huge.npy",
    "no members": "analyze none.npy",
    "no rows": "analyze narrow.npy",
    "one number": "analyze scalar.npy",
    "`--select` that fits nothing": "analyze model.safetensors --select layer.*",
    "`--key` of no array": "analyze model.safetensors --key embed",
    "`--key` of one matrix": "analyze model.safetensors --key embed.weight",
    "`--key` with `--select`": "analyze model.safetensors --key embed.weight --select layers*",
    "`--symmetry` of a model": "analyze model.safetensors --symmetry separate",
    "`--symmetry` of matrices that do not have it": "analyze square.npy --symmetry symmetric",
    "`--symmetry` of matrices that are not square": "analyze wide.npy --symmetry simultaneous",
    "`--heads 0`": "analyze model.safetensors --heads 0",
    "`--heads two`": "analyze model.safetensors --heads two",
    "`--chain` of layers that do not chain": "analyze networks.npz --chain a b",
    "`--chain` of one layer": "analyze networks.npz --chain a",
    "`--chain` with `--key`": "analyze networks.npz --chain a c --key a",
    "several files with `--key`": "analyze square.npy wide.npy --key array",
    "a file given twice": "analyze square.npy square.npy",
    "a zip bomb": "analyze bomb.npz",
    "a compressed tar": "analyze model.tar.gz",
    "a zip of a model": "analyze model.zip",
    "a compressed table": "analyze table.csv.gz",
    "a text": "analyze notes.txt",
    "a table of ragged lines": "analyze ragged.csv",
    "a web page in place of a model": "analyze page.safetensors",
    "a pointer of Git LFS": "analyze pointer.safetensors",
    "a link out of a folder": "analyze linked",
    "links in a circle": "analyze circle",
    "a folder of tables of several shapes": "analyze mixed --symmetry symmetric",
    "an index without its shards": "analyze headless",
    "a name that is too long": f"analyze {'a' * 300}.npy",
    "`--out` that is a file": "analyze model.safetensors --out square.npy",
    "`--json` that is a folder": "analyze model.safetensors --json empty",
    "`compare` of one model": "compare model.safetensors",
    "`compare` of three models": "compare model.safetensors square.npy wide.npy",
    "`compare` of models without a common matrix": "compare model.safetensors square.npy",
    "`compare` with only vectors": "compare model.safetensors vectors.safetensors",
}


def told(call: str, capsys) -> tuple[int, str]:
    """Exit code and what is printed on a mistake, as documented."""
    try:
        code = main(call.split())
    except SystemExit as stop:
        code = int(stop.code or 0)
    said = capsys.readouterr().err.rstrip("\n").replace(KNOWN, "FILES")
    return code, said.removeprefix("pigmm: error: ").replace("a" * 300, "aaa...").replace("|", r"\|")


@pytest.fixture
def workplace(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_line_as_documented(mistake, workplace, capsys):
    call = MISTAKES[mistake]
    for word in dict.fromkeys(call.split()):
        if word in MADE:
            MADE[word](workplace / word)
    code, said = told(call, capsys)
    assert code == 2
    documented = dict(re.findall(r"^\| (.+?) \| (.+) \|$", PAGE.read_text(), re.MULTILINE))
    assert said == documented[mistake]


def test_what_may_not_be_read_is_told(workplace, monkeypatch, capsys):
    """As for the file of another user; root may read all."""
    np.save("square.npy", normal(12, 5, 5))

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(formats, "format_of", refuse)
    code, said = told("analyze square.npy", capsys)
    assert code == 2
    assert said.startswith("cannot read square.npy (Permission denied)")


def test_a_damaged_group_does_not_hide_the_others(workplace, capsys):
    damaged = {"other.0.w": np.full((8, 8), np.nan, np.float32)}
    save_file(MODEL | damaged, "model.safetensors")
    assert main(["analyze", "model.safetensors"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "layers.*.w (3 layers)" in said
    assert "none of the 1 matrices of other.0.w is finite" in said


def test_what_cannot_be_grouped_as_asked_is_said(workplace, capsys):
    save_file({"attn.0.query.weight": normal(9, 9), "attn.1.query.weight": normal(9, 8)}, "model.safetensors")
    assert main(["analyze", "model.safetensors", "--group", "attn*"]) == 0
    assert "Attn* fits matrices of 2 shapes, each a group of its own" in " ".join(capsys.readouterr().out.split())
    assert main(["analyze", "model.safetensors", "--heads", "2"]) == 0
    assert "No matrices of attention were found that split into 2 heads" in " ".join(capsys.readouterr().out.split())


def test_a_model_without_matrices_can_be_listed(workplace, capsys):
    save_file({"a": np.ones(8)}, "model.safetensors")
    assert main(["analyze", "model.safetensors", "--list"]) == 0
    assert "a  (a vector)" in capsys.readouterr().out


def test_a_diagonal_that_never_varies_is_said(workplace, capsys):
    correlations = np.stack([np.corrcoef(normal(6, 20)) for _ in range(8)])
    np.save("correlations.npy", correlations)
    assert main(["analyze", "correlations.npy", "--json", "fit.json"]) == 0
    said = capsys.readouterr().out
    assert "symmetric, 4 parameters" in said
    assert "diagonal    1 in every matrix: set to 0" in said
    off = correlations.sum(axis=(1, 2)) - 6
    mean = json.loads(Path("fit.json").read_text())["parameters"]["mu"]["value"]
    assert mean == pytest.approx(off.mean() / 30**0.5)
    np.save("graphs.npy", (normal(9, 5, 5) > 0) & ~np.eye(5, dtype=bool))
    assert main(["analyze", "graphs.npy"]) == 0
    assert "diagonal    0 in every matrix: it has no law" in capsys.readouterr().out


def test_a_folder_of_square_tables_is_an_ensemble(workplace, capsys):
    Path("tables").mkdir()
    stack = normal(12, 5, 5)
    for k, matrix in enumerate(stack):
        np.savetxt(f"tables/{k}.csv", matrix, delimiter=",")
    np.save("stack.npy", stack)
    assert main(["analyze", "tables"]) == 0
    of_folder = capsys.readouterr().out
    assert main(["analyze", "stack.npy"]) == 0
    assert of_folder == capsys.readouterr().out
    assert of_folder.startswith("members     12 of 5 x 5")


def test_copies_of_one_matrix_have_no_spread(workplace, capsys):
    np.save("copies.npy", np.repeat(normal(1, 8, 8), 5, axis=0))
    assert main(["analyze", "copies.npy"]) == 0
    assert "e+" not in capsys.readouterr().out
    save_file({f"layers.{k}.w": MODEL["layers.0.w"] for k in range(3)}, "model.safetensors")
    assert main(["analyze", "model.safetensors"]) == 0
    assert "e+" not in capsys.readouterr().out
