"""The section on the test loss: tables, JSON and figure hold the same numbers, and what is missing is said."""

import json

import numpy as np
import pytest

from analysis.prediction import FEWEST
from analysis.show.predictions import draw_predictions
from experiments.report.content import Grid, Paragraph
from experiments.report.prediction import FILE, IMPORTANCE, prediction_part, predictions_of
from tests.analysis.test_prediction import recording


@pytest.fixture(scope="module")
def part():
    one, again = recording(60), recording(60, seed=1)
    assert one.training is not None
    assert again.training is not None
    training = [np.concatenate(pair, axis=1) for pair in zip(one.training, again.training, strict=True)]
    training[-1][0] = False
    both = one._replace(
        epochs=np.array([0, 4]),
        invariants=np.concatenate([one.invariants, again.invariants], axis=1),
        block_moments=np.concatenate([one.block_moments, again.block_moments], axis=1),
        finite=training[-1],
        training=one.training._make(training),
    )
    return prediction_part(predictions_of(both))


def test_every_set_and_block_has_a_row_at_every_key_epoch(part):
    scores, important = (shown for shown in part.section.content if isinstance(shown, Grid))
    assert [row[0] for row in scores.rows] == [0] * 5 + [4] * 5
    assert [row[0] for row in important.rows] == ["A", "B"]
    assert {row[3] for row in scores.rows} == {59}
    text = " ".join(shown.text for shown in part.section.content if isinstance(shown, Paragraph))
    assert "Epoch 4: 1 members that have diverged were left out." in text


def test_tables_and_json_hold_the_same_numbers(part):
    entries = json.loads(json.dumps(part.json[FILE], allow_nan=False))
    rows = [dict(zip(part.tables[FILE].header, row, strict=True)) for row in part.tables[FILE].rows]
    for row in rows:
        (entry,) = (one for one in entries if one["epoch"] == row["epoch"])
        score = entry["scores"][row["set"]]
        assert {name: row[name] for name in score} == score
    for epoch, layer, block, value, se in part.tables[IMPORTANCE].rows:
        (entry,) = (one for one in entries if one["epoch"] == epoch)
        assert entry["importance"][layer][block] == {"value": value, "se": se}


def test_the_figure_has_the_numbers_of_the_tables_at_every_epoch(part):
    assert part.figures[FILE]["png"].startswith(b"\x89PNG")
    (scores,), (importance,) = json.loads(part.figures[FILE]["json"])["rows"]
    for curve in scores["curves"]:
        rows = [dict(zip(part.tables[FILE].header, row, strict=True)) for row in part.tables[FILE].rows]
        expected = [(row["r2"], row["se"]) for row in rows if row["set"] == curve["name"]]
        np.testing.assert_allclose(list(zip(curve["y"], curve["se"], strict=True)), expected, rtol=1e-4)
    shown = [value for curve in importance["curves"] for value in curve["y"]]
    np.testing.assert_allclose(sorted(shown), sorted(row[3] for row in part.tables[IMPORTANCE].rows), rtol=1e-4)
    assert [curve["frame"] for curve in importance["curves"]] == ["epoch 0"] * 4 + ["epoch 4"] * 4
    assert importance["places"] == ["A", "B"]


def test_there_is_no_figure_of_nothing():
    with pytest.raises(ValueError, match="no prediction to draw"):
        draw_predictions([])


def test_too_few_members_are_said_to_be_too_few():
    absent = prediction_part(predictions_of(recording(FEWEST - 1)))
    (shown,) = absent.section.content
    assert isinstance(shown, Paragraph)
    assert f"train {FEWEST} or more" in shown.text
    assert not absent.tables
    assert not absent.figures
    (entry,) = json.loads(json.dumps(absent.json[FILE], allow_nan=False))
    assert entry["scores"] == {}
