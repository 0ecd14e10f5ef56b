"""Process 0 of a run on several machines: it listens, and tells the others who is there, lost and done.

Whatever else connects is cut off after one line, or after the time or the length of one; once all processes are there,
nothing that connects can do harm.
"""

import asyncio
import errno
import ipaddress
from collections.abc import Callable
from typing import Any

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

UNIDENTIFIED = 64  # connections that have not said who they are, at most


class Host:
    """The side of process 0, all in one thread.

    Args:
        cluster: which processes.
        digest: of the configuration, equal in all of them.
        times: how long to wait.
        arrived: called when all are there.
    """

    def __init__(self, cluster: Cluster, digest: str, times: Times, arrived: Callable[[], None]) -> None:
        self._cluster, self._digest, self._times, self._arrived = cluster, digest, times, arrived
        self._links: dict[int, Link] = {}
        self._done: set[int] = set()
        self._unidentified = 0
        self._all_arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._all_done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Wait for all others, then until all are done.

        Raises:
            UserError: one did not come, was given another run, or is lost; there is no way to listen.
        """
        server = await self._listen()
        try:
            self._note_arrival()
            await self._wait_for_arrivals()
            self._broadcast(all=True)
            self._arrived()
            await self._all_done
            self._broadcast(finished=True)
        finally:
            self._all_done.cancel()
            server.close()
            await asyncio.gather(*(link.close() for link in self._links.values()))

    def note_done(self, number: int = 0) -> None:
        """Note that a process has trained its share."""
        self._done.add(number)
        if len(self._done) == self._cluster.processes and not self._all_done.done():
            self._all_done.set_result(None)

    async def _listen(self) -> asyncio.Server:
        name, port = self._cluster.host, self._cluster.port
        await wait_for_address(name, asyncio.get_running_loop().time() + self._times.resolving, self._times.poll)
        # A machine may know its own name as an address of its loopback: it must listen to the others nevertheless.
        host = name if _is_loopback(name) else None
        try:
            return await asyncio.start_server(self._serve, host, port, limit=LONGEST)
        except OSError as error:
            reason = "it is in use" if error.errno == errno.EADDRINUSE else error.strerror
            raise UserError(
                f"cannot listen at port {port} of this machine ({reason}): choose another port, everywhere"
            ) from error

    async def _wait_for_arrivals(self) -> None:
        try:
            async with asyncio.timeout(self._times.arrival):
                await self._all_arrived
        except TimeoutError as error:
            missing = ", ".join(str(n) for n in range(1, self._cluster.processes) if n not in self._links)
            raise UserError(
                f"process {missing} of {self._cluster.processes} did not come to {self._cluster.place} within "
                f"{self._times.arrival:g} s: {AGAIN}, at about the same time"
            ) from error

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hear one connection to its end."""
        link, number = Link(reader, writer, self._times.alive), None
        try:
            number = await self._admit(link)
            while True:
                if "done" in await link.receive(self._times.silence):
                    self.note_done(number)
        except Disconnected as gone:
            if number is not None:
                self._note_loss(number, str(gone))
        finally:
            await link.close()

    async def _admit(self, link: Link) -> int:
        """The number of the process that has come.

        Raises:
            Disconnected: it is none of this run.
        """
        if self._unidentified >= UNIDENTIFIED:
            raise Disconnected("there are too many")
        self._unidentified += 1
        try:
            hello = await link.receive(self._times.hello)
        finally:
            self._unidentified -= 1
        number = hello.get("process")
        if hello.get("pigmm") != PROTOCOL or not isinstance(number, int):
            raise Disconnected("it is no pigmm")
        same = hello.get("run") == self._digest and 0 < number < self._cluster.processes
        if self._all_arrived.done() or (same and number in self._links):
            link.send(refused="taken")
            raise Disconnected("it is not expected")
        if not same:
            link.send(refused="run")
            self._broadcast(refused="run")
            self._all_arrived.set_exception(UserError(f"{REFUSALS['run']}: {AGAIN}"))
            raise Disconnected("it is of another run")
        self._links[number] = link
        self._note_arrival()
        return number

    def _note_arrival(self) -> None:
        if len(self._links) == self._cluster.processes - 1:
            self._all_arrived.set_result(None)

    def _note_loss(self, number: int, reason: str) -> None:
        if not self._all_arrived.done():
            del self._links[number]  # it may come again
        elif not self._all_done.done():
            self._broadcast(lost=number)
            self._all_done.set_exception(process_lost(number, reason))

    def _broadcast(self, **message: Any) -> None:
        for link in self._links.values():
            link.send(**message)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
