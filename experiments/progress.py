"""Progress of long work, with an estimate of the time left: one line rewritten on a terminal, plain lines elsewhere."""

import sys
import time
from typing import TextIO

PLAIN_EVERY = 15.0
TERMINAL_EVERY = 0.5


class Progress:
    """Reports how much of a total is done; the rate is counted from the first report, so compiling is not in it."""

    def __init__(self, label: str, unit: str, stream: TextIO | None = None) -> None:
        self._label, self._unit, self._stream = label, unit, stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._first: tuple[float, int] | None = None
        self._shown = -float("inf")

    def update(self, done: int, total: int) -> None:
        """Show the state if it is time to, and always at the end."""
        now = time.monotonic()
        if self._first is None:
            self._first = (now, done)
        last = done >= total
        if not last and now - self._shown < (TERMINAL_EVERY if self._terminal else PLAIN_EVERY):
            return
        self._shown = now
        elapsed, since = now - self._first[0], done - self._first[1]
        line = f"{self._label}: {done}/{total} {self._unit} ({done / total:.0%})"
        if since and elapsed > 0:
            line += f", {since / elapsed:.1f}/s, {_clock((total - done) * elapsed / since)} left"
        self._write(line, last)

    def _write(self, line: str, last: bool) -> None:
        if self._terminal:
            self._stream.write(f"\r\x1b[2K{line}" + ("\n" if last else ""))
        else:
            self._stream.write(line + "\n")
        self._stream.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
