"""The numbers of arXiv:2510.05218 exactly as its scripts compute them, beside which this package's are corrected.

Nothing here is used by default. The published errors follow from one rule, which is how they are derived: every
combination of indices in a sum, and every sum in a combination of sums, is counted as if independent of all others.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.model.entry_law import EntryLaw
from analysis.model.gaussian import PIGMM
from analysis.model.initial import iid_model
from analysis.symmetry import Simultaneous
from analysis.symmetry.partitions import identify
from invariants import PAPER, Graph

DEFAULT_DIM = 10
"""The D that every published distance uses, whatever the size of the matrices."""


class Difference(NamedTuple):
    """One quantity that is published otherwise than it is computed here by default."""

    quantity: str
    published: str
    here: str
    effect: str


DIFFERENCES = (
    Difference(
        "standard errors of I1..I13 at initialisation",
        "products M_ij M_kl that occur twice in a sum are counted as independent",
        "exact, from the cumulants of the entries",
        "too small for I4, I7, I8, I10, I12 by up to sqrt(2) (0.74 of the exact ones at D = 10, 0.71 for I10; 0.96 for "
        "I9, I13), and their deviations from initialisation too large by as much",
    ),
    Difference(
        "standard deviations of f1..f13 at initialisation",
        "the invariants in each parameter are counted as independent, with the errors above; two slips in f5 and f13",
        "exact, from the cumulants of the entries",
        "published / exact at D = 10 between 0.71 (f3) and 1.67 (f11)",
    ),
    Difference(
        "standard deviation over the ensemble",
        "sqrt(<I^2> - <I>^2) in one pass",
        "the same number in two passes",
        "a relative error of 1e-16 (mean / std)^2, and NaN where that exceeds 1",
    ),
    Difference(
        "Wasserstein distance",
        "W2 squared, with roots of blocks from a general eigensolver",
        "W2, with roots from a symmetric eigensolver",
        "the square; wrong, and not symmetric, for a block with equal eigenvalues that is not diagonal",
    ),
    Difference(
        "size of the matrices in the distance",
        f"D = {DEFAULT_DIM} for every width",
        "the size of the matrices",
        "none at D = 10; at D = 640 up to a factor of thousands in W2 squared",
    ),
    Difference(
        "reference of the distance",
        "the initial i.i.d. Gaussian with its V_0 block times 1 - 1/N, what the plug-in fit expects",
        "the initial i.i.d. Gaussian itself",
        "a shift of the two V_0 standard deviations of the reference by 1/(2N) of themselves",
    ),
    Difference(
        "deviation of theory from mean",
        "|theory - mean| / std over members, no test",
        "the same, and z: the difference over its joint standard error",
        "at 1000 members a deviation of 0.1 can be more than three standard errors",
    ),
)
"""What the report lists when the numbers are as published."""


def published_se_invariants(law: EntryLaw, dim: int, members: int) -> Float[np.ndarray, "13"]:
    """Published standard errors of the means of I1..I13: sqrt(V_G / N), V_G = s (m4 - m2^2) + (D^nodes - s) m2^2.

    s of the D^nodes combinations of indices make both factors the same entry. The exact variance is that of
    `iid_invariants`. For I1, I2, the linear ones, V_G = D^nodes m2.

    Raises:
        ValueError: if the law has a mean or a third cumulant, which the published formulas leave out.
    """
    return np.sqrt([_independent_variance(graph, law, dim) / members for graph in PAPER[:13]])


def published_se_parameters(law: EntryLaw, dim: int, members: int) -> Float[np.ndarray, "13"]:
    """Published standard deviations of the plug-in f1..f13.

    With f = sum_G c_G <I_G>, Var f = sum_G c_G^2 V_G / N; in f3..f5 each <I_G> is less a product of two means, whose
    own variance is added: (V_G + (N-1) D^nodes m2^2) / N^3. To f5 and f13 the slips of the published closed forms are
    added, 2 m2^2 / ((D-1) N) and -4 (D+1)(D-3) m2^2 / (D (D-1)^2 (D-2)^2 N).

    Raises:
        ValueError: if the law has a mean or a third cumulant, which the published formulas leave out, or D < 4.
    """
    if dim < 4:
        raise ValueError(f"published errors of parameters at D = {dim}: they are defined for D >= 4")
    pair = float(law.cumulant(2)) ** 2

    def variance(graph: Graph) -> float:
        return _independent_variance(graph, law, dim)

    def variance_about_means(graph: Graph) -> float:
        return variance(graph) * (1 + members**-2) + dim**graph.nodes * pair * (members - 1) / members**2

    symmetry = Simultaneous(dim)
    tensors, norms = symmetry.tensors, symmetry.weights[2:]
    linear = [sum(float(c) ** 2 * variance(graph) for graph, c in tensor.items()) for tensor in tensors.means]
    quadratic = [
        sum(
            (float(c) / norm) ** 2 * (variance_about_means if k < 3 else variance)(graph) for graph, c in tensor.items()
        )
        for k, (tensor, norm) in enumerate(zip(tensors.covariances, norms, strict=True))
    ]
    total = np.array([*tensors.mean_radicals, *tensors.radicals]) ** 2 * [*linear, *quadratic]
    total[4] += 2 * pair / (dim - 1)
    total[12] -= 4 * (dim + 1) * (dim - 3) * pair / (dim * (dim - 1) ** 2 * (dim - 2) ** 2)
    return np.sqrt(total / members)


def one_pass_std(values: Float[np.ndarray, "members *rest"]) -> Float[np.ndarray, "*rest"]:
    """Published standard deviation sqrt(<v^2> - <v>^2); NaN where rounding makes the difference negative."""
    with np.errstate(invalid="ignore"):
        return np.sqrt(np.mean(values**2, axis=0) - np.mean(values, axis=0) ** 2)


def published_reference(law: EntryLaw, dim: int, members: int) -> PIGMM:
    """The i.i.d. Gaussian that published distances are taken to: its V_0 block is (1 - 1/N) times the variance."""
    f = iid_model(0.0, float(law.cumulant(2)) ** 0.5, dim).parameters
    f[2:5] *= 1 - 1 / members
    return PIGMM.from_parameters(f, dim=dim)


def published_distance(
    f: Float[np.ndarray, "*#batch 13"], g: Float[np.ndarray, "*#batch 13"], dim: int = DEFAULT_DIM
) -> Float[np.ndarray, "*batch"]:
    """Published "Wasserstein distance", W2^2 = |m_f - m_g|^2 + sum_b n_b (tr S + tr T - 2 tr (S^1/2 T S^1/2)^1/2).

    Blocks S of f and T of g; their roots are V l^1/2 V^T with V from a general eigensolver, which is not orthogonal
    within equal eigenvalues, so that the value can depend on the order of f and g. Of complex values this is the real
    part, and a variance below 0 counts as 0, where the scripts return NaN.
    """
    total = np.sum((f[..., :2] - g[..., :2]) ** 2, axis=-1)
    symmetry = Simultaneous(dim)
    for block, ours, theirs in zip(
        symmetry.blocks, symmetry.unpack(f).covariances, symmetry.unpack(g).covariances, strict=True
    ):
        root = _published_root(ours)
        mixed = _published_root(root @ theirs @ root)
        traces = [np.trace(part, axis1=-2, axis2=-1) for part in (ours, theirs, mixed)]
        total = total + block.dimension * (traces[0] + traces[1] - 2 * traces[2])
    return np.asarray(np.real(total))


def _independent_variance(graph: Graph, law: EntryLaw, dim: int) -> float:
    """Variance of an invariant of degree 1 or 2 if all its terms were independent."""
    if law.cumulant(1) or law.cumulant(3):
        raise ValueError("law of entries with a mean or a skewness: the published errors hold for neither")
    m2 = float(law.cumulant(2))
    terms = dim**graph.nodes
    if graph.degree == 1:
        return terms * m2
    first, second = graph.edges
    same = dim ** len(set(identify(graph.nodes, zip(first, second, strict=True))))
    return same * (float(law.cumulant(4)) + 2 * m2**2) + (terms - same) * m2**2


def _published_root(matrix: np.ndarray) -> np.ndarray:
    """V max(l, 0)^1/2 V^T, with the transpose of V where its inverse is due."""
    values, vectors = np.linalg.eig(matrix)
    return (vectors * np.sqrt(np.clip(values, 0, None))[..., None, :]) @ np.swapaxes(vectors, -1, -2)
