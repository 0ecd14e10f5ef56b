"""A process of `benchmarks.crew`: bound to its cores, it prepares contestants and lets them take turns when asked."""

import json
import os
import sys
from time import perf_counter, process_time
from typing import Any

LEAST = 1.0  # seconds of a measurement


def serve(bound: set[int]) -> None:
    """Answer requests until the input ends; the cores are bound first, as NumPy and JAX count them when they load."""
    os.sched_setaffinity(0, bound)
    from experiments.run.runtime import configure

    configure()
    from benchmarks.contestants import CONTESTANTS
    from ensemble import load
    from experiments.run.presets import from_settings

    ready: dict[str, Any] = {}
    for request in sys.stdin:
        if request not in ready:
            contestant, plain, data_dir = json.loads(request)
            config = from_settings(plain)
            ready[request] = CONTESTANTS[contestant](config, load(config.dataset, data_dir))
            ready[request]()
        began, busy, work = perf_counter(), process_time(), 0.0
        while perf_counter() - began < LEAST:
            work += ready[request]()
        taken, busy = perf_counter() - began, process_time() - busy
        print(json.dumps({"rate": work / taken, "work": work, "busy": busy}), flush=True)


if __name__ == "__main__":
    serve({int(core) for core in sys.argv[1:]})
