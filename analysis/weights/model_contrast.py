"""Two models group by group, such as a base and a fine-tuned one: how far apart their laws are, and what differs."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.contrast import Contrast, Ensemble, contrast_ensembles
from analysis.inference.multiplicity import benjamini_hochberg
from analysis.inference.paired import Paired, paired_members
from analysis.weights.grouping import Group
from analysis.weights.measuring import Measured, NoneFiniteError, measured
from analysis.weights.model_study import grouping_of, refuse_none, several
from analysis.weights.nodes import by_nodes_if_all


class Pairs(NamedTuple):
    """Members of both models that are the same matrices by name."""

    moved: Float[np.ndarray, "N"]
    """Of each |B - A| / |A|, in Frobenius norms."""
    within: Paired
    """What differs within them."""


class GroupContrast(NamedTuple):
    """A group of matrices that both models have, second less first."""

    group: Group
    """That of the first model."""
    contrast: Contrast
    """Distances between the two laws, and differences of mean invariants; in pairs where there are pairs."""
    pairs: Pairs | None
    """None where the members are not the same by name."""
    q: float
    """p of the distance, adjusted for the false-discovery rate over the groups."""


class ModelContrast(NamedTuple):
    """Two models by the groups that both have, the most distant laws first, and what only one has."""

    titles: tuple[str, str]
    rows: tuple[GroupContrast, ...]
    alone: tuple[str, ...]
    """Groups that only one of the two has, with which one, and those without a finite matrix."""


def contrast_weights(
    first: Any, second: Any, progress: Callable[[str], None] = lambda line: None, **choice: Any
) -> ModelContrast:
    """Compare two models, or two sets of copies of one model, group by group, one tensor of each in memory at a time.

    Groups of symmetric matrices in both are compared under permutations of their nodes.

    Members of one name in both are pairs: a matrix before and after fine-tuning. What the two have in common then
    cancels, and very small changes of the law are found.

    Args:
        first: what `study_weights` takes.
        second: the other.
        progress: is told of each group before it is read.
        choice: `select`, `group`, `heads`, `orientation` as of `study_weights`, for both.

    Raises:
        ValueError: if the two have no group of the same name and shape in common, or no group has a finite matrix.
    """
    models = [several(state) for state in (first, second)]
    groupings = [grouping_of(model, **choice) for model in models]
    for model, grouping in zip(models, groupings, strict=True):
        refuse_none(model, grouping)
    groups = [{(group.name, group.shape): group for group in grouping.groups} for grouping in groupings]
    titles = (_title(models[0]), _title(models[1]))
    common = [key for key in groups[0] if key in groups[1]]
    if not common:
        raise ValueError(f"{titles[0]} and {titles[1]} have no matrices of the same name and shape: nothing to compare")
    found, damaged = [], []
    for number, key in enumerate(common, start=1):
        progress(f"group {number} of {len(common)}: {key[0]}")
        try:
            found.append(_contrast(groups[0][key], groups[1][key]))
        except NoneFiniteError as error:  # one damaged layer is no reason to say nothing of the others
            damaged.append(str(error))
    if not found:
        raise ValueError(f"{titles[0]} and {titles[1]}: {damaged[0]}; look for divergence in training")
    q = benjamini_hochberg(np.array([row.contrast.w2_p for row in found]))
    rows = [row._replace(q=float(own)) for row, own in zip(found, q, strict=True)]
    rows.sort(key=lambda row: -row.contrast.w2 / np.sqrt(np.prod(row.group.shape)))
    lonely = [(key[0], title) for title, own in zip(titles, groups, strict=True) for key in own if key not in common]
    return ModelContrast(titles, tuple(rows), (*(f"{name} (only in {title})" for name, title in lonely), *damaged))


def _contrast(first: Group, second: Group) -> GroupContrast:
    paired = _names(first) == _names(second)
    both = by_nodes_if_all((first, second), [measured(group, spectral=False) for group in (first, second)])
    finite = [one.finite for one in both]
    if paired:
        finite = [finite[0] & finite[1]] * 2
    if not all(chosen.any() for chosen in finite):
        raise NoneFiniteError(f"no matrix of {first.name} is finite in both models")
    one, other = (_ensemble(whole, chosen) for whole, chosen in zip(both, finite, strict=True))
    symmetry = both[0].symmetry
    pairs = None
    if paired:
        moments = one.block_moments, other.block_moments
        within = paired_members(moments, (one.invariants, other.invariants), symmetry)
        pairs = Pairs(_moved(first, second), within)
    return GroupContrast(
        group=first,
        contrast=contrast_ensembles(one, other, symmetry, paired=paired),
        pairs=pairs,
        q=float("nan"),
    )


def _ensemble(whole: Measured, chosen: np.ndarray) -> Ensemble:
    return Ensemble(whole.invariants[chosen], whole.block_moments[chosen])


def _moved(first: Group, second: Group) -> Float[np.ndarray, "N"]:
    """Relative change of every matrix, read again, as differences are not made of the moments of the two."""
    found = []
    for before, after in zip(first.stacks(), second.stacks(), strict=True):
        before, after = (np.asarray(stack, np.float64) for stack in (before, after))
        change, size = (np.sqrt(np.sum(stack**2, axis=(1, 2))) for stack in (after - before, before))
        grown = np.where(change > 0, np.inf, change)  # from a matrix of zeros
        found.append(np.divide(change, size, out=grown, where=size > 0))
    return np.concatenate(found)


def _names(group: Group) -> tuple[str, ...]:
    """What members of both models are called if they are the same matrices: with their files where those are copies."""
    alone = tuple(title.rpartition(": ")[2] for title in group.titles)
    return alone if len(set(alone)) == len(alone) else group.titles


def _title(weights: tuple[Any, ...]) -> str:
    return weights[0].title if len(weights) == 1 else f"{weights[0].title} to {weights[-1].title}"
