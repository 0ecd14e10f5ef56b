"""The law that the entries of a weight matrix start from."""

import math

from analysis import EntryLaw
from analysis.recording import Recording
from ensemble.laws import kernel_law
from experiments.errors import UserError
from experiments.run.observer import square_layers
from experiments.run.presets import RunConfig


def initial_law(init: str, fan_out: int, fan_in: int) -> EntryLaw | None:
    """Law of the initial entries of a matrix [fan_out, fan_in], as drawn by `ensemble`; None where they depend.

    Raises:
        ValueError: there is no such initialisation.
    """
    law = kernel_law(init)
    if law is None:
        return None
    variance = law.variance(fan_out, fan_in)
    if law.distribution == "uniform":
        return EntryLaw.uniform(math.sqrt(3 * variance))
    return EntryLaw.gaussian(math.sqrt(variance))


def initial_laws(config: RunConfig, recording: Recording) -> tuple[EntryLaw | None, ...]:
    """Law of the initial entries of each layer of a run; None too for those that started from fitted models."""
    started = config.start or {}
    return tuple(
        None if layer in started else initial_law(config.train.init, *symmetry.shapes[0])
        for layer, symmetry in zip(recording.layers, recording.symmetries, strict=True)
    )


def refuse_unpublished(config: RunConfig, classes: int) -> None:
    """Refuse to report as published a run whose initial entries have no law of their own: before it is trained.

    Raises:
        UserError: it has no square layer, starts from fitted models, or its initial entries depend on each other.
    """
    if not square_layers(config.train, classes):
        raise UserError("nothing is published for networks without a square weight matrix: leave out --as-published")
    if config.start:
        raise UserError("nothing is published for a start from fitted models: leave out --as-published")
    if kernel_law(config.train.init) is None:
        raise UserError(f"nothing is published for init {config.train.init!r}: leave out --as-published")
