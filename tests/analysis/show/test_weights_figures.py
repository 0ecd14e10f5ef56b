"""Figures of a model's groups: their dots, intervals and open marks are those of the study."""

import numpy as np
import pytest

from analysis.inference.multiplicity import LEVEL
from analysis.show.chart import Chart, Curve
from analysis.show.painting import painted
from analysis.show.patterns import titled_patterns
from analysis.show.style import CONFIDENCE
from analysis.show.weights_figures import LONGEST, MOST_MEMBERS, PANELS, draw_group, draw_traits
from analysis.weights.model_study import ModelStudy, study_weights
from analysis.weights.traits import NAMES

NAME = "a.very.long.name.of.a.layer.that.is.cut.at.its.beginning"


@pytest.fixture(scope="module")
def study() -> ModelStudy:
    rng = np.random.default_rng(0)
    stacks = {"plain": rng.normal(size=(5, 6, 4)), NAME: rng.normal(size=(4, 5, 5)) * np.arange(1, 6)}
    return study_weights({f"{k}.{name}": one for name, stack in stacks.items() for k, one in enumerate(stack)})


def panels(chart: Chart) -> dict[str, dict[str, Curve]]:
    """Curves by title of their panel and by name."""
    return {panel.title: {curve.name: curve for curve in panel.curves} for row in chart.rows for panel in row}


def test_traits_of_every_group_are_dots_beside_its_name(study):
    chart = draw_traits(study)
    shown = panels(chart)
    for title, names in PANELS.items():
        for label, name in names.items():
            curve, at = shown[title][label], NAMES.index(name)
            values, errors = (np.array([getattr(row.traits, f)[at] for row in study.rows]) for f in ("value", "se"))
            np.testing.assert_array_equal(curve.y, values)
            np.testing.assert_array_equal(curve.high, values + CONFIDENCE * errors)
            np.testing.assert_array_equal(np.round(curve.x), [1, 2])
            np.testing.assert_array_equal(curve.within_chance, [not row.traits_q[at] < LEVEL for row in study.rows])
    places = [name for name in chart.rows[0][0].places if name.startswith("…")]
    assert len(places) == 1
    assert len(places[0].split("  ")[0]) == LONGEST
    assert len(painted(chart).axes) == 3


def test_a_group_is_its_singular_values_its_scales_and_its_cumulants(study):
    for row in study.rows:
        shown = panels(draw_group(row))
        values = row.outliers.singular
        histogram, s = shown["singular values"]["members"], row.statistics
        assert np.sum(histogram.y[:-1] * np.diff(histogram.x)) == pytest.approx(1.0)
        np.testing.assert_array_equal(shown["singular values"]["largest of each"].x, np.sort(values[:, 0]))
        np.testing.assert_array_equal(shown["members"]["root mean square"].y, row.rms)
        assert shown["members"]["root mean square"].points == row.group.titles
        cumulants, at = shown["graph cumulants"]["cumulants"], list(titled_patterns(s.symmetry).values())
        np.testing.assert_array_equal(cumulants.y, s.standardised[at])
        np.testing.assert_array_equal(cumulants.q, s.cumulants_q[at])
        assert cumulants.graphs == tuple(s.symmetry.patterns[k] for k in at)


def test_of_many_members_some_are_drawn_and_what_is_not_known_is_left_out(study):
    row = study.rows[0]._replace(outliers=None, rms=np.linspace(1.0, 2.0, 3 * MOST_MEMBERS))
    titles = row.group.sources[0]._replace(titles=tuple(map(str, range(3 * MOST_MEMBERS))))
    shown = panels(draw_group(row._replace(group=row.group._replace(sources=(titles,)))))
    assert list(shown) == ["members", "graph cumulants"]
    curve = shown["members"]["root mean square"]
    assert len(curve.y) == len(curve.points) == MOST_MEMBERS
    assert (curve.y[0], curve.y[-1], curve.points[-1]) == (1.0, 2.0, str(3 * MOST_MEMBERS - 1))


def test_matrices_of_zeros_have_a_figure(recwarn):
    (row,) = study_weights({"zero": np.zeros((6, 5))}).rows
    assert list(panels(draw_group(row))) == ["singular values", "members"]
    assert painted(draw_group(row)).axes
    assert not recwarn.list
