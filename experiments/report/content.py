"""What a page says, as data: text, tables and figures, which `page.document` renders in one place."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from analysis.symmetry import Symmetry
from invariants import Graph


class Sketch(NamedTuple):
    """A graph as a small drawing."""

    graph: Graph
    separate: bool
    """Whether rows and columns are permuted apart, and so are nodes of two kinds."""
    directed: bool = True
    name: str = ""
    """What stands beside it."""


def drawn_graph(symmetry: Symmetry, graph: Graph, name: str = "") -> Sketch:
    """A graph as invariants of a symmetry are drawn."""
    return Sketch(graph, symmetry.tensors.separate, symmetry.name != "symmetric", name)


Cell = str | int | float | Sketch


def drawn_invariant(symmetry: Symmetry, name: str) -> Sketch:
    """An invariant by its name, which stands beside the drawing unless it is a list of edges, too."""
    graph = symmetry.observed[symmetry.observed_names.index(name)]
    return drawn_graph(symmetry, graph, "" if lists_edges(name) else name)


def lists_edges(name: str) -> bool:
    """Whether the name of an invariant only lists its edges, as "0-1,0-2" does and "I14" does not."""
    return "-" in name


class Paragraph(NamedTuple):
    """A paragraph of plain text."""

    text: str


class Heading(NamedTuple):
    """A heading within a section."""

    text: str


class Grid(NamedTuple):
    """A table whose first column names the rows."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def by_epoch(header: Sequence[str], rows: Sequence[Sequence[Cell]], several: bool) -> Grid:
    """A table whose second column is the epoch, without that column where there are not several."""
    if several:
        return Grid(header, rows)
    return Grid((header[0], *header[2:]), [(row[0], *row[2:]) for row in rows])


class Tiles(NamedTuple):
    """Headline numbers, each with what it is."""

    numbers: Mapping[str, str]


class Verdict(NamedTuple):
    """A question, and its answer in one sentence with a number and its error; graphs in it are drawn."""

    question: str
    answer: Sequence[str | Sketch]
    section: str = ""
    """Title of the section that it is from."""


class Verdicts(NamedTuple):
    """What a page has to say, first of all."""

    answers: Sequence[Verdict]


class Picture(NamedTuple):
    """A figure of the folder by name, with its caption."""

    name: str
    caption: str


class Files(NamedTuple):
    """Links to files beside the page: path and text of each."""

    links: Sequence[tuple[str, str]]


class Folded(NamedTuple):
    """Content that opens on demand."""

    title: str
    content: Sequence["Content"]


def explained(text: str) -> Folded:
    """What numbers mean, for those who ask."""
    return Folded("What this means", (Paragraph(text),))


Content = Verdicts | Paragraph | Heading | Grid | Tiles | Picture | Files | Folded


class Section(NamedTuple):
    """A part of a page under a heading."""

    title: str
    content: Sequence[Content]
    verdicts: Sequence[Verdict] = ()
    """What it finds, to be read at the top of the page."""


class Document(NamedTuple):
    """A whole page."""

    title: str
    lead: Sequence[Content]
    """What stands above the first section."""
    sections: Sequence[Section]
    command: str = ""
    """What makes the page and its figures again."""


def verdicts_of(sections: Sequence[Section]) -> tuple[Verdict, ...]:
    """What sections find, each with the title of the one that it is from."""
    return tuple(one._replace(section=section.title) for section in sections for one in section.verdicts)
