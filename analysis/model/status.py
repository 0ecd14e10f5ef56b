"""What goes with a result in place of NaN without a word: "ok", or causes and remedies in one line."""

from collections.abc import Iterable

OK = "ok"
"""The status where nothing has to be said."""


def joined(statuses: Iterable[str]) -> str:
    """Several statuses as one, each cause once; those empty or "ok" say nothing."""
    return "; ".join(status for status in dict.fromkeys(statuses) if status not in ("", OK)) or OK
