"""In which settings two configurations differ."""

import json
from typing import Any

from experiments.run.presets import EARLIER

ABSENT = "absent"
NAMED = 8  # beyond so many differences it is another kind of folder, and a list says no more


def differences(stored: dict[str, Any], asked: dict[str, Any]) -> str:
    """The settings in which two configurations differ, as "train.seed is 0 there, 1 now; ..."; empty if in none."""
    there, now = flatten(stored), flatten(asked)
    found = [
        f"{name} is {there.get(name, ABSENT)} there, {now.get(name, ABSENT)} now"
        for name in sorted(there.keys() | now.keys())
        if there.get(name, ABSENT) != now.get(name, ABSENT)
    ]
    return "; ".join(found[:NAMED] + ([f"and {len(found) - NAMED} more"] if len(found) > NAMED else []))


def is_longer(stored: dict[str, Any], asked: dict[str, Any]) -> bool:
    """Whether a run is asked for that is the stored one with more epochs."""
    there, now = flatten(stored), flatten(asked)
    less, more = there.pop("train.epochs", "0"), now.pop("train.epochs", "0")
    return there == now and less.isdigit() and more.isdigit() and int(less) < int(more)


def flatten(settings: dict[str, Any]) -> dict[str, str]:
    """Settings by dotted name, each value as JSON; those that an earlier version did not write are filled in."""
    train = settings.get("train")
    return _flat(settings | ({"train": EARLIER | train} if isinstance(train, dict) else {}), "")


def _flat(settings: dict[str, Any], prefix: str) -> dict[str, str]:
    flat = {}
    for key, value in settings.items():
        nested = isinstance(value, dict) and value
        flat |= _flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": json.dumps(value)}
    return flat
