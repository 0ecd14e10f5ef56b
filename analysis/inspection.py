"""What only the matrices themselves show, at chosen epochs: which permutations, how Gaussian, every invariant."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import betaincinv, gammaincinv

from analysis.false_discovery import benjamini_hochberg
from analysis.fitting import fit
from analysis.gaussianity import Shape, block_shape, coordinate_quantiles, whitened_coordinates
from analysis.moments import deviation, moments
from analysis.normality import Quantiles, mahalanobis_quantiles
from analysis.pipeline import Recording, included
from analysis.randomisation import Invariance, Symmetry, accepted_symmetry, invariance_test
from analysis.representation import block_moments
from analysis.resampling import bootstrap
from analysis.symmetry import identity_test
from analysis.trajectories import REPLICATES, SEED
from analysis.uncertainty import uncertainty
from analysis.wick import expectation
from invariants import CUBIC_AND_QUARTIC, enumerate_graphs, evaluate

GRAPHS = enumerate_graphs(3) + enumerate_graphs(4)
"""All 348 cubic and quartic invariants."""
IN_PAPER = np.isin(np.arange(len(GRAPHS)), [GRAPHS.index(graph) for graph in CUBIC_AND_QUARTIC])
"""Which of them are among the 39 of the paper."""
KEY_EPOCHS = (0, 1, 10)
"""Epochs inspected besides the last: before training, after the fastest changes, and well into it."""
PERMUTATIONS = 199
MOST_ENTRIES = 2**20
"""Ensembles of more entries, 1000 matrices of 32 x 32, are not permuted: it would take minutes a run."""


class Inspection(NamedTuple):
    """One epoch and layer. Numbers over `GRAPHS` are as in `Trajectories`, `q` over all that was inspected with it."""

    epoch: int
    layer: str
    members: int
    symmetries: dict[Symmetry, Invariance]
    accepted: str
    """The largest symmetry that the data accept at 5 %, "none", or "not tested"."""
    shape: Shape
    distances: Quantiles
    """Squared Mahalanobis distance of the members to the fit, beside chi^2."""
    band: Float[np.ndarray, "2 points"]
    """Where 95 % of the observed quantiles of the distance would lie, each by itself, if it were chi^2."""
    coordinates: Quantiles
    """Whitened coordinates of V_0, V_H, V_2, V_3, beside the standard normal law."""
    theory: Float[np.ndarray, "348"]
    mean: Float[np.ndarray, "348"]
    std: Float[np.ndarray, "348"]
    deviation: Float[np.ndarray, "348"]
    z: Float[np.ndarray, "348"]
    p: Float[np.ndarray, "348"]
    q: Float[np.ndarray, "348"]
    status: str
    """"ok", or cause and remedy of what could not be computed."""


class Findings(NamedTuple):
    """What was inspected, by epoch and then layer, and a sentence for everything that was not."""

    inspections: tuple[Inspection, ...]
    remarks: tuple[str, ...]


def key_epochs(epochs: Int[np.ndarray, "E"]) -> list[int]:
    """Positions of the epochs 0, 1, 10 and the last, of those that there are."""
    return [position for position, epoch in enumerate(epochs) if epoch in (*KEY_EPOCHS, epochs[-1])]


def inspect_recording(
    recording: Recording, matrices: Sequence[Float[np.ndarray, "N key_epochs D D"]] | None
) -> Findings:
    """Inspect every layer at the `key_epochs`, with the members that enter the other statistics there.

    Args:
        recording: what was recorded.
        matrices: the matrices of each layer at the key epochs; None where they were not kept.
    """
    if matrices is None:
        return Findings((), ("The matrices were not kept: run again with --save-weights to see this section.",))
    used, found, remarks = included(recording), [], []
    for k, epoch in enumerate(key_epochs(recording.epochs)):
        for position, (layer, stacks) in enumerate(zip(recording.layers, matrices, strict=True)):
            stack = np.asarray(stacks[used[:, epoch, position], k], np.float64)
            number = int(recording.epochs[epoch])
            if cause := _obstacle(stack):
                remarks.append(f"{layer} at epoch {number} was not inspected: {cause}.")
            else:
                found.append(inspect(stack, number, layer))
    q = benjamini_hochberg(np.array([one.p for one in found]))
    return Findings(tuple(one._replace(q=row) for one, row in zip(found, q, strict=True)), tuple(remarks))


def inspect(stack: Float[np.ndarray, "N D D"], epoch: int, layer: str) -> Inspection:
    """Randomisation tests, shape of the law, and all cubic and quartic invariants of one ensemble.

    Raises:
        ValueError: fewer than 3 members, D < 4, or an entry that is not finite.
    """
    if cause := _obstacle(stack):
        raise ValueError(cause)
    members, dim, _ = stack.shape
    blocks, values = np.asarray(block_moments(stack)), np.asarray(evaluate(GRAPHS, stack))
    model = fit(stack).model
    coordinates = whitened_coordinates(stack, model)
    distances = mahalanobis_quantiles(blocks, dim)
    errors = uncertainty(values, blocks, GRAPHS, dim, None, bootstrap(members, REPLICATES, SEED))
    theory, observed = expectation(model, GRAPHS), moments(values)
    symmetries, shape = _symmetries(stack), block_shape(coordinates)
    causes = dict.fromkeys([*(test.status for test in symmetries.values()), shape.status])
    return Inspection(
        epoch=epoch,
        layer=layer,
        members=members,
        symmetries=symmetries,
        accepted=_accepted(symmetries, float(identity_test(blocks, dim).p)),
        shape=shape,
        distances=distances,
        band=_chi2_band(members, dim, len(distances.expected)),
        coordinates=coordinate_quantiles(coordinates),
        theory=theory,
        mean=observed.mean,
        std=observed.std,
        deviation=deviation(theory, observed.mean, observed.std),
        z=np.abs(errors.z),
        p=errors.p,
        q=benjamini_hochberg(errors.p),
        status="; ".join(cause for cause in causes if cause != "ok") or "ok",
    )


def _obstacle(stack: np.ndarray) -> str:
    """Why an ensemble cannot be inspected; empty where it can."""
    members, dim, _ = stack.shape
    if members < 3:
        return f"{members} finite members: use at least 3"
    if dim < 4:
        return f"matrices of {dim} x {dim}, of which blocks are absent: use D >= 4"
    return "" if np.all(np.isfinite(stack)) else "entries are not finite: exclude diverged members"


def _symmetries(stack: np.ndarray) -> dict[Symmetry, Invariance]:
    if stack.size <= MOST_ENTRIES:
        return {symmetry: invariance_test(stack, symmetry, PERMUTATIONS) for symmetry in Symmetry}
    status = f"symmetries not tested on {stack.size} entries, more than {MOST_ENTRIES}: give fewer members"
    return dict.fromkeys(Symmetry, Invariance(np.nan, np.nan, np.nan, status))


def _accepted(symmetries: dict[Symmetry, Invariance], identities: float) -> str:
    p = {symmetry: test.p for symmetry, test in symmetries.items()}
    if np.isnan(list(p.values())).all():
        return "not tested"
    return accepted_symmetry(p, identities) or "none"


def _chi2_band(members: int, dim: int, points: int) -> Float[np.ndarray, "2 points"]:
    """2.5 % and 97.5 % quantiles of the order statistic at each probability, of chi^2 with D^2 degrees of freedom.

    The k-th smallest of N uniform variables has a Beta(k, N + 1 - k) law.
    """
    rank = 1 + (members - 1) * (np.arange(points) + 0.5) / points
    uniform = betaincinv(rank, members + 1 - rank, np.array([[0.025], [0.975]]))
    return 2 * gammaincinv(dim**2 / 2, uniform)
