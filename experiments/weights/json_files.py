"""JSON that another program wrote, of bounded size, with no key twice."""

import json
from typing import Any

from experiments.weights.regions import refuse_repeated

LARGEST = 2**28  # bytes


def read_object(content: bytes) -> dict[str, Any]:
    """An object of JSON.

    Raises:
        ValueError: too long, something else, nested too deeply, or a key twice.
    """
    if len(content) > LARGEST:
        raise ValueError(f"its JSON has more than {LARGEST} bytes")
    try:
        value = json.loads(content, object_pairs_hook=_unrepeated)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("its JSON is no object")
    return value


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    refuse_repeated(key for key, _ in pairs)
    return dict(pairs)
