"""Elements of a static HTML page: they take plain text and numbers and escape everything."""

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape

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
)
from experiments.report.sketch import sketch

FORMATS = ("pdf", "png")
"""Files that every figure is written in."""
LINE = 32
"""Characters of text in a column of a table that is not broken into lines."""
CSS = """
:root { color: #1c1f23; background: #fff; font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif }
body { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 1rem 0 .5rem; overflow-wrap: anywhere }
h2 { font-size: 1.3rem; margin: 2.75rem 0 .75rem; padding-top: .75rem; border-top: 1px solid #d8dce1 }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem }
p { max-width: 46rem; overflow-wrap: anywhere }
a { color: #005a94 }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 1.25rem 0 }
.tiles div { background: #f3f5f7; border-radius: .5rem; padding: .75rem 1rem }
.tiles dt { font-size: .85rem; color: #4a525b }
.tiles dd { margin: .15rem 0 0; font-size: 1.2rem; font-weight: 600; font-variant-numeric: tabular-nums }
figure { margin: 1.75rem 0 2.5rem; break-inside: avoid }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto }
figcaption { margin: .75rem 0 0; font-size: .92rem; color: #333a41; max-width: 46rem }
.links { display: block }
.scroll { overflow: auto; max-height: 32rem; width: fit-content; max-width: 100%; border: 1px solid #d8dce1 }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .45rem; text-align: left; vertical-align: top; border-bottom: 1px solid #e8ebee }
thead th { position: sticky; top: 0; background: #f3f5f7 }
.number { text-align: right; white-space: nowrap }
tbody th { font-weight: 500 }
.text { overflow-wrap: break-word }
.line { white-space: nowrap }
td svg, th svg { display: block }
details { margin: .75rem 0 }
summary { cursor: pointer; padding: .25rem 0 }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt }
  .scroll { max-height: none; overflow: visible }
  thead th { position: static }
  details:not([open]) { display: none }
}
"""


def number(value: Cell) -> str:
    """Text of a cell: four significant digits, a dash where a number is not available."""
    if isinstance(value, float):
        return f"{value:.4g}".replace("-", "−") if math.isfinite(value) else "–"
    return str(value)


def probability(p: float) -> str:
    """A p-value to two digits; what is below the smallest number says so."""
    if p == 0:
        return "<\u00a01e−300"
    return number(float(f"{p:.2g}"))


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


def table(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A table whose first column names the rows; columns of numbers are aligned to the right."""
    kinds = [_kind([row[k] for row in rows]) for k in range(len(header))]
    titles = zip(kinds, header, strict=True)
    head = "".join(f'<th scope="col" class="{kind}">{escape(name)}</th>' for kind, name in titles)
    body = "".join(f"<tr>{_row(kinds, row)}</tr>" for row in rows)
    return f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _kind(column: Sequence[Cell]) -> str:
    """How a column is set: numbers to the right, short text on one line, long text broken."""
    if all(isinstance(cell, int | float) for cell in column):
        return "number"
    return "line" if all(isinstance(cell, Sketch) or len(str(cell)) <= LINE for cell in column) else "text"


def figure(png: bytes, alt: str, caption: str, links: str = "") -> str:
    """A picture inside the page, its text for those who do not see it, and its caption."""
    source = base64.b64encode(png).decode("ascii")
    width = int.from_bytes(png[16:20], "big") // 2  # of the PNG header; two of its pixels are one of the page
    image = f'<img src="data:image/png;base64,{source}" width="{width}" alt="{escape(alt)}">'
    return f'<figure>{image}<figcaption>{escape(caption)} <span class="links">{links}</span></figcaption></figure>'


def link(path: str, text: str) -> str:
    """A link to a file beside the page."""
    return f'<a href="{escape(path)}">{escape(text)}</a>'


def folded(title: str, content: str) -> str:
    """Content that opens on demand."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def section(title: str, *content: str) -> str:
    """A section under a heading."""
    return f"<section><h2>{escape(title)}</h2>{''.join(content)}</section>"


def page(title: str, *content: str) -> str:
    """A whole page: self-contained, and forbidden by its own policy to load or run anything."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"<style>{CSS}</style>"
    )
    body = f"<main><h1>{escape(title)}</h1>{''.join(content)}</main>"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def document(content: Document, pictures: Mapping[str, bytes]) -> str:
    """A whole page of content; `pictures` are the figures as PNG, links lead to files beside the page."""
    return page(
        content.title,
        *(_element(item, pictures) for item in content.lead),
        *(section(part.title, *(_element(item, pictures) for item in part.content)) for part in content.sections),
    )


def _element(item: Content, pictures: Mapping[str, bytes]) -> str:
    match item:
        case Paragraph(text):
            return paragraph(text)
        case Heading(text):
            return f"<h3>{escape(text)}</h3>"
        case Grid(header, rows):
            return table(header, rows)
        case Tiles(numbers):
            return tiles(numbers)
        case Picture(name, caption):
            links = ", ".join(link(f"figures/{name}.{kind}", kind) for kind in FORMATS)
            return figure(pictures[name], f"Figure {name}: {caption}", caption, links)
        case Files(links):
            return ", ".join(link(path, text) for path, text in links)
        case Folded(title, content):
            return folded(title, "".join(_element(inner, pictures) for inner in content))


def _row(kinds: Sequence[str], row: Sequence[Cell]) -> str:
    tags = ['th scope="row"', *["td"] * (len(row) - 1)]
    cells = zip(tags, kinds, row, strict=True)
    return "".join(f'<{tag} class="{kind}">{_cell(cell)}</{tag[:2]}>' for tag, kind, cell in cells)


def _cell(cell: Cell) -> str:
    return sketch(*cell) if isinstance(cell, Sketch) else escape(number(cell))
