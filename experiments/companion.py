"""A process that keeps touch with the others of a distributed run; started by `experiments.distributed`, not by people.

It reads a line of JSON (the request), then a line when its own share is trained. It writes a line of JSON when all
processes are there, {"processes": N, "process": I}, and when the shares of all are trained, {"finished": true}; or else
{"failed": text}. That another process has died is told by its own death: jax.distributed ends by force all who are in
touch with it, which costs nothing here, as the training goes on in another process until it has saved.
"""

import json
import os
import sys
import threading
from typing import Any

HEARTBEAT = 10  # seconds after which a process that has fallen silent counts as dead
ARRIVAL = 600  # seconds in which all processes must have been started
FOREVER = 10**9  # milliseconds


def main() -> int:
    """Keep touch until all are done; returns 0, or 2 when the processes do not belong together."""
    request = json.loads(sys.stdin.readline())
    trained = threading.Event()
    threading.Thread(target=_listen, args=[trained], daemon=True).start()

    import jax
    from jax._src.distributed import global_state  # its key-value store and barriers have no public name yet

    try:
        jax.distributed.initialize(
            *(request["coordinator"], request["processes"], request["process"]),
            initialization_timeout=ARRIVAL,
            heartbeat_timeout_seconds=HEARTBEAT,
            shutdown_timeout_seconds=HEARTBEAT,
        )
    except (RuntimeError, ValueError) as error:
        return _fail(f"no contact with the other processes ({str(error).splitlines()[0]})")
    client, process = global_state.client, global_state.process_id
    assert client is not None
    client.key_value_set(f"run/{process}", request["run"])
    client.wait_at_barrier("arrival", ARRIVAL * 1000)
    if len({run for _, run in client.key_value_dir_get("run/")}) > 1:
        return _fail("the processes were not all given the same configuration and data")
    _tell(processes=global_state.num_processes, process=process)
    trained.wait()
    client.wait_at_barrier("departure", FOREVER)
    _tell(finished=True)
    jax.distributed.shutdown()
    return 0


def _fail(text: str) -> int:
    _tell(failed=text)
    return 2


def _tell(**message: Any) -> None:
    print(json.dumps(message), flush=True)


def _listen(trained: threading.Event) -> None:
    """Note the end of the training; leave at once when the process that trains has died, so that the others notice."""
    if sys.stdin.readline():
        trained.set()
    if not sys.stdin.readline():
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
