"""Kill runs by SIGKILL at random moments, give the same command again, and compare what comes out byte by byte.

    python -m benchmarks.kill [--kills 25] [--seed 0] [--folder DIR]

Every trial is killed once to three times, each time after a random part of the time an undisturbed run takes, and then
left to finish. A kill strikes all processes at once (power, a crash), the main one (its workers must notice) or one
worker (out of memory). The table counts kills by what the run was doing; the first difference ends the program.
"""

import argparse
import filecmp
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

SIZE = ["--members", "600", "--epochs", "10", "--hidden", "4", "4", "--batch-size", "400"]
TARGETS = ("all", "main", "worker")
COMPARED = ("results.nc", "results.sha256", "fit.json", "config.json", "tables")
AGES = 900.0  # seconds within which everything here ends, or hangs


def command(folder: Path, *settings: str) -> list[str]:
    """The run, saving as often as it may."""
    return [
        sys.executable,
        "-m",
        "experiments",
        "run",
        "quickstart",
        *settings,
        "--save-share",
        "1",
        "--out",
        str(folder),
    ]


def kill(process: subprocess.Popen, target: str) -> bool:
    """Kill the target and wait for the main process to end; whether the target was there."""
    workers = children(process.pid)
    victims = {"all": [process.pid, *workers], "main": [process.pid], "worker": workers[:1]}[target]
    if process.poll() is not None or not victims:
        return False
    for victim in victims:
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    process.wait(AGES)
    return True


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    with suppress(OSError):
        return [
            int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()
        ]
    return []


def doing(folder: Path) -> str:
    """What a run is doing, by what it keeps in its folder."""
    if (folder / "report.html").exists():
        return "finished"
    if (folder / "results.sha256").exists():
        return "reporting"
    if any(folder.glob("**/.results.nc.*")):
        return "writing results"
    if any(folder.glob("**/checkpoints/*-tmp")):
        return "saving a checkpoint"
    if any(folder.glob("**/checkpoints/*")) or any(folder.glob("parts/*/results.sha256")):
        return "training, with checkpoints"
    return "starting, or training without one"


def differences(folder: Path, other: Path) -> list[str]:
    """The compared files whose bytes differ, or that one of them lacks."""
    names = [name for name in COMPARED if (folder / name).is_file()]
    names += [str(path.relative_to(folder)) for name in COMPARED for path in sorted((folder / name).glob("*"))]
    _, mismatch, errors = filecmp.cmpfiles(folder, other, names, shallow=False)
    return mismatch + errors


def trial(folder: Path, generator: random.Random, duration: float) -> list[tuple[str, str]]:
    """Kill a run at most three times, then let it finish; returns (what it was doing, who was killed) of every kill."""
    kills = []
    for _ in range(generator.randint(1, 3)):
        target = generator.choice(TARGETS)
        with subprocess.Popen(command(folder, *SIZE), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(generator.uniform(0, duration))
            moment = doing(folder)
            if kill(process, target):
                kills.append((moment, target))
            process.wait(AGES)
    subprocess.run(
        command(folder, *SIZE), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=AGES
    )
    return kills


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    base = options.folder or Path(tempfile.mkdtemp(prefix="kill-"))
    undisturbed, began = base / "undisturbed", time.monotonic()
    subprocess.run(command(undisturbed, *SIZE), check=True, timeout=AGES)
    duration = time.monotonic() - began
    print(f"undisturbed: {duration:.0f} s", flush=True)
    kills: Counter[tuple[str, str]] = Counter()
    for number in itertools.count():
        if sum(kills.values()) >= options.kills:
            break
        generator = random.Random(f"{options.seed} {number}")
        folder = base / f"trial{number}"
        done = trial(folder, generator, duration)
        differing = differences(undisturbed, folder)
        verdict = f"differs in {', '.join(differing)}" if differing else "same"
        print(f"trial {number}: killed {done or 'too late'}: {verdict}", flush=True)
        if differing:
            sys.exit(f"{folder} differs from {undisturbed}")
        kills.update(done)
    for (moment, target), count in sorted(kills.items()):
        print(f"{count:4}  {target:6}  {moment}")
    print(f"{sum(kills.values())} kills in {number} trials: all finished with identical bytes")


if __name__ == "__main__":
    main()
