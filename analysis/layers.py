"""An ensemble of whole networks, or its recording in training, to the connections between the layers."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.inference.displacement import displacement
from analysis.inference.distance import Distance
from analysis.inference.layer_cumulants import Balance, LayerCumulants, balance, layer_cumulants
from analysis.inference.layer_randomisation import LayerRandomisation, layer_randomisation, untested
from analysis.inference.layers import LayersTest, UnitCorrelation, layers_test, unit_correlation
from analysis.inference.multiplicity import hierarchical
from analysis.inference.networks import Networks, given_networks, recorded_networks, unit_sums
from analysis.inference.resampling import bootstrap
from analysis.model.fitting import Fit, fit, fit_moments, read_ensemble
from analysis.model.wasserstein import wasserstein_squared_parts
from analysis.recording import LayersRecording, included_networks
from analysis.statistics import REPLICATES, SEED
from analysis.symmetry import Chain
from analysis.symmetry.base import chosen_members, finite_members
from analysis.symmetry.chain import Matrices, chain_of


class Layers(NamedTuple):
    """What connects the layers of the networks of an ensemble."""

    fit: Fit
    """The law of the chain."""
    independent: LayersTest
    """Independent layers within it, by second moments."""
    correlation: UnitCorrelation
    """Of incoming and outgoing sums, over the units of each hidden layer."""
    balance: Balance
    """Of incoming and outgoing squares."""
    cumulants: LayerCumulants
    """Of degree 3 and 4, of all graphs that connect layers."""
    randomisation: LayerRandomisation
    """Tests that hold whatever the law of the members."""


class LayersPath(NamedTuple):
    """What connects the layers at E epochs of a training."""

    symmetry: Chain
    epochs: Int[np.ndarray, "E"]
    excluded: Int[np.ndarray, "E"]
    """Networks left out because they had diverged."""
    at: tuple[Layers, ...]
    """At each epoch; q of cumulants is controlled within the epochs that deviate at all."""
    w2: Float[np.ndarray, "E"]
    """W2 between the fitted joint law and that of the first epoch, in units of the weights."""
    w2_independent: Float[np.ndarray, "E"]
    """The same of both laws with all terms between layers left out: at most `w2`."""
    distances: tuple[Distance, ...]
    """`w2` without what chance adds to it, with its interval."""


def study_layers(data: Any, symmetry: Chain | None = None, seed: int = 0) -> Layers:
    """Study the connections between the layers of an ensemble of networks (W_1, ..., W_K).

    Args:
        data: stacks W_l of [N, h_l, h_(l-1)]; members with a non-finite entry are excluded and recorded.
        symmetry: by default the chain of these sizes.
        seed: of simulated and of randomised ensembles.

    Raises:
        ValueError: if the stacks are no chain of as many members each, or no member is finite.
    """
    symmetry = symmetry or chain_of(data)
    stacks = read_ensemble(data, symmetry)
    fitted = fit(stacks, symmetry)
    return study_networks(given_networks(chosen_members(stacks, finite_members(stacks)), symmetry), fitted, seed)


def study_networks(networks: Networks, fitted: Fit, seed: int = 0, randomise: bool = True) -> Layers:
    """Study the connections between the layers of finite members, whose law is fitted already."""
    f, members = networks.parameters, networks.members
    return Layers(
        fitted,
        layers_test(f, members, networks.symmetry),
        unit_correlation(f, members, networks.symmetry),
        balance(networks, seed),
        layer_cumulants(networks, seed),
        layer_randomisation(networks, seed=seed) if randomise else untested(networks.symmetry),
    )


def networks_in_parts(parts: Iterable[Matrices], symmetry: Chain, fewest: int = 1) -> tuple[Networks, Fit] | None:
    """Networks that come a few at a time, as recorded ones, with their law; None if too few are finite.

    Args:
        parts: stacks W_l of [n, h_l, h_(l-1)] of n networks each.
        symmetry: the chain of these sizes.
        fewest: finite networks that are needed.
    """
    kept = [_recorded(network, symmetry) for network in _one_by_one(parts)]
    factors, moments, sums = (np.concatenate(some) for some in zip(*kept, strict=True))
    finite = np.isfinite(moments).all(axis=1)
    if finite.sum() < fewest:
        return None
    networks = recorded_networks(factors[finite], moments[finite], sums[finite], symmetry)
    return networks, fit_moments(moments, symmetry)


def _one_by_one(parts: Iterable[Matrices]) -> Iterator[Matrices]:
    """Each network alone: programs for several at once would be compiled for each number of them."""
    for part in parts:
        for k in range(len(part[0])):
            yield tuple(stack[k : k + 1] for stack in part)
        del part  # else it stays in memory while the next is read


def _recorded(network: Matrices, symmetry: Chain) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is kept of a network: connected invariants, block moments, sums of its units; NaN if they are not finite."""
    matrices = tuple(np.asarray(matrix, np.float64) for matrix in network)
    finite = all(np.isfinite(matrix).all() for matrix in matrices)
    matrices = matrices if finite else tuple(np.zeros_like(matrix) for matrix in matrices)
    with np.errstate(invalid="ignore", over="ignore"):  # entries may be too large for their fourth powers
        of_layers = [np.concatenate(unit_sums(matrices, layer), axis=-1) for layer in symmetry.inner]
        factors = symmetry.evaluate(symmetry.recorded, matrices)
        values = factors, np.asarray(symmetry.block_moments(matrices)), np.concatenate(of_layers, axis=1)
    usable = finite and all(np.isfinite(value).all() for value in values)
    factors, moments, sums = values if usable else (np.full_like(value, np.nan) for value in values)
    return factors, moments, sums


