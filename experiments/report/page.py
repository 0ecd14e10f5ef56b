"""Elements of an HTML page: they take plain text and numbers and escape everything."""

import base64
import math
import re
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from experiments.report import assets
from experiments.report.content import (
    Cell,
    Content,
    Document,
    Files,
    Folded,
    Grid,
    Heading,
    Paragraph,
    Picture,
    Sketch,
    Tiles,
    Verdict,
    Verdicts,
)
from experiments.report.sketch import sketch

FORMATS = ("pdf", "png")
"""Files that every figure is written in."""
LINE = 32
"""Characters of text in a column of a table that is not broken into lines."""
Pictures = Mapping[str, Mapping[str, bytes]]
"""By name of the figure and format: the pictures, and the JSON that the page draws."""
LONG = 30
"""Rows from which a table scrolls in a box of its own height."""


def number(value: Cell) -> str:
    """Text of a cell: four significant digits, a dash where a number is not available."""
    if isinstance(value, float):
        return f"{value:.4g}".replace("-", "−") if math.isfinite(value) else "–"
    return str(value)


def short(value: float | np.ndarray, digits: int = 3) -> str:
    """A number to few significant digits; a dash where it is not available."""
    return number(float(f"{float(value):.{digits}g}"))


def probability(p: float) -> str:
    """A p-value to two digits; what is below the smallest number says so."""
    if p == 0:
        return "<\u00a01e−300"
    return short(p, 2)


def between(low: float, high: float) -> str:
    """An interval, its ends to three digits; a dash where it is not available."""
    return f"{low:.3g}\u00a0to\u00a0{high:.3g}".replace("-", "−") if math.isfinite(low) else "–"


def measured(value: float, error: float) -> str:
    """A number with its standard error, both to the second digit of the error, such as 0.0188 ± 0.0064."""
    if not math.isfinite(error):
        return number(value)
    if not (math.isfinite(value) and error > 1e-6):
        return f"{number(value)}\u00a0±\u00a0{number(error)}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{digits}f}\u00a0±\u00a0{error:.{digits}f}".replace("-", "−")


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def tiles(numbers: Mapping[str, str]) -> str:
    """Headline numbers, each with what it is."""
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in numbers.items())
    return f'<dl class="tiles">{items}</dl>'


def verdicts(answers: Sequence[Verdict]) -> str:
    """Questions with their answers; each question leads to the section that answers it."""
    rows = (
        f"<div><dt>{link(f'#{anchor(one.section)}', one.question) if one.section else escape(one.question)}</dt>"
        f"<dd>{''.join(_cell(piece) for piece in one.answer)}</dd></div>"
        for one in answers
    )
    return f'<dl class="verdicts">{"".join(rows)}</dl>'


def table(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A table whose first column names the rows; columns of numbers are aligned to the right."""
    kinds = [_kind([row[k] for row in rows]) for k in range(len(header))]
    titles = zip(kinds, header, strict=True)
    head = "".join(f'<th scope="col" class="{kind}">{escape(name)}</th>' for kind, name in titles)
    body = "".join(f"<tr>{_row(kinds, row)}</tr>" for row in rows)
    box = f'class="scroll{" long" * (len(rows) > LONG)}" tabindex="0" role="region" '
    box += f'aria-label="table: {escape(", ".join(header))}"'
    return f"<div {box}><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _kind(column: Sequence[Cell]) -> str:
    """How a column is set: numbers to the right, short text on one line, long text broken."""
    if all(isinstance(cell, int | float) for cell in column):
        return "number"
    return "line" if all(isinstance(cell, Sketch) or len(str(cell)) <= LINE for cell in column) else "text"


def figure(name: str, drawn: Mapping[str, bytes], caption: str, command: str = "") -> str:
    """A chart inside the page: its picture, the numbers to draw it from, its caption, files and command."""
    source = base64.b64encode(drawn["webp"]).decode("ascii")
    width = int.from_bytes(drawn["png"][16:20], "big") // 2  # of its header; two of its pixels are one of the page
    alt = escape(f"Figure {name}: {caption}")
    image = f'<img src="data:image/webp;base64,{source}" width="{width}" alt="{alt}">'
    # Within a script element "<" could end it; as an escape it means the same to JSON.
    numbers = drawn["json"].decode().replace("<", r"\u003c")
    data = f'<script type="application/json">{numbers}</script>'
    links = ", ".join(link(f"figures/{name}.{kind}", kind) for kind in (*FORMATS, "csv"))
    again = f" · again by <code>{escape(command)}</code>" if command else ""
    below = f'<figcaption>{escape(caption)} <span class="links">{links}{again}</span></figcaption>'
    return f'<figure id="{escape(name)}">{image}{data}{below}</figure>'


def link(path: str, text: str) -> str:
    """A link to a file beside the page."""
    return f'<a href="{escape(path)}">{escape(text)}</a>'


def folded(title: str, content: str) -> str:
    """Content that opens on demand."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def anchor(title: str) -> str:
    """What the section of a title is linked to by."""
    return "section-" + re.sub(r"\W+", "-", title.lower()).strip("-")


def section(title: str, *content: str) -> str:
    """A section under a heading."""
    return f'<section><h2 id="{anchor(title)}">{escape(title)}</h2>{"".join(content)}</section>'


def page(title: str, *content: str) -> str:
    """A whole page: self-contained, and forbidden by its own policy to load anything or to run any other script."""
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{assets.policy()}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"<style>{assets.style()}</style>"
    )
    body = f"<main><h1>{escape(title)}</h1>{''.join(content)}</main><script>{assets.script()}</script>"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def document(content: Document, pictures: Pictures) -> str:
    """A whole page of content; `pictures` are the figures in every format, links lead to files beside the page."""
    command = content.command
    return page(
        content.title,
        *(_element(item, pictures, command) for item in content.lead),
        *(
            section(part.title, *(_element(item, pictures, command) for item in part.content))
            for part in content.sections
        ),
    )


def _element(item: Content, pictures: Pictures, command: str) -> str:
    match item:
        case Verdicts(answers):
            return verdicts(answers)
        case Paragraph(text):
            return paragraph(text)
        case Heading(text):
            return f"<h3>{escape(text)}</h3>"
        case Grid(header, rows):
            return table(header, rows)
        case Tiles(numbers):
            return tiles(numbers)
        case Picture(name, caption):
            return figure(name, pictures[name], caption, command)
        case Files(links):
            return ", ".join(link(path, text) for path, text in links)
        case Folded(title, content):
            return folded(title, "".join(_element(inner, pictures, command) for inner in content))


def _row(kinds: Sequence[str], row: Sequence[Cell]) -> str:
    tags = ['th scope="row"', *["td"] * (len(row) - 1)]
    cells = zip(tags, kinds, row, strict=True)
    return "".join(f'<{tag} class="{kind}">{_cell(cell)}</{tag[:2]}>' for tag, kind, cell in cells)


def _cell(cell: Cell) -> str:
    if isinstance(cell, Sketch):
        return sketch(cell.graph, cell.separate, cell.directed) + escape(f" {cell.name}" if cell.name else "")
    return escape(number(cell))
