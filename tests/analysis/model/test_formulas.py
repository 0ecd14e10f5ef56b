"""Formulas in the size against exact expectations at each size."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import sympy
from sympy.parsing.sympy_parser import implicit_multiplication, parse_expr, standard_transformations

from analysis import Separate, Simultaneous, Symmetric, Symmetry, expectations
from analysis.model.formulas import formula, formulas, parameters, sizes
from analysis.show.equations import equation, right_hand_side
from analysis.symmetry.choice import KINDS
from invariants import CUBIC_AND_QUARTIC, PAPER, Graph, enumerate_graphs, latex


def kind_of(symmetry: Symmetry) -> str:
    return "zero-diagonal" if symmetry.parameter_names == KINDS["zero-diagonal"].parameter_names else symmetry.name


def size_of(symmetry: Symmetry) -> tuple[int, ...]:
    return symmetry.shapes[0][: len(sizes(kind_of(symmetry)))]


@cache
def expressions_of(graphs: tuple[Graph, ...], kind: str) -> list[sympy.Expr]:
    return [one.expression for one in formulas(graphs, kind)]


def evaluated(expressions: list[sympy.Expr], symmetry: Symmetry, values: np.ndarray) -> np.ndarray:
    kind = kind_of(symmetry)
    function = sympy.lambdify([*sizes(kind), *parameters(kind)], expressions, "math")
    return np.array(function(*size_of(symmetry), *values.tolist()), dtype=float)


def check(graphs: tuple[Graph, ...], expressions: list[sympy.Expr], symmetry: Symmetry, values: np.ndarray) -> None:
    """Up to rounding of the terms, which are as large as the expectation if all parameters are positive."""
    expected = expectations(values, graphs, symmetry)
    scale = expectations(np.abs(values), graphs, symmetry)
    assert np.all(np.abs(evaluated(expressions, symmetry, values) - expected) <= 1e-11 * np.abs(scale) + 1e-300)


@pytest.mark.parametrize("dim", [4, 5, 10, 640])
def test_the_formulas_of_the_paper_hold_at_every_size(dim):
    values = np.random.default_rng(dim).standard_normal(13)
    check(CUBIC_AND_QUARTIC, expressions_of(CUBIC_AND_QUARTIC, "simultaneous"), Simultaneous(dim), values)


def test_every_formula_up_to_degree_three():
    graphs = tuple(graph for degree in (1, 2, 3) for graph in enumerate_graphs(degree))
    values = np.random.default_rng(0).standard_normal(13)
    check(graphs, expressions_of(graphs, "simultaneous"), Simultaneous(7), values)


@pytest.mark.parametrize("symmetry", [Separate(3, 5), Separate(1, 4), Symmetric(6), Symmetric(7, False)])
def test_formulas_of_the_other_symmetries(symmetry):
    graphs = (*symmetry.fitted, *symmetry.graphs(3), *symmetry.graphs(4)[::5])
    values = np.random.default_rng(1).standard_normal(len(symmetry.parameter_names))
    check(graphs, expressions_of(graphs, kind_of(symmetry)), symmetry, values)


@pytest.mark.parametrize("symmetry", [Simultaneous(3), Symmetric(3), Symmetric(3, False)], ids=str)
def test_what_is_absent_at_three_drops_out(symmetry):
    kind = kind_of(symmetry)
    expressions = expressions_of(symmetry.graphs(3), kind)
    values = np.random.default_rng(3).standard_normal(len(symmetry.weights))
    absent = np.where(symmetry.weights == 0, 1.0, 0.0)
    assert absent.sum() == 1
    changed = evaluated(expressions, symmetry, values + absent) - evaluated(expressions, symmetry, values)
    np.testing.assert_allclose(changed, 0, atol=1e-10)
    larger = replace(symmetry, dim=4)
    assert np.any(evaluated(expressions, larger, values + absent) != evaluated(expressions, larger, values))


@pytest.mark.parametrize("symmetry", [Simultaneous(2), Symmetric(2), Symmetric(2, False)], ids=str)
def test_at_two_the_formulas_hold_without_what_is_absent(symmetry):
    kind, graphs = kind_of(symmetry), symmetry.graphs(3)
    present = symmetry.weights > 0
    absent = {symbol: 0 for symbol, there in zip(parameters(kind), present, strict=True) if not there}
    expressions = [expression.subs(list(absent.items())) for expression in expressions_of(graphs, kind)]
    values = np.where(present, np.random.default_rng(2).standard_normal(len(present)), 0.0)
    check(graphs, expressions, symmetry, values)


def test_a_formula_that_can_be_read():
    d, f1, f3, f7 = (sympy.Symbol("D", positive=True), *sympy.symbols("f1 f3 f7"))
    assert formula(PAPER[8]) == d * (f1**2 + f3 + (d - 1) * f7)
    assert equation(formulas((PAPER[8],))[0]) == (
        r"\left\langle \sum M_{ij} M_{jk} \right\rangle = D \left[ f_{1}^{2} + f_{3} + (D - 1) f_{7} \right]"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_latex_says_the_same_as_the_expression(kind):
    symbols = {str(symbol): symbol for symbol in (*sizes(kind), *parameters(kind))} | {"sqrt": sympy.sqrt}
    names = {r"\mu": "mean" if kind == "separate" else "mu"}
    graphs = (Graph(()), *KINDS[kind].fitted, *KINDS[kind].predicted[:12])
    for one in formulas(graphs, kind):
        read = parse_expr(
            plain(right_hand_side(one), names),
            local_dict=symbols,
            transformations=(*standard_transformations, implicit_multiplication),
        )
        assert sympy.expand(read - one.expression) == 0, latex(one.graph)


def plain(text: str, names: dict[str, str]) -> str:
    """LaTeX as SymPy reads it."""
    for pattern, replacement in (
        *(
            (r"\\left|\\right", ""),
            (r"\[", "("),
            (r"\]", ")"),
            (r"_\{(\w+)\}", r"\1"),
            (r"\\sqrt\{([^{}]*)\}", r"sqrt(\1)"),
        ),
        *((r"\^\{([^{}]*)\}", r"**(\1)"), (r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))")),
    ):
        text = re.sub(pattern, replacement, text)
    for name, word in names.items():
        text = text.replace(name, word)
    return text


def test_what_is_no_invariant_is_refused():
    with pytest.raises(ValueError, match="is not bipartite"):
        formula(PAPER[0], "separate")
    with pytest.raises(ValueError, match="choose from simultaneous, separate, symmetric, zero-diagonal"):
        formula(PAPER[0], "orthogonal")
