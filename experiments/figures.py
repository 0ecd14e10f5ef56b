"""A figure as files of a run folder, and on the page that lies beside them."""

from analysis.drawing import Figure, render
from experiments import page
from experiments.run_folder import RunFolder

FORMATS = ("pdf", "png")


def write_figure(folder: RunFolder, name: str, figure: Figure) -> bytes:
    """Write figures/NAME in every format; returns the PNG.

    Raises:
        UserError: if a file cannot be written.
    """
    rendered = {kind: render(figure, kind) for kind in FORMATS}
    for kind, content in rendered.items():
        folder.write_bytes(f"figures/{name}.{kind}", content)
    return rendered["png"]


def figure_on_page(name: str, png: bytes, caption: str) -> str:
    """The figure with its caption and links to its files, as HTML."""
    links = ", ".join(page.link(f"figures/{name}.{kind}", kind) for kind in FORMATS)
    return page.figure(png, f"Figure {name}: {caption}", caption, links)
