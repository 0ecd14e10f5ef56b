"""Interruption by Ctrl-C (SIGINT) and SIGTERM: either at once, or collected until work stands where it can resume."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
ONCE = 1.0  # seconds within which a second signal counts as the same: supervisors signal a process and its group


class Interrupted(KeyboardInterrupt):
    """A signal has stopped the program; what was saved stays, and the same command goes on from there."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextmanager
def raised_signals() -> Iterator[None]:
    """Let either signal raise `Interrupted` in the main thread, so that half-written files are removed."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Interrupted(number)

    with _handled_by(stop):
        yield


@contextmanager
def collected_signals(forward: Callable[[], None] = lambda: None) -> Iterator[list[int]]:
    """Collect the signals instead of stopping at once; the caller looks at the list where it can stop and resume.

    At the first, `forward` is called too; one that comes more than a moment later stops at once.
    """
    received: list[int] = []
    deadline = 0.0

    def collect(number: int, frame: FrameType | None) -> None:
        nonlocal deadline
        if not received:
            received.append(number)
            deadline = time.monotonic() + ONCE
            forward()
        elif time.monotonic() > deadline:
            raise Interrupted(number)

    with _handled_by(collect):
        yield received


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    previous = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, earlier in previous.items():
            signal.signal(number, earlier)
