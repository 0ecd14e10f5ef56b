"""Numbers in the form that JSON has them, by name."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def by_name(names: Sequence[str], **columns: Float[np.ndarray, " names"]) -> dict[str, dict[str, float | None]]:
    """One dictionary for each name, of its entries in the columns."""
    return {name: numbers(**{key: values[i] for key, values in columns.items()}) for i, name in enumerate(names)}


def numbers(**values: float) -> dict[str, float | None]:
    """Plain numbers; None for NaN and infinity, which JSON has not."""
    return {name: float(value) if np.isfinite(value) else None for name, value in values.items()}
