"""Two models compared: what moved, how far the laws are, pairs by name, and what is refused."""

import numpy as np
import pytest

from analysis import Separate, contrast, fit
from analysis.show.model_contrast_table import (
    contrast_entry,
    contrast_sentence,
    contrast_table,
    contrast_terminal,
    contrast_texts,
)
from analysis.weights.model_contrast import GroupContrast, Pairs, contrast_weights
from analysis.weights.state import weights_of

LAYERS = 8


def model(seed: int = 0) -> dict[str, np.ndarray]:
    draws = np.random.default_rng(seed)
    shapes = {"q": (6, 6), "fc": (8, 5), "norm": (6,)}
    return {f"layers.{k}.{name}.weight": draws.normal(size=shapes[name]) for k in range(LAYERS) for name in shapes}


def tuned(base: dict[str, np.ndarray], seed: int = 1) -> dict[str, np.ndarray]:
    """The base with a twentieth of noise in one group, whose rows are shifted, too."""
    draws = np.random.default_rng(seed)
    return {
        name: array + 0.05 * draws.normal(size=(8, 1)) + 0.05 * draws.normal(size=(8, 5)) if "fc" in name else array
        for name, array in base.items()
    }


def pairs_of(row: GroupContrast) -> Pairs:
    assert row.pairs is not None
    return row.pairs


def stack(state: dict[str, np.ndarray], name: str) -> np.ndarray:
    return np.stack([state[f"layers.{k}.{name}.weight"] for k in range(LAYERS)])


def test_what_moved_is_told_from_what_did_not():
    base = model()
    after = tuned(base)
    found = contrast_weights(base, after)
    assert [row.group.name for row in found.rows] == ["layers.*.fc.weight", "layers.*.q.weight"]
    moved, same = found.rows
    a, b = stack(base, "fc"), stack(after, "fc")
    expected = np.linalg.norm(b - a, axis=(1, 2)) / np.linalg.norm(a, axis=(1, 2))
    np.testing.assert_allclose(pairs_of(moved).moved, expected)
    assert not pairs_of(same).moved.any()
    assert same.contrast.w2 == 0
    assert contrast_sentence(same) == "The two are the same."
    assert "layers.*.fc.weight (8 layers)" in contrast_terminal(found)


def test_numbers_are_those_of_the_stacks():
    base = model()
    after = tuned(base)
    row = contrast_weights(base, after).rows[0]
    direct = contrast(stack(base, "fc"), stack(after, "fc"), Separate(8, 5), paired=True)
    assert row.contrast.w2 == pytest.approx(direct.w2)
    assert row.contrast.w2_p == direct.w2_p
    laws = [fit(stack(state, "fc"), Separate(8, 5)).model for state in (base, after)]
    assert row.contrast.kl == pytest.approx(laws[1].kl(laws[0]))
    assert pairs_of(row).within.pairs == LAYERS


def test_models_of_other_members_are_no_pairs():
    first = {name.replace("layers", "blocks"): array for name, array in model(1).items()}
    second = {name: array for name, array in model(2).items() if "layers.7" not in name}
    second = {name.replace("layers", "blocks"): 1.5 * array for name, array in second.items()}
    row = next(row for row in contrast_weights(first, second).rows if "fc" in row.group.name)
    assert row.pairs is None
    assert row.contrast.members == (8, 7)
    assert row.q < 0.05
    assert contrast_sentence(row).startswith("The laws are apart")


def test_copies_of_one_model_are_pairs_only_where_their_files_have_the_same_names():
    def copies(prefix: str, seed: int) -> list:
        return [
            weights_of({"fc": np.random.default_rng(seed + k).normal(size=(4, 5))}, f"{prefix}{k}") for k in range(6)
        ]

    assert contrast_weights(copies("a", 0), copies("b", 10)).rows[0].pairs is None
    assert contrast_weights(copies("a", 0), copies("a", 10)).rows[0].pairs is not None


def test_a_matrix_that_is_not_finite_leaves_its_pair_out():
    base = model()
    after = tuned(base)
    after["layers.3.fc.weight"] = np.full((8, 5), np.nan)
    row = next(row for row in contrast_weights(base, after).rows if "fc" in row.group.name)
    assert row.contrast.members == (7, 7)
    assert np.isnan(pairs_of(row).moved[3])
    entries = {entry["name"]: entry for entry in contrast_entry(contrast_weights(base, after))["groups"]}
    assert entries["layers.*.fc.weight"]["pairs"]["moved"][3] is None


def test_groups_of_one_model_only_are_named():
    base, after = model(), model()
    after["head.weight"] = np.ones((3, 4))
    found = contrast_weights(base, after)
    assert found.alone == ("head.weight (only in weights)",)
    assert len(contrast_table(found).rows) == 2


def test_models_without_common_groups_are_refused():
    with pytest.raises(ValueError, match="no matrices of the same name and shape: nothing to compare"):
        contrast_weights({"a": np.ones((3, 4))}, {"b": np.ones((3, 4))})


def one_damaged(which: int) -> dict[str, np.ndarray]:
    """Two layers, one of which is not finite."""
    return {f"fc.{k}": np.full((3, 4), np.nan if k == which else 1.0) for k in (0, 1)}


def test_a_group_without_a_finite_pair_is_refused():
    with pytest.raises(ValueError, match=r"no matrix of fc\.\* is finite in both models"):
        contrast_weights(one_damaged(0), one_damaged(1))


def test_a_damaged_group_does_not_hide_the_others():
    good = {f"w.{k}": np.random.default_rng(k).standard_normal((5, 4)) for k in range(6)}
    found = contrast_weights(good | one_damaged(0), good | one_damaged(1))
    assert [row.group.name for row in found.rows] == ["w.*"]
    assert found.alone == ("no matrix of fc.* is finite in both models",)


def test_the_rate_of_false_alarms_is_kept():
    """Eight pairs of exchangeable members: any difference within pairs in one of twenty at most."""
    draws = np.random.default_rng(3)
    p = []
    for _ in range(40):
        common = draws.normal(size=(8, 4, 5))
        first, second = ({f"l.{k}.w": common[k] + 0.1 * draws.normal(size=(4, 5)) for k in range(8)} for _ in range(2))
        p.append(pairs_of(contrast_weights(first, second).rows[0]).within.any_p)
    assert np.mean(np.array(p) <= 0.05) < 0.17
    assert np.mean(p) > 0.35


def test_matrices_that_begin_as_zeros():
    rng = np.random.default_rng(6)
    zeros = {f"lora.{k}": np.zeros((5, 4)) for k in range(4)}
    grown = {name: rng.standard_normal((5, 4)) for name in zeros}
    (row,) = contrast_weights(zeros, grown).rows
    assert np.isinf(pairs_of(row).moved).all()
    assert contrast_texts(row)[2] == "from 0"
    (row,) = contrast_weights(zeros, zeros).rows
    assert contrast_sentence(row) == "The two are the same."
    assert contrast_texts(row)[2] == "0 %"
