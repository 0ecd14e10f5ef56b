"""Processes that meet: nobody waits for the dead, the stopped, the foreign or those who never come."""

import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from experiments.hosts.cluster import Cluster
from experiments.hosts.link import Times
from experiments.hosts.process_group import ProcessGroup

RUN = {"seed": 1}
QUICK = {"silence": 3.0, "alive": 0.2, "poll": 0.1, "resolving": 1.0, "hello": 1.0}
AGES = 60.0  # seconds within which everything here ends, or hangs
PARTY = """
import json, sys
from experiments.hosts.cluster import Cluster
from experiments.errors import UserError
from experiments.hosts.link import Times
from experiments.hosts.process_group import ProcessGroup
from experiments.cli.signals import Interrupted, raised_signals
place, run, times = json.loads(sys.argv[1])
group = ProcessGroup(Cluster(*place), run, Times(**times))
try:
    with raised_signals(), group:
        print("all", flush=True)
        sys.stdin.readline()
        group.wait_for_all()
        print("finished")
except Interrupted:
    print(group.lost)
except UserError as error:
    print(error)
"""


class Party:
    """A process that meets others, says when all are there, and is done when told so."""

    def __init__(self, port: int, processes: int, process: int, *, host="127.0.0.1", run=RUN, **times: float) -> None:
        request = json.dumps([[host, port, processes, process], run, QUICK | times])
        self.process = subprocess.Popen(
            [sys.executable, "-c", PARTY, request], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> "Party":
        return self

    def __exit__(self, *error) -> None:
        self.process.kill()
        self.process.communicate()

    def arrive(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "all\n"

    def be_done(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("done\n")
        self.process.stdin.flush()

    def end(self) -> str:
        """The last line."""
        assert self.process.stdout is not None
        self.process.wait(AGES)
        return self.process.stdout.read().splitlines()[-1]


def all_finish(*parties: Party) -> bool:
    """Whether all come to the end when all are done."""
    for party in parties:
        party.be_done()
    return [party.end() for party in parties] == ["finished"] * len(parties)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def reached(port: int) -> socket.socket:
    """A connection to whatever listens there, as soon as it does."""
    until = time.monotonic() + AGES
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=AGES)
        except ConnectionRefusedError:
            assert time.monotonic() < until
            time.sleep(0.05)


def hello(port: int, processes: int, process: int) -> bytes:
    digest = ProcessGroup(Cluster("127.0.0.1", port, processes, process), RUN)._digest
    return json.dumps({"pigmm": 1, "process": process, "run": digest}).encode() + b"\n"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_all_end_together(port, host):
    if host == "::1" and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with ExitStack() as stack:
        parties = [stack.enter_context(Party(port, 3, process, host=host)) for process in range(3)]
        for party in parties:
            party.arrive()
        assert all_finish(*parties)


def test_one_process_is_company_enough(port):
    with Party(port, 1, 0) as alone:
        alone.arrive()
        assert all_finish(alone)


@pytest.mark.parametrize("victim", [0, 1])
@pytest.mark.parametrize(("blow", "told"), [("SIGKILL", "its connection was lost"), ("SIGSTOP", "silent for 3 s")])
def test_the_dead_and_the_stopped_are_missed_by_all(port, victim, blow, told):
    with ExitStack() as stack:
        parties = [stack.enter_context(Party(port, 3, process)) for process in range(3)]
        for party in parties:
            party.arrive()
        parties[victim].process.send_signal(getattr(signal, blow))
        lines = [party.end() for party in parties if party is not parties[victim]]
    assert all(f"another process of the run has stopped (process {victim}: " in line for line in lines)
    assert any(told in line for line in lines)
    assert all("give the same commands again, everywhere, to resume" in line for line in lines)


def test_one_that_waits_for_the_others_misses_them_too(port):
    with Party(port, 2, 0) as host, Party(port, 2, 1) as guest:
        host.arrive()
        guest.arrive()
        guest.be_done()
        host.process.kill()
        assert "(process 0: its connection was lost)" in guest.end()


def test_a_connection_that_only_seems_open_is_given_up(port):
    with Party(port, 2, 0) as host, reached(port) as half_open:
        half_open.sendall(hello(port, 2, 1))
        host.arrive()
        assert "(process 1: silent for 3 s)" in host.end()


@pytest.mark.parametrize(
    "content",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(2**16),
        b"[" * 1000 + b"\n",
        b'{"pigmm": 1, "process": "1", "run": null}\n',
        b'{"pigmm": 2, "process": 1, "run": null}\n',
        b"[1]\n",
        b"",
    ],
)
def test_strangers_are_cut_off_and_do_no_harm(port, content):
    with Party(port, 2, 0) as host, reached(port) as stranger:
        stranger.sendall(content)
        with ExitStack() as stack:
            crowd = [stack.enter_context(reached(port)) for _ in range(100)]
            assert len(crowd) == 100
        while True:  # to the end of the connection, which the other side brings about
            try:
                if not stranger.recv(2**10):
                    break
            except ConnectionResetError:
                break
        with Party(port, 2, 1) as guest:
            guest.arrive()
            host.arrive()
            with reached(port) as late:
                late.sendall(b'{"pigmm": 1, "process": 1, "run": "another"}\n')
                assert json.loads(late.makefile().readline()) == {"refused": "taken"}
            assert all_finish(host, guest)


def test_processes_of_different_runs_both_stop(port):
    with Party(port, 2, 0) as host, Party(port, 2, 1, run={"seed": 2}) as guest:
        assert "the processes were not all given the same configuration and data" in guest.end()
        assert "the processes were not all given the same configuration and data" in host.end()


def test_different_numbers_of_processes_are_different_runs(port):
    with Party(port, 2, 0) as host, Party(port, 3, 2) as guest:
        assert "or not the same --processes" in guest.end()
        assert "or not the same --processes" in host.end()


def test_two_runs_at_one_place_leave_the_first_in_peace(port):
    with Party(port, 2, 0) as host, Party(port, 2, 1) as guest:
        host.arrive()
        guest.arrive()
        with Party(port, 2, 0, run={"seed": 2}) as other, Party(port, 2, 1, run={"seed": 2}) as its:
            assert f"cannot listen at port {port} of this machine (it is in use): choose another" in other.end()
            assert "another run, or a process of the same number, is there already" in its.end()
        assert all_finish(host, guest)


def test_the_same_number_twice_is_refused(port):
    with Party(port, 3, 0) as host, Party(port, 3, 1) as one, Party(port, 3, 1) as same:
        until = time.monotonic() + AGES
        while one.process.poll() is None and same.process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.05)
        refused, seated = (one, same) if one.process.poll() is not None else (same, one)
        assert "a process of the same number, is there already" in refused.end()
        with Party(port, 3, 2) as last:
            assert all_finish(host, seated, last)


def test_one_that_dies_before_all_are_there_may_come_again(port):
    with Party(port, 3, 0) as host, reached(port) as early:
        early.sendall(hello(port, 3, 1))
        early.close()
        with Party(port, 3, 1) as one, Party(port, 3, 2) as two:
            assert all_finish(host, one, two)


def test_those_who_never_come_are_named(port):
    with Party(port, 4, 0, arrival=5.0, silence=AGES) as host, reached(port) as early:
        early.sendall(hello(port, 4, 2))
        assert f"process 1, 3 of 4 did not come to 127.0.0.1:{port} within 5 s" in host.end()


def test_one_that_finds_nobody_says_so(port):
    with Party(port, 4, 2, arrival=2.0) as guest:
        assert f"no contact with process 0 at 127.0.0.1:{port} within 2 s (Connection refused)" in guest.end()


@pytest.mark.parametrize("process", [0, 1])
@pytest.mark.parametrize("host", ["no.such.host.invalid", "a..b"])
def test_a_host_without_address_is_told(port, host, process):
    with Party(port, 2, process, host=host) as party:
        assert f"the address of {host} is not known on this machine" in party.end()


def test_the_watch_outlasts_what_holds_up_a_process_for_a_while():
    assert Times().silence >= 5 * Times().alive
