"""How the layers of a network hang together: a section of the report, tables, a figure, layers.json."""

from collections.abc import Iterator, Sequence

import numpy as np

from analysis.inference.multiplicity import LEVEL
from analysis.inspection import key_epochs
from analysis.layers import Layers, LayersPath, study_recorded_layers
from analysis.model.status import OK
from analysis.recording import LayersRecording
from analysis.show.layers import (
    FIGURE_CAPTION,
    balance_scales,
    clearest,
    draw_layers,
    hidden_titles,
    layer_entries,
    layer_tables,
)
from experiments.report import page
from experiments.report.content import (
    Cell,
    Content,
    Files,
    Grid,
    Paragraph,
    Picture,
    Section,
    Sketch,
    Verdict,
    by_epoch,
    explained,
)
from experiments.report.figures import picture
from experiments.report.outputs import Part

TITLE = "Connections between layers"
NAME = "layers"
QUESTION = "Are layers independent?"
MOST = 8
"""Cumulants in the table of the page; the file has all."""
ABOUT = (
    "The weight matrices of a network share their hidden units, whose permutations leave the network as it is: the "
    "joint law of all of them under these permutations is the true symmetry. It is fitted as one Gaussian law, that of "
    "a chain. Sums: do units with a large sum of incoming weights have a large sum of outgoing ones? Balance: do units "
    "with large incoming weights have large outgoing ones, beyond what is common to all units of a network? "
    "Relabelled: p of the same statistic with units shuffled on one side; joined: with halves of different networks "
    "put together; both hold for any law. Inputs and classes are not exchangeable: for the first and the last matrix "
    "the law is that of the average over their permutations."
)


def recorded_layers_part(recording: LayersRecording | None, names: Sequence[str]) -> Part:
    """The part of a run, from its recording; of a run of earlier versions a sentence."""
    if recording is None:
        return layers_part(None, names)
    randomised = np.isin(np.arange(len(recording.epochs)), key_epochs(recording.epochs))
    return layers_part(study_recorded_layers(recording, randomised), names)


def layers_part(path: LayersPath | None, names: Sequence[str]) -> Part:
    """The section with its tables, figure and JSON."""
    if path is None or not len(path.symmetry.inner):
        text = (
            "The connections between layers were not recorded by the version that made this run: run it again to see "
            "this section."
            if path is None
            else "A network without hidden units has a single matrix: there are no layers to connect."
        )
        return Part(Section(TITLE, [Paragraph(text)]), {}, {}, {})
    figures = {NAME: picture(draw_layers, path, names)} if len(path.epochs) > 1 else {}
    content = list(_content(path, names))
    verdict = Verdict(QUESTION, (f"{_verdict(path.at[-1])}{_at_the_end(path)}.",))
    return Part(
        Section(TITLE, content, (verdict,)), layer_tables(path, names), figures, {NAME: layer_entries(path, names)}
    )


def _content(path: LayersPath, names: Sequence[str]) -> Iterator[Content]:
    last, when = path.at[-1], _at_the_end(path)
    yield explained(ABOUT)
    yield Paragraph(f"{_verdict(last)}{when}. {_cumulants_verdict(last)}")
    header = ("hidden layer", "epoch", "sums: rho", "95 % interval", "p, relabelled", "p, joined")
    header += ("balance", "p, relabelled", "p, joined")
    rows = [row for k, title in enumerate(hidden_titles(names)) for row in _rows(path, title, k)]
    yield by_epoch(header, rows, len(path.epochs) > 1)
    yield from _cumulants(last, when, names)
    yield Files([*((f"tables/{table}.csv", table) for table in layer_tables(path, names)), (f"{NAME}.json", "json")])
    if len(path.epochs) > 1:
        yield Picture(NAME, FIGURE_CAPTION)
    for status in dict.fromkeys(_statuses(last)):
        yield Paragraph(f"{status}.")


def _at_the_end(path: LayersPath) -> str:
    return f" at epoch {path.epochs[-1]}" if len(path.epochs) > 1 else ""


def _verdict(found: Layers) -> str:
    one = found.independent
    if not np.isfinite(one.p):
        return f"Whether layers are independent is not known: {one.status}"
    outcome = "are rejected" if one.p < LEVEL else "are not rejected"
    return (
        f"Independent layers {outcome} by second moments (likelihood ratio {page.number(float(f'{one.bartlett:.4g}'))} "
        f"on {one.dof} degrees of freedom, p = {page.probability(one.p)} for Gaussian members)"
    )


def _cumulants_verdict(found: Layers) -> str:
    tested = int(np.sum(np.isfinite(found.cumulants.q)))
    if not tested:
        return f"Cumulants across layers: {found.cumulants.status}."
    count = int(np.sum(found.cumulants.q < LEVEL))
    return f"Of {tested} joint cumulants of degree 3 and 4 across layers, {count} differ{'s' * (count == 1)} from 0."


def _rows(path: LayersPath, title: str, k: int) -> Iterator[tuple[Cell, ...]]:
    for e in key_epochs(path.epochs):
        found = path.at[e]
        rho, units, moved, scale = (
            found.correlation,
            found.balance,
            found.randomisation,
            balance_scales(found)[k],
        )
        yield (
            *(title, int(path.epochs[e]), _number(rho.rho[k]), page.between(float(rho.low[k]), float(rho.high[k]))),
            *(_number(moved.relabelled_sums[k]), _number(moved.joined_sums[k])),
            page.measured(float(units.difference[k] / scale), float(units.se[k] / scale)),
            *(_number(moved.relabelled_squares[k]), _number(moved.joined_squares[k])),
        )


def _cumulants(found: Layers, when: str, names: Sequence[str]) -> Iterator[Content]:
    shown, one = clearest(found, MOST), found.cumulants
    if not np.isfinite(one.z[shown]).any():
        return
    yield Paragraph(
        f"The {len(shown)} clearest of them{when}, standardised ± standard error over networks; in the drawings units "
        f"are dots, layer by layer from the inputs on the left, and lines are weights; layer 1 is {names[0]}. An "
        "asterisk marks those that "
        f"differ from 0 at a false-discovery rate of {LEVEL:.0%}."
    )
    unit = one.standardised / np.where(one.value == 0, np.nan, one.value)
    rows = [
        (
            Sketch(one.graphs[i], separate=True),
            page.measured(float(one.standardised[i]), float(one.se[i] * unit[i])) + "\u00a0*" * bool(one.q[i] < LEVEL),
            _number(one.z[i]),
        )
        for i in shown
    ]
    yield Grid(("graph", "cumulant", "z"), rows)


def _statuses(found: Layers) -> Iterator[str]:
    others = (*found.correlation.status, *found.balance.status, *found.randomisation.status)
    for status in (found.fit.status, found.independent.status, found.cumulants.status, *others):
        if status != OK:
            yield status


def _number(value: float | np.ndarray) -> str:
    return page.short(value, 2)
