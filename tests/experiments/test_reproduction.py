"""`pigmm reproduce`: the plan keeps to its budget, tables are made of excerpts, and docs/results.md is in step."""

from pathlib import Path

import pytest

from ensemble import TrainConfig
from experiments.errors import UserError
from experiments.reproduction import reproduce as reproduction
from experiments.reproduction.excerpts import excerpt, read_excerpt, write_excerpt
from experiments.reproduction.page import WIDTHS, filled, made_tables
from experiments.reproduction.plan import Job, jobs, planned
from experiments.reproduction.tables import markdown, widths_table
from experiments.run.presets import RunConfig
from experiments.run.training import Session

DOCS = Path(__file__).resolve().parents[2] / "docs"
SPEED = 80.0


def members_of(budget: float | None) -> dict[str, int]:
    return {job.name: members for job, members in planned(jobs(), SPEED, budget).done}


def test_without_a_budget_everything_is_done_in_full():
    plan = planned(jobs(), SPEED, None)
    assert not plan.left_out
    assert all(members == job.sizes[-1] for job, members in plan.done)
    assert {job.name for job, _ in plan.done} >= {*WIDTHS, "paper-gaussian", "paper-uniform-l2", "started"}


@pytest.mark.parametrize("budget", [3.0, 10.0, 30.0, 60.0, 120.0])
def test_a_plan_keeps_to_its_budget_and_says_what_it_leaves_out(budget):
    plan = planned(jobs(), SPEED, budget)
    assert 0 < plan.minutes <= budget
    assert {job.name for job, _ in plan.done} | {job.name for job in plan.left_out} == {job.name for job in jobs()}
    assert all(f"{job.name:20}  left out: {job.shows}" in str(plan) for job in plan.left_out)


def test_the_first_job_comes_first_and_grows_with_the_budget():
    sizes = [members_of(budget)["paper-gaussian"] for budget in (3.0, 30.0, 60.0, 200.0)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] == 1000
    assert members_of(2.0) == {"paper-gaussian": 100}


def test_a_budget_for_nothing_is_refused_with_what_the_least_takes():
    with pytest.raises(UserError, match=r"--budget is 1 minutes; the least, paper-gaussian, takes about 1\.8 here"):
        planned(jobs(), SPEED, 1.0)


def test_networks_start_from_models_only_where_those_are_made():
    for budget in (5.0, 20.0, 40.0, 80.0):
        done = members_of(budget)
        assert "started" not in done or "sample" in done


def tables(folder: Path, **content: str) -> Path:
    (folder / "tables").mkdir(parents=True)
    for name, text in content.items():
        (folder / "tables" / f"{name}.csv").write_text(text)
    return folder


def test_an_excerpt_keeps_the_key_epochs_and_counts_what_deviates(tmp_path):
    epochs = "".join(f"{epoch},5,0.123456789,0.01\n" for epoch in range(13))
    predicted = "".join(f"{e},L1,I{k},{0.01 * k},{0.02 * (k - 13)}\n" for e in (0, 7, 12) for k in range(14, 18))
    folder = tables(
        tmp_path / "run",
        training=f"epoch,members,test_accuracy_mean,test_accuracy_sd\n{epochs}",
        invariants=f"epoch,layer,invariant,deviation,q\n0,L1,I1,,\n{predicted}",
    )
    found = excerpt(folder)
    assert [row["epoch"] for row in found["training"]] == ["0", "1", "10", "12"]
    assert found["training"][0]["test_accuracy_mean"] == "0.123457"
    assert [row["epoch"] for row in found["deviations"]] == ["0", "12"]
    assert found["deviations"][0] | {"epoch": "0"} == {
        **{"family": "invariants", "epoch": "0", "layer": "L1", "of": "4", "significant": "2", "median": "0.155"},
        **{"largest": "0.17", "invariant": "I17"},
    }
    write_excerpt(found, tmp_path / "kept")
    assert read_excerpt(tmp_path / "kept") == {**found, "between": [], "learning": []}


