"""The time a run has taken over all its sessions: an interrupted run must not look faster than it was."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from experiments.errors import UserError
from experiments.store.run_folder import RunFolder

SESSIONS = "sessions.json"
EVERY = 30.0  # seconds; what a killed session took is known to within this


class Timing(NamedTuple):
    """When a run began, and how long it was at work."""

    started: datetime
    seconds: float
    """Wall time over all sessions."""
    sessions: int


class Stopwatch:
    """Measures the sessions of the run in a folder, and keeps the sum there from one session to the next."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder, self._began, self._kept = folder, time.monotonic(), -EVERY
        self._earlier_sessions = _earlier_sessions(folder)

    def timing(self) -> Timing:
        """The time up to now."""
        started, seconds, sessions = self._earlier_sessions
        return Timing(started, seconds + time.monotonic() - self._began, sessions + 1)

    def keep(self) -> None:
        """Store the time up to now, unless that was done a moment ago."""
        if time.monotonic() - self._kept >= EVERY:
            self.store()

    def store(self) -> None:
        """Store the time up to now; where that fails, training is not worth stopping for it."""
        self._kept = time.monotonic()
        started, seconds, sessions = self.timing()
        content = {"schema": 1, "started": started.isoformat(), "seconds": seconds, "sessions": sessions}
        with suppress(UserError):
            self._folder.write_json(SESSIONS, content)


def _earlier_sessions(folder: RunFolder) -> Timing:
    """The time of earlier sessions; a damaged file costs no more than that."""
    try:
        stored = folder.read_json(SESSIONS)
        return Timing(datetime.fromisoformat(stored["started"]), float(stored["seconds"]), int(stored["sessions"]))
    except (UserError, TypeError, KeyError, ValueError):
        return Timing(datetime.now(UTC), 0.0, 0)
