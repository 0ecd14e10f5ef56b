"""The figure of every weight matrix: how far each has moved, and along which of its four blocks."""

from analysis.drawing import Axes, Figure, curves, laid_out, legend
from analysis.rectangular.trajectories import PARAMETERS, RectangularTrajectories, variance_unit

CAPTION = (
    "Above, the 2-Wasserstein distance of the five-parameter model of each weight matrix from its initial independent "
    "entries, per root of the number of entries, with 95 % intervals; dotted, what as many unchanged members would "
    "show. Below, the four variances relative to that of an initial entry, at which all four start: v0 of the mean "
    "entry, vC of column sums, vR of row sums, vE of the rest, with 95 % intervals."
)


def draw_matrices(trajectories: RectangularTrajectories) -> Figure:
    """W2 / sqrt(mn) of all matrices above, relative variances below in one panel a matrix."""
    return laid_out(lambda figure: _paint(figure, trajectories))


def matrix_titles(trajectories: RectangularTrajectories) -> list[str]:
    """Name and shape of each matrix, kept on one line by no-break spaces."""
    t = trajectories
    return [
        f"{name}\u00a0({rows}\u00a0×\u00a0{columns})"
        for name, (rows, columns) in zip(t.matrices, t.shapes, strict=True)
    ]


def _paint(figure: Figure, t: RectangularTrajectories) -> Figure:
    titles = matrix_titles(t)
    figure.set_size_inches(max(1.6 + 2.1 * len(titles), 4.6), 5.0)
    grid = figure.add_gridspec(2, len(titles))
    _distances(figure.add_subplot(grid[0, :]), t)
    values, errors = (f[..., 1:] / variance_unit(t)[:, None] for f in (t.parameters, t.parameters_se))
    below = [figure.add_subplot(place) for place in (grid[1, k] for k in range(len(titles)))]
    for k, (ax, title) in enumerate(zip(below, titles, strict=True)):
        ax.axhline(1.0, color="black", linewidth=0.8)
        curves(ax, t.epochs, values[:, k], PARAMETERS[1:], errors[:, k])
        ax.set(title=title, xlabel="epoch")
    below[0].set_ylabel("variance / initial variance")
    legend(below[-1])
    return figure


def _distances(ax: Axes, t: RectangularTrajectories) -> None:
    curves(ax, t.epochs, t.w2 / t.root_size, matrix_titles(t), t.w2_se / t.root_size)
    for line, null in zip(ax.get_lines(), (t.w2_null / t.root_size).T, strict=True):
        ax.plot(t.epochs, null, color=line.get_color(), linestyle=":")
    ax.set(xlabel="epoch", ylabel=r"$W_2 / \sqrt{mn}$ (weight units)")
    ax.set_ylim(bottom=0)
    legend(ax)
