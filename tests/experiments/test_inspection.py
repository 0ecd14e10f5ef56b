"""Inspection of the matrices: each number against the function it stands for, and what is left out is said."""

import numpy as np
import pytest

from analysis import Separate, Simultaneous, Symmetric, expectation, fit
from analysis.inference.moments import deviation
from analysis.inference.multiplicity import hierarchical
from analysis.inference.randomisation import Permutations
from analysis.inspection import MOST_ENTRIES, Findings, inspect, inspect_recording, key_epochs
from analysis.recording import Recording
from analysis.show.inspection_tables import TABLES, largest, significant
from analysis.show.painting import painted
from analysis.show.quantiles import draw_quantiles
from experiments.report.content import Grid, Sketch
from experiments.report.inspection import inspection_part, section
from experiments.report.outputs import write_part
from experiments.store.run_folder import RunFolder
from invariants import CUBIC_AND_QUARTIC, Graph, evaluate

MEMBERS, DIM = 60, 4
SYMMETRY = Simultaneous(DIM)
GRAPHS = SYMMETRY.graphs(3) + SYMMETRY.graphs(4)


def gaussian(members: int = MEMBERS, dim: int = DIM) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(members, dim, dim))


def two_scales() -> np.ndarray:
    """Independent entries, of a scale that differs between members."""
    return gaussian() * np.where(np.arange(MEMBERS) % 2, 3, 1)[:, None, None]


def recording(stack: np.ndarray, epochs: int = 1, layers: int = 1) -> Recording:
    """The same matrices at every epoch and layer; what is not needed here is 0, or NaN for members not finite."""
    finite = np.asarray(np.all(np.isfinite(stack), axis=(1, 2)))
    zeros = np.where(finite, 0.0, np.nan)[:, None, None, None] * np.ones((epochs, layers, 1))
    return Recording(
        members=np.arange(len(stack)),
        epochs=np.arange(epochs),
        layers=tuple(f"L{k + 1}" for k in range(layers)),
        symmetries=(Simultaneous(stack.shape[1]),) * layers,
        invariants=zeros.repeat(52, axis=-1),
        block_moments=zeros.repeat(10, axis=-1),
        finite=finite[:, None].repeat(epochs, axis=1),
    )


def findings_of(stack: np.ndarray) -> Findings:
    return inspect_recording(recording(stack), [stack[:, None]])


@pytest.fixture(scope="module")
def plain():
    return inspect(gaussian(), SYMMETRY, epoch=0, layer="L1")


@pytest.fixture(scope="module")
def heavy():
    return inspect(two_scales(), SYMMETRY, epoch=5, layer="L1")


@pytest.mark.parametrize(
    ("epochs", "positions"),
    [(range(51), [0, 1, 10, 50]), (range(11), [0, 1, 10]), ([0, 5, 10, 20, 25], [0, 2, 4]), ([7], [0])],
)
def test_key_epochs_are_those_there_are(epochs, positions):
    assert key_epochs(np.array(epochs)) == positions


def test_the_39_of_the_paper_are_among_the_348():
    one = inspect(gaussian(), SYMMETRY, 0, "L1")
    assert len(one.graphs) == 348
    predicted = {graph for graph, known in zip(one.graphs, one.predicted, strict=True) if known}
    assert predicted == set(CUBIC_AND_QUARTIC)


def test_invariants_are_those_of_the_stack(plain):
    values = np.asarray(evaluate(GRAPHS, gaussian()))
    np.testing.assert_allclose(plain.mean, values.mean(axis=0))
    theory = expectation(fit(gaussian()).model, GRAPHS)
    np.testing.assert_allclose(plain.deviation, deviation(theory, values.mean(axis=0), values.std(axis=0)))


def test_gaussian_entries_pass_every_test(plain):
    assert plain.accepted == Permutations.INDEPENDENT
    assert (4 * plain.shape.kurtosis.p > 0.05).all()
    inside = (plain.band[0] <= plain.distances.observed) & (plain.distances.observed <= plain.band[1])
    assert inside.mean() > 0.9