def test_a_folder_without_a_finished_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not finished"):
        excerpt(tmp_path)


def test_the_tables_of_the_page_are_made_of_what_is_kept():
    text = (DOCS / "results.md").read_text()
    assert filled(text, DOCS / "results") == text
    assert text.count("<!-- table ") >= 10


def test_a_changed_number_changes_the_page(tmp_path):
    runs = {label: read_excerpt(DOCS / "results" / name) for name, label in WIDTHS.items()}
    before = widths_table(runs)
    runs["640"]["training"][-1]["test_accuracy_mean"] = "0.5"
    assert "50.0 / 0.3" in widths_table(runs)
    assert "50.0 / 0.3" not in before


def test_a_table_is_one_row_a_line():
    assert markdown(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory) -> Path:
    """Two tiny runs on the embedded sample, as small as all tables still have rows."""
    train = TrainConfig(members=30, epochs=1, hidden=(10, 10), batch_size=500)
    plain = Job("paper-gaussian", RunConfig(train, dataset="sample"), (30,), "")
    started = plain._replace(name="paper-uniform", start="paper-gaussian")
    out = tmp_path_factory.mktemp("reproduced")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reproduction, "jobs", lambda: (plain, started))
        reproduction.reproduce(out, Session(), None)
        patch.setattr(reproduction, "measured_speed", None)  # it is measured once, or the plan could change
        assert reproduction.reproduce(out, Session(), None).read_text() == (out / "results.md").read_text()
    return out


@pytest.mark.slow
def test_the_kept_rows_have_the_columns_that_the_program_writes(reproduced):
    def columns(folder: Path) -> dict[str, str]:
        return {path.name: path.read_text().partition("\n")[0] for path in sorted(folder.iterdir())}

    kept, made = columns(DOCS / "results" / "paper-gaussian"), columns(reproduced / "results" / "paper-gaussian")
    assert kept == made


@pytest.mark.slow
def test_a_page_of_all_tables_is_written_and_runs_are_not_made_twice(reproduced):
    text = (reproduced / "results.md").read_text()
    for title, table in made_tables(reproduced / "results").values():
        assert f"## {title}\n\n{table}" in text
    assert "## How far the runs are from each other" in text
    folders = {path.name for path in reproduced.iterdir() if path.is_dir()}
    assert folders == {"paper-gaussian-30", "paper-uniform-30", "runs", "results"}


@pytest.mark.slow
def test_the_repository_gets_tables_what_they_are_made_of_and_the_figure(reproduced, tmp_path):
    (tmp_path / "results.md").write_text("Words.\n\n<!-- table main -->\nold\n<!-- end -->\n\nMore words.\n")
    reproduction._renew(tmp_path, reproduced, reproduced / "paper-gaussian-30")
    text = (tmp_path / "results.md").read_text()
    assert text.startswith("Words.\n\n<!-- table main -->\n|  | epoch |")
    assert text.endswith("|\n<!-- end -->\n\nMore words.\n")
    assert read_excerpt(tmp_path / "results" / "runs") == read_excerpt(reproduced / "results" / "runs")
    assert (tmp_path / "figures" / "wasserstein.png").read_bytes().startswith(b"\x89PNG")


def test_docs_without_a_page_are_refused_before_anything_runs(tmp_path):
    with pytest.raises(UserError, match=r"holds no results\.md: give the folder docs of the repository"):
        reproduction.reproduce(tmp_path / "out", Session(), None, tmp_path)


@pytest.mark.slow
def test_the_speed_of_this_machine_is_believable(reproduced):
    """Two cores make 40 to 90 network-epochs a second; under a load a tenth of that."""
    assert 1 < reproduction._speed(reproduced, Session()) < 1e5


def test_a_damaged_file_of_the_speed_is_refused(tmp_path):
    (tmp_path / "speed.json").write_text("{}")
    with pytest.raises(UserError, match=r"speed\.json is damaged .*: delete it"):
        reproduction._speed(tmp_path, Session())
