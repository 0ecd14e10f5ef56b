"""What the processes of a run say to each other: lines of JSON over TCP, and a sign of life now and then.

process I to 0   {"pigmm": 1, "process": I, "run": digest}, {"alive": true}, {"done": true}
0 to process I   {"refused": "run" or "taken"}, {"alive": true}, {"all": true}, {"lost": J}, {"finished": true}
"""

import asyncio
import json
import socket
from contextlib import suppress
from typing import Any, NamedTuple

from experiments.errors import UserError

PROTOCOL = 1
LONGEST = 1024  # bytes of a line
AGAIN = "give the same commands again, everywhere"
REFUSALS = {
    "run": "the processes were not all given the same configuration and data, or not the same --processes",
    "taken": "another run, or a process of the same number, is there already",
}


class Times(NamedTuple):
    """What is waited for, in seconds."""

    arrival: float = 600.0
    """For all processes to be started."""
    resolving: float = 30.0
    """For the name of the host to be known; a cluster may be about to announce it."""
    poll: float = 0.5
    """Between two attempts to reach process 0."""
    hello: float = 10.0
    """For a connection to say who it is."""
    alive: float = 3.0
    """Between two signs of life."""
    silence: float = 30.0
    """Without a sign of life, before a process counts as lost."""


class Disconnected(Exception):
    """A connection that can no longer be used; the message says why."""


class Link:
    """A connection to another process, which is sent a sign of life now and then."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, alive: float) -> None:
        self._reader, self._writer = reader, writer
        self._heartbeat = asyncio.create_task(self._keep_alive(alive))

    def send(self, **message: Any) -> None:
        """Send a message; that it did not arrive shows when the other one is heard no more."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def receive(self, patience: float) -> dict[str, Any]:
        """The next message.

        Raises:
            Disconnected: there is none, or something else came.
        """
        try:
            async with asyncio.timeout(patience):
                message = json.loads(await self._reader.readuntil())
        except TimeoutError as error:
            raise Disconnected(f"silent for {patience:g} s") from error
        except (OSError, EOFError) as error:
            raise Disconnected("its connection was lost") from error
        except (asyncio.LimitOverrunError, ValueError, RecursionError) as error:
            raise Disconnected("it is no pigmm") from error
        if not isinstance(message, dict):
            raise Disconnected("it is no pigmm")
        return message

    async def close(self) -> None:
        """End the connection when what was sent is on its way."""
        self._heartbeat.cancel()
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self._writer.wait_closed()

    async def _keep_alive(self, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            self.send(alive=True)


async def wait_for_address(host: str, until: float, poll: float) -> None:
    """See that a host has an address.

    Raises:
        UserError: it has none by the given time of the loop.
    """
    loop = asyncio.get_running_loop()
    while True:
        try:
            await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            return
        except (socket.gaierror, UnicodeError) as error:
            if loop.time() >= until:
                raise UserError(
                    f"the address of {host} is not known on this machine: "
                    "give --distributed the name or the address of process 0's machine, and a port"
                ) from error
        await asyncio.sleep(poll)


def process_lost(number: int, reason: str) -> UserError:
    """The error of a run that has lost a process."""
    return UserError(
        f"another process of the run has stopped (process {number}: {reason}); "
        f"what was trained is saved: {AGAIN}, to resume"
    )
