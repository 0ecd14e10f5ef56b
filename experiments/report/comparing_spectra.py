"""The part of a comparison on singular values: a section, a table, a figure, JSON."""

from collections.abc import Iterator, Mapping

import numpy as np

from analysis.inference.spectrum import Spectrum
from analysis.show.comparison_spectra import CAPTION, draw_last_spectra, largest, last_spectra
from analysis.show.comparison_tables import size_of
from analysis.show.spectra import spectrum_entry
from experiments.report import page
from experiments.report.content import Cell, Content, Files, Grid, Paragraph, Picture, Section
from experiments.report.figures import picture
from experiments.report.outputs import Part

TITLE = "Singular values"
NAME = "spectra"
ABOUT = (
    "Singular values of every weight matrix at the last epoch, whatever its size. Largest: the mean over members ± "
    "standard error. Edge: what the largest one of independent entries of the fitted variance vE stays below in 95 %. "
    "Above: how many singular values of a member exceed it. Predicted outliers: where the mean and the variances of "
    "rows and columns push singular values of large matrices out of the bulk. Last, tr (M Mᵀ)ᵏ for k = 2 and 3: the "
    "mean over its exact expectation under the fitted law, and z of the difference, negative where the mean is larger."
)

LastSpectra = Mapping[str, Mapping[str, Spectrum]]
"""By name of the ensemble and of the layer."""


def compared_spectra_part(ensembles: LastSpectra) -> Part:
    """The section with its table, figure and JSON."""
    known = {name: layers for name, layers in ensembles.items() if layers}
    if not known:
        text = "Of none of the ensembles singular values are recorded: they are of runs of this version."
        return Part(Section(TITLE, [Paragraph(text)]), {}, {}, {})
    entries = [
        {"run": name, "layer": layer, **spectrum_entry(one)}
        for name, layers in known.items()
        for layer, one in layers.items()
    ]
    pictures, tables = {NAME: picture(draw_last_spectra, known)}, {NAME: last_spectra(known)}
    return Part(Section(TITLE, list(_content(ensembles))), tables, pictures, {NAME: entries})


def _content(ensembles: LastSpectra) -> Iterator[Content]:
    yield Paragraph(ABOUT)
    header = ("ensemble", "matrix", "largest", "edge", "above", "predicted outliers", "k = 2 (z)", "k = 3 (z)")
    yield Grid(header, [_row(name, layer, s) for name, layers in ensembles.items() for layer, s in layers.items()])
    yield Files([(f"tables/{NAME}.csv", NAME)])
    yield Picture(NAME, CAPTION)
    unknown = [name for name, layers in ensembles.items() if not layers]
    if unknown:
        yield Paragraph(f"Singular values are not recorded of {', '.join(unknown)}.")


def _row(name: str, layer: str, one: Spectrum) -> tuple[Cell, ...]:
    t = one.traces
    ratios = t.mean / np.where(t.theory > 0, t.theory, np.nan)
    return (
        *(name, f"{layer}\u00a0({size_of(one.symmetry)})"),
        page.measured(*largest(one)),
        *(page.short(value) for value in (one.edge, one.above.observed)),
        ", ".join(map(page.short, one.outliers)) or "none",
        *(f"{ratio:.4g}\u00a0({page.short(z)})" for ratio, z in zip(ratios[1:], t.z[1:], strict=True)),
    )
