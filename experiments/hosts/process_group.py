"""The process group of a run: all have arrived, one is lost, all are done; over TCP, in a thread.

Process 0 listens (`experiments.hosts.host`), the others connect (`experiments.hosts.guest`). A process is lost when its
connection closes, as the system sees to when it dies, or when nothing was heard from it for `Times.silence`.
"""

import asyncio
import hashlib
import json
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Any

from experiments.hosts.cluster import Cluster
from experiments.hosts.guest import Guest
from experiments.hosts.host import Host
from experiments.hosts.link import Times
from experiments.store import atomic

CLOSING = 3.0  # seconds to end the connections in
PATIENT = Times()


class ProcessGroup:
    """The other processes of a run; a context manager, which is entered when all are there.

    From then on the loss of another process reaches the main thread as SIGTERM, so that it saves and stops.

    Args:
        cluster: which processes.
        run: what all of them must have been given.
        times: how long to wait.

    Attributes:
        lost: the message of the error, if another process was lost.

    Raises:
        UserError: the others did not come, or were given another run; there is no way to connect.
    """

    def __init__(self, cluster: Cluster, run: dict[str, Any], times: Times = PATIENT) -> None:
        content = json.dumps([atomic.plain(run), cluster.processes], sort_keys=True)
        self.lost: str | None = None
        self._cluster, self._times = cluster, times
        self._digest = hashlib.sha256(content.encode()).hexdigest()
        self._arrived, self._finished = Future[None](), Future[None]()
        self._watching = self._leaving = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "ProcessGroup":
        self._thread.start()
        try:
            self._arrived.result()
            self._watching = True
            if self.lost:
                self._finished.result()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._leave()

    def wait_for_all(self) -> None:
        """Block until every process has trained its share.

        Raises:
            UserError: another process is lost.
            Interrupted: on SIGINT or SIGTERM.
        """
        self._watching = False
        self._in_thread(lambda: self._side.note_done())
        self._finished.result()

    def _leave(self) -> None:
        self._watching, self._leaving = False, True
        self._in_thread(lambda: self._task.cancel())
        self._thread.join(CLOSING)

    def _in_thread(self, call: Callable[[], object]) -> None:
        """Call something in the thread, unless that has not begun, or has ended."""
        with suppress(RuntimeError, AttributeError):
            self._loop.call_soon_threadsafe(call)

    def _run(self) -> None:
        """The thread."""
        try:
            asyncio.run(self._connect())
            self._finished.set_result(None)
        except BaseException as error:
            self._fail(error)

    async def _connect(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        side = Host if self._cluster.process == 0 else Guest
        self._side = side(self._cluster, self._digest, self._times, lambda: self._arrived.set_result(None))
        self._task, self._loop = task, asyncio.get_running_loop()
        if not self._leaving:  # from now on, leaving cancels the task
            await self._side.run()

    def _fail(self, error: BaseException) -> None:
        if not self._arrived.done():
            self._arrived.set_exception(error)
            return
        self._finished.set_exception(error)
        self.lost = str(error)
        main = threading.main_thread().ident
        if self._watching and main is not None:
            signal.pthread_kill(main, signal.SIGTERM)
