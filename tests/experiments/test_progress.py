"""Progress lines: rates of what is really gained."""

import itertools
import re

import pytest

from experiments.cli import progress
from experiments.cli.progress import Progress, Steps


def test_a_line_tells_what_is_done_how_fast_and_how_long_it_will_take(tmp_path, monkeypatch):
    clock = itertools.count(0.0, 20.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with (tmp_path / "lines").open("w") as lines:
        shown = Progress("training", "network-epochs", lines)
        for done in (10, 30, 8000):
            shown.update(done, 8000)
    assert (tmp_path / "lines").read_text().splitlines() == [
        "training: 10/8000 network-epochs (0%)",
        "training: 30/8000 network-epochs (0%), 1/s, 2:12:50 left",
        "training: 8000/8000 network-epochs (100%), 200/s, 0:00 left",
    ]


def test_a_chunk_that_begins_anew_leaves_no_negative_rate(tmp_path, monkeypatch):
    clock = itertools.count(0.0, 20.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with (tmp_path / "lines").open("w") as lines:
        shown = Progress("training", "network-epochs", lines)
        for done in (10, 20, 30, 5, 10, 15):
            shown.update(done, 100)
    written = (tmp_path / "lines").read_text().splitlines()
    assert len(written) == 6
    rates = [float(match[1]) for line in written if (match := re.search(r", (\S+)/s", line))]
    assert rates == [0.5, 0.5, 0.25, 0.25]


@pytest.mark.parametrize(
    ("terminal", "plain", "told"), [(False, False, False), (True, False, True), (False, True, True)]
)
def test_steps_end_their_line_and_are_silent_on_request_without_a_terminal(terminal, plain, told, monkeypatch, capsys):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: bool(terminal))
    steps = Steps("weights", plain=bool(plain))
    steps.begin("group 1 of 2")
    steps.end()
    said = capsys.readouterr().err
    assert ("group 1 of 2" in said) == told
    assert said.endswith("\n") == told
