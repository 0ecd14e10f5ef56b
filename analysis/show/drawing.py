"""What all figures are drawn with: the only module that knows matplotlib."""

import io
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, SymmetricalLogLocator
from matplotlib.typing import ColorType
from PIL import Image

from analysis.show.style import FEW, STYLE

__all__ = [
    "Axes",
    "Figure",
    "epoch_ticks",
    "interval",
    "laid_out",
    "legend",
    "render",
    "smaller",
    "symlog",
    "symlog_across",
]

INKS = 64
"""Colours of a PNG: enough for smooth edges, at a quarter of the size."""


def epoch_ticks(ax: Axes, epochs: np.ndarray) -> None:
    """A tick at each of few epochs, else at round ones."""
    few = len(epochs) <= FEW
    ticks = FixedLocator(epochs.tolist()) if few else MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True)
    ax.xaxis.set_major_locator(ticks)


def laid_out(paint: Callable[[Figure], Figure]) -> Figure:
    """An empty figure, painted in the style of all figures."""
    with matplotlib.rc_context(STYLE):
        figure = paint(Figure(layout="constrained"))
        # Laid out once and for all, without drawing: otherwise every format does it anew, slowly.
        layout = figure.get_layout_engine()
        assert layout is not None
        layout.execute(figure)
        figure.set_layout_engine("none")
        return figure


def render(figure: Figure, format: str) -> bytes:
    """The figure as a file, the same bytes every time: "pdf" (text stays text), "png" (of few colours) or "svg"."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        # Not by `savefig`, which draws a figure twice in case that its layout changes; these leave its size in inches.
        match format:
            case "pdf":
                FigureCanvasPdf(figure).print_pdf(buffer, metadata={"CreationDate": None})
            case "svg":
                FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
            case _:
                canvas = FigureCanvasAgg(figure)
                canvas.draw()
                picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
                dpi = (figure.dpi, figure.dpi)
                picture.quantize(INKS, method=Image.Quantize.FASTOCTREE).save(buffer, "PNG", dpi=dpi)
        figure.set_dpi(STYLE["figure.dpi"])  # the others have set their own
    return buffer.getvalue()


def smaller(png: bytes) -> bytes:
    """The picture of a PNG file as WebP, which every browser shows: about two thirds of the bytes, and nothing lost."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(buffer, "WEBP", lossless=True, quality=50)
    return buffer.getvalue()


def interval(ax: Axes, epochs: np.ndarray, low: np.ndarray, high: np.ndarray, colour: ColorType, bars: bool) -> None:
    """A band, or bars, as where the epochs are so few that a band would not show."""
    if bars:
        ax.vlines(epochs, low, high, color=colour, linewidth=1)
    else:
        ax.fill_between(epochs, low, high, color=colour, alpha=0.2, linewidth=0)


def symlog(ax: Axes, linear: float) -> None:
    """Make this and all axes that share its scale linear near zero, where the noise is, and logarithmic beyond."""
    ax.set_yscale("symlog", linthresh=linear, subs=range(2, 10))
    ax.autoscale_view()
    ax.yaxis.set_major_formatter("{x:g}")
    bottom, top = ax.get_ylim()
    ax.set_ylim(min(bottom, -linear), max(top, linear))


def symlog_across(ax: Axes, linear: float) -> None:
    """Make the horizontal axis linear near zero and logarithmic beyond, with few enough ticks to be read."""
    ax.set_xscale("symlog", linthresh=linear)
    ax.autoscale_view()
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, -linear), max(high, linear))
    locator = SymmetricalLogLocator(base=10, linthresh=linear)
    locator.set_params(numticks=6)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter("{x:g}")


def legend(ax: Axes, *panels: Axes) -> None:
    """The legend beside the axes, where it hides no curve; of the curves of all panels, if some are given."""
    entries: dict[str, Any] = {}
    for panel in panels or (ax,):
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.04)}
    ax.legend(list(entries.values()), list(entries), **beside, borderaxespad=0.3, labelspacing=0.25)
