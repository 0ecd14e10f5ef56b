"""The speed record: what breaks a rule is refused, and the page shows the log."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray

from benchmarks.record import DOCS, RULES, Rules, read, shown, table, whole
from experiments.run.presets import RunConfig, settings
from experiments.store.netcdf import encode
from invariants import NAMES, PAPER, evaluate

MEMBERS, EPOCHS = 30, 2
SMALL = Rules(
    RunConfig(replace(RULES.config.train, members=MEMBERS, epochs=EPOCHS)), "digest", accuracy=0.9, accuracy_se=0.001
)


def write(folder: Path, change=lambda config, provenance, variables: None) -> Path:
    """A folder by the rules, but for a change."""
    generator = np.random.default_rng(0)
    weights = generator.standard_normal((MEMBERS, EPOCHS + 1, 3, 4, 4)).astype(np.float32)
    axes = ("member", "epoch", "layer")
    variables = {
        "weights": ((*axes, "row", "column"), weights),
        "invariants": ((*axes, "invariant"), evaluate(PAPER, weights.astype(float))),
        "test_accuracy": (axes[:2], generator.normal(0.9, 0.01, (MEMBERS, EPOCHS + 1))),
        "finite": (axes[:2], np.ones((MEMBERS, EPOCHS + 1), bool)),
    }
    config = {"schema": 1, **settings(SMALL.config), "data": {"name": "mnist", "digest": "digest"}}
    provenance = {
        "versions": {"jax": "1.2.3", "numpy": "4.5.6"},
        "sessions": 1,
        "wall_seconds": 12.0,
        "training_ended_utc": "2026-11-29T00:38:25+00:00",
    }
    change(config, provenance, variables)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "provenance.json").write_text(json.dumps(provenance))
    (folder / "results.nc").write_bytes(encode(xarray.Dataset(variables, {"invariant": list(NAMES)})))
    return folder


def test_an_entry_says_what_was_done(tmp_path):
    entry = whole(write(tmp_path), "me", "a machine", "", SMALL)
    assert (entry.date, entry.by, entry.hardware, entry.versions) == ("2026-11-29", "me", "a machine", {"jax": "1.2.3"})
    assert entry.seconds == {"training": 12.0}
    assert entry.network_epochs_per_second == MEMBERS * EPOCHS / 12.0
    assert not entry.extrapolated
    assert entry.accuracy == pytest.approx((0.9, 0.01 / MEMBERS**0.5), rel=0.3)


def test_seed_and_chunk_are_free(tmp_path):
    whole(write(tmp_path, lambda config, *_: config["train"].update(seed=7, chunk=3)), "me", "a machine", "", SMALL)


def _lower(config, provenance, variables):
    variables["test_accuracy"][1][:] -= 0.02


def _alter(config, provenance, variables):
    variables["invariants"][1][3, -1, 0, 20] *= 1.01


BROKEN = {
    "order is 'shared'": lambda config, *_: config["train"].update(order="shared"),
    "epochs is 3": lambda config, *_: config["train"].update(epochs=3),
    "dataset is 'sample'": lambda config, *_: config.update(dataset="sample"),
    "the data are others": lambda config, *_: config["data"].update(digest="other"),
    "it was interrupted: 2 sessions": lambda config, provenance, _: provenance.update(sessions=2),
    "is not that of the reference": _lower,
    "an invariant is off by": _alter,
}


@pytest.mark.parametrize("broken", BROKEN)
def test_what_breaks_a_rule_is_refused_by_name(broken, tmp_path):
    with pytest.raises(SystemExit, match=f"^no entry: .*{broken}"):
        whole(write(tmp_path, BROKEN[broken]), "me", "a machine", "", SMALL)


def test_the_page_shows_the_log():
    page = (DOCS / "record.md").read_text()
    assert page == shown(page, read())
    assert any(not entry.extrapolated for entry in read())


def test_extrapolations_stand_below_what_was_run(tmp_path):
    entry = whole(write(tmp_path), "me", "a machine", "", SMALL)
    faster = replace(entry, program="guessed", seconds={"training": 6.0}, extrapolated=True)
    slower = replace(entry, program="slow", seconds={"training": 75.0})
    rows = table([faster, slower, entry]).splitlines()[2:]
    assert ["**0 min 12 s**" in rows[0], "**1 min 15 s**" in rows[1], "*0 min, extrapolated*" in rows[2]] == [True] * 3
