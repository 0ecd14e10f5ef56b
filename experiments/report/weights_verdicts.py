"""What the page on a model's weights says first: each question answered in one sentence."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from analysis.inference.multiplicity import LEVEL
from analysis.show import trajectories
from analysis.show.chains import independence
from analysis.show.weights_table import law_title
from analysis.weights.group_study import GroupStudy
from analysis.weights.model_contrast import GroupContrast, ModelContrast
from analysis.weights.model_study import ModelStudy
from analysis.weights.traits import NAMES
from experiments.report import page
from experiments.report.content import Verdict
from experiments.report.layers import QUESTION
from experiments.report.verdicts import GAUSSIAN, MOVED, SURE, SYMMETRY

UNUSUAL, ODD, APART = "What is unusual?", "Who does not fit?", "Are the laws apart?"


def study_verdicts(study: ModelStudy) -> Iterator[Verdict]:
    """Of the groups of a model."""
    rows, first = study.rows, study.rows[0]
    unusual = [row for row in rows if row.findings]
    if unusual:
        most = f"{_count(len(unusual), rows)} depart from independent entries of one law, most {first.group.name}"
        yield Verdict(UNUSUAL, [f"{most}: {first.findings[0].text}."])
    else:
        yield Verdict(UNUSUAL, ["Nothing departs from independent entries of one law by more than chance."])
    laws = Counter(law_title(row) for row in rows)
    yield Verdict(SYMMETRY, [f"By second moments: {', '.join(f'{law} for {n}' for law, n in laws.most_common())}."])
    yield _gaussian(rows)
    if any(np.isfinite(row.anomalies.q).any() for row in rows):
        yield _odd(rows)
    if study.steps:
        yield _moved(rows)
    if told := [f"{', '.join(one.names)}: {text}." for one in study.chains if (text := independence(one))]:
        yield Verdict(QUESTION, told)
    single = sum(row.group.members == 1 for row in rows)
    alone = f", in the {single} groups of one matrix over its entries" if single else ""
    chance = f"of what is said to differ at most {LEVEL:.0%} is expected to be chance"
    yield Verdict(SURE, [f"± is one standard error over members{alone}; {chance}."])


def contrast_verdicts(found: ModelContrast) -> Iterator[Verdict]:
    """Of two models."""
    paired = [row for row in found.rows if row.pairs]
    if paired:
        most = max(paired, key=_change)
        changed = sum(_change(row) > 0 for row in paired)
        by = f", most {most.group.name}, by {_change(most):.2g} of its norm" if changed else ""
        yield Verdict(MOVED, [f"{_count(changed, paired)} have matrices that changed{by}."])
    apart = [row for row in found.rows if row.q < LEVEL]
    far = max(found.rows, key=lambda row: row.contrast.w2 / np.sqrt(np.prod(row.group.shape)))
    size = float(np.sqrt(np.prod(far.group.shape)))
    distance = page.measured(far.contrast.w2 / size, far.contrast.w2_se / size)
    yield Verdict(
        APART,
        [
            f"In {_count(len(apart), found.rows)} the laws are shown to be apart (false-discovery rate {LEVEL:.0%}); "
            f"furthest is {far.group.name}, W2 / √(mn) = {distance}."
        ],
    )


def _gaussian(rows: Sequence[GroupStudy]) -> Verdict:
    shapes = [NAMES.index(name) for name in ("skewness", "kurtosis")]
    clear = [row for row in rows if (row.traits_q[shapes] < LEVEL).any()]
    if not clear:
        return Verdict(GAUSSIAN, ["Neither skewness nor kurtosis of an entry differs from 0 in any group."])
    kurtosis = shapes[1]
    most = max(clear, key=lambda row: float(np.nan_to_num(abs(row.traits.value[kurtosis]))))
    value = page.measured(float(most.traits.value[kurtosis]), float(most.traits.se[kurtosis]))
    return Verdict(
        GAUSSIAN,
        [
            f"In {_count(len(clear), rows)} skewness or kurtosis of an entry differs from 0; the largest excess "
            f"kurtosis is {value}, in {most.group.name}."
        ],
    )


def _odd(rows: Sequence[GroupStudy]) -> Verdict:
    having = [row for row in rows if len(row.anomalies.found)]
    if not having:
        return Verdict(ODD, ["All members fit among the others of their group."])
    most = max(having, key=lambda row: len(row.anomalies.found))
    count = sum(len(row.anomalies.found) for row in having)
    members = f"{count} member{'' if count == 1 else 's'}"
    oddest = most.group.titles[int(most.anomalies.found[0])]
    groups = f"{_count(len(having), rows)}, most in {most.group.name}"
    return Verdict(ODD, [f"{members} in {groups}, where the oddest is {oddest}."])


def _moved(rows: Sequence[GroupStudy]) -> Verdict:
    moves = [(trajectories.moved(row), row) for row in rows if row.trajectory]
    move, row = max(moves, key=lambda one: float(np.nan_to_num(one[0]["w2"])))
    return Verdict(
        MOVED,
        [
            f"{row.group.name} is furthest from its first checkpoint, at W2 / √(mn) = "
            f"{page.measured(move['w2'], move['se'])}; chance makes {page.number(move['null'])}."
        ],
    )


def _change(row: GroupContrast) -> float:
    """Root mean square over pairs of the relative change of a matrix."""
    return float(np.sqrt(np.nanmean(row.pairs.moved**2))) if row.pairs else 0.0


def _count(some: int, of: Sequence[object]) -> str:
    return f"{some} of {len(of)} group{'' if len(of) == 1 else 's'}"
