"""The compiled programs of one ensemble with its data on the devices: the epochs of a chunk of members."""

from collections.abc import Callable, Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Int, Int32, PyTree

from ensemble.config import TrainConfig
from ensemble.continuing import Trained, named_state, refuse_other_network
from ensemble.data import Dataset
from ensemble.examine import Examine, blank, ends, examine_members
from ensemble.footprint import DoesNotFit, chunk_shapes, ran_out_of_memory, shared_programs
from ensemble.layout import layout_of
from ensemble.memory import local_machine, plan_memory
from ensemble.network import kernels
from ensemble.order import host_order, member_keys, order_keys, source_of_orders
from ensemble.sharding import by_member, key_sharding, member_mesh, order_sharding, replicated
from ensemble.snapshot import Snapshot, SnapshotError
from ensemble.step import Images, MemberState, Observe, Record, nothing

Initial = Callable[[Int[np.ndarray, " member"]], dict[int, Float32[np.ndarray, "member out inputs"]]]
"""Numbers of members -> their initial kernels by the position of the layer, counted from 0."""


def drawn(members: np.ndarray) -> dict[int, np.ndarray]:
    """No kernel is given: all are drawn by the law of the configuration."""
    return {}


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
        chunk: int | None = None,
        examine: Examine = nothing,
        after: Trained | None = None,
    ) -> None:
        self.config, self.data, self.initial, self.examine, self.after = config, data, initial, examine, after
        self.members = config.members if count is None else count
        self.mesh = member_mesh(devices)
        platform = self.mesh.devices.flat[0].platform
        self.orders, layout = source_of_orders(config.orders, platform), layout_of(platform)
        machine, self._given = local_machine(self.mesh.devices.size), initial(np.arange(1))
        self.programs = shared_programs(config, data.classes, data.train_images.shape[1], observe, self.mesh)
        chosen = chunk or plan_memory(config, data, observe, machine, self.members, self._given, examine).chunk
        try:
            self.images = Images(*jax.device_put(layout.splits(data), replicated(self.mesh)))
        except jax.errors.JaxRuntimeError as error:
            if not ran_out_of_memory(error):
                raise
            raise DoesNotFit(f"the images do not fit {machine.on_device}: free it of other programs") from error
        self._resize(chosen)
        if after is not None:
            refuse_other_network(after, self.shapes.state, self.members, config.epochs)

    def _resize(self, chunk: int) -> None:
        """Train so many members at once from now on."""
        self.chunk = chunk
        self.shapes = chunk_shapes(self.programs, self.config, self.data, self._given, self.mesh, chunk)

    def halve(self) -> str:
        """Train half as many members at once from now on; returns the message of it.

        Raises:
            DoesNotFit: it is one on every device already.
        """
        devices, before = self.mesh.devices.size, self.chunk
        if before == devices:
            raise DoesNotFit(
                f"memory ran out with one member on every device ({self.mesh.devices.flat[0].device_kind}): free it of "
                "other programs, take a narrower network or a smaller batch, or record less"
            )
        self._resize(devices * (before // devices // 2))
        return f"memory ran out with {before} members at once: {self.chunk} from now on"

    def usable(self, resume: Snapshot) -> Snapshot | None:
        """The snapshot, if its chunk can go on; else the chunk starts anew, as on another number of devices.

        One smaller than planned was halved, or planned where less fits: its size is taken over.
        """
        size = len(jax.tree.leaves(resume.state)[0])
        if size < self.chunk and size % self.mesh.devices.size == 0:
            self._resize(size)
        return resume if size == self.chunk else None

    def allocate(self, resume: Snapshot | None) -> Record:
        """Host arrays [member, epoch, ...] for all recordings, filled as far as the snapshot goes."""
        lead = (self.members, self.config.epochs + 1)
        record = jax.tree.map(lambda leaf: np.zeros(lead + leaf.shape[1:], leaf.dtype), self.shapes.record)
        record = record._replace(examined=blank(self.examine, self.config, self.data, self.members))
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
        if not fits or kinds((resume.state, resume.record)) != kinds((self.shapes.state, record)):
            raise SnapshotError(
                "the snapshot to resume from is of another training, or of another version of the program: "
                "go on with that version, or delete the checkpoints to train from the beginning"
            )

    def beginning(self, start: int) -> Snapshot | None:
        """Where the chunk from this position on begins, if that is not before training."""
        if self.after is None:
            return None
        leaves = [self.after.state[name][start : start + self.chunk] for name in named_state(self.shapes.state)]
        filled = [np.pad(leaf, [(0, self.chunk - len(leaf)), *[(0, 0)] * (leaf.ndim - 1)], "edge") for leaf in leaves]
        return Snapshot(start, self.after.epochs, filled, ())

    def run(
        self, members: Int[np.ndarray, " chunk"], rows: Record, saved: PyTree | None, epoch: int
    ) -> Iterator[tuple[int, Callable[[], PyTree]]]:
        """Train one chunk into its rows of the record; yields (epochs finished, function fetching the state).

        The devices wait for the weights to be examined, but for nothing else: an epoch's recording is fetched only
        after the next epoch has been dispatched, and the order of the one after is drawn meanwhile.
        """
        # A last incomplete chunk is filled up with copies of its last member, so that no new shape is compiled.
        members = np.pad(members, (0, self.chunk - len(members)), mode="edge")
        keys = order_keys(self.config.seed, members, self.config.order)
        keys = jax.device_put(keys, key_sharding(self.config, self.mesh))
        state, latest = self._start(members) if saved is None else (self._put_back(saved), None)
        if saved is None:
            self._examine(rows, 0, state)
        elif epoch == self.config.epochs:  # stopped when the chunk was trained: who watches hears of it again
            yield epoch, partial(_fetch, rows, epoch, None, state)

        order = self._order(keys, epoch)
        while order is not None:
            advanced = self.programs.epoch(state, order, self.images)
            order = self._order(keys, epoch + 1)
            _store(rows, epoch, latest)
            (state, latest), epoch = advanced, epoch + 1
            self._examine(rows, epoch, state)
            yield epoch, partial(_fetch, rows, epoch, latest, state)
        _store(rows, epoch, latest)

    def _start(self, members: np.ndarray) -> tuple[MemberState, Record]:
        start = (member_keys(self.config.seed, members), self.initial(members))
        keys, given = jax.device_put(start, by_member(self.mesh))
        return self.programs.start(keys, given, self.images)

    def _examine(self, rows: Record, epoch: int, state: MemberState) -> None:
        """Examine the weights after an epoch into their rows, where that epoch is one of the ends."""
        if epoch not in ends(self.config) or not jax.tree.leaves(rows.examined):
            return
        count, place = len(rows.finite), ends(self.config).index(epoch)
        stacks = [np.asarray(kernel)[:count] for kernel in kernels(state.params)]
        found = jax.tree.leaves(examine_members(self.examine, stacks))
        for row, values in zip(jax.tree.leaves(rows.examined), found, strict=True):
            row[:, place] = values

    def _put_back(self, saved: PyTree) -> MemberState:
        leaves = jax.device_put(jax.tree.leaves(saved), by_member(self.mesh))
        return jax.tree.unflatten(jax.tree.structure(self.shapes.state), leaves)

    def _order(self, keys: Array, epoch: int) -> Int32[Array, "steps keys batch"] | None:
        if epoch >= self.config.epochs:
            return None
        count, batch = self.images.train.shape[0], self.config.batch_size
        if self.orders == "device":
            return self.programs.order(keys, jnp.int32(epoch), count)
        order = host_order(np.asarray(jax.random.key_data(keys)), epoch, count, batch)
        return jax.device_put(order, order_sharding(self.config, self.mesh))


def _store(rows: Record, epoch: int, latest: Record | None) -> None:
    """Fetch the recording of an epoch into its place; None is one that is there already."""
    if latest is not None:
        recorded = jax.tree.leaves(rows._replace(examined=()))
        for row, values in zip(recorded, jax.tree.leaves(jax.device_get(latest)), strict=True):
            row[:, epoch] = values[: len(row)]


def _fetch(rows: Record, epoch: int, latest: Record | None, state: MemberState) -> PyTree:
    """Fetch the state after an epoch, and the epoch's recording with it."""
    _store(rows, epoch, latest)
    return jax.device_get(state)
