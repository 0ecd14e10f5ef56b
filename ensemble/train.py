"""Training an ensemble: chunks of members, epochs of each chunk, and what is recorded of them."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Int, Int32, PyTree

from ensemble.config import TrainConfig
from ensemble.data import Dataset
from ensemble.layout import layout_of
from ensemble.memory import Machine, accelerator_memory, plan_memory
from ensemble.network import MLP
from ensemble.order import host_order, member_keys, order_keys, source_of_orders
from ensemble.sharding import by_member, compile_programs, key_sharding, member_mesh, order_sharding, replicated
from ensemble.step import Images, MemberState, Observe, Record


class TrainResult(NamedTuple):
    """What came of an ensemble's training; axes of the record [member, epoch, ...], epoch 0 before any step."""

    members: Int[np.ndarray, " member"]
    record: Record


class SnapshotError(ValueError):
    """A snapshot that cannot be saved, found or resumed from; the message is one line."""


class Snapshot(NamedTuple):
    """All that is needed to go on after an interruption, as NumPy arrays; going on equals never having stopped."""

    start: int
    """Position of the first member of the chunk in training; those before it are finished."""
    epoch: int
    """Epochs that chunk has finished."""
    state: PyTree
    """State of that chunk."""
    record: PyTree
    """Recordings of the finished members and of that chunk, [member, epoch, ...]."""


class Moment(NamedTuple):
    """Handed to `on_epoch` after every epoch of every chunk."""

    done: int
    """Network-epochs finished."""
    total: int
    """Network-epochs of the whole training."""
    snapshot: Callable[[], Snapshot]
    """Fetches everything from the devices; call it only to save."""


Initial = Callable[[Int[np.ndarray, " member"]], dict[str, Float32[np.ndarray, "member out inputs"]]]


def drawn(members: np.ndarray) -> dict[str, np.ndarray]:
    """No kernel is given: all are drawn by the law of the configuration."""
    return {}


def nothing(weights: tuple[Array, ...]) -> tuple[()]:
    """Observe nothing."""
    return ()


def train(
    config: TrainConfig,
    data: Dataset,
    observe: Observe = nothing,
    *,
    members: Int[np.ndarray, " member"] | None = None,
    devices: int | None = None,
    resume: Snapshot | None = None,
    on_epoch: Callable[[Moment], None] | None = None,
    initial: Initial = drawn,
) -> TrainResult:
    """Train an ensemble and record every member before training and after every epoch.

    Args:
        config: the settings.
        data: the images; they stay on the device as bytes.
        observe: what to record besides losses and accuracy, a function of one member's weights (tuple of [out, in]),
            compiled into the training program.
        members: numbers of the members to train (default: 0..config.members-1); each is the same in any company.
        devices: how many local devices to spread the members over (default: all).
        resume: go on from this snapshot of the same training.
        on_epoch: called after every epoch of every chunk, to report or to save; it may raise to stop.
        initial: initial kernels by name ("kernel1", ...) as [member, out, in] for the given numbers of members, in
            place of those drawn by the law of the configuration; it must not depend on the company of a member.

    Raises:
        ValueError: the training set is smaller than one batch.
        SnapshotError: `resume` is not of this training.
    """
    if config.batch_size > len(data.train_images):
        raise ValueError(f"batch_size is {config.batch_size}; it must be at most the {len(data.train_images)} images")
    numbers = np.arange(config.members) if members is None else members
    trainer = Trainer(config, data, observe, devices, initial, len(numbers))
    record = trainer.allocate(resume)
    # Where the chunk size has changed (another number of devices), the chunk in training starts anew.
    fits = resume is not None and len(jax.tree.leaves(resume.state)[0]) == trainer.chunk
    state, epoch = (resume.state, resume.epoch) if resume and fits else (None, 0)
    for start in range(resume.start if resume else 0, len(numbers), trainer.chunk):
        chunk = numbers[start : start + trainer.chunk]
        rows = jax.tree.map(lambda whole, at=slice(start, start + trainer.chunk): whole[at], record)
        for finished, fetch in trainer.run(chunk, rows, state, epoch):
            if on_epoch is not None:
                done = start * config.epochs + len(chunk) * finished
                kept = jax.tree.map(lambda whole, end=start + trainer.chunk: whole[:end], record)
                snapshot = _Deferred(start, finished, fetch, kept)
                on_epoch(Moment(done, len(numbers) * config.epochs, snapshot))
        state, epoch = None, 0
    return TrainResult(numbers, record)


class _Deferred(NamedTuple):
    """A snapshot that is taken when called."""

    start: int
    epoch: int
    fetch: Callable[[], PyTree]
    record: Record

    def __call__(self) -> Snapshot:
        return Snapshot(self.start, self.epoch, self.fetch(), self.record)


