"""Two runs compared at what they have in common, with the members that enter the statistics."""

import json
from dataclasses import replace

import numpy as np
import pytest

from analysis import Simultaneous
from analysis.comparison import SideBySide, contrast_recordings
from analysis.contrast import Ensemble, contrast_ensembles
from analysis.recording import Recording, Training
from analysis.show.comparison_figures import FIGURES, available
from analysis.show.comparison_figures import draw as drawn
from analysis.show.comparison_tables import TABLES, differing, relative_distances
from analysis.show.drawing import Figure
from analysis.show.entries import between_entry
from analysis.show.painting import painted
from analysis.statistics import largest_deviation
from invariants import NAMES, PAPER, evaluate
from tests.synthetic import synthetic


def recording(seed: int, members: int = 20, epochs: int = 3, layers: tuple[tuple[str, int], ...] = (("L1", 4),)):
    """Random matrices at every epoch."""
    rng = np.random.default_rng(seed)
    ((_, dim), *_) = layers
    stacks = rng.normal(size=(members, epochs, len(layers), dim, dim))
    return Recording(
        members=np.arange(members),
        epochs=np.arange(epochs),
        layers=tuple(name for name, _ in layers),
        symmetries=tuple(Simultaneous(dim) for _, dim in layers),
        invariants=np.asarray(evaluate(PAPER, stacks)),
        block_moments=np.asarray(Simultaneous(dim).block_moments(stacks)),
        finite=np.ones((members, epochs), dtype=bool),
        training=Training(
            rng.random((members, epochs)),
            rng.random((members, epochs)),
            rng.random((members, epochs)),
            np.ones((members, epochs), dtype=bool),
        ),
    )


def draw(several: SideBySide, name: str) -> Figure:
    """The printed figure."""
    return painted(drawn(several, name))


def legend(figure: Figure) -> list[str]:
    """The entries of all legends."""
    legends = [ax.get_legend() for ax in figure.axes]
    return [text.get_text() for shown in legends if shown is not None for text in shown.get_texts()]


def test_only_common_epochs_and_layers_are_compared():
    first = recording(1, epochs=4, layers=(("L1", 4), ("L2", 4)))
    second = recording(2, layers=(("L2", 4), ("L3", 4)), members=15)
    found = contrast_recordings(first, second)
    assert found is not None
    assert found.epochs.tolist() == [0, 1, 2]
    assert found.layers == ("L2",)
    assert found.members.tolist() == [[[20, 15]]] * 3
    one, other = (Ensemble(r.invariants[:, 1, i], r.block_moments[:, 1, i]) for r, i in ((first, 1), (second, 0)))
    alone = contrast_ensembles(one, other, Simultaneous(4))
    assert found.w2[1, 0] == pytest.approx(alone.w2, rel=1e-10)
    np.testing.assert_allclose(found.invariants.value[1, 0], alone.invariants.value, rtol=1e-10)


@pytest.mark.parametrize("layers", [(("L1", 5),), (("L2", 4),)])
def test_runs_without_a_layer_in_common_have_no_distance(layers):
    assert contrast_recordings(recording(1), recording(2, layers=layers)) is None


def test_a_pair_of_which_one_has_diverged_is_left_out():
    first, second = recording(1), recording(2)
    first.finite[3, 1:] = False
    second.finite[5, 2:] = False
    paired, apart = contrast_recordings(first, second, paired=True), contrast_recordings(first, second)
    assert paired is not None
    assert apart is not None
    assert paired.members[:, 0].tolist() == [[20, 20], [19, 19], [18, 18]]
    assert apart.members[:, 0].tolist() == [[20, 20], [19, 20], [19, 19]]


def test_members_are_paired_by_their_numbers():
    first, second = recording(1), recording(1)._replace(members=np.arange(20) + 15)
    found, apart = contrast_recordings(first, second, paired=True), contrast_recordings(first, second)
    assert found is not None
    assert apart is not None
    assert found.members[0, 0].tolist() == [5, 5]
    expected = first.invariants[15:, 0, 0].mean(axis=0) - second.invariants[:5, 0, 0].mean(axis=0)
    np.testing.assert_allclose(found.invariants.value[0, 0], -expected, rtol=1e-10)
    strangers = contrast_recordings(first, second._replace(members=np.arange(20) + 20), paired=True)
    assert strangers is not None
    assert not strangers.paired
    assert strangers.w2[0, 0] == apart.w2[0, 0]


def test_an_epoch_at_which_nobody_is_left_is_unknown_and_says_so():
    first, second = recording(1), recording(2)
    first.finite[:10, 2] = False
    second.finite[10:, 2] = False
    found = contrast_recordings(first, second, paired=True)
    assert found is not None
    assert np.isnan(found.w2[2, 0])
    assert np.isnan(found.accuracy.value[2])
    assert np.isfinite(found.w2[:2]).all()
    assert np.isfinite(found.q[:2]).all()
    entry = json.loads(json.dumps(between_entry(found, 2, 0), allow_nan=False))
    assert entry["wasserstein"]["between"]["w2"] is None
    assert entry["members"] == [0, 0]


