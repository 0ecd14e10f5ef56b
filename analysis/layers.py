"""An ensemble of whole networks to what is known of the connections between their layers."""

from typing import Any, NamedTuple

from analysis.inference.layer_cumulants import Balance, LayerCumulants, balance, layer_cumulants
from analysis.inference.layer_randomisation import LayerRandomisation, layer_randomisation
from analysis.inference.layers import LayersTest, UnitCorrelation, layers_test, unit_correlation
from analysis.model.fitting import Fit, fit, read_ensemble
from analysis.symmetry import Chain
from analysis.symmetry.base import chosen_members, finite_members
from analysis.symmetry.chain import chain_of


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
    kept, members = chosen_members(stacks, finite_members(stacks)), fitted.members or 0
    f = fitted.model.parameters
    return Layers(
        fitted,
        layers_test(f, members, symmetry),
        unit_correlation(f, members, symmetry),
        balance(kept, symmetry, seed),
        layer_cumulants(kept, f, symmetry, seed),
        layer_randomisation(kept, symmetry, seed=seed),
    )
