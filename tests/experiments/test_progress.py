"""Progress lines: rates of what is really gained."""

import io
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


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "plain", "said"), [(io.StringIO(), False, False), (Terminal(), False, True), (io.StringIO(), True, True)]
)
def test_steps_end_their_line_and_are_silent_on_request_where_there_is_no_terminal(stream, plain, said):
    steps = Steps("weights", stream, plain=plain)
    steps.begin("group 1 of 2")
    steps.end()
    written = stream.getvalue()
    assert ("group 1 of 2" in written) == said
    assert written.endswith("\n") == said
