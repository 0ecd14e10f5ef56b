"""Which files are checkpoints of one training, told by the numbers in their names, and which are copies of a model."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from analysis.weights.tensors import Orientation, Tensor, Weights, sized
from analysis.weights.views import view_of

Files = Literal["checkpoints", "copies"]
"""What several files are of one another."""
WORDS = r"(?<![A-Za-z])(?:(?:global_?)?steps?|iter(?:ation)?s?|epochs?|checkpoints?|ckpt)[-_.= ]*"
STEP = re.compile(rf"{WORDS}(\d{{1,18}})(?!\d)", re.IGNORECASE)
"""A number after a word that says that it counts steps."""
NUMBER = re.compile(r"(\d{1,18})(?!\d)")
Span = tuple[int, int]


class Checkpoint(NamedTuple):
    """A training at one step."""

    step: int
    weights: tuple[Weights, ...]
    """One model, or several of as many trainings, whose titles are the same at all steps."""


def checkpoints_of(weights: Sequence[Weights], files: Files | None = None) -> tuple[tuple[Checkpoint, ...], str]:
    """The checkpoints, by increasing step, and in a sentence how they were told; none where the models are copies.

    Checkpoints have titles that differ in numbers alone, one of which follows a word such as step or epoch; those of
    one step are models of several trainings.

    Args:
        weights: the models.
        files: what they are; None for what their titles say.

    Raises:
        ValueError: they are said to be checkpoints, but there are not two, or no number in their titles is the step.
    """
    titles = [one.title for one in weights]
    places = None if files == "copies" else _places(titles, forced=files is not None)
    if places is None and files == "checkpoints":
        listed = ", ".join(titles[:3])
        raise ValueError(
            f"{listed}: give at least two checkpoints, with a number in each name, as step_100 and step_200"
        )
    if places is None:
        return (), "" if files else _hint(titles)
    found: dict[int, list[Weights]] = {}
    for one, (start, end) in zip(weights, places, strict=True):
        renamed = one._replace(title=f"{one.title[:start]}*{one.title[end:]}")
        found.setdefault(int(one.title[start:end]), []).append(renamed)
    steps = sorted(found)
    most = max(map(len, found.values()))
    note = (
        f"{len(titles)} files are {len(steps)} checkpoints of a training{f', {most} files each' if most > 1 else ''}, "
        f"by the steps {steps[0]} to {steps[-1]} in their names (--files copies if they are not): numbers are of the "
        "last, and what moved is since the first"
    )
    return tuple(Checkpoint(step, tuple(sorted(found[step], key=_title))) for step in steps), note


def comparable(checkpoints: Sequence[Checkpoint], orientation: Orientation | None = None) -> tuple[Checkpoint, ...]:
    """The same, with a reason not to read the arrays that some lack, or have in another shape."""
    known = [{key: _form(*tensor, orientation) for key, tensor in _tensors(one)} for one in checkpoints]
    reasons = {}
    for key in dict.fromkeys(key for forms in known for key in forms):
        forms = [forms.get(key) for forms in known]
        if None in forms:
            reasons[key] = f"not at step {checkpoints[forms.index(None)].step}"
        elif len({*forms}) > 1:
            at = next(k for k, form in enumerate(forms) if form != forms[-1])
            reasons[key] = f"{forms[at]} at step {checkpoints[at].step}, {forms[-1]} at step {checkpoints[-1].step}"
    return tuple(
        one._replace(weights=tuple(_without(weights, reasons) for weights in one.weights)) for one in checkpoints
    )


def _places(titles: Sequence[str], forced: bool) -> list[Span] | None:
    """Where the step is in each title; None where no number tells checkpoints apart."""
    if len(titles) < 2 or (not forced and len({NUMBER.sub("*", title) for title in titles}) > 1):
        return None
    found = [[match.span(1) for match in STEP.finditer(title)] for title in titles]
    if forced and not all(found):
        found = [[match.span(1) for match in NUMBER.finditer(title)] for title in titles]
    if len({len(spans) for spans in found}) > 1:
        return None
    columns = list(zip(*found, strict=True))
    for spans in reversed(columns):  # of epoch=1-step=500 the step
        split = [(int(title[i:j]), title[:i] + title[j:]) for title, (i, j) in zip(titles, spans, strict=True)]
        steps = {step for step, _ in split}
        several = len(columns) == 1 and len({*split}) == len(split)
        if len(steps) > 1 and (several or len(steps) == len(split)):
            return list(spans)
    return None


def _title(weights: Weights) -> str:
    return weights.title


def _hint(titles: Sequence[str]) -> str:
    """What numbered copies may be instead."""
    if len(titles) < 2 or not all(map(NUMBER.search, titles)):
        return ""
    return f"{titles[0]} to {titles[-1]} are taken for copies: --files checkpoints if they are of one training"


def _tensors(checkpoint: Checkpoint) -> Iterator[tuple[tuple[str, str], tuple[Tensor, Weights]]]:
    """All arrays, by title and name."""
    for one in checkpoint.weights:
        for tensor in one.tensors:
            yield (one.title, tensor.name), (tensor, one)


def _form(tensor: Tensor, weights: Weights, orientation: Orientation | None) -> str:
    """The shape of an array, or why it holds no matrix: equal for what can be the same at two steps."""
    view = view_of(tensor, orientation or weights.orientation)
    return view if isinstance(view, str) else sized(tensor.shape)


def _without(weights: Weights, reasons: dict[tuple[str, str], str]) -> Weights:
    tensors = (t._replace(unreadable=reasons.get((weights.title, t.name), t.unreadable)) for t in weights.tensors)
    return weights._replace(tensors=tuple(tensors))
