"""A process beside this one: what a report is made of takes both cores of a small machine."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from experiments.errors import UserError
from experiments.run.runtime import configure, cores

T = TypeVar("T")


@contextmanager
def beside() -> Iterator[Executor]:
    """Where work can be submitted: another process, or on a single core this one.

    It starts anew rather than as a copy of this process, in which JAX has threads that a copy would lack.

    Raises:
        UserError: the other process was killed.
    """
    if len(cores()) < 2:
        yield _SameProcess()
        return
    # Both would start a thread a core for every small product, and wait for each other's: slower than one thread each.
    threads = len(cores()) // 2
    with (
        threadpool_limits(threads),
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _initialise, (threads,)) as pool,
    ):
        try:
            yield pool
        except BrokenProcessPool as error:
            raise UserError(
                "a process that works on the report was killed (out of memory, perhaps): give the same command again"
            ) from error
        except BaseException:
            for process in multiprocessing.active_children():
                process.terminate()  # who stops does not wait for what the other is doing
            raise


def shared(pool: Executor, task: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> list[T]:
    """The task for each of the arguments, done from the first on by the other process and from the last on by this."""
    futures = [pool.submit(task, *each) for each in arguments]
    done = {k: task(*arguments[k]) for k in reversed(range(len(futures))) if futures[k].cancel()}
    return [done[k] if k in done else future.result() for k, future in enumerate(futures)]


def _initialise(threads: int) -> None:
    """Prepare the other process: it leaves signals and accelerators to the one that started it, and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    os.environ["JAX_PLATFORMS"] = "cpu"
    configure()
    for library in ("numpy.linalg", "scipy.linalg"):  # only what is loaded can be limited
        import_module(library)
    threadpool_limits(threads)


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


class _SameProcess(Executor):
    """Does at once, in this process, what is submitted."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future
