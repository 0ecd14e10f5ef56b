"""Work in a process beside this one: its results, its failures, and that it does not outlive what it works for."""

import multiprocessing
import operator
import os
import signal
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from experiments.errors import UserError
from experiments.run.beside import beside, shared
from experiments.run.runtime import cores


def test_another_process_does_what_is_submitted():
    with beside() as pool:
        assert pool.submit(os.getpid).result() != os.getpid()
        assert pool.submit(os.getenv, "JAX_PLATFORMS").result() == "cpu"
        assert shared(pool, operator.mul, [(k, k) for k in range(50)]) == [k * k for k in range(50)]
        with pytest.raises(ZeroDivisionError):
            pool.submit(operator.truediv, 1, 0).result()
    assert not multiprocessing.active_children()


def test_the_processes_share_the_cores():
    before = threads()
    with beside() as pool:
        each = len(cores()) // 2
        assert pool.submit(threads).result() == threads() == {each}
    assert threads() == before


def threads() -> set[int]:
    """How many threads the linear algebra of this process takes."""
    np.linalg.norm(np.ones((2, 2)))
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_both_processes_share_the_work():
    with beside() as pool:
        pool.submit(os.getpid).result()
        assert set(shared(pool, slowly_named, [(0.3,)] * 8)) > {os.getpid()}


def slowly_named(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def test_on_a_single_core_this_process_does_everything(monkeypatch):
    monkeypatch.setattr("experiments.run.beside.cores", lambda: [0])
    with beside() as pool:
        assert pool.submit(os.getpid).result() == os.getpid()
        assert shared(pool, operator.neg, [(1,), (2,)]) == [-1, -2]
        with pytest.raises(ZeroDivisionError):
            pool.submit(operator.truediv, 1, 0).result()


def test_who_stops_does_not_wait_for_the_other():
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        stop_while_the_other_sleeps()
    assert time.monotonic() - began < 300


def stop_while_the_other_sleeps() -> None:
    with beside() as pool:
        pool.submit(os.getpid).result()
        pool.submit(time.sleep, 600)
        raise KeyboardInterrupt


def test_a_process_that_is_killed_ends_in_one_line():
    with pytest.raises(UserError, match="was killed"):
        work_on_after_a_kill()


def work_on_after_a_kill() -> None:
    with beside() as pool:
        os.kill(pool.submit(os.getpid).result(), signal.SIGKILL)
        pool.submit(os.getpid).result()
