"""Cumulants of ensembles side by side: of a law that departs in a known way, and of matrices of two sizes."""

import numpy as np

from analysis import Separate, Simultaneous
from analysis.cumulant_contrast import cumulant_differences, last_cumulants
from experiments.report.comparing_cumulants import compared_cumulants_part
from experiments.report.given import recording_of

KURTOSIS = "0-0,0-0,0-0,0-0"


def recording(seed: int, shape: tuple[int, int], uniform: bool = False):
    rng, size = np.random.default_rng(seed), (300, *shape)
    stack = rng.uniform(-1, 1, size) if uniform else rng.standard_normal(size)
    return recording_of(stack, Separate(*shape))


def test_only_the_kurtosis_tells_uniform_from_normal_entries_whatever_the_size():
    ensembles = {
        "normal": last_cumulants(recording(0, (4, 5))),
        "uniform": last_cumulants(recording(1, (7, 6), uniform=True)),
    }
    ((names, found),) = cumulant_differences(ensembles).items()
    assert names == ("normal", "uniform", "M")
    k = ensembles["normal"]["M"].symmetry.pattern_names.index(KURTOSIS)
    assert abs(found.value[k] + 1.2) < 4 * found.se[k]  # the excess kurtosis of a uniform law is -6/5
    assert found.q[k] < 1e-6
    assert np.delete(found.q, k).min() > 0.01
    assert ensembles["normal"]["M"].found == (0, 23)
    assert ensembles["uniform"]["M"].found == (1, 23)


def test_the_error_of_a_difference_is_the_spread_over_repetitions():
    k = Separate(4, 5).pattern_names.index(KURTOSIS)
    found = [
        cumulant_differences({str(s): last_cumulants(recording(s, (4, 5))) for s in (2 * pair, 2 * pair + 1)})
        for pair in range(60)
    ]
    values, errors = (
        np.array([getattr(one, name)[k] for each in found for one in each.values()]) for name in ("value", "se")
    )
    assert 0.7 < np.sqrt(np.mean(errors**2)) / np.std(values) < 1.4


def test_ensembles_of_other_symmetries_or_without_cumulants_are_not_compared():
    square = np.random.default_rng(0).standard_normal((50, 4, 4))
    apart, together = (recording_of(square, symmetry) for symmetry in (Separate(4, 4), Simultaneous(4)))
    assert cumulant_differences({"a": last_cumulants(apart), "b": last_cumulants(together)}) == {}
    unknown = last_cumulants(together._replace(every=None))
    assert unknown["M"].found == (0, 0)
    text = str(compared_cumulants_part({"a": unknown, "b": unknown}).section)
    assert "run again with --graphs all" in text


def test_the_section_names_the_clearest_difference():
    part = compared_cumulants_part(
        {"one": last_cumulants(recording(0, (4, 5))), "two": last_cumulants(recording(1, (4, 5), uniform=True))}
    )
    text = str(part.section)
    assert "excess kurtosis" in text
    assert "1 of 23" in text
    (entry,) = part.json["cumulants"]
    assert entry["cumulants"][KURTOSIS]["q"] < 1e-6
    assert len(part.tables["cumulants"].rows) == 2 * 23
    assert len(part.tables["cumulant_differences"].rows) == 23
