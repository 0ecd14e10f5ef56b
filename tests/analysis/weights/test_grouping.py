"""Which matrices of real models are draws of one law, by their names and shapes alone."""

from collections.abc import Iterable
from functools import partial

import numpy as np
import pytest

from analysis.weights.grouping import Group, grouped
from analysis.weights.model_study import grouping_of
from analysis.weights.tensors import Orientation, Tensor, Weights

LAYERS, D = 2, 12


Shapes = dict[str, tuple[int, ...]]


def weights(shapes: Shapes, orientation: Orientation = "out_in", title: str = "model") -> Weights:
    """Arrays of these shapes whose entries count up."""

    def read(shape: tuple[int, ...]) -> np.ndarray:
        return np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)

    tensors = tuple(Tensor(name, shape, "float32", partial(read, shape)) for name, shape in shapes.items())
    return Weights(title, tensors, orientation)


def table(groups: Iterable[Group]) -> dict[str, tuple[int, tuple[int, int]]]:
    return {group.name: (group.members, group.shape) for group in groups}


def bert() -> Shapes:
    shapes: Shapes = {
        "embeddings.word_embeddings.weight": (50, D),
        "embeddings.LayerNorm.weight": (D,),
    }
    for k in range(LAYERS):
        for name in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= {f"encoder.layer.{k}.attention.{name}.weight": (D, D)}
            shapes |= {f"encoder.layer.{k}.attention.{name}.bias": (D,)}
        shapes |= {f"encoder.layer.{k}.intermediate.dense.weight": (4 * D, D)}
        shapes |= {f"encoder.layer.{k}.output.dense.weight": (D, 4 * D)}
    return shapes


def test_a_bert_is_grouped_by_layers_and_heads():
    found = table(grouping_of([weights(bert())], heads=3).groups)
    assert found == {
        "embeddings.word_embeddings.weight": (1, (50, D)),
        **{f"encoder.layer.*.attention.self.{name}.weight": (2, (D, D)) for name in ("query", "key", "value")},
        "encoder.layer.*.attention.output.dense.weight": (2, (D, D)),
        "encoder.layer.*.intermediate.dense.weight": (2, (4 * D, D)),
        "encoder.layer.*.output.dense.weight": (2, (D, 4 * D)),
        **{f"encoder.layer.*.attention: {name} of a head": (6, (4, D)) for name in ("query", "key", "value")},
        "encoder.layer.*.attention: output of a head": (6, (D, 4)),
        "encoder.layer.*.attention: W_QᵀW_K of a head": (6, (D, D)),
        "encoder.layer.*.attention: W_O W_V of a head": (6, (D, D)),
    }


def test_the_members_of_heads_are_blocks_and_products_of_the_matrices():
    rng = np.random.default_rng(0)
    names = ("query", "key", "value", "output.dense")
    q, k, v, o = (rng.normal(size=(D, D)) for _ in names)
    tensors = tuple(
        Tensor(f"layer.0.attention.{name}.weight", (D, D), "float64", lambda m=m: m)
        for name, m in zip(names, (q, k, v, o), strict=True)
    )
    groups = {group.name: group for group in grouping_of([Weights("m", tensors, "out_in")], heads=3).groups}
    head = slice(4, 8)
    expected = {
        "query of a head": q[head],
        "output of a head": o[:, head],
        "W_QᵀW_K of a head": q[head].T @ k[head],
        "W_O W_V of a head": o[:, head] @ v[head],
    }
    for name, matrix in expected.items():
        stacks = np.concatenate(list(groups[f"layer.*.attention: {name}"].stacks()))
        np.testing.assert_allclose(stacks[1], matrix, rtol=1e-12)
    assert groups["layer.*.attention: W_O W_V of a head"].rank == 4