def test_the_band_holds_the_stated_share_of_chi_squared_quantiles(plain):
    samples = np.quantile(
        np.random.default_rng(0).chisquare(DIM**2, (400, MEMBERS)), [10.5 / 99, 0.5, 88.5 / 99], axis=1
    )
    low, high = plain.band[:, [10, 49, 88], None]
    np.testing.assert_allclose(np.mean((low <= samples) & (samples <= high), axis=1), 0.95, atol=0.03)


def test_members_of_different_scale_show_in_tails_and_invariants(heavy):
    assert heavy.accepted == Permutations.INDEPENDENT
    assert heavy.shape.kurtosis.value.min() > 0.5
    assert heavy.distances.observed[-1] > heavy.band[1, -1]


def test_an_entry_that_is_elsewhere_leaves_no_symmetry():
    stack = gaussian()
    stack[:, 0, 1] += 5
    assert inspect(stack, Simultaneous(stack.shape[-1]), 0, "L1").accepted == "none"


def test_counts_and_the_largest_are_read_off(plain):
    q = np.ones(348)
    q[np.flatnonzero(plain.predicted)[:3]] = q[np.flatnonzero(~plain.predicted)[:2]] = 0.01
    made_up = plain._replace(q=q, deviation=np.where(np.arange(348) == 7, 2.0, np.nan))
    assert significant(made_up) == (3, 5)
    assert largest(made_up) == (2.0, GRAPHS[7])


def test_false_discoveries_are_controlled_within_each_epoch_and_layer():
    stacks = [np.stack([gaussian(), two_scales()], axis=1)] * 2
    inspections = inspect_recording(recording(gaussian(), epochs=2, layers=2), stacks).inspections
    assert [(one.epoch, one.layer) for one in inspections] == [(0, "L1"), (0, "L2"), (1, "L1"), (1, "L2")]
    q = hierarchical(np.array([one.p for one in inspections]))
    np.testing.assert_array_equal([one.q for one in inspections], q)


def test_members_that_diverged_are_left_out():
    stack = gaussian()
    stack[:2, 0, 0] = np.nan
    (one,) = findings_of(stack).inspections
    assert one.members == MEMBERS - 2
    np.testing.assert_array_equal(one.mean, inspect(stack[2:], Simultaneous(stack[2:].shape[-1]), 0, "L1").mean)


@pytest.mark.parametrize(
    ("stack", "reason"), [(gaussian(members=2), "2 finite members: use at least 3"), (gaussian(dim=3), "use D >= 4")]
)
def test_what_cannot_be_inspected_is_said(stack, reason):
    findings = findings_of(stack)
    assert not findings.inspections
    assert reason in findings.remarks[0]
    with pytest.raises(ValueError, match=reason):
        inspect(stack, Simultaneous(stack.shape[-1]), 0, "M")


def test_matrices_that_were_not_kept_are_said():
    assert "not kept: run again with --save-weights" in str(section(inspect_recording(recording(gaussian()), None)))


def test_large_ensembles_are_not_permuted_and_it_is_said(monkeypatch):
    monkeypatch.setattr("analysis.inspection.MOST_ENTRIES", MEMBERS * DIM**2 - 1)
    one = inspect(gaussian(), Simultaneous(gaussian().shape[-1]), 0, "L1")
    assert one.accepted == "not tested"
    assert one.status.startswith(f"permutations not tested on {MEMBERS * DIM**2} entries")
    assert np.isfinite(one.shape.kurtosis.p).all()
    assert "L1 at epoch 0: permutations not tested" in str(section(Findings((one,), ())))
    assert MOST_ENTRIES >= 1000 * 32**2


def test_equal_matrices_are_inspected_without_a_number_that_is_not_known():
    one = inspect(np.ones((5, DIM, DIM)), Simultaneous(np.ones((5, DIM, DIM)).shape[-1]), 0, "L1")
    assert one.accepted == "not tested"
    assert "singular" in one.status
    assert "tails were not tested" in str(section(Findings((one,), ())))


