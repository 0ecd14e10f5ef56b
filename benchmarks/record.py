"""The speed record of the paper's training: entries are checked against the rules, logged, and shown in docs/record.md.

    python -m benchmarks.record add runs/gaussian --by NAME --hardware "2 cores of an AMD EPYC 9654"
    python -m benchmarks.record rival torch_loop --by NAME --hardware TEXT --data-dir MNIST
    python -m benchmarks.record show

`add` takes the folder of a whole training, by `pigmm run paper-gaussian` or by another program that writes the same
files (docs/record.md says which). `rival` measures a program that nobody waits 50 epochs for, for seconds on all cores
at once, and logs what it would take: an extrapolation, shown apart. `show` writes the table anew from docs/record.json.
"""

import argparse
import json
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from math import sqrt
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import xarray as xr

from benchmarks.crew import Crew
from experiments.run.presets import PRESETS, RunConfig, from_settings
from experiments.run.runtime import cores
from experiments.store.netcdf import decode
from invariants import NAMES, PAPER, evaluate

DOCS = Path(__file__).resolve().parents[1] / "docs"
BEGIN, END = "<!-- entries: python -m benchmarks.record show -->", "<!-- end of entries -->"
FREE = {"seed": 0, "orders": "auto", "chunk": None}
"""Settings of the training that an entry may choose."""
ERRORS = 3
"""Largest difference from the mean accuracy of the reference, in standard errors of the difference."""
ROUNDING = 1e-4
"""Largest difference of a recorded invariant from that of the recorded weights, over the same of absolute values."""
MEMBERS = {"torch_loop": 1, "torch_func": 50}
"""Networks at once with which each rival is fastest, see docs/speed.md."""
ROUNDS = 5


@dataclass(frozen=True)
class Rules:
    """What a whole entry must have trained, and the accuracy that it must have reached."""

    config: RunConfig
    data: str
    """SHA-256 of the data set, see `Dataset.digest`."""
    accuracy: float
    """Mean over the members of the reference."""
    accuracy_se: float


RULES = Rules(
    PRESETS["paper-gaussian"].config,
    "79503c6f9cad1062174e1456cdf330ce8e4c68cb81fdfde71f0596d64293ea16",
    accuracy=0.89089,  # docs/results.md
    accuracy_se=0.00229,
)


@dataclass(frozen=True)
class Entry:
    """A line of the log."""

    date: str
    by: str
    program: str
    hardware: str
    versions: dict[str, str]
    seconds: dict[str, float]
    """`training`: from the first drawn number to the last recorded one, compilation included."""
    network_epochs_per_second: float
    extrapolated: bool
    """From seconds of training without evaluation and recording, not from a whole run."""
    accuracy: tuple[float, float] | None = None
    """Mean test accuracy over the members and its standard error."""
    note: str = ""


def whole(folder: Path, by: str, hardware: str, note: str, rules: Rules = RULES) -> Entry:
    """The entry of a finished run.

    Raises:
        SystemExit: a rule is broken; the message names it.
    """
    config, provenance = (json.loads((folder / f"{name}.json").read_text()) for name in ("config", "provenance"))
    results = decode(folder / "results.nc")
    accuracy = results["test_accuracy"].values[:, -1].astype(float)
    mean, se = float(accuracy.mean()), float(accuracy.std(ddof=1) / sqrt(len(accuracy)))
    broken = [*_settings_broken(config, provenance, rules), *_recording_broken(results, rules)]
    if abs(mean - rules.accuracy) > ERRORS * sqrt(se**2 + rules.accuracy_se**2):
        broken.append(f"mean test accuracy {mean:.4f} +- {se:.4f} is not that of the reference, {rules.accuracy:.4f}")
    if broken:
        raise SystemExit("no entry: " + "; ".join(broken))
    return Entry(
        date=provenance["training_ended_utc"][:10],
        by=by,
        program=provenance.get("program", "pigmm run"),
        hardware=hardware,
        versions=_of_interest(provenance["versions"]),
        seconds={"training": round(provenance["wall_seconds"], 1)},
        network_epochs_per_second=_rate(rules, provenance["wall_seconds"]),
        extrapolated=False,
        accuracy=(round(mean, 5), round(se, 5)),
        note=note,
    )


def _settings_broken(config: dict[str, Any], provenance: dict[str, Any], rules: Rules) -> list[str]:
    """What of the settings, the data and the circumstances is not by the rules."""
    plain = {name: value for name, value in config.items() if name not in ("schema", "data")}
    found, expected = (
        asdict(replace(run, train=replace(run.train, **FREE))) for run in (from_settings(plain), rules.config)
    )
    broken = [
        f"{name} is {found['train'][name]!r}"
        for name in found["train"]
        if found["train"][name] != expected["train"][name]
    ]
    broken += [f"{name} is {found[name]!r}" for name in ("dataset", "start") if found[name] != expected[name]]
    if config["data"]["digest"] != rules.data:
        broken.append("the data are others, by their SHA-256")
    if provenance["sessions"] != 1:
        broken.append(f"it was interrupted: {provenance['sessions']} sessions")
    return broken


