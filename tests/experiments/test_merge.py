"""Members trained in parts and put together: equal to one run, and nothing missing, doubled or mixed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from ensemble import TrainConfig
from ensemble.memory import Machine, MemoryPlan
from experiments.__main__ import main
from experiments.errors import UserError
from experiments.run import stages
from experiments.run.merging import merge_runs
from experiments.run.parts import part_of, plan_parts
from experiments.run.presets import RunConfig, settings
from experiments.run.training import Session, train_members
from experiments.store.netcdf import encode
from experiments.store.run_folder import RunFolder
from tests.tiny import TINY, tiny_data

CONFIG = settings(RunConfig(TrainConfig(members=10)))


def results_of(members: range, value: float = 0.0) -> xr.Dataset:
    losses = value + np.array(members, float)
    return xr.Dataset({"test_loss": (("member",), losses)}, {"member": np.array(members)})


def part(folder: Path, members: range, **more) -> Path:
    """A finished run of a range of members."""
    path = folder / f"{members.start}-{members.stop}"
    with RunFolder.open(path, CONFIG | {"members": [members.start, members.stop]} | more) as run:
        run.write_json("provenance.json", {"schema": 1, "command": str(members)})
        run.write_results(results_of(members))
    return path


def refusal(*arguments) -> str:
    with pytest.raises(UserError) as caught:
        merge_runs(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_parts_in_any_order_make_the_whole(tmp_path):
    parts = [part(tmp_path, members) for members in (range(7, 10), range(3), range(3, 7))]
    merge_runs(tmp_path / "whole", parts)
    with RunFolder.open(tmp_path / "whole", CONFIG) as whole:  # the very folder of a run of all members
        xr.testing.assert_identical(whole.read_results().drop_attrs(), results_of(range(10)))
        merged = whole.read_json("provenance.json")["merged"]
    assert {path: told["command"] for path, told in merged.items()} == {
        str(parts[1]): "range(0, 3)",
        str(parts[2]): "range(3, 7)",
        str(parts[0]): "range(7, 10)",
    }


def test_what_does_not_make_one_run_is_refused(tmp_path):
    out = tmp_path / "whole"
    first, second = part(tmp_path, range(3)), part(tmp_path, range(5, 9))
    assert "members 3 to 4, 9 to 9 are missing" in refusal(out, [first, second])
    assert "--member-range 3:5 and --member-range 9:10" in refusal(out, [first, second])
    overlapping = part(tmp_path, range(2, 6))
    assert f"members 2 to 2 are both in {first} and in {overlapping}" in refusal(out, [overlapping, first])
    assert "are both in" in refusal(out, [first, first])
    other = part(tmp_path, range(3, 10), graphs="all")
    assert 'graphs is "paper" there, "all" now' in refusal(out, [first, other])
    assert not out.exists()


def test_parts_that_cannot_be_read_are_named(tmp_path):
    out, good = tmp_path / "whole", part(tmp_path, range(3))
    assert "is not a run folder" in refusal(out, [tmp_path / "absent"])
    with RunFolder.open(tmp_path / "whole_run", CONFIG) as run:
        run.write_results(results_of(range(10)))
    assert "is not a run of some of the members" in refusal(out, [tmp_path / "whole_run"])
    RunFolder.open(tmp_path / "begun", CONFIG | {"members": [3, 10]}).close()
    assert "has not finished" in refusal(out, [good, tmp_path / "begun"])
    with RunFolder.open(tmp_path / "wrong", CONFIG | {"members": [3, 10]}) as run:
        run.write_results(results_of(range(3, 9)))
    assert "does not hold the members 3 to 9" in refusal(out, [good, tmp_path / "wrong"])
    for number, stored in enumerate((np.arange(2, 9), np.arange(9, 2, -1))):  # seven members, but not 3 to 9 in order
        with RunFolder.open(tmp_path / f"shifted{number}", CONFIG | {"members": [3, 10]}) as run:
            run.write_results(results_of(range(3, 10)).assign_coords(member=stored))
        assert "does not hold the members 3 to 9" in refusal(out, [good, tmp_path / f"shifted{number}"])
    for members in ([3], [3, 3], [-1, 3], ["3", 10], 3, [0.5, 2]):
        odd = tmp_path / f"odd{members}"
        RunFolder.open(odd, CONFIG | {"members": members}).close()
        assert "is damaged (its member range" in refusal(out, [good, odd])
    assert not out.exists()


def test_parts_of_other_quantities_are_refused(tmp_path):
    first = part(tmp_path, range(3))
    with RunFolder.open(tmp_path / "other", CONFIG | {"members": [3, 10]}) as run:
        run.write_results(results_of(range(3, 10)).rename(test_loss="train_loss"))
    assert "do not hold the same quantities" in refusal(tmp_path / "whole", [first, tmp_path / "other"])


def test_results_are_never_overwritten(tmp_path):
    parts = [part(tmp_path, range(4)), part(tmp_path, range(4, 10))]
    merge_runs(tmp_path / "whole", parts)
    before = (tmp_path / "whole" / "results.nc").read_bytes()
    assert "has results already" in refusal(tmp_path / "whole", parts)
    assert (tmp_path / "whole" / "results.nc").read_bytes() == before
    assert "another configuration" in refusal(parts[0], parts)


@pytest.mark.slow
def test_trained_in_ranges_and_merged_equals_trained_at_once(tmp_path):
    data = tiny_data()
    config = RunConfig(replace(TINY, epochs=1, chunk=None), dataset="sample")

    def train(path: Path, members: range, setting: dict) -> None:
        with RunFolder.open(path, settings(config) | setting) as folder:
            results = train_members(folder, config, data, members, Session(), lambda done, total: None, print)
            folder.write_results(results)

    train(tmp_path / "whole", range(6), {})
    train(tmp_path / "one", range(1), {"members": [0, 1]})
    train(tmp_path / "rest", range(1, 6), {"members": [1, 6]})
    merge_runs(tmp_path / "merged", [tmp_path / "rest", tmp_path / "one"])
    whole, merged = (RunFolder.existing(tmp_path / name) for name in ("whole", "merged"))
    with whole, merged:
        assert encode(merged.read_results()) == encode(whole.read_results())
    assert (tmp_path / "merged" / "config.json").read_bytes() == (tmp_path / "whole" / "config.json").read_bytes()


def test_finished_parts_are_put_together_on_an_accelerator_too(tmp_path, monkeypatch):
    plan = MemoryPlan(chunk=10, device=0, host=0, recordings=0, machine=Machine("gpu", 1))
    monkeypatch.setattr(stages, "plan_here", lambda *arguments: plan)
    for members in (range(6), range(6, 10)):
        part(tmp_path / "run" / "parts", members).rename(part_of(tmp_path / "run", members).path)
    with RunFolder.open(tmp_path / "other" / "run", CONFIG) as folder:
        (tmp_path / "run" / "parts").rename(folder.path / "parts")
        stages.train_if_needed(folder, RunConfig(TrainConfig(members=10)), tiny_data(), Session(), range(10))
        xr.testing.assert_identical(folder.read_results().drop_attrs(), results_of(range(10)))


@pytest.mark.parametrize("given", ["5", "3:3", "5:2", "a:b", "-1:3", "0:9999999999"])
def test_a_range_that_is_none_is_refused(given, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["run", "quickstart", f"--member-range={given}"])
    assert stop.value.code == 2
    assert "is not a range of members such as 0:250" in capsys.readouterr().err


def test_a_range_beyond_the_ensemble_is_refused(tmp_path, capsys):
    assert main(["run", "quickstart", "--members", "10", "--member-range", "5:11", "--out", str(tmp_path / "run")]) == 2
    assert "--member-range reaches to 11, but members is 10" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_parts_are_whole_chunks_one_a_worker(tmp_path):
    def ranges(*arguments) -> list[range]:
        return [part.members for part in plan_parts(tmp_path, *arguments)]

    assert ranges(range(1000), 2, 4) == [range(500), range(500, 1000)]
    assert ranges(range(10), 2, 4) == [range(4), range(4, 10)]
    assert ranges(range(3), 8, 4) == [range(3)]
    assert ranges(range(250, 500), 3, 4) == [range(250, 334), range(334, 418), range(418, 500)]


def test_parts_that_were_begun_are_gone_on_with(tmp_path):
    for name in ("000000-000006", "000006-000010"):
        (tmp_path / "parts" / name).mkdir(parents=True)
    (tmp_path / "parts" / "000000-000006.log").touch()
    begun = plan_parts(tmp_path, range(10), 8, 1)
    assert [(part.path.name, part.members) for part in begun] == [
        ("000000-000006", range(6)),
        ("000006-000010", range(6, 10)),
    ]
    assert begun[0].log.name == "000000-000006.log"
    assert not begun[0].finished


@pytest.mark.parametrize("names", [["000000-000004"], ["000000-000006", "000005-000010"], ["000000-999999999999999"]])
def test_folders_that_are_not_all_of_the_parts_are_left_aside(tmp_path, names):
    for name in names:
        (tmp_path / "parts" / name).mkdir(parents=True)
    assert [part.members for part in plan_parts(tmp_path, range(10), 2, 4)] == [range(4), range(4, 10)]
