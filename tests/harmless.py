"""Whatever is in a file, reading it ends soon, in little memory, with a result or the documented error in one line."""

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.errors import UserError
from experiments.weights.opening import open_weights

MEMORY = 50_000_000  # bytes that reading a file of a few kilobytes may take
SOON = 20.0  # seconds, of which it takes thousandths: more is a loop that the file controls


def assert_harmless(read: Callable[[], object], *documented: type[Exception]) -> None:
    """Read; any other error than a documented one fails the test, and so does much memory or time."""
    tracemalloc.start()
    began = time.monotonic()
    message = "read"
    try:
        read()
    except documented as error:
        message = str(error)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(message.splitlines()) == 1
    assert peak < MEMORY
    assert time.monotonic() - began < SOON


def read_all(path: Path) -> None:
    """Open the models in a file or folder, and read each of their arrays."""
    for weights in open_weights(path):
        for tensor in weights.tensors:
            tensor.read()


def assert_refused(path: Path, reason: str) -> None:
    """See that opening or reading a file is refused for this reason (a pattern), harmlessly."""
    with pytest.raises(UserError, match=reason):
        read_all(path)
    assert_harmless(lambda: read_all(path), UserError)
