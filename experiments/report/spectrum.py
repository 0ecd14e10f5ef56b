"""The part of a run folder on singular values: a section of the report, a table, a figure, spectrum.json."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from analysis.inference.spectrum import Compared, Spectrum, recorded_spectrum
from analysis.model.singular_values import SpectralValues
from analysis.model.status import OK
from analysis.recording import Recording, SpectraRecording, included
from analysis.show.spectra import CAPTION, draw_spectra, ranks, spectrum_entry
from experiments.report import page
from experiments.report.content import (
    Cell,
    Content,
    Files,
    Paragraph,
    Picture,
    Section,
    by_epoch,
    explained,
)
from experiments.report.figures import picture
from experiments.report.outputs import Part

TITLE = "Singular values"
FILE = "spectrum"
ABOUT = (
    "The singular values of every weight matrix{}, beside those that the fitted Gaussian law expects at this size: "
    "the law of simultaneous permutations for square layers, that of separate permutations for others. The moments tr "
    "(M Mᵀ)ᵏ are exact expectations, tested as all invariants are (k = 1 is fitted). Above the bulk: how many "
    "singular values of a member exceed what the largest one of independent entries of the fitted variance stays "
    "below in 95 %; expected: by the fitted law, with the band of 95 % of its ensembles. Predicted outliers: where "
    "the mean and the variances of rows and columns push singular values of large matrices out of the bulk. Radius: "
    "the largest absolute value of an eigenvalue of square matrices, with the band."
)
IN_TRAINING = " before training and after it, of kept matrices at epochs between, too"
ABSENT = (
    "Singular values of {} were not recorded by the version that made this run, nor were the matrices kept: run again "
    "to see them."
)


class Place(NamedTuple):
    """Where a spectrum was taken."""

    layer: str
    epoch: int


def spectra_of(
    recordings: Sequence[Recording], recorded: Sequence[SpectraRecording], *, simulate: bool = True
) -> dict[Place, Spectrum]:
    """The spectrum of every layer at the epochs where its singular values are known, by epoch and then layer.

    Args:
        recordings: of the ensemble; the law of a layer is that of the first one that has it.
        recorded: the singular values; a later one counts where several know the same.
        simulate: as in `recorded_spectrum`.
    """
    values = {
        (epoch, layer): SpectralValues(known.singular[:, k], known.radius[:, k])
        for one in recorded
        for k, epoch in enumerate(one.positions)
        for layer, known in zip(one.layers, one.values, strict=True)
    }
    used, found = [included(recording) for recording in recordings], {}
    layers = list(dict.fromkeys(layer for _, layer in values))
    for epoch, layer in sorted(values, key=lambda at: (at[0], layers.index(at[1]))):
        which = next(n for n, recording in enumerate(recordings) if layer in recording.layers)
        recording, position = recordings[which], recordings[which].layers.index(layer)
        chosen, (singular, radius) = used[which][:, epoch, position], values[epoch, layer]
        found[Place(layer, int(recording.epochs[epoch]))] = recorded_spectrum(
            SpectralValues(singular[chosen], radius[chosen]),
            recording.block_moments[chosen, epoch, position],
            recording.symmetries[position],
            simulate=simulate,
        )
    return found


def spectrum_part(spectra: Mapping[Place, Spectrum], layers: Sequence[str] = ()) -> Part:
    """The section with its table, figure and JSON; `layers` are those of which it says so if nothing is known."""
    known = {place.layer for place in spectra}
    absent = ", ".join(layer for layer in layers if layer not in known)
    missing = [Paragraph(ABSENT.format(absent))] if absent else []
    if not spectra:
        return Part(Section(TITLE, missing), {}, {}, {})
    named = {f"{place.layer} at epoch {place.epoch}": one for place, one in spectra.items()}
    entries = [{**place._asdict(), **spectrum_entry(one)} for place, one in spectra.items()]
    figures = {FILE: picture(draw_spectra, spectra)}
    return Part(Section(TITLE, [*_content(spectra), *missing]), {FILE: ranks(named)}, figures, {FILE: entries})


def _content(spectra: Mapping[Place, Spectrum]) -> Iterator[Content]:
    several = len({place.epoch for place in spectra}) > 1
    yield explained(ABOUT.format(IN_TRAINING if several else ""))
    header = (
        "layer",
        "epoch",
        "z of k = 2",
        "z of k = 3",
        "largest",
        "above the bulk",
        "expected",
        "predicted outliers",
        "radius",
    )
    yield by_epoch(header, [_row(place, one) for place, one in spectra.items()], several)
    yield Files([(f"tables/{FILE}.csv", "csv"), (f"{FILE}.json", "json")])
    yield Picture(FILE, CAPTION)
    for place, one in spectra.items():
        if one.status != OK:
            yield Paragraph(f"{place.layer} at epoch {place.epoch}: {one.status}.")


def _row(place: Place, one: Spectrum) -> tuple[Cell, ...]:
    above = one.above
    z = (page.short(value, 2) for value in one.traces.z[1:])
    return (
        *(*place, *z, page.short(one.ranks.observed[0]), page.short(above.observed)),
        f"{above.expected:.2g}{_band(above)}" if np.isfinite(above.expected) else "–",
        ", ".join(map(page.short, one.outliers)) or "none",
        "–" if one.radius is None else f"{page.short(one.radius.observed)}{_band(one.radius)}",
    )


def _band(compared: Compared) -> str:
    between = page.between(float(compared.low), float(compared.high))
    return f"\u00a0({between})" if np.isfinite(compared.low) else ""
