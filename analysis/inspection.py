"""What only the matrices themselves show, at chosen epochs: which permutations, how Gaussian, every invariant."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import betaincinv, gammaincinv

from analysis.inference.gaussianity import Shape, block_shape, coordinate_quantiles, whitened_coordinates
from analysis.inference.moments import deviation, moments
from analysis.inference.multiplicity import benjamini_hochberg, hierarchical
from analysis.inference.nesting import wald_within
from analysis.inference.normality import Quantiles, mahalanobis_quantiles
from analysis.inference.randomisation import Invariance, Permutations, accepted_permutations, invariance_test
from analysis.inference.theory_test import theory_test
from analysis.model.fitting import fit_moments
from analysis.model.status import joined
from analysis.model.wick import expectations
from analysis.recording import Recording, included
from analysis.symmetry import Symmetric, Symmetry
from invariants import Graph

KEY_EPOCHS = (1, 10)
"""Epochs shown besides the first and the last: after the fastest changes, and well into training."""
PERMUTATIONS = 199
MOST_ENTRIES = 2**20
"""Ensembles of more entries, 1000 matrices of 32 x 32, are not permuted: it would take minutes a run."""

NOT_KEPT = "The matrices were not kept: run again with --save-weights to see this section."
NOT_SQUARE = "Only square matrices are kept, and there is none: permutations and quantiles were not looked at."


class Inspection(NamedTuple):
    """One epoch and layer; numbers of invariants are as in `Statistics`."""

    epoch: int
    layer: str
    members: int
    symmetry: Symmetry
    permutations: dict[Permutations, Invariance]
    """A randomisation test of each group of permutations that can act on the matrices."""
    accepted: str
    """The largest group that the data accept at 5 %, "none", or "not tested"."""
    shape: Shape
    distances: Quantiles
    """Squared Mahalanobis distance of the members to the fit, beside chi^2."""
    band: Float[np.ndarray, "2 points"]
    """Where 95 % of the observed quantiles of the distance would lie, each by itself, if it were chi^2."""
    coordinates: Quantiles
    """Whitened coordinates of each block, beside the standard normal law."""
    graphs: tuple[Graph, ...]
    """All cubic and quartic invariants."""
    theory: Float[np.ndarray, "graphs"]
    mean: Float[np.ndarray, "graphs"]
    std: Float[np.ndarray, "graphs"]
    deviation: Float[np.ndarray, "graphs"]
    z: Float[np.ndarray, "graphs"]
    p: Float[np.ndarray, "graphs"]
    q: Float[np.ndarray, "graphs"]
    status: str
    """"ok", or cause and remedy of what could not be computed."""

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks."""
        return tuple(block.name for block in self.symmetry.blocks)

    @property
    def predicted(self) -> Bool[np.ndarray, "graphs"]:
        """Which of the graphs are among those that the report predicts: the paper's 39, for its symmetry."""
        chosen = set(self.symmetry.predicted)
        return np.array([graph in chosen for graph in self.graphs])


class Findings(NamedTuple):
    """What was inspected, by epoch and then layer, and a sentence for everything that was not."""

    inspections: tuple[Inspection, ...]
    remarks: tuple[str, ...]


def key_epochs(epochs: Int[np.ndarray, "E"]) -> list[int]:
    """Positions of the first epoch, 1, 10 and the last, of those that there are."""
    return [position for position, epoch in enumerate(epochs) if epoch in (epochs[0], *KEY_EPOCHS, epochs[-1])]


def inspect_recording(
    recording: Recording, matrices: Sequence[Float[np.ndarray, "N key_epochs m n"]] | None
) -> Findings:
    """Inspect every layer at the `key_epochs`, with the members that enter the other statistics there.

    Args:
        recording: what was recorded.
        matrices: the matrices of each layer at the key epochs; None where they were not kept.
    """
    if matrices is None:
        square = all(rows == columns for one in recording.symmetries for rows, columns in one.shapes)
        return Findings((), (NOT_KEPT if square else NOT_SQUARE,))
    used, found, remarks = included(recording), [], []
    for k, epoch in enumerate(key_epochs(recording.epochs)):
        for position, (layer, stacks) in enumerate(zip(recording.layers, matrices, strict=True)):
            stack = np.asarray(stacks[used[:, epoch, position], k], np.float64)
            number = int(recording.epochs[epoch])
            symmetry = recording.symmetries[position]
            if cause := _obstacle(stack, symmetry):
                remarks.append(f"{layer} at epoch {number} was not inspected: {cause}.")
            else:
                found.append(inspect(stack, symmetry, number, layer))
    if found:
        # Controlled within each epoch and layer that is found to deviate, as in the other statistics.
        q = hierarchical(np.array([one.p for one in found]))
        found = [one._replace(q=row) for one, row in zip(found, q, strict=True)]
    return Findings(tuple(found), tuple(remarks))


