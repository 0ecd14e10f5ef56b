"""The time of a run is that of all its sessions."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from experiments.run import stopwatch
from experiments.run.stopwatch import SESSIONS, Stopwatch
from experiments.store.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A run folder, where a second passes between any two looks at the clock."""
    clock = itertools.count(100.0)
    monkeypatch.setattr(stopwatch.time, "monotonic", lambda: next(clock))
    with RunFolder.open(tmp_path, {}) as opened:
        yield opened


def test_sessions_add_up(folder):
    first = Stopwatch(folder)
    first.store()
    begun = first.timing().started
    stored = folder.read_json(SESSIONS)
    assert (stored["sessions"], stored["seconds"]) == (1, 2.0)
    second = Stopwatch(folder).timing()
    assert second == (begun, 2.0 + 1.0, 2)


def test_a_run_begins_with_its_first_session(folder):
    started = datetime.now(UTC) - timedelta(days=1)
    folder.write_json(SESSIONS, {"schema": 1, "started": started.isoformat(), "seconds": 7.0, "sessions": 3})
    assert Stopwatch(folder).timing() == (started, 8.0, 4)


def test_the_time_is_stored_now_and_then(folder, monkeypatch):
    watch, stored = Stopwatch(folder), []
    monkeypatch.setattr(watch, "store", lambda: stored.append(True))
    monkeypatch.setattr(stopwatch, "EVERY", 3.0)
    watch._kept = stopwatch.time.monotonic()
    watch.keep()
    watch.keep()
    assert not stored
    watch.keep()
    assert stored
