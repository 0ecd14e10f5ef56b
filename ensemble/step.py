"""One member's training step and evaluation, and one epoch of many members: the programs that are compiled."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Float32, Int, Int32, Integer, PyTree

from ensemble.config import TrainConfig
from ensemble.layout import Layout
from ensemble.network import MLP, Params, kernels, normalise

Observe = Callable[[tuple[Float[Array, "out inputs"], ...]], PyTree]
EVALUATION_BATCH = 1000  # images a step: enough for one efficient product, few enough for a cache and for memory


class MemberState(NamedTuple):
    """What one member carries from step to step: parameters and Adam's moments (leading member axis in an ensemble)."""

    params: Params
    optimizer: optax.OptState


class Record(NamedTuple):
    """What is recorded of a member before training and after every epoch (leading member axis in an ensemble)."""

    train_loss: Float[Array, "*members"]
    """Mean cross-entropy of the epoch's batches, each before its step; before training: over the training set."""
    test_loss: Float[Array, "*members"]
    """Mean cross-entropy over the test set, in nats."""
    test_accuracy: Float[Array, "*members"]
    """Fraction of the test set classified rightly; a tie or NaN counts as the first class."""
    finite: Bool[Array, "*members"]
    """Whether all weights and the training loss are finite."""
    observed: PyTree
    """What `observe` returned."""
    examined: PyTree = ()
    """What `examine` returned of each weight matrix, on the host alone: at the `ensemble.examine.ends` in place of all
    epochs."""


class Images(NamedTuple):
    """The data set on the device; pixels stay bytes, normalised after the gather: a quarter of the traffic.

    Pixels are uint8 or int8, as `ensemble.layout` has them.
    """

    train: Integer[Array, "train pixels"]
    train_labels: Int[Array, " train"]
    test: Integer[Array, "test pixels"]
    test_labels: Int[Array, " test"]


def nothing(weights: Any) -> tuple[()]:
    """Observe nothing, and examine nothing."""
    return ()


def optimizer(config: TrainConfig) -> optax.GradientTransformation:
    """Adam in PyTorch's semantics: g <- g + decay w, moments of g, w <- w - rate m_hat/(sqrt(v_hat) + eps)."""
    adam = optax.adam(config.learning_rate, config.beta1, config.beta2, config.eps)
    return optax.chain(optax.add_decayed_weights(config.weight_decay), adam) if config.weight_decay else adam


def cross_entropy(logits: Float[Array, "classes batch"], labels: Int[Array, " batch"]) -> Float[Array, " batch"]:
    """Softmax cross-entropy of every image in nats."""
    # A product with the one-hot labels: the gradient of indexing is a scatter, slow on every backend.
    one_hot = jax.nn.one_hot(labels, logits.shape[0], axis=0, dtype=logits.dtype)
    return optax.softmax_cross_entropy(logits, one_hot, axis=0)


def member_step(
    network: MLP,
    config: TrainConfig,
    state: MemberState,
    images: Float[Array, "batch pixels"],
    labels: Int[Array, " batch"],
    padding: int = 0,
) -> tuple[MemberState, Float[Array, ""]]:
    """One optimiser step of one member on normalised images; returns its new state and the loss before the step.

    So many of the images are `padding`, of label -1: they add nothing to loss and gradient, and are not counted.
    """

    def batch_loss(params: Params) -> Array:
        losses = cross_entropy(network.apply({"params": params}, images), labels)  # pyright: ignore[reportArgumentType]
        return losses.sum() / (losses.size - padding)

    loss, gradient = jax.value_and_grad(batch_loss)(state.params)
    with jax.numpy_dtype_promotion("standard"):  # optax raises floats to an integer count
        updates, moments = optimizer(config).update(gradient, state.optimizer, state.params)
    return MemberState(optax.apply_updates(state.params, updates), moments), loss


def evaluate_members(
    network: MLP, params: Params, images: Integer[Array, "images pixels"], labels: Int[Array, " images"]
) -> tuple[Float32[Array, " members"], Float32[Array, " members"]]:
    """Mean cross-entropy and accuracy of every member over a whole set of images."""
    count = images.shape[0]
    batch = min(count, EVALUATION_BATCH)
    padding = -count % batch
    images = jnp.pad(images, ((0, padding), (0, 0))).reshape(-1, batch, images.shape[1])
    labels = jnp.pad(labels, (0, padding), constant_values=-1).reshape(-1, batch)  # label -1: no class, no loss

    def one_member(params: Params, pixels: Array, labels: Array) -> Array:
        logits = network.apply({"params": params}, pixels)
        hits = jnp.argmax(logits, axis=0) == labels  # pyright: ignore[reportArgumentType]
        return jnp.stack([cross_entropy(logits, labels).sum(), hits.sum(dtype=jnp.float32)])  # pyright: ignore[reportArgumentType]

    def one_batch(totals: Array, batch: tuple[Array, Array]) -> tuple[Array, None]:
        pixels, labels = batch
        return totals + jax.vmap(one_member, (0, None, None))(params, normalise(pixels), labels), None

    members = jax.tree.leaves(params)[0].shape[0]
    totals, _ = jax.lax.scan(one_batch, jnp.zeros((members, 2)), (images, labels))
    loss, hits = totals.T / jnp.float32(count)
    return loss, hits


def record(
    network: MLP, observe: Observe, params: Params, train_loss: Float[Array, " members"], images: Images
) -> Record:
    """The recording of every member at the present weights."""
    weights = kernels(params)
    leaves = [train_loss, *jax.tree.leaves(params)]
    finite = jnp.stack([jnp.isfinite(leaf).reshape(leaf.shape[0], -1).all(axis=1) for leaf in leaves]).all(axis=0)
    loss, accuracy = evaluate_members(network, params, images.test, images.test_labels)
    return Record(train_loss, loss, accuracy, finite, jax.vmap(observe)(weights))


def train_epoch(
    network: MLP,
    config: TrainConfig,
    layout: Layout,
    state: MemberState,
    order: Int32[Array, "steps keys batch"],
    images: Images,
) -> tuple[MemberState, Float[Array, " members"]]:
    """One epoch of many members (leading axis of the state); returns their states and mean batch losses."""
    padding = layout.padding(order.shape[-1])

    def one_member(state: MemberState, pixels: Array, labels: Array) -> tuple[MemberState, Array]:
        return member_step(network, config, state, pixels, labels, padding)

    step = jax.vmap(one_member)
    shared_step = jax.vmap(one_member, (0, None, None))

    def take(pixels: Array, index: Array) -> Array:
        return pixels.at[index].get(mode="promise_in_bounds")

    def body(state: MemberState, index: Array) -> tuple[MemberState, Array]:
        filled = ((0, 0), (0, padding))
        labels = jnp.pad(take(images.train_labels, index), filled, constant_values=-1)
        index = jnp.pad(index, filled)  # the first image, whichever it is
        if config.order == "shared":
            return shared_step(state, normalise(take(images.train, index[0])), labels[0])
        in_loop = layout.gather_in_loop
        pixels = jax.lax.map(lambda i: take(images.train, i), index) if in_loop else take(images.train, index)
        return step(state, normalise(pixels), labels)

    state, losses = jax.lax.scan(body, state, order)
    return state, losses.mean(axis=0)