def test_a_gpt2_has_its_matrices_turned_and_its_fused_attention_split():
    shapes: Shapes = {}
    for k in range(LAYERS):
        shapes |= {f"h.{k}.attn.c_attn.weight": (D, 3 * D), f"h.{k}.attn.c_proj.weight": (D, D)}
        shapes |= {f"h.{k}.mlp.c_fc.weight": (D, 4 * D), f"h.{k}.mlp.c_proj.weight": (4 * D, D)}
    groups = {group.name: group for group in grouping_of([weights({**shapes, "wte.weight": (50, D)})], heads=3).groups}
    assert table(groups.values()) == {
        "h.*.attn.c_attn.weight": (2, (3 * D, D)),
        "h.*.attn.c_proj.weight": (2, (D, D)),
        "h.*.mlp.c_fc.weight": (2, (4 * D, D)),
        "h.*.mlp.c_proj.weight": (2, (D, 4 * D)),
        "wte.weight": (1, (50, D)),
        **{f"h.*.attn: {name} of a head": (6, (4, D)) for name in ("query", "key", "value")},
        "h.*.attn: output of a head": (6, (D, 4)),
        "h.*.attn: W_QᵀW_K of a head": (6, (D, D)),
        "h.*.attn: W_O W_V of a head": (6, (D, D)),
    }
    stored = np.arange(D * 3 * D).reshape(D, 3 * D)
    first_value = next(groups["h.*.attn: value of a head"].stacks())[0]
    np.testing.assert_array_equal(first_value, stored.T[2 * D : 2 * D + 4])


def test_heads_that_share_keys_and_values_each_get_a_product():
    shapes = {f"layers.0.self_attn.{x}_proj.weight": (D if x in "qo" else 4, D) for x in "qkvo"}
    found = table(grouping_of([weights(shapes)], heads=6).groups)
    assert found["layers.*.self_attn: key of a head"] == (2, (2, D))
    assert found["layers.*.self_attn: W_QᵀW_K of a head"] == (6, (D, D))


def test_a_resnet_has_kernels_as_matrices():
    shapes: Shapes = {"conv1.weight": (8, 3, 7, 7), "bn1.num_batches_tracked": ()}
    for block in range(3):
        shapes |= {f"layer1.{block}.conv{k}.weight": (8, 8, 3, 3) for k in (1, 2)}
        shapes |= {f"layer1.{block}.bn1.weight": (8,)}
    found = grouping_of([weights({**shapes, "fc.weight": (10, 8)})])
    assert table(found.groups) == {
        "conv1.weight": (1, (8, 147)),
        "layer1.*.conv1.weight": (3, (8, 72)),
        "layer1.*.conv2.weight": (3, (8, 72)),
        "fc.weight": (1, (10, 8)),
    }
    assert {one.name: one.reason for one in found.skipped}["bn1.num_batches_tracked"] == "a single number"
    assert "kernels of 3 x 3" in next(group.remark for group in found.groups if "conv2" in group.name)


def test_a_flax_model_is_turned_its_attention_and_stacked_layers_are_recognised():
    shapes = {
        "params.Dense_0.kernel": (5, 7),
        "params.Dense_1.kernel": (5, 7),
        "params.Conv_0.kernel": (3, 3, 4, 8),
        "params.attention.query.kernel": (D, 3, 4),
        "params.attention.key.kernel": (D, 3, 4),
        "params.attention.out.kernel": (3, 4, D),
        "params.scanned.w.kernel": (6, 5, 9),
    }
    groups = {group.name: group for group in grouping_of([weights(shapes, "in_out")]).groups}
    found = table(groups.values())
    assert found["params.Dense_*.kernel"] == (2, (7, 5))
    assert found["params.Conv_0.kernel"] == (1, (8, 36))
    assert found["params.attention: query of a head"] == (3, (4, D))
    assert found["params.attention: output of a head"] == (3, (D, 4))
    assert found["params.scanned.w.kernel"] == (6, (9, 5))
    stored = np.arange(D * D).reshape(D, 3, 4)
    query = next(groups["params.attention: query of a head"].stacks())
    np.testing.assert_array_equal(query[1], stored[:, 1].T)
    kernel = np.arange(288).reshape(3, 3, 4, 8)
    np.testing.assert_array_equal(
        next(groups["params.Conv_0.kernel"].stacks())[0, 5], kernel[..., 5].transpose(2, 0, 1).ravel()
    )