def test_tables_have_a_row_for_each_inspection_and_invariant(plain, heavy):
    tables = {name: table((plain, heavy)) for name, table in TABLES.items()}
    assert [len(table.rows) for table in tables.values()] == [2, 2 * 348]
    for table in tables.values():
        assert {len(row) for row in table.rows} == {len(table.header)}
    header, row = tables["inspection"].header, tables["inspection"].rows[1]
    assert row[header.index("kurtosis_V_H_se")] == heavy.shape.kurtosis.se[1]
    assert row[header.index("simultaneous_p")] == heavy.permutations[Permutations.SIMULTANEOUS].p


def test_the_section_says_in_words_what_the_last_epoch_shows(plain, heavy):
    html = str(section(Findings((plain, heavy), ())))
    assert "By the whole law of the entries at epoch 5, the data agree: L1 with rows and columns permuted apart" in html
    assert "tails are heavier" in html
    columns = heavy._replace(accepted=Permutations.COLUMNS)
    assert "the data agree: L1 with permutations of columns only" in str(section(Findings((columns,), ())))


def test_the_largest_deviation_stands_beside_the_drawing_of_its_graph(plain):
    graph = Graph.parse("0-0,0-1,1-0")
    chosen = plain._replace(deviation=np.where([g == graph for g in GRAPHS], 9.0, 0.0))
    (grid,) = (item for item in section(Findings((chosen,), ())).content if isinstance(item, Grid))
    assert grid.rows[0][-2] == "9"
    assert grid.rows[0][-1] == Sketch(graph, separate=False)


def test_files_are_written(tmp_path, plain, heavy):
    with RunFolder.open(tmp_path / "run", {}) as folder:
        part = inspection_part(Findings((plain, heavy), ()))
        write_part(folder, part)
    for name in (
        "tables/inspection.csv",
        "tables/all_invariants.csv",
        "figures/quantiles.png",
        "figures/quantiles.pdf",
    ):
        assert (tmp_path / "run" / name).stat().st_size > 0


def test_the_figure_draws_distances_of_both_ends_and_four_blocks(plain, heavy):
    distances, coordinates = painted(draw_quantiles((plain, plain._replace(epoch=1), heavy))).axes
    drawn = {line.get_label(): line.get_ydata() for line in distances.get_lines()[1:]}
    assert list(drawn) == ["epoch 0", "epoch 5"]
    np.testing.assert_array_equal(drawn["epoch 5"], heavy.distances.observed)
    np.testing.assert_array_equal(
        [line.get_ydata() for line in coordinates.get_lines()[1:]], heavy.coordinates.observed
    )
    with pytest.raises(ValueError, match="no inspection to draw"):
        draw_quantiles(())


def test_other_symmetries_are_inspected_with_the_permutations_that_act_on_them():
    rng = np.random.default_rng(4)
    rectangular = inspect(rng.normal(size=(50, 4, 6)), Separate(4, 6), 0, "M")
    assert list(rectangular.permutations) == [Permutations.INDEPENDENT, Permutations.COLUMNS, Permutations.ROWS]
    assert rectangular.accepted == Permutations.INDEPENDENT
    assert len(rectangular.graphs) == 43
    half = rng.normal(size=(50, 5, 5))
    symmetric = inspect(half + np.swapaxes(half, 1, 2), Symmetric(5), 0, "M")
    assert list(symmetric.permutations) == [Permutations.SIMULTANEOUS]
    assert symmetric.accepted == Permutations.SIMULTANEOUS
    assert symmetric.shape.kurtosis.value.shape == (3,)
    for one in (rectangular, symmetric):
        assert len(TABLES["all_invariants"]([one]).rows) == len(one.graphs)
        assert painted(draw_quantiles([one])).axes
        assert section(Findings((one,), ())).content
