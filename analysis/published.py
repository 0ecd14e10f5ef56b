"""The as-published switch: an ensemble's statistics with the numbers that the paper's scripts would give."""

from dataclasses import replace

import numpy as np

from analysis.as_published import one_pass_std, published_distance, published_reference, published_se_invariants
from analysis.inference.moments import deviation
from analysis.model.entry_law import EntryLaw
from analysis.recording import Recording, included
from analysis.statistics import Statistics
from analysis.symmetry import Simultaneous


def as_published(s: Statistics, recording: Recording, laws: tuple[EntryLaw | None, ...]) -> Statistics:
    """The same statistics with deviations, initial error bars and distances as published.

    Standard deviations are those of one pass, the errors at initialisation the published ones, and `w2` is the root of
    the published "Wasserstein distance", which is squared; what the paper does not have is NaN.

    Raises:
        ValueError: the law of the initial entries is unknown, or the symmetry is not the paper's: nothing is published.
    """
    if not isinstance(s.symmetry, Simultaneous):
        raise ValueError(f"nothing is published for the symmetry {s.symmetry.name}; leave out --as-published")
    known = tuple(law for law in laws if law is not None)
    if len(known) < len(laws):
        raise ValueError("nothing is published for this initialisation; leave out --as-published")
    used, members = included(recording), len(recording.invariants)
    std, w2, se_initial = np.empty_like(s.std), np.empty_like(s.w2), np.empty_like(s.se_initial)
    for layer, (law, symmetry) in enumerate(zip(known, recording.symmetries, strict=True)):
        dim = symmetry.shapes[0][0]
        se_initial[:, layer] = published_se_invariants(law, dim, members)
        reference = published_reference(law, dim, members).parameters
        squared = published_distance(s.parameters[:, layer], reference, dim)
        w2[:, layer] = np.sqrt(np.maximum(squared, 0.0))
        for epoch in range(len(s.epochs)):
            std[epoch, layer] = one_pass_std(recording.invariants[used[:, epoch, layer], epoch, layer])
    absent = np.full_like(w2, np.nan)
    return replace(
        s,
        std=std,
        deviation=deviation(s.theory, s.mean[..., s.high], std[..., s.high]),
        se_initial=se_initial,
        w2=w2,
        w2_se=absent,
        w2_debiased=absent,
        w2_low=absent,
        w2_high=absent,
        w2_null=absent,
        w2_null_upper=absent,
        w2_squared_parts=np.full_like(s.w2_squared_parts, np.nan),
        published=True,
    )
