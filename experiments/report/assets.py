"""Style and scripts of a page, and the policy under which it may run just these.

`uplot.min.js` and its style are uPlot 1.6.32 by Leon Sorokin, MIT licence (`uplot.LICENSE`), as in the npm package.
"""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent / "assets"
STYLES = ("uplot.min.css", "page.css")
SCRIPTS = ("uplot.min.js", "panels.js", "charts.js", "tables.js")


@cache
def style() -> str:
    """The style of all pages."""
    return _joined(STYLES)


@cache
def script() -> str:
    """The one script of all pages."""
    return _joined(SCRIPTS)


@cache
def policy() -> str:
    """A content security policy: nothing is loaded, and no script runs but this one, known by its digest."""
    digest = b64encode(sha256(script().encode()).digest()).decode("ascii")
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def _joined(names: tuple[str, ...]) -> str:
    return "\n".join((FOLDER / name).read_text(encoding="utf-8").strip() for name in names) + "\n"
