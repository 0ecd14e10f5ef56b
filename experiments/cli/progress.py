"""Progress of long work, with an estimate of the time left: one line rewritten on a terminal, plain lines elsewhere."""

import sys
import time
from collections import deque
from io import TextIOBase
from typing import TextIO

PLAIN_EVERY = 15.0
TERMINAL_EVERY = 0.5
WINDOW = 60.0  # seconds over which the rate is taken: compiling, and what was resumed, soon leave it


class Progress:
    """Reports how much of a total is done, the present rate, and the time left."""

    def __init__(self, label: str, unit: str, stream: TextIO | None = None) -> None:
        self._label, self._unit, self._stream = label, unit, stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._recent: deque[tuple[float, int]] = deque()
        self._shown = -float("inf")

    def update(self, done: int, total: int) -> None:
        """Show the state if it is time to, and always at the end."""
        now = time.monotonic()
        if self._recent and done < self._recent[-1][1]:  # a chunk has begun anew: what it had done is no rate
            self._recent.clear()
        self._recent.append((now, done))
        while now - self._recent[0][0] > WINDOW:
            self._recent.popleft()
        last = done >= total
        if last or now - self._shown >= (TERMINAL_EVERY if self._terminal else PLAIN_EVERY):
            self._shown = now
            self._write(self._line(done, total), last)

    def _line(self, done: int, total: int) -> str:
        line = f"{self._label}: {done}/{total} {self._unit} ({done / total:.0%})"
        (start, before), (end, _) = self._recent[0], self._recent[-1]
        if done == before or end == start:
            return line
        rate = (done - before) / (end - start)
        return f"{line}, {rate:.3g}/s, {_clock((total - done) / rate)} left"

    def _write(self, line: str, last: bool) -> None:
        _write(self._stream, line, last)


class Steps:
    """Says what is being done, where no total is known: one step after the other, and at the end the time of all."""

    def __init__(self, label: str, stream: TextIO | None = None, *, plain: bool = True) -> None:
        """`plain` says it where there is no terminal, too."""
        self._label, self._stream = label, stream or sys.stderr
        self._began, self._silent = time.monotonic(), not (plain or self._stream.isatty())

    def begin(self, step: str) -> None:
        """Say what is done from now on."""
        self._say(step, last=False)

    def end(self) -> None:
        """Say that all is done."""
        self._say(f"done in {time.monotonic() - self._began:.1f} s", last=True)

    def _say(self, what: str, last: bool) -> None:
        if not self._silent:
            _write(self._stream, f"{self._label}: {what}", last)


def _write(stream: TextIO | TextIOBase, line: str, last: bool) -> None:
    """Rewrite the line on a terminal, until the last; write one more elsewhere."""
    if stream.isatty():
        stream.write(f"\r\x1b[2K{line}" + ("\n" if last else ""))
    else:
        stream.write(line + "\n")
    stream.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
