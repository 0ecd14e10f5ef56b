"""The as-published switch: an ensemble's statistics with the numbers that the paper's scripts would give."""

import numpy as np

from analysis.as_published import one_pass_std, published_distance, published_reference, published_se_invariants
from analysis.entry_law import EntryLaw
from analysis.moments import deviation
from analysis.pipeline import Recording, included
from analysis.trajectories import HIGH, Trajectories


def as_published(t: Trajectories, recording: Recording, laws: tuple[EntryLaw | None, ...]) -> Trajectories:
    """The same trajectories with deviations, initial error bars and distances as published.

    Standard deviations are those of one pass, the errors at initialisation the published ones, and `w2` holds the
    published "Wasserstein distance", which is squared; what the paper does not have is NaN.

    Raises:
        ValueError: the law of the initial entries is unknown, for which nothing is published.
    """
    known = tuple(law for law in laws if law is not None)
    if len(known) < len(laws):
        raise ValueError("nothing is published for this initialisation; leave out --as-published")
    used = included(recording)
    std, w2, se_initial = np.empty_like(t.std), np.empty_like(t.w2), np.empty_like(t.se_initial)
    for layer, (law, dim) in enumerate(zip(known, recording.dims, strict=True)):
        members = len(recording.invariants)
        se_initial[layer] = published_se_invariants(law, dim, members)
        w2[:, layer] = published_distance(
            t.parameters[:, layer], published_reference(law, dim, members).parameters, dim
        )
        for epoch in range(len(t.epochs)):
            std[epoch, layer] = one_pass_std(recording.invariants[used[:, epoch, layer], epoch, layer])
    absent = np.full_like(w2, np.nan)
    return t._replace(
        std=std,
        deviation=deviation(t.theory, t.mean[..., HIGH], std[..., HIGH]),
        se_initial=se_initial,
        w2=w2,
        w2_se=absent,
        w2_null=absent,
        w2_null_upper=absent,
        w2_squared_parts=np.full_like(t.w2_squared_parts, np.nan),
        published=True,
    )
