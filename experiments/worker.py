"""A process that trains one part of a run on one core; started by `experiments.parts`, not by people.

It reads one line of JSON (the request) and writes lines of JSON: {"done": network-epochs} or {"say": text}.
"""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any


def main() -> int:
    """Train the requested part; returns 0 when its results are written, 130 or 143 when it was stopped."""
    request = json.loads(sys.stdin.readline())
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {request["core"]})  # before jax is imported, which sizes its thread pool by it
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    return _train(request)


def _train(request: dict[str, Any]) -> int:
    from experiments.runtime import configure

    configure()
    from ensemble import load
    from experiments.presets import from_settings
    from experiments.run_folder import RunFolder
    from experiments.training import Interrupted, drop_checkpoints, train_members

    config = from_settings(request["config"])
    members = range(*request["range"])
    with RunFolder.open(Path(request["path"]), request["identity"] | {"members": request["range"]}) as folder:
        try:
            data = load(config.dataset, request["data_dir"])
            report = lambda done, total: _tell({"done": done})  # noqa: E731
            results = train_members(folder, config, data, members, report, lambda text: _tell({"say": text}))
        except Interrupted as stop:
            return stop.exit_code
        folder.write_results(results)
        drop_checkpoints(folder)
    return 0


def _tell(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def _leave_with_parent() -> None:
    """Stop at once when the parent's end of the pipe closes: it has died, and what was saved is safe."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
