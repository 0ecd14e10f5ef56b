"""The key numbers of a report: how far the law is from independent entries, how well it predicts, which model holds."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from analysis.inspection import key_epochs
from analysis.model.family import parameter_counts
from analysis.model.status import OK
from analysis.show.style import model_title
from analysis.statistics import Statistics, largest_deviation, significant
from experiments.report import page
from experiments.report.content import (
    Cell,
    Content,
    Grid,
    Heading,
    Paragraph,
    by_epoch,
    drawn_invariant,
    explained,
)


def key_numbers(t: Statistics) -> Iterator[Content]:
    """Tables by layer, at the key epochs where there are several."""
    several, early = len(t.epochs) > 1, key_epochs(t.epochs)
    header = ("epoch" if several else "", *t.layers)
    law = "nearest" if np.isnan(t.initial_variance).any() else "initial"
    yield Heading(f"2-Wasserstein distance to the {law} i.i.d. Gaussian{', as published' if t.published else ''}")
    rows = [(str(t.epochs[e]) if several else "W2", *_distances(t, e)) for e in early]
    if np.isfinite(t.w2_null[-1]).any():
        rows.append(("without change" if several else "by chance", *map(page.number, t.w2_null[-1].tolist())))
    yield Grid(header, rows)
    if np.isfinite(t.w2_low).any():
        yield Paragraph(
            "In brackets the 95 % interval of the true distance: chance adds to the square of a fitted one, which can "
            "therefore lie above the middle of its interval, or above all of it."
        )
    yield Heading("Largest deviation |theory − mean| / std among the cubic and quartic invariants")
    ends = sorted({early[0], early[-1]})
    yield Grid(header, [(str(t.epochs[e]) if several else "largest", *_largest_deviations(t, e)) for e in ends])
    count = len(t.symmetry.predicted)
    yield Heading(f"The smallest model that the data accept, and how many of the {count} invariants deviate")
    yield Grid(header, [(str(t.epochs[e]) if several else "accepted", *_verdicts(t, e)) for e in early])
    about = (
        "Accepted: the smallest model of the family, with its number of parameters, that Wald tests with the members' "
        "own covariance do not reject at 5 % within the full one, together with all models that contain it; p: the "
        "test of the model with separate permutations of rows and columns (5 parameters), of second moments only; "
        "deviating: at a false-discovery rate of 5 % wherever anything deviates. Effect sizes "
        "are in tables/models.csv."
    )
    yield explained(about)
    problems = Counter(
        (layer, str(status))
        for statuses in t.status
        for layer, status in zip(t.layers, statuses, strict=True)
        if status != OK
    )
    if problems:
        rows = [(layer, f"{count} of {len(t.epochs)} epochs", status) for (layer, status), count in problems.items()]
        yield Heading("Fits with a remark")
        yield by_epoch(("layer", "where", "remark"), rows, several)


def _distances(t: Statistics, e: int) -> Iterator[str]:
    """The plug-in distance of each layer with the 95 % interval of the true one."""
    for value, low, high in zip(t.w2[e].tolist(), t.w2_low[e].tolist(), t.w2_high[e].tolist(), strict=True):
        between = f"\u00a0({page.between(low, high)})" if np.isfinite(low) else ""
        yield page.short(value) + between


def _verdicts(t: Statistics, e: int) -> Iterator[str]:
    counts = significant(t)
    for i, symmetry in enumerate(t.symmetries):
        parameters = dict(zip(t.models, parameter_counts(symmetry), strict=True))
        p, model = t.identities_p[e, i], str(t.accepted[e, i])
        identities = "" if t.symmetry.full != "pigmm" else f", p = {p:.2g}" if np.isfinite(p) else ", p –"
        size = f" ({parameters[model]})" if model in parameters else ""
        yield f"{model_title(symmetry, model)}{size}{identities}, {counts[e, i]} deviating"


def _largest_deviations(t: Statistics, e: int) -> Iterator[Cell]:
    value, error, position = (numbers[e].tolist() for numbers in largest_deviation(t))
    for largest, uncertain, which in zip(value, error, position, strict=True):
        drawn, size = drawn_invariant(t.symmetry, t.names[t.high][which]), page.measured(largest, uncertain)
        yield drawn._replace(name=f"{drawn.name} {size}".strip()) if np.isfinite(largest) else "–"