def _recording_broken(results: xr.Dataset, rules: Rules) -> list[str]:
    """What is missing of the recording, or not the invariants of the weights beside it."""
    train = rules.config.train
    recorded, weights = results["invariants"].sel(invariant=list(NAMES)), results["weights"]
    if recorded.shape[:2] != (train.members, train.epochs + 1) or weights.shape[:2] != recorded.shape[:2]:
        return [f"invariants of {recorded.shape[:2]} members and epochs are recorded"]
    finite = results["finite"].values[:, -1]
    last, final = recorded.values[finite, -1], weights.values[finite, -1].astype(float)
    off = np.abs(last - evaluate(PAPER, final)) / evaluate(PAPER, np.abs(final))
    return [] if np.max(off) < ROUNDING else [f"an invariant is off by {np.max(off):.1e}"]


def rival(contestant: str, by: str, hardware: str, data_dir: str | None, note: str) -> Entry:
    """The extrapolated entry of a rival, with a process on each core: the median of several turns."""
    config = RunConfig(replace(RULES.config.train, members=MEMBERS[contestant]), RULES.config.dataset)
    with ExitStack() as stack:
        crew = stack.enter_context(Crew([[core] for core in cores()], data_dir))
        rate = median(crew.measure(contestant, config).rate for _ in range(ROUNDS))
    return Entry(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        by=by,
        program=f"benchmarks/contestants.py: {contestant}",
        hardware=hardware,
        versions={"torch": version("torch")},
        seconds={"training": round(_network_epochs(RULES) / rate, 1)},
        network_epochs_per_second=round(rate, 2),
        extrapolated=True,
        note=note,
    )


def _of_interest(versions: dict[str, str]) -> dict[str, str]:
    chosen = {name: found for name, found in versions.items() if name in ("pigmm", "jax", "jaxlib", "torch")}
    return chosen or versions


def _network_epochs(rules: Rules) -> int:
    return rules.config.train.members * rules.config.train.epochs


def _rate(rules: Rules, seconds: float) -> float:
    return round(_network_epochs(rules) / seconds, 2)


def read() -> list[Entry]:
    """The log."""
    return [Entry(**plain) for plain in json.loads((DOCS / "record.json").read_text())]


def table(entries: list[Entry]) -> str:
    """The entries for people: whole ones first, the fastest on top."""
    head = "| program | training | ne/s | accuracy, % | hardware | versions | date, by | note |"
    lines = [head, "|" + " --- |" * 8]
    for entry in sorted(entries, key=lambda entry: (entry.extrapolated, entry.seconds["training"])):
        minutes, seconds = divmod(round(entry.seconds["training"]), 60)
        accuracy = "" if entry.accuracy is None else "{:.2f} ± {:.2f}".format(*(100 * part for part in entry.accuracy))
        time = f"*{minutes} min, extrapolated*" if entry.extrapolated else f"**{minutes} min {seconds} s**"
        versions = ", ".join(f"{name} {found}" for name, found in entry.versions.items())
        cells = [entry.program, time, f"{entry.network_epochs_per_second:.1f}", accuracy, entry.hardware, versions]
        lines.append("| " + " | ".join([*cells, f"{entry.date}, {entry.by}", entry.note]) + " |")
    return "\n".join(lines)


def shown(page: str, entries: list[Entry]) -> str:
    """The page with this table in place of the one that it has."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(entries)}\n\n{END}{after}"


def log(entries: list[Entry]) -> None:
    """Write the log and the page."""
    (DOCS / "record.json").write_text(
        json.dumps([asdict(entry) for entry in entries], indent=1, ensure_ascii=False) + "\n"
    )
    page = DOCS / "record.md"
    page.write_text(shown(page.read_text(), entries))


def main() -> None:
    parser = argparse.ArgumentParser(description="Add an entry to the speed record.")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="a whole training, from its folder")
    add.add_argument("folder", type=Path)
    other = commands.add_parser("rival", help="a program that is measured for seconds, and extrapolated")
    other.add_argument("contestant", choices=tuple(MEMBERS))
    other.add_argument("--data-dir", required=True, help="folder of the MNIST IDX files")
    for command in (add, other):
        command.add_argument("--by", required=True, help="who measured it")
        command.add_argument("--hardware", required=True, help="cores or devices that were used, in words")
        command.add_argument("--note", default="", help="what else has to be known")
    commands.add_parser("show", help="write the page anew from the log")
    options = parser.parse_args()
    entries = read()
    if options.command == "add":
        entries.append(whole(options.folder, options.by, options.hardware, options.note))
    elif options.command == "rival":
        entries.append(rival(options.contestant, options.by, options.hardware, options.data_dir, options.note))
    log(entries)
    print(table(entries[-1:]) if options.command != "show" else table(entries))


if __name__ == "__main__":
    main()