def inspect(stack: Float[np.ndarray, "N m n"], symmetry: Symmetry, epoch: int, layer: str) -> Inspection:
    """Randomisation tests, shape of the law, and all cubic and quartic invariants of one ensemble.

    Raises:
        ValueError: fewer members than the fit needs, matrices too small for some block, or an entry that is not finite.
    """
    if cause := _obstacle(stack, symmetry):
        raise ValueError(cause)
    members, graphs = len(stack), (*symmetry.graphs(3), *symmetry.graphs(4))
    values = symmetry.evaluate(symmetry.every, stack)[:, -len(graphs) :]
    blocks = np.asarray(symmetry.block_moments(stack))
    model = fit_moments(blocks, symmetry).model
    whitened = whitened_coordinates(stack, model)
    distances = mahalanobis_quantiles(blocks, symmetry)
    test = theory_test(values, blocks, graphs, symmetry)
    theory, observed = expectations(model.parameters, graphs, symmetry), moments(values)
    permutations, shape = _permutations(stack, symmetry), block_shape(whitened)
    return Inspection(
        epoch=epoch,
        layer=layer,
        members=members,
        symmetry=symmetry,
        permutations=permutations,
        accepted=_accepted(permutations, _identities(blocks, symmetry)),
        shape=shape,
        distances=distances,
        band=_chi2_band(members, symmetry.size, len(distances.expected)),
        coordinates=coordinate_quantiles(whitened),
        graphs=graphs,
        theory=theory,
        mean=observed.mean,
        std=observed.std,
        deviation=deviation(theory, observed.mean, observed.std),
        z=np.abs(test.z),
        p=test.p,
        q=benjamini_hochberg(test.p),
        status=joined([*(group.status for group in permutations.values()), shape.status, test.status]),
    )


def _obstacle(stack: np.ndarray, symmetry: Symmetry) -> str:
    """Why an ensemble cannot be inspected; empty where it can."""
    least = max(3, symmetry.blocks[0].copies + 1)
    if len(stack) < least:
        return f"{len(stack)} finite members: use at least {least}"
    if any(block.dimension == 0 for block in symmetry.blocks):
        rows, columns = stack.shape[1:]
        larger = "D >= 4" if rows == columns else "at least two rows and two columns"
        return f"matrices of {rows} x {columns}, of which blocks are absent: use {larger}"
    return "" if np.all(np.isfinite(stack)) else "entries are not finite: exclude diverged members"


def _groups(symmetry: Symmetry) -> tuple[Permutations, ...]:
    """The permutations that carry matrices of this kind into each other."""
    if isinstance(symmetry, Symmetric):
        return (Permutations.SIMULTANEOUS,)
    (rows, columns), *_ = symmetry.shapes
    return tuple(group for group in Permutations if rows == columns or group is not Permutations.SIMULTANEOUS)


def _permutations(stack: np.ndarray, symmetry: Symmetry) -> dict[Permutations, Invariance]:
    groups = _groups(symmetry)
    if stack.size <= MOST_ENTRIES:
        return {group: invariance_test(stack, group, PERMUTATIONS) for group in groups}
    status = f"permutations not tested on {stack.size} entries, more than {MOST_ENTRIES}: give fewer members"
    return dict.fromkeys(groups, Invariance(np.nan, np.nan, np.nan, status))


def _identities(blocks: np.ndarray, symmetry: Symmetry) -> float:
    """p-value of the five-parameter model within the paper's; 1 where there is nothing to test."""
    if "bipartite" not in symmetry.family or symmetry.full == "bipartite":
        return 1.0
    return float(wald_within(blocks, "bipartite", symmetry).p)


def _accepted(permutations: dict[Permutations, Invariance], identities: float) -> str:
    p = {group: test.p for group, test in permutations.items()}
    if np.isnan(list(p.values())).all():
        return "not tested"
    return accepted_permutations(p, identities) or "none"


def _chi2_band(members: int, freedom: int, points: int) -> Float[np.ndarray, "2 points"]:
    """2.5 % and 97.5 % quantiles of the order statistic at each probability, of chi^2.

    The k-th smallest of N uniform variables has a Beta(k, N + 1 - k) law.
    """
    rank = 1 + (members - 1) * (np.arange(points) + 0.5) / points
    uniform = betaincinv(rank, members + 1 - rank, np.array([[0.025], [0.975]]))
    return 2 * gammaincinv(freedom / 2, uniform)
