"""What is recorded of one member in the compiled training program."""

from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from analysis.inference.networks import unit_sums
from analysis.symmetry import Chain, Separate, Simultaneous
from analysis.symmetry.chain import chain_of
from ensemble import TrainConfig
from experiments.run.presets import RunConfig
from invariants import BIPARTITE, PAPER, Graph, combine, compile_plan, enumerate_graphs, factor_values

DEGREES = (1, 2, 3, 4)
MOST_UNITS = 128
"""Hidden units whose sums are recorded, at most: those of 128 are as many numbers as all the rest of a run."""


def square_layers(train: TrainConfig, classes: int) -> dict[str, int]:
    """The square weight matrices by name, with the position of each among the kernels; L1 joins hidden 1 and 2."""
    widths = (*train.hidden, classes)
    return {f"L{k}": k for k in range(1, len(widths)) if widths[k] == widths[k - 1] > 1}


def recorded_graphs(config: RunConfig) -> tuple[Graph, ...]:
    """The graphs whose invariants are recorded: the paper's 52, followed by all others up to degree 4 if asked for."""
    if config.graphs == "paper":
        return PAPER
    everything = [graph for degree in DEGREES for graph in enumerate_graphs(degree)]
    return PAPER + tuple(graph for graph in everything if graph not in set(PAPER))


@dataclass(frozen=True)
class Observer:
    """The recording of one member.

    Per square layer: the connected factors of the invariants (their products are formed in float64 on the host), the
    block moments that the model is fitted to, and the matrix itself if it is kept. Per weight matrix of whatever
    shape: the same for the five-parameter model and its bipartite graphs. Of the network: the same for the chain of its
    layers, and the sums of its hidden units.
    """

    config: RunConfig = field(hash=False)  # the models that a run starts from are a dictionary
    layers: tuple[int, ...]

    def __call__(self, weights: tuple[Float[Array, "_ _"], ...]) -> dict[str, Any]:
        """What is recorded, given the weights W_1, W_2, ... as [out, in]."""
        chain = chain_of(weights)
        return self._square([weights[layer] for layer in self.layers]) | {
            "bipartite_factors": jnp.stack([_bipartite_factors(matrix) for matrix in weights]),
            "rectangular_moments": jnp.stack([Separate(*matrix.shape).block_moments(matrix) for matrix in weights]),
            "chain_factors": factor_values(compile_plan(chain.recorded, chain.sizes), weights),
            "chain_moments": chain.block_moments(weights),
            "unit_sums": _unit_sums(weights, chain),
        }

    def _square(self, matrices: list[Float[Array, "_ _"]]) -> dict[str, Any]:
        if not matrices:
            return {}
        plan = compile_plan(recorded_graphs(self.config))
        return {
            "factors": jnp.stack([factor_values(plan, matrix) for matrix in matrices]),
            "block_moments": jnp.stack([Simultaneous(matrix.shape[0]).block_moments(matrix) for matrix in matrices]),
            "weights": matrices if self.config.save_weights else [],
        }


def bipartite_invariants(
    shape: tuple[int, int], factors: Float[np.ndarray, "*batch factors"]
) -> Float[np.ndarray, "*batch graphs"]:
    """Invariants of `BIPARTITE` for m x n matrices from what the observer recorded of them, in float64."""
    return combine(compile_plan(Separate(*shape).oriented(BIPARTITE)), factors)


def _unit_sums(weights: tuple[Float[Array, "_ _"], ...], chain: Chain) -> list[Float[Array, "units 4"]]:
    """Of all hidden units, in one array; none where they are too many."""
    if sum(chain.sizes[1:-1]) > MOST_UNITS or not chain.inner:
        return []
    return [jnp.concatenate([jnp.concatenate(unit_sums(weights, layer), axis=1) for layer in chain.inner])]


def _bipartite_factors(matrix: Float[Array, "m n"]) -> Float[Array, " factors"]:
    symmetry = Separate(*matrix.shape)
    return factor_values(compile_plan(symmetry.oriented(BIPARTITE)), matrix.T if symmetry.wide else matrix)
