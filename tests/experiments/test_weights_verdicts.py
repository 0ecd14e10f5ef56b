"""The first sentences of the pages on models: each says what the rows below it say."""

import numpy as np

from analysis.weights import contrast_weights, study_weights
from experiments.report.content import Verdict
from experiments.report.weights_verdicts import contrast_verdicts, study_verdicts

SHAPE = (12, 9)


def stack(seed: int, members: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((members, *SHAPE))


def model(**stacks: np.ndarray) -> dict[str, np.ndarray]:
    """Each stack as the layers of one name."""
    return {f"{name}.{k}.weight": one for name, given in stacks.items() for k, one in enumerate(given)}


def said(verdicts) -> dict[str, str]:
    found = list(verdicts)
    assert all(isinstance(one, Verdict) and len(one.answer) == 1 for one in found)
    return {one.question: str(one.answer[0]) for one in found}


def test_of_independent_entries_nothing_is_unusual():
    answers = said(study_verdicts(study_weights(model(plain=stack(1, 20)))))
    assert answers["What is unusual?"] == "Nothing departs from independent entries of one law by more than chance."
    assert answers["Which symmetry holds?"] == "By second moments: i.i.d. of mean 0 for 1."
    assert "Neither skewness nor kurtosis" in answers["How Gaussian?"]
    assert answers["Who does not fit?"] == "All members fit among the others of their group."
    assert "What moved?" not in answers


def test_the_unusual_group_its_tails_and_its_odd_member_are_named():
    heavy, odd = stack(2, 30) ** 3, stack(3, 30)
    odd[4] *= 3
    answers = said(study_verdicts(study_weights(model(plain=stack(1, 30), heavy=heavy, odd=odd))))
    assert answers["What is unusual?"].startswith("2 of 3 groups depart from independent entries")
    assert "most heavy.*.weight: entries have heavy tails" in answers["What is unusual?"]
    assert "in heavy.*.weight." in answers["How Gaussian?"]
    assert answers["Who does not fit?"].endswith("most in odd.*.weight, where the oddest is odd.4.weight.")


def test_two_models_say_what_changed_and_which_laws_are_apart():
    first = model(same=stack(1, 12), wider=stack(2, 12))
    second = first | model(wider=1.5 * stack(2, 12))
    answers = said(contrast_verdicts(contrast_weights(first, second)))
    assert "1 of 2 groups have matrices that changed, most wider.*.weight, by 0.5 " in answers["What moved?"]
    assert answers["Are the laws apart?"].startswith("In 1 of 2 groups the laws are shown to be apart")
    assert "furthest is wider.*.weight" in answers["Are the laws apart?"]
