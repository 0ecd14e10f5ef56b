"""Arrays that are consecutive layers of the same networks: their joint law is that of a chain."""

from collections.abc import Iterator, Sequence

from analysis.weights.grouping import Group, natural


def chains(groups: Sequence[Group]) -> Iterator[tuple[Group, ...]]:
    """Runs of groups, in the order of their names, each of whose inputs are the outputs of the one before.

    Each is an array [networks, outputs, inputs] of as many networks.
    """
    arrays = [group for group in groups if len(group.sources) == 1 and group.members > 1]
    run: list[Group] = []
    for group in sorted(arrays, key=lambda group: natural(group.name)):
        if run and (group.shape[1] != run[-1].shape[0] or group.members != run[-1].members):
            yield from _whole(run)
            run = []
        run.append(group)
    yield from _whole(run)


def _whole(run: Sequence[Group]) -> Iterator[tuple[Group, ...]]:
    if len(run) > 1:
        yield tuple(run)
