"""Whatever goes wrong in a file becomes one line for its user, when it is opened and when an array is read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from analysis.weights.tensors import Weights
from ensemble.errors import first_line
from experiments.errors import UserError

LONGEST = 300  # characters of what a library says


def opened(path: Path, title: str, again: str, open_path: Callable[[Path], Weights]) -> Weights:
    """The arrays of a file or folder, whose every failure is a `UserError`.

    Args:
        path: the file.
        title: what kind of file it is.
        again: what to do if it is damaged.
        open_path: opens it.
    """
    with _one_line(path, title, again):
        weights = open_path(path)
    guard = partial(_read, path, title, again)
    return weights._replace(tensors=tuple(each._replace(read=partial(guard, each.read)) for each in weights.tensors))


def _read(path: Path, title: str, again: str, read: Callable[[], np.ndarray]) -> np.ndarray:
    with _one_line(path, title, again):
        return read()


@contextmanager
def _one_line(path: Path, title: str, again: str) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # what numpy, zipfile, zlib, safetensors and others make of damage depends on the place
        reason = first_line(error)[:LONGEST]
        raise UserError(f"{path} is not a readable {title} of plain numbers ({reason}); {again}") from None
