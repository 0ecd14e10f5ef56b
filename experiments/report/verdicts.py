"""What a report says first: each question answered in one sentence, with a number and its error."""

from collections.abc import Sequence

import numpy as np

from analysis.inference.multiplicity import LEVEL
from analysis.model.family import parameter_counts
from analysis.show.cumulants import tally
from analysis.show.patterns import pattern_title
from analysis.show.style import model_title
from analysis.statistics import Statistics, largest_deviation, significant
from experiments.report import page
from experiments.report.content import Verdict, drawn_graph, drawn_invariant

SYMMETRY, GAUSSIAN, MOVED = "Which symmetry holds?", "How Gaussian?", "What moved?"
PREDICTED, SURE = "What does it explain?", "How sure?"
APART = "How far from independent?"
"""Instead of what moved, where nothing was trained."""
UNKNOWN = "Not known: {}."


def symmetry_verdict(t: Statistics) -> Verdict:
    """The smallest law that second moments accept at the last epoch, layers of one law together."""
    groups: dict[str, list[int]] = {}
    for i in range(len(t.layers)):
        groups.setdefault(_law(t, i), []).append(i)
    found = [
        f"{_listed([t.layers[i] for i in layers])}: {law}{_rejection(t, layers)}" for law, layers in groups.items()
    ]
    return Verdict(SYMMETRY, [f"By second moments{when(t)}, {'; '.join(found)}."])


def _law(t: Statistics, i: int) -> str:
    model, symmetry = str(t.accepted[-1, i]), t.symmetries[i]
    if model not in t.models:
        return model
    count = dict(zip(t.models, parameter_counts(symmetry), strict=True))[model]
    return f"{model_title(symmetry, model)} with {count} parameter{'' if count == 1 else 's'}"


def _rejection(t: Statistics, layers: Sequence[int]) -> str:
    """The p-value of the law, of several layers the smallest; of the full law that of the one it is needed for."""
    model = str(t.accepted[-1, layers[0]])
    if model not in t.models:
        return ""
    if model == t.symmetry.full:
        p = t.model_p[-1, layers]
        if not _any(p < LEVEL):
            return ""
        largest = float(np.nanmax(p))
        return ", as no smaller one holds" + (f" (p ≤ {page.probability(largest)})" if largest < LEVEL else "")
    p = t.model_p[-1, layers, t.models.index(model)]
    return f" (p = {page.probability(float(np.nanmin(p)))})" if _any(np.isfinite(p)) else ""


def gaussian_verdict(t: Statistics) -> Verdict:
    """In how many matrices a cumulant differs from 0 at the last epoch, and the clearest one."""
    tallies = [tally(t, (-1, k)) for k in range(len(t.layers))]
    clearest = np.nan_to_num(np.abs(t.cumulants_z[-1]), nan=-1.0)
    if not _any(clearest >= 0):
        return Verdict(GAUSSIAN, [UNKNOWN.format("there are no cumulants")])
    k, i = (int(place) for place in np.unravel_index(np.argmax(clearest), clearest.shape))
    value = page.measured(float(t.standardised[-1, k, i]), float(t.standardised_se[-1, k, i]))
    graph = t.symmetry.patterns[i]
    title = pattern_title(t.symmetry, graph) or "a cumulant"
    which = ["the clearest is ", drawn_graph(t.symmetry, graph), f" {title} of {t.layers[k]}: {value}, 0 if Gaussian."]
    found, tested = sum(one.found for one in tallies), sum(one.tested for one in tallies)
    where = [layer for layer, one in zip(t.layers, tallies, strict=True) if one.found]
    none = f"None of {tested} cumulants is seen to differ from 0"
    said = f"{found} of {tested} cumulants differ from 0, in {_listed(where)}" if where else none
    return Verdict(GAUSSIAN, [f"{said}{when(t)}; ", *which])


def moved_verdict(t: Statistics) -> Verdict:
    """The layer whose law is furthest from the initial one at the last epoch, with its interval and that of chance."""
    trained, distance = len(t.epochs) > 1, t.w2[-1] / t.root_size
    question = MOVED if trained else APART
    if t.published and _any(np.isfinite(distance)):
        i = int(np.nanargmax(distance))
        said = f"{t.layers[i]} is furthest{when(t)}, at W2 = {t.w2[-1, i]:.3g}; as published, it has no error."
        return Verdict(question, [said])
    if not _any(np.isfinite(t.w2_null_upper[-1]) & np.isfinite(distance)):
        return Verdict(question, [UNKNOWN.format("this needs more members")])
    i = int(np.nanargmax(np.where(np.isfinite(t.w2_null_upper[-1]), distance, np.nan)))
    w2, low, high, null, upper = (
        float(values[-1, i]) for values in (t.w2, t.w2_low, t.w2_high, t.w2_null, t.w2_null_upper)
    )
    unknown = np.isnan(t.initial_variance[-1, i])
    law = "the nearest independent entries" if unknown else "its initial independent entries"
    interval = f" (95 % interval {page.between(low, high)})" if np.isfinite(low) else ""
    told = f"{t.layers[i]} is at W2 = {w2:.3g}{interval} from {law}{when(t)}"
    if w2 > upper:
        return Verdict(question, [f"{told}, {w2 / null:.2g} times what chance makes."])
    return Verdict(question, [f"{told}, no further than chance takes it: 95 % stay below {upper:.3g}."])


def predicted_verdict(t: Statistics) -> Verdict:
    """How many predicted invariants do not deviate at the last epoch, and the one that deviates most."""
    tested = int(np.sum(np.isfinite(t.q[-1])))
    values, errors, positions = (one[-1] for one in largest_deviation(t))
    if not tested or not _any(np.isfinite(values)):
        return Verdict(PREDICTED, [UNKNOWN.format("no deviation has an error")])
    i = int(np.nanargmax(values))
    return Verdict(
        PREDICTED,
        [
            f"The Gaussian law predicts {tested - int(significant(t)[-1].sum())} of {tested} cubic and quartic means "
            f"within their errors{when(t)}; furthest off is ",
            drawn_invariant(t.symmetry, t.names[t.high][positions[i]]),
            f" of {t.layers[i]}, by {page.measured(float(values[i]), float(errors[i]))} standard deviations.",
        ],
    )


def sure_verdict(t: Statistics) -> Verdict:
    """How many members there are, and what their number allows."""
    used, members = int(t.used[-1].min()), int(t.members.max())
    known = (
        f"a mean is known to {1 / np.sqrt(used):.2g} of the spread of members" if used > 1 else "nothing has an error"
    )
    return Verdict(
        SURE,
        [
            f"{used} of {members} members enter, so {known}; ± is one standard error, intervals hold 95 %, and of what "
            f"is said to differ at most {LEVEL:.0%} is expected to be chance."
        ],
    )


def when(t: Statistics) -> str:
    """The last epoch, where there are others."""
    return f" at epoch {t.epochs[-1]}" if len(t.epochs) > 1 else ""


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _any(mask: np.ndarray) -> bool:
    return bool(np.any(mask))
