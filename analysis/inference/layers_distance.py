"""How far the joint law of layers is from independent entries, with the terms between layers and without them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.inference.null import squared_distance_to
from analysis.inference.resampling import Resampling
from analysis.inference.simulation import standard_fits
from analysis.model.family import nearest_iid
from analysis.model.plugin import parameters_from_moments, replicated_parameters
from analysis.symmetry import Chain
from analysis.symmetry.blocks import Law

DRAWS = 500
"""Simulated ensembles behind the level of chance."""


class LayersDistance(NamedTuple):
    """W2 (not squared) to the nearest law with independent entries of one mean and variance in each layer.

    Errors are NaN for a single network.
    """

    w2: float
    se: float
    """Standard error by bootstrap over networks, valid far from 0."""
    null: float
    """Mean that as many networks of independent Gaussian entries show."""
    apart: float
    """The same of the law with all terms between layers left out: at most `w2`."""
    apart_se: float
    apart_null: float


def layers_distance(
    moments: Float[np.ndarray, "N moments"], symmetry: Chain, resampling: Resampling, seed: int = 0
) -> LayersDistance:
    """Both distances from the block moments of N finite networks.

    Args:
        moments: of the networks.
        symmetry: the chain of their layers.
        resampling: replicates of these networks.
        seed: of the simulated ensembles.
    """
    f = parameters_from_moments(moments, symmetry)
    replicates = replicated_parameters(moments, resampling.weights, symmetry)
    drawn = standard_fits(np.random.default_rng(seed), len(moments), DRAWS, symmetry) * _scales(f, symmetry)
    apart = np.any(list(symmetry.family["independent"]), axis=0) if symmetry.layers > 1 else np.ones(len(f), bool)
    found = []
    for kept in (np.ones(len(f), bool), apart):
        w2, spread, null = (np.sqrt(squared_distance_to(None, one * kept, symmetry)) for one in (f, replicates, drawn))
        found += [float(w2), float(resampling.error(spread)), float(null.mean())]
    return LayersDistance(*found)


def _scales(f: Float[np.ndarray, "parameters"], symmetry: Chain) -> Float[np.ndarray, "parameters"]:
    """What the parameters of standard normal entries are multiplied by where those of layer l have the variance of f.

    With s_l the standard deviation: means by s_l, S_ab by s_a s_b, T_l by products of s_l and s_(l+1), E_l by s_l^2.
    """
    rest = symmetry.unpack(nearest_iid(f, symmetry)).covariances[-symmetry.layers :]
    s = np.sqrt([block[0, 0] for block in rest])
    sides = [s[max(layer - 1, 0) : layer + 1] for layer in range(symmetry.layers + 1)]
    squares = [np.outer(side, side) for side in (s, *sides, *s[:, None])]
    return symmetry.pack(Law(s, tuple(squares)))
