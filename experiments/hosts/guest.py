"""Any process but the first of a run on several machines: it looks for process 0, and hears from it of the others."""

import asyncio
import os
from collections.abc import Callable

from experiments.errors import UserError
from experiments.hosts.cluster import Cluster
from experiments.hosts.link import (
    AGAIN,
    LONGEST,
    PROTOCOL,
    REFUSALS,
    Disconnected,
    Link,
    Times,
    process_lost,
    wait_for_address,
)


class Guest:
    """The side of any other process, all in one thread; takes what `experiments.hosts.host.Host` takes."""

    def __init__(self, cluster: Cluster, digest: str, times: Times, arrived: Callable[[], None]) -> None:
        self._cluster, self._digest, self._times, self._arrived = cluster, digest, times, arrived
        self._link: Link | None = None

    async def run(self) -> None:
        """Find process 0, hear that all are there, then that all are done.

        Raises:
            UserError: process 0 is not found, or refuses this one; a process is lost.
        """
        self._link = link = await self._find()
        try:
            self._arrived()
            while "finished" not in (message := await link.receive(self._times.silence)):
                if "lost" in message:
                    raise process_lost(int(message["lost"]), "process 0 says so")
        except (Disconnected, ValueError, TypeError) as gone:
            raise process_lost(0, str(gone)) from gone
        finally:
            await link.close()

    def note_done(self) -> None:
        """Send that this process has trained its share."""
        if self._link is not None:
            self._link.send(done=True)

    async def _find(self) -> Link:
        """The connection to process 0, once all are there."""
        loop, reason = asyncio.get_running_loop(), "no answer"
        began = loop.time()
        deadline = began + self._times.arrival
        while loop.time() < deadline:
            await wait_for_address(self._cluster.host, began + self._times.resolving, self._times.poll)
            try:
                async with asyncio.timeout_at(deadline):
                    return await self._join()
            except OSError as error:  # a TimeoutError, too
                reason = os.strerror(error.errno) if error.errno else reason
            except Disconnected as gone:
                reason = str(gone)
            await asyncio.sleep(self._times.poll)
        raise UserError(
            f"no contact with process 0 at {self._cluster.place} within {self._times.arrival:g} s ({reason}): "
            f"{AGAIN}, at about the same time"
        )

    async def _join(self) -> Link:
        """Connect to process 0, and wait there for all others.

        Raises:
            UserError: this process is refused.
            OSError, Disconnected: process 0 is not there, or no more.
        """
        reader, writer = await asyncio.open_connection(self._cluster.host, self._cluster.port, limit=LONGEST)
        link = Link(reader, writer, self._times.alive)
        try:
            if writer.get_extra_info("sockname") == writer.get_extra_info("peername"):
                raise Disconnected("no answer")  # TCP can connect a free port to itself
            link.send(pigmm=PROTOCOL, process=self._cluster.process, run=self._digest)
            while "all" not in (message := await link.receive(self._times.silence)):
                if "refused" in message:
                    why = REFUSALS.get(str(message["refused"]), "this process is not expected")
                    raise UserError(f"{why} (at {self._cluster.place}): {AGAIN}")
        except BaseException:
            await link.close()
            raise
        return link
