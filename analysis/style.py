"""How figures look, in one place: colours, fonts, which curves share a panel and what they are called."""

from typing import Any

from cycler import cycler

from analysis.trajectories import Trajectories

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
PANELS = {
    "cubic, 1 or 2 nodes": slice(0, 10),
    "cubic, 5 or 6 nodes": slice(10, 15),
    "quartic, 1 or 2 nodes (a)": slice(15, 25),
    "quartic, 1 or 2 nodes (b)": slice(25, 34),
    "quartic, 7 or 8 nodes": slice(34, 39),
}
"""The families of the 39 predicted invariants, the largest of them halved, so that ten curves share a panel at most."""
BLOCKS = {
    "mean on $V_0$": (slice(0, 2), ("$f_1$", "$f_2$")),
    "covariance on $V_0$": (slice(2, 5), ("$f_3$ (11)", "$f_4$ (12)", "$f_5$ (22)")),
    "covariance on $V_H$": (
        slice(5, 11),
        ("$f_6$ (cc)", "$f_7$ (cr)", "$f_8$ (cd)", "$f_9$ (rr)", "$f_{10}$ (rd)", "$f_{11}$ (dd)"),
    ),
    "variances on $V_2$, $V_3$": (slice(11, 13), ("$f_{12}$ (sym.)", "$f_{13}$ (antisym.)")),
}
"""The blocks of the thirteen parameters: c, r and d are column sums, row sums and the diagonal's remainder."""
MODEL_TITLES = {
    "iid_zero_mean": "i.i.d. of mean 0",
    "iid": "i.i.d.",
    "conjugation": "O(D)",
    "diagonal": "diagonal apart",
    "bipartite": "S_D × S_D",
    "reciprocal": "diagonal apart, reciprocal",
    "transposition": "S_D and transposition",
    "pigmm": "S_D",
}
"""What people call the models of the family: the symmetry of their law, or what is independent in it."""


def layer_titles(trajectories: Trajectories) -> list[str]:
    """Name and size of each layer, kept on one line by no-break spaces."""
    return [
        f"{layer}\u00a0({dim}\u00a0×\u00a0{dim})"
        for layer, dim in zip(trajectories.layers, trajectories.dims, strict=True)
    ]


def invariant_labels(trajectories: Trajectories, which: slice) -> list[str]:
    """Name and LaTeX of the chosen invariants, without the sum sign that they all begin with."""
    pairs = zip(trajectories.names[which], trajectories.labels[which], strict=True)
    return [f"{name}: ${label.removeprefix(SUM)}$" for name, label in pairs]
