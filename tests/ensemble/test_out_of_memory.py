"""Memory that runs out while training: the chunk is halved, and what comes out is what that chunk gives undisturbed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
from jax.core import Tracer

from ensemble import Moment, Snapshot, train
from ensemble.footprint import DoesNotFit, ran_out_of_memory
from ensemble.memory import Machine, plan_memory
from ensemble.sharding import Programs
from ensemble.trainer import Trainer, nothing
from experiments.__main__ import main
from tests.ensemble.test_train import assert_same, kept, weights
from tests.tiny import TINY, tiny_data

DATA = tiny_data()
TWELVE = replace(TINY, members=12, chunk=8, batch_size=4)  # 15 steps: no size of a chunk
EXHAUSTED = "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 12345 bytes."


class Scarcity:
    """A device on which more than `room` members at once run out of memory, from a call of that kind on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int, where: str, after: int = 0, text: str = EXHAUSTED):
        self.room, self.after, self.text, self.said = room, after, text, list[str]()
        if where in ("start", "epoch"):
            build = Trainer.__init__

            def scarce(trainer: Trainer, *arguments: Any) -> None:
                build(trainer, *arguments)
                trainer.programs = trainer.programs._replace(**{where: self.limited(getattr(trainer.programs, where))})

            monkeypatch.setattr(Trainer, "__init__", scarce)
        else:
            monkeypatch.setattr(jax, where, self.limited(getattr(jax, where)))

    def limited(self, function: Callable) -> Callable:
        def call(*arguments: Any) -> Any:
            first = jax.tree.leaves(arguments)[0]
            # Shapes are asked for by tracing, which takes no memory; images are put in place before any member.
            if not isinstance(first, Tracer) and len(first) in range(self.room + 1, 13):
                self.after -= 1
                if self.after < 0:
                    raise jax.errors.JaxRuntimeError(self.text)
            return function(*arguments)

        return call


@pytest.mark.parametrize(
    ("where", "after"),
    [("start", 0), ("epoch", 0), ("epoch", 2), ("device_get", 0), ("device_get", 3), ("device_put", 0)],
)
@pytest.mark.slow
def test_the_chunk_is_halved_and_gives_what_it_gives_undisturbed(monkeypatch, where, after):
    expected = train(replace(TWELVE, chunk=2), DATA, weights, devices=1).record
    said, seen = [], []
    with monkeypatch.context() as patched:
        Scarcity(patched, 2, where, after)
        record = train(
            TWELVE, DATA, weights, devices=1, say=said.append, on_epoch=lambda moment: seen.append(moment.done)
        ).record
    assert_same(expected, record)
    assert said == [
        f"memory ran out with {before} members at once: {before // 2} from now on, going on from member 0"
        for before in (8, 4)
    ]
    assert seen[-18:] == [2 * n for n in range(1, 19)]


def test_what_finished_chunks_recorded_stays(monkeypatch):
    config = replace(TWELVE, chunk=4)
    undisturbed = train(config, DATA, weights, devices=1).record
    said = []
    Scarcity(monkeypatch, 2, "epoch", after=4)  # three epochs of the first chunk, one of the second
    record = train(config, DATA, weights, devices=1, say=said.append).record
    assert [text.split()[-1] for text in said] == ["4"]
    assert_same(jax.tree.map(lambda leaf: leaf[:4], undisturbed), jax.tree.map(lambda leaf: leaf[:4], record))
    assert_same(undisturbed, record, 2e-5)


def test_a_snapshot_of_a_halved_chunk_goes_on_as_if_never_stopped(monkeypatch):
    Scarcity(monkeypatch, 4, "epoch", after=2)
    taken: list[Snapshot] = []
    record = train(TWELVE, DATA, weights, devices=1, say=lambda text: None, on_epoch=lambda m: taken.append(kept(m)))
    assert [(snapshot.start, snapshot.epoch) for snapshot in taken] == [
        (0, 1), (0, 2), *((start, epoch) for start in (0, 4, 8) for epoch in (1, 2, 3)),
    ]  # fmt: skip
    said = []
    for snapshot in taken[3:]:
        assert_same(record.record, train(TWELVE, DATA, weights, devices=1, resume=snapshot, say=said.append).record)
    assert said == []


@pytest.mark.slow
def test_nothing_of_the_chunk_that_failed_or_ended_stays_on_the_device(monkeypatch):
    def held() -> int:
        return sum(array.nbytes for array in jax.live_arrays())

    before, lying = held(), []

    def on_epoch(moment: Moment) -> None:
        lying.append(held() - before)

    train(replace(TWELVE, chunk=2), DATA, nothing, devices=1, on_epoch=on_epoch)
    alone = lying[:]
    lying.clear()
    Scarcity(monkeypatch, 2, "device_get", after=1)
    train(TWELVE, DATA, nothing, devices=1, on_epoch=on_epoch, say=lambda text: None)
    assert len(set(alone[::3])) == 1
    assert lying[-18:] == alone


def test_where_not_one_member_fits_the_training_stops_with_what_to_do(monkeypatch):
    Scarcity(monkeypatch, 0, "epoch")
    said = []
    with pytest.raises(DoesNotFit, match=r"one member on every device \(cpu\): free it of other programs, take a narr"):
        train(TWELVE, DATA, devices=2, say=said.append)
    assert [text.split()[4] for text in said] == ["8", "4"]


def test_other_errors_of_xla_are_not_taken_for_want_of_memory(monkeypatch):
    Scarcity(monkeypatch, 0, "epoch", text="INTERNAL: no")
    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"):
        train(TWELVE, DATA)
    assert not ran_out_of_memory(MemoryError("RESOURCE_EXHAUSTED"))


def test_images_that_do_not_fit_are_refused(monkeypatch):
    def full(*arguments: Any) -> None:
        raise jax.errors.JaxRuntimeError(EXHAUSTED)

    monkeypatch.setattr(jax, "device_put", full)
    with pytest.raises(DoesNotFit, match="the images do not fit on every device"):
        train(TWELVE, DATA)


@pytest.mark.slow
def test_the_command_ends_with_one_line_and_code_2(monkeypatch, tmp_path, capsys):
    Scarcity(monkeypatch, 0, "epoch")
    size = ["--members", "2", "--chunk", "2", "--epochs", "1", "--batch-size", "400"]
    assert main(["run", "quickstart", *size, "--out", str(tmp_path / "run")]) == 2
    told = capsys.readouterr()
    assert len(told.err.splitlines()) == 1
    assert "memory ran out with one member on every device" in told.err


def test_programs_compiled_to_be_measured_are_the_ones_that_run(monkeypatch, caplog):
    config = replace(TINY, chunk=None, members=5)
    limit = 10 * plan_memory(config, DATA, nothing, Machine("tpu")).device
    monkeypatch.setattr("ensemble.trainer.local_machine", lambda devices: Machine("tpu", devices, device_limit=limit))
    with jax.log_compiles(), caplog.at_level("WARNING"):
        trainer = Trainer(config, DATA, nothing, devices=1)
        assert trainer.chunk == 5
        caplog.clear()
        for _ in trainer.run(np.arange(5), trainer.allocate(None), None, 0):
            pass
    compiled = [name for name in ("jit(start)", "jit(epoch)") if f"Compiling {name}" in caplog.text]
    assert isinstance(trainer.programs, Programs)
    assert compiled == []
