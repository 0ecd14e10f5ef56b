"""A figure as files of a run folder."""

from collections.abc import Callable, Mapping
from typing import Any

from analysis.show.drawing import Figure, render
from experiments.report.page import FORMATS
from experiments.store.run_folder import RunFolder

Drawn = Mapping[str, bytes]
"""A figure as the content of a file in every format."""


def picture(draw: Callable[..., Figure], *arguments: Any) -> Drawn:
    """Draw a figure, in whichever process, and render it in every format."""
    return rendered(draw(*arguments))


def rendered(figure: Figure) -> Drawn:
    """A figure that is drawn, in every format."""
    return {kind: render(figure, kind) for kind in FORMATS}


def write_picture(folder: RunFolder, name: str, drawn: Drawn) -> bytes:
    """Write figures/NAME in every format; returns the PNG.

    Raises:
        UserError: if a file cannot be written.
    """
    for kind, content in drawn.items():
        folder.write_bytes(f"figures/{name}.{kind}", content)
    return drawn["png"]
