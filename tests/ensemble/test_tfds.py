"""tensorflow-datasets for real: MNIST prepared from a loopback server, then read back without TensorFlow."""

import functools
import gzip
import http.server
import json
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from unittest.mock import Mock

import numpy as np
import pytest

from ensemble.data import _prepare, load
from ensemble.dataset import Dataset

ROOT = Path(__file__).resolve().parents[2]
TRAIN, TEST = 60000, 10000  # the builder of MNIST reads exactly so many

WITHOUT_TENSORFLOW = """
from importlib.machinery import PathFinder

find = PathFinder.find_spec
hide = lambda name, *rest: None if name.partition(".")[0] == "tensorflow" else find(name, *rest)
PathFinder.find_spec = hide
"""

FROM_MIRROR = """
from tensorflow_datasets.image_classification import mnist

mnist.MNIST.URL = {!r}
"""

PREPARE = """
import sys
from ensemble.data import load

load("mnist", tfds_dir=sys.argv[1])
"""

READ = """
import sys
import numpy as np
from ensemble.data import load

data = load("mnist", tfds_dir=sys.argv[1])
assert not any(name.partition(".")[0] == "tensorflow" for name in sys.modules)
np.savez(sys.argv[2], **{field: value for field, value in vars(data).items() if isinstance(value, np.ndarray)})
print(data.describe())
"""

REFUSE = """
import json
import sys
from ensemble.data import DataError, load

messages = {}
for name in json.loads(sys.argv[1]):
    try:
        load(name, tfds_dir=sys.argv[2])
    except DataError as error:
        messages[name] = str(error)
print(json.dumps(messages))
"""


def needs_tensorflow() -> None:
    # Looked up, not imported: importing it here would take seconds and warn.
    if find_spec("tensorflow") is None:
        pytest.skip("preparing a data set needs TensorFlow: pip install -e '.[prepare]'")


def run(script: str, *arguments: str | Path) -> str:
    """Run a script in a fresh process and return the last line it printed."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1] if done.stdout else ""


def sorted_images(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Images with their labels in lexicographic order, because tensorflow-datasets stores them shuffled."""
    rows = np.column_stack([images, labels.astype(np.uint8)])
    return np.sort(np.ascontiguousarray(rows).view(f"V{rows.shape[1]}").ravel())


@pytest.fixture(scope="module")
def repeated_sample() -> Dataset:
    """The embedded sample repeated to the size of MNIST, every image marked by its number so that no two are equal."""
    sample = load("sample")

    def repeat(images: np.ndarray, labels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        images, labels = np.resize(images, (count, images.shape[1])), np.resize(labels, count)
        images[:, :4] = np.arange(count, dtype="<u4").view(np.uint8).reshape(count, 4)
        return images, labels

    train = repeat(sample.train_images, sample.train_labels, TRAIN)
    test = repeat(sample.test_images, sample.test_labels, TEST)
    return Dataset("repeated", "the embedded sample", sample.shape, sample.classes, *train, *test)


@pytest.fixture(scope="module")
def mirror(repeated_sample: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server on loopback that offers the four files of MNIST's mirror."""
    folder = tmp_path_factory.mktemp("mirror")
    data = repeated_sample
    for stem, images, labels in (
        ("train", data.train_images, data.train_labels),
        ("t10k", data.test_images, data.test_labels),
    ):
        image_header = struct.pack(">4I", 0x803, len(images), 28, 28)
        label_header = struct.pack(">2I", 0x801, len(labels))
        for name, content in (
            (f"{stem}-images-idx3-ubyte.gz", image_header + images.tobytes()),
            (f"{stem}-labels-idx1-ubyte.gz", label_header + labels.astype(np.uint8).tobytes()),
        ):
            (folder / name).write_bytes(gzip.compress(content, compresslevel=1))

    class QuietHandler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def prepared(mirror: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of tensorflow-datasets holding MNIST as prepared from the mirror."""
    needs_tensorflow()
    folder = tmp_path_factory.mktemp("tfds")
    run(FROM_MIRROR.format(mirror) + PREPARE, folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("prelude", ["", WITHOUT_TENSORFLOW], ids=["not imported", "not installed"])
def test_prepared_mnist_is_read_without_tensorflow(
    prepared: Path, repeated_sample: Dataset, tmp_path: Path, prelude: str
):
    printed = run(prelude + READ, prepared, tmp_path / "read.npz")
    assert "from tensorflow-datasets mnist/3.0.1" in printed
    with np.load(tmp_path / "read.npz") as read:
        for split in ("train", "test"):
            images, labels = read[f"{split}_images"], read[f"{split}_labels"]
            assert images.dtype == np.uint8
            expected = (getattr(repeated_sample, f"{split}_{what}") for what in ("images", "labels"))
            np.testing.assert_array_equal(sorted_images(images, labels), sorted_images(*expected))


@pytest.mark.slow
def test_damaged_prepared_data_is_refused(prepared: Path, tmp_path: Path):
    (records,) = (prepared / "mnist" / "3.0.1").glob("mnist-train.array_record*")
    whole = records.read_bytes()
    records.write_bytes(whole[: len(whole) // 2])
    try:
        message = json.loads(run(WITHOUT_TENSORFLOW + REFUSE, '["mnist"]', prepared))["mnist"]
    finally:
        records.write_bytes(whole)
    assert "cannot be read" in message
    assert "prepare it again" in message


def test_refusals_without_tensorflow(tmp_path: Path):
    names = ["mnist", "no_such_set", "../mnist", "mnist:9.9.9", "", "imdb_reviews", "cats_vs_dogs"]
    messages = json.loads(run(WITHOUT_TENSORFLOW + REFUSE, json.dumps(names), tmp_path))
    expected = dict.fromkeys(names, "cannot open data set") | {
        "mnist": "pip install -e '.[prepare]', or pass --data-dir",
        "imdb_reviews": "not one for image classification",
        "cats_vs_dogs": "not one for image classification",
    }
    for name, part in expected.items():
        assert part in messages[name]
        assert "\n" not in messages[name]


@pytest.mark.slow
def test_a_failing_download_is_said_in_one_line(mirror: str, tmp_path: Path):
    needs_tensorflow()
    script = FROM_MIRROR.format(mirror + "absent/") + REFUSE
    message = json.loads(run(script, '["mnist"]', tmp_path))["mnist"]
    assert "could not be prepared" in message
    assert "check network and disk" in message
    assert "\n" not in message


def test_data_sets_are_prepared_from_the_original_files_only(monkeypatch: pytest.MonkeyPatch):
    """Their checksums are verified; a copy that others prepared has none."""
    monkeypatch.setitem(sys.modules, "tensorflow", ModuleType("tensorflow"))
    builder, library = Mock(), Mock(ModuleType, download=Mock(DownloadConfig=dict))
    _prepare(library, builder)
    builder.download_and_prepare.assert_called_once_with(download_config={"try_download_gcs": False})
