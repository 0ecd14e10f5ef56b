"""One member on explicit batches: for other programs to check their training step against."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ensemble.config import TrainConfig
from ensemble.network import MLP, kernel_params, kernels
from ensemble.step import MemberState, member_step, optimizer
from pigmm_jax import enable_x64


def replay(
    weights: list[Float[np.ndarray, "_ _"]],
    images: Float[np.ndarray, "steps batch pixels"],
    labels: Int[np.ndarray, "steps batch"],
    config: TrainConfig,
) -> tuple[list[Float[np.ndarray, "_ _"]], Float[np.ndarray, " steps"]]:
    """Train one member on explicit batches of normalised images, by the very step that ensembles are trained with.

    Args:
        weights: initial kernels; their type, float32 or float64, is the arithmetic's.
        images: normalised images of every step.
        labels: their classes.
        config: the optimiser's settings; the widths are those of the weights.

    Returns:
        The kernels after the last step and the loss of every step, before it.
    """
    dtype = np.asarray(weights[0]).dtype
    network = MLP(tuple(len(kernel) for kernel in weights))

    def run(state: MemberState, images: Array, labels: Array) -> tuple[MemberState, Array]:
        def step(state: MemberState, batch: tuple[Array, Array]) -> tuple[MemberState, Array]:
            return member_step(network, config, state, *batch)

        return jax.lax.scan(step, state, (images, labels))

    with enable_x64(dtype == np.float64):
        params = kernel_params({index: jnp.asarray(kernel, dtype) for index, kernel in enumerate(weights)})
        start = MemberState(params, optimizer(config).init(params))
        state, losses = jax.jit(run)(start, jnp.asarray(images, dtype), jnp.asarray(labels, jnp.int32))
        return [np.asarray(kernel) for kernel in kernels(state.params)], np.asarray(losses)