def of_one_epoch(found: Layers, symmetry: Chain) -> LayersPath:
    """Networks that were given, in the form of those that were recorded: at a single epoch, 0."""
    unknown, excluded = float("nan"), np.array([len(found.fit.excluded)])
    distances = (Distance(*[unknown] * len(Distance._fields)),)
    return LayersPath(symmetry, np.array([0]), excluded, (found,), np.zeros(1), np.zeros(1), distances)


def study_recorded_layers(recording: LayersRecording, randomised: Bool[np.ndarray, "E"], seed: int = 0) -> LayersPath:
    """Study the connections between layers at every epoch, with both randomisation tests at some of them.

    Raises:
        ValueError: at some epoch no network is finite.
    """
    used, symmetry = included_networks(recording), recording.symmetry
    found = []
    for epoch, randomise in enumerate(randomised.tolist()):
        kept = used[:, epoch]
        fitted = fit_moments(recording.block_moments[kept, epoch], symmetry)
        sums = None if recording.unit_sums is None else recording.unit_sums[kept, epoch]
        moments, factors = recording.block_moments[kept, epoch], recording.factors[kept, epoch]
        found.append(study_networks(recorded_networks(factors, moments, sums, symmetry), fitted, seed, randomise))
    q = hierarchical(np.array([one.cumulants.p for one in found]))
    at = tuple(one._replace(cumulants=one.cumulants._replace(q=row)) for one, row in zip(found, q, strict=True))
    first = found[0].fit.model.parameters
    apart = np.any(list(symmetry.family["independent"]), axis=0)
    return LayersPath(
        symmetry,
        recording.epochs,
        np.sum(~used, axis=0),
        at,
        np.array([_w2(one.fit.model.parameters, first, symmetry) for one in found]),
        np.array([_w2(one.fit.model.parameters * apart, first * apart, symmetry) for one in found]),
        tuple(_distance(recording, used, epoch) for epoch in range(len(found))),
    )


def _distance(recording: LayersRecording, used: Bool[np.ndarray, "N E"], epoch: int) -> Distance:
    """From the first epoch, by the networks that are finite at both."""
    both = recording.block_moments[used[:, epoch]][:, [0, epoch]]
    return displacement(both, recording.symmetry, bootstrap(len(both), REPLICATES, SEED)).distance


def _w2(f: Float[np.ndarray, "parameters"], g: Float[np.ndarray, "parameters"], symmetry: Chain) -> float:
    """W2 between two laws, 0 where they are equal: what is left then is rounding."""
    return 0.0 if np.array_equal(f, g) else float(np.sqrt(np.sum(wasserstein_squared_parts(f, g, symmetry))))
