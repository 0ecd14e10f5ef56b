"""Outputs that need not be made again: those of the same results, options and program, complete and unaltered."""

import pytest

from experiments.store import freshness
from experiments.store.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    with RunFolder.open(tmp_path / "run", {"members": 4}) as folder:
        for name in ("results.sha256", "provenance.json", "fit.json", "report.html", "tables/t.csv", "figures/f.png"):
            folder.write_text(name, name)
        yield folder


def test_what_was_just_written_is_fresh(folder):
    assert not freshness.fresh(folder, folder)
    freshness.keep(folder, folder)
    assert freshness.fresh(folder, folder)
    assert not freshness.fresh(folder, folder.within("as-published"))


@pytest.mark.parametrize("name", ["results.sha256", "provenance.json", "fit.json", "tables/t.csv", "figures/f.png"])
def test_an_altered_or_absent_file_is_noticed(folder, name):
    freshness.keep(folder, folder)
    (folder.path / name).write_text("other")
    assert not freshness.fresh(folder, folder)
    (folder.path / name).unlink()
    assert not freshness.fresh(folder, folder)


@pytest.mark.parametrize("what", ["versions", "_program"])
def test_another_program_draws_anew(folder, monkeypatch, what):
    freshness.keep(folder, folder)
    monkeypatch.setattr(freshness, what, lambda: "other")
    assert not freshness.fresh(folder, folder)


def test_a_damaged_note_draws_anew(folder):
    freshness.keep(folder, folder)
    (folder.path / freshness.STAMP).write_text("{")
    assert not freshness.fresh(folder, folder)
