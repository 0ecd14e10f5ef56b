"""Graphs drawn into pages by MkDocs, and the table of the paper's invariants.

`{graph 0-1,1-2}` becomes a drawing, `{rows-columns 0-0,0-1}` one with rows and columns apart, `{catalogue}` the table.
"""

import re
from typing import Any

from experiments.report.sketch import sketch
from invariants import NAMES, PAPER, Graph, parse_bipartite

BESIDE = 3
"""Invariants in a row of the table."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put drawings in place of what stands for them."""
    markdown = re.sub(r"\{graph\s+([-\d,]+)\}", lambda found: sketch(Graph.parse(found[1]), separate=False), markdown)
    markdown = re.sub(r"\{rows-columns\s+([-\d,]+)\}", lambda found: sketch(parse_bipartite(found[1]), True), markdown)
    return markdown.replace("{catalogue}", _catalogue())


def _catalogue() -> str:
    """I1 to I52, each with its drawing and its edges."""
    cells = [
        f"**{name}** {sketch(graph, separate=False)} | `{graph}`" for name, graph in zip(NAMES, PAPER, strict=True)
    ]
    rows = [" | ".join(cells[k : k + BESIDE]) for k in range(0, len(cells), BESIDE)]
    head = ["invariant | edges | " * BESIDE, "--- | " * 2 * BESIDE]
    return "\n".join(f"| {row}" for row in [*head, *(f"{row} |" for row in rows)])
