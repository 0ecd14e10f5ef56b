"""The programs that are compared: the engine as a run uses it, PyTorch in two ways, and the floor, a matrix product.

Each is prepared once and then trains again and again from where it likes; a turn returns its work in network-epochs.
PyTorch is given its images ready in memory and normalised, and is asked for no recording and no evaluation.
"""

# PyTorch is an extra of the benchmarks alone: the checks run without it.
# pyright: reportMissingImports=false

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import jax
import numpy as np

from benchmarks.data import network_epochs
from ensemble import Dataset, TrainConfig
from ensemble.trainer import Trainer
from experiments.run.observer import Observer, square_layers
from experiments.run.presets import RunConfig

Turn = Callable[[], float]


def engine(config: RunConfig, data: Dataset) -> Turn:
    """Epochs of one chunk of members with all that a run does: orders drawn, invariants and weights recorded."""
    observe = Observer(config, tuple(square_layers(config.train, data.classes).values()))
    trainer = Trainer(config.train, data, observe)
    members = np.arange(trainer.chunk)
    rows = jax.tree.map(lambda whole: whole[: len(members)], trainer.allocate(None))
    # Later turns begin at a saved state: the start of a member is one in fifty epochs of a run, here it would be more.
    _, fetch = next(trainer.run(members, rows, None, epoch=0))
    saved = fetch()

    def turn() -> float:
        for _ in trainer.run(members, rows, saved, epoch=0):
            pass
        return network_epochs(config.train.epochs * len(data.train_images), len(members))

    return turn


def torch_loop(config: RunConfig, data: Dataset) -> Turn:
    """One network at a time, an epoch a turn."""
    import torch  # not needed by the engine

    torch.set_num_threads(1)
    images, labels = _torch_images(data)
    network = _torch_network(config.train, data)
    adam = torch.optim.Adam(network.parameters(), config.train.learning_rate)
    batch, loss_of = config.train.batch_size, torch.nn.CrossEntropyLoss()

    def turn() -> float:
        for index in torch.randperm(len(images)).split(batch):
            adam.zero_grad()
            loss_of(network(images[index]), labels[index]).backward()
            adam.step()
        return network_epochs(len(images))

    return turn


def torch_func(config: RunConfig, data: Dataset) -> Turn:
    """Members in one vmap of grad, with stacked parameters; 100 steps a turn."""
    import torch
    from torch.func import functional_call, grad, stack_module_state, vmap

    torch.set_num_threads(1)
    train, members = config.train, config.train.members
    images, labels = _torch_images(data)
    networks = [_torch_network(train, data) for _ in range(members)]
    params, _ = stack_module_state(networks)
    adam = torch.optim.Adam(params.values(), train.learning_rate)
    shared = train.order == "shared"

    def loss(params, images, labels):
        return torch.nn.functional.cross_entropy(functional_call(networks[0], params, (images,)), labels)

    gradients = vmap(grad(loss), in_dims=(0, None, None) if shared else (0, 0, 0))
    steps = min(100, len(images) // train.batch_size)

    def turn() -> float:
        orders = torch.stack([torch.randperm(len(images)) for _ in range(1 if shared else members)])
        for index in orders.split(train.batch_size, dim=1)[:steps]:
            index = index[0] if shared else index
            gradient = gradients({name: value.detach() for name, value in params.items()}, images[index], labels[index])
            for name, value in params.items():
                value.grad = gradient[name]
            adam.step()
        return network_epochs(steps * train.batch_size, members)

    return turn


def product(config: RunConfig, data: Dataset) -> Turn:
    """The floor: as many operations as training takes, done as square float32 products, by XLA.

    NumPy's BLAS may not know the processor: on one with AVX-512 it was seen at half the rate of XLA.
    """
    size, repeats = 512, 100
    matrix = jax.numpy.asarray(np.random.default_rng(0).standard_normal((size, size)) / size, np.float32)
    multiply = jax.jit(partial(jax.numpy.matmul, precision="highest"))
    widths = (data.train_images.shape[1], *config.train.hidden, data.classes)
    products = [a * b for a, b in pairwise(widths)]
    # Forward, gradient of the weights, and of the activations except the images: a multiplication and an addition each.
    operations = 60_000 * 2 * (3 * sum(products) - products[0])

    def turn() -> float:
        for _ in range(repeats):
            jax.block_until_ready(multiply(matrix, matrix))
        return repeats * 2 * size**3 / operations

    return turn


CONTESTANTS: dict[str, Callable[[RunConfig, Dataset], Turn]] = {
    "engine": engine,
    "torch_loop": torch_loop,
    "torch_func": torch_func,
    "product": product,
}


def _torch_images(data: Dataset):
    import torch

    return torch.tensor(data.train_images).float() / 127.5 - 1, torch.tensor(data.train_labels).long()


def _torch_network(config: TrainConfig, data: Dataset):
    import torch

    widths = (data.train_images.shape[1], *config.hidden, data.classes)
    layers = [torch.nn.Linear(a, b, bias=False) for a, b in pairwise(widths)]
    between = [part for layer in layers for part in (layer, torch.nn.ReLU())]
    return torch.nn.Sequential(*between[:-1])
