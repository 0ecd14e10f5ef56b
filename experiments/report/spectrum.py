"""The part of a run folder on singular values: a section of the report, a table, a figure, spectrum.json."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.inference.spectrum import Spectrum, spectrum
from analysis.inspection import key_epochs
from analysis.model.status import OK
from analysis.recording import Recording, included
from analysis.show.spectra import CAPTION, draw_spectra, ranks, spectrum_entry
from experiments.report import page
from experiments.report.content import Cell, Content, Files, Grid, Paragraph, Picture, Section, explained
from experiments.report.figures import picture
from experiments.report.outputs import Part

TITLE = "Singular values"
FILE = "spectrum"
ABOUT = (
    "The singular values of the matrices beside those that the fitted Gaussian law expects at this size. The moments "
    "tr (M Mᵀ)ᵏ are exact expectations, tested as all invariants are (k = 1 is fitted). Above the bulk: how many "
    "singular values of a member exceed what the largest one of independent entries of the fitted variance stays below "
    "in 95 %; expected: by the fitted law, with the band of 95 % of its ensembles. Predicted outliers: where the mean "
    "and the variances of rows and columns push singular values of large matrices out of the bulk."
)


class Place(NamedTuple):
    """Where a spectrum was taken."""

    layer: str
    epoch: int


def spectra_of(
    recording: Recording, matrices: Sequence[Float[np.ndarray, "N key_epochs m n"]] | None
) -> dict[Place, Spectrum]:
    """The spectra of every layer at the `key_epochs`; none where matrices were not kept.

    Args:
        recording: what was recorded.
        matrices: the matrices of each layer at the `key_epochs`.
    """
    if matrices is None:
        return {}
    used, found = included(recording), {}
    key = key_epochs(recording.epochs)
    for k, e in enumerate(key):
        for position, (layer, stacks) in enumerate(zip(recording.layers, matrices, strict=True)):
            stack = np.asarray(stacks[used[:, e, position], k], np.float64)
            place = Place(layer, int(recording.epochs[e]))
            found[place] = spectrum(stack, recording.symmetries[position])
    return found


def spectrum_part(spectra: Mapping[Place, Spectrum]) -> Part:
    """The section with its table, figure and JSON."""
    if not spectra:
        text = "The matrices were not kept: run again with --save-weights to see this section."
        return Part(Section(TITLE, [Paragraph(text)]), {}, {}, {})
    named = {f"{place.layer} at epoch {place.epoch}": one for place, one in spectra.items()}
    entries = [{**place._asdict(), **spectrum_entry(one)} for place, one in spectra.items()]
    figures = {FILE: picture(draw_spectra, spectra)}
    return Part(Section(TITLE, list(_content(spectra))), {FILE: ranks(named)}, figures, {FILE: entries})


def _content(spectra: Mapping[Place, Spectrum]) -> Iterator[Content]:
    yield explained(ABOUT)
    header = (
        "layer",
        "epoch",
        "z of k = 2",
        "z of k = 3",
        "largest",
        "above the bulk",
        "expected",
        "predicted outliers",
    )
    yield Grid(header, [_row(place, one) for place, one in spectra.items()])
    yield Files([(f"tables/{FILE}.csv", "csv"), (f"{FILE}.json", "json")])
    yield Picture(FILE, CAPTION)
    for place, one in spectra.items():
        if one.status != OK:
            yield Paragraph(f"{place.layer} at epoch {place.epoch}: {one.status}.")


def _row(place: Place, one: Spectrum) -> tuple[Cell, ...]:
    above = one.above
    z = (page.number(float(f"{value:.2g}")) if np.isfinite(value) else "–" for value in one.traces.z[1:])
    expected = f"{above.expected:.2g}\u00a0({page.between(float(above.low), float(above.high))})"
    return (
        *(*place, *z, _short(one.ranks.observed[0]), _short(above.observed)),
        expected if np.isfinite(above.low) else "–",
        ", ".join(map(_short, one.outliers)) or "none",
    )


def _short(value: float | np.ndarray) -> str:
    return page.number(float(f"{float(value):.3g}"))
