"""Whatever is in a file, reading it ends soon, in little memory, with a result or the documented error in one line."""

import json
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
import safetensors.numpy
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ensemble import DataError
from ensemble.idx import read_idx
from experiments.errors import UserError
from experiments.report.matrices import read_stack
from experiments.run import presets
from experiments.run.merging import read_part
from experiments.run.models import read_parameters
from experiments.run.parts import plan_parts
from experiments.run.reporting import recorded
from experiments.run.stopwatch import SESSIONS, Stopwatch
from experiments.store.run_folder import RunFolder
from tests.harmless import assert_harmless

FUZZ = settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """A file's content with a few bytes changed and perhaps cut short, or other bytes altogether."""
    change = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))

    def apply(changes: list[tuple[int, int]], end: int) -> bytes:
        copy = bytearray(content)
        for place, value in changes:
            copy[place] = value
        return bytes(copy[:end])

    ends = st.just(len(content)) | st.integers(0, len(content))
    return st.builds(apply, st.lists(change, max_size=6), ends) | st.binary(max_size=200)


def changed(whole: dict[str, Any]) -> st.SearchStrategy[Any]:
    """A JSON object with one of its values, at any depth, replaced or taken out."""

    def walk(value: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
        nested = [inner for key, item in value.items() if isinstance(item, dict) for inner in walk(item, (*path, key))]
        return [(*path, key) for key in value] + nested

    def apply(path: tuple[str, ...], value: Any, remove: bool) -> dict[str, Any]:
        copy = json.loads(json.dumps(whole))
        inner = copy
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        if remove:
            del inner[path[-1]]
        return copy

    return st.builds(apply, st.sampled_from(walk(whole)), JSON, st.booleans())


CONFIG = presets.settings(presets.QUICKSTART) | {"data": {"name": "sample", "digest": "0"}, "members": [0, 2]}


@pytest.fixture(scope="module")
def results() -> xr.Dataset:
    rng = np.random.default_rng(0)
    lead = ("member", "epoch", "layer")
    return xr.Dataset(
        {
            "invariants": ((*lead, "invariant"), rng.normal(size=(2, 1, 1, 52))),
            "block_moments": ((*lead, "moment"), rng.normal(size=(2, 1, 1, 10))),
            "finite": (("member", "epoch"), np.ones((2, 1), bool)),
            **{
                name: (("member", "epoch"), rng.random((2, 1))) for name in ("train_loss", "test_loss", "test_accuracy")
            },
        },
        {
            "member": [0, 1],
            "epoch": [0],
            "layer": ["L1"],
            "dim": (("layer",), [4]),
            "invariant": [f"I{k}" for k in range(1, 53)],
        },
    )


@pytest.fixture
def folder(tmp_path: Path, results: xr.Dataset) -> Path:
    with RunFolder.open(tmp_path / "run", CONFIG) as run:
        run.write_results(results)
        run.write_json("provenance.json", {"schema": 1})
    return tmp_path / "run"


def read_folder(path: Path) -> None:
    with RunFolder.existing(path) as run:
        recorded(run)
        run.read_json("provenance.json")


@FUZZ
@given(
    content=damaged(json.dumps({"schema": 1, **CONFIG}).encode()) | JSON.map(lambda value: json.dumps(value).encode())
)
def test_config(folder: Path, content: bytes):
    (folder / "config.json").write_bytes(content)
    assert_harmless(lambda: read_folder(folder), UserError)
    assert_harmless(lambda: RunFolder.open(folder, CONFIG).close(), UserError)


@settings(FUZZ, max_examples=15)  # the checks of types under which tests run are slow to complain
@given(config=changed({"schema": 1, **CONFIG}))
def test_settings(folder: Path, config: dict[str, Any]):
    (folder / "config.json").write_text(json.dumps(config))
    assert_harmless(lambda: read_folder(folder), UserError)
    assert_harmless(lambda: read_part(folder), UserError)


@FUZZ
@given(data=st.data())
def test_results(folder: Path, data: st.DataObject):
    whole = (folder / "results.nc").read_bytes()
    (folder / "results.nc").write_bytes(data.draw(damaged(whole)))
    assert_harmless(lambda: read_folder(folder), UserError)
    (folder / "results.nc").write_bytes(whole)


@pytest.mark.parametrize("name", ["invariants", "finite", "dim", "invariant"])
def test_results_without_a_quantity(folder: Path, results: xr.Dataset, name: str):
    with RunFolder.existing(folder) as run:
        run.write_results(results.drop_vars(name))
    with pytest.raises(UserError, match="does not hold a run that can be reported"):
        read_folder(folder)


@FUZZ
@given(content=damaged(json.dumps({"started": "2026-01-01T00:00:00", "seconds": 3.5, "sessions": 2}).encode()))
def test_sessions(folder: Path, content: bytes):
    (folder / SESSIONS).write_bytes(content)
    with RunFolder.existing(folder) as run:
        assert_harmless(lambda: Stopwatch(run).timing())


@FUZZ
@given(names=st.lists(st.from_regex(r"[0-9]{1,20}-[0-9]{1,20}(\.log)?", fullmatch=True), max_size=4))
def test_names_of_parts(tmp_path_factory, names: list[str]):
    folder = tmp_path_factory.mktemp("run")
    for name in names:
        (folder / "parts" / name).mkdir(parents=True, exist_ok=True)

    def check() -> None:
        members = [member for part in plan_parts(folder, range(10), 2, 4) for member in part.members]
        assert members == list(range(10))

    assert_harmless(check)


MODEL = {"dim": 4, "parameters": [0.1] * 13}


@FUZZ
@given(content=JSON | changed({"schema": 1, "epoch": 3, "models": {"L1": MODEL}}))
def test_models(tmp_path: Path, content: Any):
    (tmp_path / "models.json").write_text(json.dumps(content))
    assert_harmless(lambda: read_parameters(tmp_path / "models.json"), UserError)


STACK = np.random.default_rng(1).normal(size=(3, 4, 4))


def write_safetensors(file: IO[bytes], array: np.ndarray) -> None:
    file.write(safetensors.numpy.save({"a": array}))


WRITERS = {"npy": np.save, "npz": np.savez, "compressed": np.savez_compressed, "safetensors": write_safetensors}


@pytest.mark.parametrize("form", WRITERS)
@FUZZ
@given(data=st.data())
def test_matrices(tmp_path: Path, form: str, data: st.DataObject):
    path = tmp_path / "stack"
    with path.open("wb") as file:
        WRITERS[form](file, STACK)
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    assert_harmless(lambda: read_stack(path), UserError)


@FUZZ
@given(sizes=st.lists(st.integers(0, 2**62), min_size=1, max_size=4), kind=st.sampled_from(["<f8", "|O", "|S9", "<U4"]))
@pytest.mark.parametrize("form", ["npy", "npz"])
def test_headers_of_matrices(tmp_path: Path, form: str, sizes: list[int], kind: str):
    header = repr({"descr": kind, "fortran_order": False, "shape": tuple(sizes)}).encode().ljust(117) + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64)
    path = tmp_path / f"stack.{form}"
    if form == "npy":
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.npy", content)
    assert_harmless(lambda: read_stack(path), UserError)


TENSOR = {"a": {"dtype": "F64", "shape": list(STACK.shape), "data_offsets": [0, STACK.nbytes]}}


@FUZZ
@given(header=JSON | changed(TENSOR), names=st.lists(st.text(max_size=8), max_size=2))
def test_headers_of_safetensors(tmp_path: Path, header: Any, names: list[str]):
    if isinstance(header, dict):
        header |= {name: next(iter(header.values()), None) for name in names}
    text = json.dumps(header).encode()
    (tmp_path / "stack").write_bytes(len(text).to_bytes(8, "little") + text + STACK.tobytes())
    assert_harmless(lambda: read_stack(tmp_path / "stack"), UserError)


IDX = b"\0\0\x08\x03" + b"".join(size.to_bytes(4, "big") for size in (3, 4, 5)) + bytes(60)


@FUZZ
@given(content=damaged(IDX))
def test_idx(tmp_path: Path, content: bytes):
    (tmp_path / "images").write_bytes(content)
    assert_harmless(lambda: read_idx(tmp_path / "images", 3), DataError)
