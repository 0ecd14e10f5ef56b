"""A process that trains one part of a run on one core; started by `experiments.run.parts`, not by people.

It reads one line of JSON (the request) and writes lines of JSON: {"done": network-epochs}, {"say": text}, or
{"failed": text} before it ends with code 2. Anything else that goes wrong is in its log.
"""

import json
import os
import sys
import threading
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

PATIENCE = 30.0  # seconds to wait for a worker whose parent was killed: it is about to notice, and to leave


def main() -> int:
    """Train the requested part; returns 0 when its results are written, 2 when it failed, 130 or 143 when stopped."""
    line = sys.stdin.readline()
    if not line:
        return 1  # the parent died before it could say what to do
    request = json.loads(line)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {request["core"]})  # before jax is imported, which sizes its thread pool by it
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    with redirect_stdout(sys.stderr):  # what a library prints must not come between the messages
        return _train(request)


def _train(request: dict[str, Any]) -> int:
    from experiments.run.runtime import configure, silence_orbax

    configure()
    silence_orbax()
    from ensemble import DataError, load
    from experiments.cli.signals import Interrupted
    from experiments.errors import UserError
    from experiments.run.extending import trained
    from experiments.run.kept_state import CHUNKS
    from experiments.run.presets import from_settings
    from experiments.run.training import CHECKPOINTS, Session, train_members
    from experiments.store.run_folder import RunFolder

    config, session = from_settings(request["config"]), Session(**request["session"])
    identity, members = request["identity"] | {"members": request["range"]}, range(*request["range"])

    def report(done: int, total: int) -> None:
        _send(done=done)

    def say(text: str) -> None:
        _send(say=text)

    try:
        with RunFolder.open(Path(request["path"]), identity, patience=PATIENCE) as folder:
            data = load(config.dataset, session.data_dir)
            after = request["earlier"] and trained(members, **request["earlier"])
            results = train_members(folder, config, data, members, session, report, say, request["chunk"], after)
            folder.write_results(results)
            for name in (CHECKPOINTS, CHUNKS):
                folder.remove(name)
    except (UserError, DataError) as error:
        _send(failed=str(error))
        return 2
    except Interrupted as stop:
        return stop.exit_code
    return 0


def _send(**message: Any) -> None:
    print(json.dumps(message), file=sys.__stdout__, flush=True)


def _leave_with_parent() -> None:
    """Stop at once when the parent's end of the pipe closes: it has died, and what was saved is safe."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