def test_the_first_layer_of_a_keras_model_belongs_to_the_others():
    shapes = {f"layers/dense{suffix}/vars/0": (8, 8) for suffix in ("", "_1", "_2")}
    (group,) = grouped([weights(shapes, "in_out")]).groups
    assert (group.name, group.members) == ("layers/dense_*/vars/*", 3)


def test_equal_names_in_several_files_are_copies():
    files = [weights({"fc1.weight": (5, 4), "fc2.weight": (5, 4)}, title=f"seed{k}.pt") for k in range(3)]
    found = grouped(files)
    assert table(found.groups) == {"fc1.weight": (3, (5, 4)), "fc2.weight": (3, (5, 4))}
    assert found.groups[0].titles[1] == "seed1.pt: fc1.weight"
    assert found.groups[0].formed == "3 files"
    assert len(found.notes) == 1


def test_patterns_select_and_join_and_unknown_ones_suggest_others():
    model = weights({**bert(), "a[0]": (3, 3)})
    assert table(grouped([model], select=["*query*"]).groups) == {
        "encoder.layer.*.attention.self.query.weight": (2, (D, D))
    }
    joined = grouped([model], together=["encoder.*self.*.weight"]).groups
    assert table(joined) == {"encoder.*self.*.weight": (6, (D, D))}
    assert [group.name for group in grouped([model], select=["a[0]"]).groups] == ["a[0]"]
    several = grouped([model], together=["encoder.*.dense.weight"]).groups
    assert {group.name for group in several} == {
        f"encoder.*.dense.weight ({m} x {n})" for m, n in ((D, D), (4 * D, D), (D, 4 * D))
    }
    with pytest.raises(ValueError, match=r"did you mean encoder\.layer\.\*\.attention\.self\.query\.weight"):
        grouped([model], select=["encoder.layer.attention.self.query.weight"])
    with pytest.raises(ValueError, match="--list shows the names"):
        grouped([model], select=["zzz"])


@pytest.mark.parametrize(
    ("shape", "dtype", "reason"),
    [
        ((3, 3), "I64", "no real numbers"),
        ((3, 3), "complex64", "no real numbers"),
        ((3, 0), "F32", "empty"),
        ((3,), "F32", "a vector"),
        ((1, 3), "BF16", "one row or one column"),
        ((2, 2, 2, 2, 2), "F32", "5 axes"),
        ((8, 1, 1, 1), "F32", "one row or one column"),
    ],
)
def test_what_is_no_matrix_is_left_out_with_a_reason(shape, dtype, reason):
    tensor = Tensor("a", shape, dtype, lambda: np.zeros(shape))
    found = grouped([Weights("m", (tensor,), "out_in")])
    assert not found.groups
    assert reason in found.skipped[0].reason


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F8_E4M3", "float16", "<f8", "float8_e5m2"])
def test_real_types_are_taken_whatever_formats_call_them(dtype):
    tensor = Tensor("a", (3, 3), dtype, lambda: np.zeros((3, 3)))
    assert len(grouped([Weights("m", (tensor,), "out_in")]).groups) == 1


def test_short_titles_say_what_tells_members_apart():
    (group,) = grouped([weights({f"encoder.layer.{k}.fc.weight": (4, 4) for k in (0, 10, 2)})]).groups
    assert group.short_titles == ("layer 0", "layer 2", "layer 10")
    (stack,) = grouped([weights({"fc1": (2, 4, 4)})]).groups
    assert stack.short_titles == ("fc1 0", "fc1 1")
