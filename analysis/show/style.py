"""How figures look, in one place: colours, fonts, which curves share a panel and what they are called."""

from collections.abc import Sequence
from typing import Any

from cycler import cycler

from analysis.statistics import Statistics
from analysis.symmetry import Symmetry
from invariants import CUBIC_AND_QUARTIC

# Okabe and Ito's colours, safe for colour-blind readers, without their yellow, which is too light for a line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLE: dict[Any, Any] = {
    "axes.prop_cycle": cycler(linestyle=("-", "--")) * cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.xmargin": 0.02,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "font.size": 8,
    "font.family": "DejaVu Sans",
    "mathtext.fontset": "dejavusans",
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "lines.linewidth": 1.2,
    "lines.markersize": 3,
    "figure.constrained_layout.w_pad": 0.06,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.dpi": 200,
    "pdf.fonttype": 42,
    "svg.hashsalt": "pigmm",
}
NOISE = {"color": "#BBBBBB", "alpha": 0.35, "linewidth": 0}
CONFIDENCE = 1.96
"""Standard errors in half a 95 % interval."""
SUM = r"\sum "
FEW = 12
"""Up to this many epochs, each is marked by a dot and a tick."""
FAMILIES = {
    "cubic, 1 or 2 nodes": slice(0, 10),
    "cubic, 5 or 6 nodes": slice(10, 15),
    "quartic, 1 or 2 nodes": slice(15, 34),
    "quartic, 7 or 8 nodes": slice(34, 39),
}
"""The paper's families of its 39 predicted invariants, as positions within I14..I52."""
CURVES = 10
"""Curves that share a panel at most."""
PAPER_LABELS = (
    *("$f_1$", "$f_2$", "$f_3$ (11)", "$f_4$ (12)", "$f_5$ (22)"),
    *("$f_6$ (cc)", "$f_7$ (cr)", "$f_8$ (cd)", "$f_9$ (rr)", "$f_{10}$ (rd)", "$f_{11}$ (dd)"),
    *("$f_{12}$ (sym.)", "$f_{13}$ (antisym.)"),
)
"""The thirteen parameters: c, r and d are column sums, row sums and the diagonal's remainder."""
MODEL_TITLES = {
    "iid_zero_mean": "i.i.d. of mean 0",
    "iid": "i.i.d.",
    "conjugation": "O(D)",
    "diagonal": "diagonal apart",
    "bipartite": "S_D × S_D",
    "reciprocal": "diagonal apart, reciprocal",
    "transposition": "S_D and transposition",
}
"""What people call the smaller models of a family: the symmetry of their law, or what is independent in it."""
FULL_TITLES = {"simultaneous": "S_D", "separate": "S_m × S_n", "symmetric": "S_D, symmetric"}
"""What they call the full model of a symmetry."""


def model_title(symmetry: Symmetry, model: str) -> str:
    """What people call a model of the family of a symmetry."""
    return FULL_TITLES.get(symmetry.name, model) if model == symmetry.full else MODEL_TITLES.get(model, model)


def families(symmetry: Symmetry) -> dict[str, slice]:
    """The predicted invariants in groups, as positions among them: the paper's families, or by degree."""
    if symmetry.predicted == CUBIC_AND_QUARTIC:
        return FAMILIES
    degrees = [graph.degree for graph in symmetry.predicted]
    cubic = degrees.count(3)
    return {"cubic": slice(0, cubic), "quartic": slice(cubic, len(degrees))}


def panels(symmetry: Symmetry) -> dict[str, slice]:
    """The same groups, each divided into as few parts as leave `CURVES` in one at most."""
    divided = {}
    for title, group in families(symmetry).items():
        size = group.stop - group.start
        parts = -(-size // CURVES)
        step = -(-size // parts)
        for k in range(parts):
            letter = f" ({chr(ord('a') + k)})" if parts > 1 else ""
            divided[title + letter] = slice(group.start + k * step, min(group.start + (k + 1) * step, group.stop))
    return divided


def parameter_panels(symmetry: Symmetry) -> dict[str, tuple[list[int], list[str]]]:
    """The parameters in groups, with positions and labels: means, covariances of a block, single variances."""
    names = PAPER_LABELS if symmetry.full == "pigmm" else symmetry.parameter_names
    trivial = symmetry.blocks[0]
    groups: dict[str, list[int]] = {f"mean on {block_title(trivial.name)}": list(range(trivial.slots))}
    start = trivial.slots
    single = [block.name for block in symmetry.blocks if block.slots == 1]
    variances = f"variances on {', '.join(map(block_title, single))}" if len(single) < 4 else "variances"
    for block in symmetry.blocks:
        title = f"covariance on {block_title(block.name)}" if block.slots > 1 else variances
        groups.setdefault(title, []).extend(range(start, start + block.entries))
        start += block.entries
    return {title: (positions, [names[k] for k in positions]) for title, positions in groups.items()}


def height_of(places: Sequence[str], dots: int = 1) -> float:
    """Inches of a figure with names below each other and so many dots beside each; at most those of a page."""
    return min(1.2 + (0.05 + 0.1 * dots) * len(places), 10.0)


def block_title(name: str) -> str:
    """The name of a block in LaTeX."""
    return f"${name.replace('(x)', chr(92) + 'otimes')}$"


def layer_titles(statistics: Statistics) -> list[str]:
    """Name and size of each layer, kept on one line by no-break spaces."""
    titles = []
    for layer, symmetry in zip(statistics.layers, statistics.symmetries, strict=True):
        sizes = ", ".join(f"{rows}\u00a0×\u00a0{columns}" for rows, columns in symmetry.shapes)
        titles.append(f"{layer}\u00a0({sizes})")
    return titles


def invariant_labels(statistics: Statistics, which: slice) -> list[str]:
    """Name and LaTeX of the chosen invariants, without the sum sign that they all begin with."""
    pairs = zip(statistics.names[which], statistics.labels[which], strict=True)
    return [f"{name}: ${label.removeprefix(SUM)}$" for name, label in pairs]
