"""In which settings two configurations differ."""

import json
from typing import Any

ABSENT = "absent"


def differences(stored: dict[str, Any], asked: dict[str, Any]) -> str:
    """The settings in which two configurations differ, as "train.seed is 0 there, 1 now; ..."; empty if in none."""
    there, now = _flatten(stored), _flatten(asked)
    return "; ".join(
        f"{name} is {there.get(name, ABSENT)} there, {now.get(name, ABSENT)} now"
        for name in sorted(there.keys() | now.keys())
        if there.get(name, ABSENT) != now.get(name, ABSENT)
    )


def _flatten(settings: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Settings by dotted name, each value as JSON."""
    flat = {}
    for key, value in settings.items():
        nested = isinstance(value, dict) and value
        flat |= _flatten(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": json.dumps(value)}
    return flat