def test_accuracies_and_losses_are_compared_in_pairs_where_members_are():
    first, second = recording(1), recording(2)
    assert first.training is not None
    assert second.training is not None
    second.training.test_accuracy[:] = first.training.test_accuracy + 0.1
    second.training.test_loss[:] = first.training.test_loss - 0.2
    second.training.test_loss[4, 1] = np.inf
    found = contrast_recordings(first, second, paired=True)
    assert found is not None
    members = len(first.members)
    for difference, value in ((found.accuracy, 0.1), (found.loss, -0.2)):
        np.testing.assert_allclose(difference.value, value)
        assert np.all(difference.se < 1e-12)
    assert found.trained.tolist() == [[members] * 2, [members - 1] * 2, [members] * 2]


def test_losses_of_independent_runs_differ_by_what_a_loop_finds():
    first, second = recording(1), recording(2)
    assert first.training is not None
    assert second.training is not None
    second.training.test_loss[3, 2] = np.nan
    found = contrast_recordings(first, second)
    assert found is not None
    one, other = first.training.test_loss[:, 2], np.delete(second.training.test_loss[:, 2], 3)
    error = np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
    assert found.loss.value[2] == pytest.approx(other.mean() - one.mean())
    assert found.loss.se[2] == pytest.approx(error)
    assert found.trained[2].tolist() == [len(one), len(other)]


def test_runs_that_were_not_trained_do_not_train_differently():
    found = contrast_recordings(recording(1)._replace(training=None), recording(2))
    assert found is not None
    assert found.trained[:, 0].tolist() == [0, 0, 0]
    assert np.isnan(found.loss.value).all()
    assert np.isnan(found.accuracy.p).all()


@pytest.fixture(scope="module")
def several() -> SideBySide:
    first, second = recording(1), recording(2)
    second.invariants[..., 21] += 100.0
    pair = contrast_recordings(first, second, paired=True)
    assert pair is not None
    small, deep = synthetic(epochs=5, layers=1), synthetic(epochs=3)
    small.mean[0, :, 2], deep.mean[0, :, 2] = 10.0, 10.0  # a mean square, which is positive
    return SideBySide(
        {"one": small, "two": deep, "wide": replace(small, symmetries=(Simultaneous(40),))}, {("one", "two"): pair}
    )


def test_every_figure_is_drawn_with_a_curve_for_each_run(several):
    assert available(several) == tuple(FIGURES)
    for name in FIGURES:
        assert draw(several, name).axes
    first = draw(several, "trajectories").axes[0]
    assert [line.get_label() for line in first.get_lines() if not str(line.get_label()).startswith("_")] == [
        "one",
        "two",
        "wide",
    ]


def test_a_run_that_lacks_the_last_layer_is_in_the_legend(several):
    assert legend(draw(several, "trajectories")) == ["one", "two", "wide"]


def test_every_size_is_a_tick_of_its_own_panel(several):
    last = draw(several, "sizes").axes[-1]
    assert [label.get_text() for label in last.get_xticklabels()] == ["10", "40"]


def test_an_infinite_deviation_leaves_the_others_visible(several):
    t = several.runs["one"]
    infinite = replace(t, deviation=np.full_like(t.deviation, np.inf))
    ax = draw(several._replace(runs={"alone": infinite, "two": several.runs["two"]}), "deviations").axes[0]
    largest = several.runs["two"].deviation[-1].max()
    assert largest < ax.get_xlim()[1] < 3 * largest


def test_deviations_stand_beside_their_invariants_run_by_run(several):
    (row,) = drawn(several, "deviations").rows
    for layer, panel in zip(("L1", "L2", "L3"), row, strict=True):
        shown = {name: t for name, t in several.runs.items() if layer in t.layers}
        assert [curve.name for curve in panel.curves] == list(shown)
        for curve, t in zip(panel.curves, shown.values(), strict=True):
            np.testing.assert_array_equal(curve.y, t.deviation[-1, t.layers.index(layer)])
            np.testing.assert_array_equal(np.round(curve.x), np.arange(1, 40))
        assert panel.places == NAMES[13:]


def test_names_that_mean_something_to_matplotlib_are_shown_as_they_are(several):
    odd = several._replace(runs={"_a": several.runs["one"], "$x^{$": several.runs["two"]})
    assert legend(draw(odd, "training")) == [" _a", r"\$x^{\$"]


def test_figures_without_anything_to_show_are_left_out(several):
    alike = SideBySide({"one": several.runs["one"], "again": several.runs["one"]}, {})
    assert available(alike) == ("training", "trajectories", "deviations")


def test_tables_have_a_row_for_each_run_pair_and_invariant(several):
    counts = {name: len(table(several).rows) for name, table in TABLES.items()}
    assert counts == {"runs": 5 + 3 * 3 + 5, "between": 3, "differences": 3 * 52, "learning": 3}
    for table in TABLES.values():
        assert all(len(row) == len(table(several).header) for row in table(several).rows)


def test_the_largest_numbers_are_those_of_a_search(several):
    pair, t = several.pairs["one", "two"], several.runs["two"]
    count, effect, invariant = differing(pair, 1, 0)
    assert (invariant, count) == (NAMES[21], 1)
    assert effect == max(pair.invariants.effect[1, 0], key=abs)
    value, error, position = largest_deviation(t)
    assert value[2, 1] == max(t.deviation[2, 1])
    assert error[2, 1] == t.deviation_se[2, 1, position[2, 1]]
    relative, relative_se, _ = relative_distances(t)
    assert relative[2, 1] == t.w2[2, 1] / t.mean[0, 1, 2] ** 0.5
    assert relative_se[2, 1] == t.w2_se[2, 1] / t.mean[0, 1, 2] ** 0.5