class Trainer:
    """The compiled programs of one ensemble, with its data on the devices; trains chunk after chunk."""

    def __init__(
        self,
        config: TrainConfig,
        data: Dataset,
        observe: Observe,
        devices: int | None = None,
        initial: Initial = drawn,
        count: int | None = None,
    ) -> None:
        self.config, self.initial = config, initial
        self.members = config.members if count is None else count
        self.mesh = member_mesh(devices)
        device = self.mesh.devices.flat[0]
        machine = Machine(device.platform, self.mesh.devices.size, device_limit=accelerator_memory())
        self.chunk = plan_memory(config, data, observe, machine, self.members).chunk
        network = MLP((*config.hidden, data.classes), config.init, config.biases)
        self.orders = source_of_orders(config.orders, device.platform)
        layout, pixels = layout_of(device.platform), data.train_images.shape[1]
        self.images = Images(*jax.device_put(layout.splits(data), replicated(self.mesh)))
        self.programs = compile_programs(config, network, pixels, observe, self.mesh)
        some = np.arange(self.chunk)
        keys = jax.eval_shape(lambda: member_keys(config.seed, some))
        self.shapes = jax.eval_shape(self.programs.start, keys, initial(some), self.images)

    def allocate(self, resume: Snapshot | None) -> Record:
        """Host arrays [member, epoch, ...] for all recordings, filled as far as the snapshot goes."""
        lead = (self.members, self.config.epochs + 1)
        record = jax.tree.map(lambda leaf: np.zeros(lead + leaf.shape[1:], leaf.dtype), self.shapes[1])
        if resume is not None:
            self._refuse_foreign(resume, record)
            for whole, kept in zip(jax.tree.leaves(record), jax.tree.leaves(resume.record), strict=True):
                whole[: len(kept)] = kept
        return record

    def _refuse_foreign(self, resume: Snapshot, record: Record) -> None:
        """Refuse a snapshot of another training, or of a version of the program that recorded something else."""

        def kinds(arrays: PyTree) -> list[tuple[tuple[int, ...], np.dtype]]:
            return [(leaf.shape[1:], leaf.dtype) for leaf in jax.tree.leaves(arrays)]

        lengths = {len(leaf) for leaf in jax.tree.leaves(resume.record)}
        fits = 0 <= resume.start < max(lengths) <= self.members and 0 <= resume.epoch <= self.config.epochs
        if not fits or kinds((resume.state, resume.record)) != kinds((self.shapes[0], record)):
            raise SnapshotError(
                "the snapshot to resume from is of another training, or of another version of the program: "
                "go on with that version, or delete the checkpoints to train from the beginning"
            )

    def run(
        self, members: Int[np.ndarray, " chunk"], rows: Record, saved: PyTree | None, epoch: int
    ) -> Iterator[tuple[int, Callable[[], PyTree]]]:
        """Train one chunk into its rows of the record; yields (epochs finished, function fetching the state).

        The devices never wait: an epoch's recording is fetched only after the next epoch has been dispatched, and the
        order of the one after is drawn meanwhile.
        """
        # A last incomplete chunk is filled up with copies of its last member, so that no new shape is compiled.
        members = np.pad(members, (0, self.chunk - len(members)), mode="edge")
        keys = order_keys(self.config.seed, members, self.config.order)
        keys = jax.device_put(keys, key_sharding(self.config, self.mesh))
        state, latest = self._start(members) if saved is None else (self._put_back(saved), None)

        def settle() -> None:
            if latest is not None:
                for row, values in zip(jax.tree.leaves(rows), jax.tree.leaves(jax.device_get(latest)), strict=True):
                    row[:, epoch] = values[: len(row)]

        def fetch() -> PyTree:
            settle()
            return jax.device_get(state)

        order = self._order(keys, epoch)
        while order is not None:
            advanced = self.programs.epoch(state, order, self.images)
            order = self._order(keys, epoch + 1)
            settle()
            (state, latest), epoch = advanced, epoch + 1
            yield epoch, fetch
        settle()

    def _start(self, members: np.ndarray) -> tuple[MemberState, Record]:
        start = (member_keys(self.config.seed, members), self.initial(members))
        keys, given = jax.device_put(start, by_member(self.mesh))
        return self.programs.start(keys, given, self.images)

    def _put_back(self, saved: PyTree) -> MemberState:
        leaves = jax.device_put(jax.tree.leaves(saved), by_member(self.mesh))
        return jax.tree.unflatten(jax.tree.structure(self.shapes[0]), leaves)

    def _order(self, keys: Array, epoch: int) -> Int32[Array, "steps keys batch"] | None:
        if epoch >= self.config.epochs:
            return None
        count, batch = self.images.train.shape[0], self.config.batch_size
        if self.orders == "device":
            return self.programs.order(keys, jnp.int32(epoch), count)
        order = host_order(np.asarray(jax.random.key_data(keys)), epoch, count, batch)
        return jax.device_put(order, order_sharding(self.config, self.mesh))
