"""Fitted models as files, and as the law that another ensemble starts from."""

import json
from dataclasses import replace

import numpy as np
import pytest

from analysis import PIGMM, fit
from ensemble import train
from experiments.__main__ import main
from experiments.errors import UserError
from experiments.run.models import check_start, read_parameters, sampled_start, to_json
from experiments.run.presets import RunConfig
from tests.synthetic import synthetic
from tests.tiny import TINY, tiny_data

F = [1.0, -0.5, 0.4, 0.1, 0.5, 1.0, 0.2, 0.1, 1.2, -0.1, 0.9, 0.7, 1.1]
CONFIG = RunConfig(TINY, start={"L1": F})


def test_models_come_back_from_their_file(tmp_path):
    fitted = synthetic(epochs=3, layers=2)
    (tmp_path / "models.json").write_text(json.dumps(to_json(fitted)))
    read = read_parameters(tmp_path / "models.json")
    assert list(read) == ["L1", "L2"]
    assert to_json(fitted)["epoch"] == 2
    np.testing.assert_array_equal(read["L2"], fitted.parameters[-1, 1])


def test_training_starts_from_samples_of_the_model():
    config = replace(TINY, members=400, epochs=0)
    record = train(config, tiny_data(), list, initial=sampled_start(replace(CONFIG, train=config), 4)).record
    start = record.observed[1][:, 0].astype(np.float64)
    errors = np.abs(fit(start).model.parameters - F)
    # The largest standard error of a parameter is about sqrt(2 f^2 / N) = 0.09.
    assert errors.max() < 4 * 0.09
    assert errors.max() > 1e-3
    drawn = train(config, tiny_data(), list).record
    np.testing.assert_array_equal(record.observed[0], drawn.observed[0])


def test_a_sampled_member_does_not_depend_on_the_others():
    initial = sampled_start(CONFIG, 4)
    together, alone = initial(np.arange(6))[1], initial(np.array([4]))[1]
    np.testing.assert_array_equal(together[4], alone[0])
    assert len({matrix.tobytes() for matrix in together}) == 6


def test_layers_that_start_from_one_model_start_from_different_samples_of_it():
    started = sampled_start(replace(CONFIG, start={"L1": F, "L2": F}), 4)(np.arange(3))
    assert list(started) == [1, 2]
    assert (started[1] != started[2]).any(axis=(1, 2)).all()


def test_layers_and_models_that_cannot_start_are_refused():
    with pytest.raises(UserError, match=r"L7.*L1"):
        check_start(replace(CONFIG, start={"L7": F}), 4)
    indefinite = PIGMM.from_parameters([*F[:-1], -1.0], dim=4).parameters.tolist()
    with pytest.raises(UserError, match="V_3"):
        check_start(replace(CONFIG, start={"L1": indefinite}), 4)
    check_start(CONFIG, 4)


def test_models_to_start_from_and_as_published_are_refused_before_training(tmp_path, capsys):
    (tmp_path / "models.json").write_text(json.dumps(to_json(synthetic(epochs=3))))
    options = ["--start-models", str(tmp_path / "models.json"), "--as-published", "--out", str(tmp_path / "run")]
    assert main(["run", "quickstart", *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "nothing is published for a start from fitted models: leave out --as-published" in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"schema": 2, "models": {}}',
        '{"schema": 1, "models": {"L1": {"dim": 4}}}',
        '{"schema": 1, "models": 3}',
    ],
)
def test_files_that_are_no_models_are_refused(content, tmp_path):
    (tmp_path / "models.json").write_text(content)
    with pytest.raises(UserError, match="no file of models"):
        read_parameters(tmp_path / "models.json")
