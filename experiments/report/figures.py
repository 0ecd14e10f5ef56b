"""A figure as files of a run folder, and on the page that lies beside them."""

from collections.abc import Callable, Mapping
from typing import Any

from analysis.drawing import Figure, render
from experiments.report import page
from experiments.store.run_folder import RunFolder

FORMATS = ("pdf", "png")


Picture = Mapping[str, bytes]
"""A figure as the content of a file in every format."""


def picture(draw: Callable[..., Figure], *arguments: Any) -> Picture:
    """Draw a figure, in whichever process, and render it in every format."""
    return rendered(draw(*arguments))


def rendered(figure: Figure) -> Picture:
    """A figure that is drawn, in every format."""
    return {kind: render(figure, kind) for kind in FORMATS}


def write_picture(folder: RunFolder, name: str, drawn: Picture) -> bytes:
    """Write figures/NAME in every format; returns the PNG.

    Raises:
        UserError: if a file cannot be written.
    """
    for kind, content in drawn.items():
        folder.write_bytes(f"figures/{name}.{kind}", content)
    return drawn["png"]


def figure_on_page(name: str, png: bytes, caption: str) -> str:
    """The figure with its caption and links to its files, as HTML."""
    links = ", ".join(page.link(f"figures/{name}.{kind}", kind) for kind in FORMATS)
    return page.figure(png, f"Figure {name}: {caption}", caption, links)
